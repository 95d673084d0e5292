"""The provider's own totals: what is kept, what counts, what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.bills.models import ProviderTotal
from costs.bills.reconciling import Overtaken, record_provider_total
from costs.people.models import AuditEntry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 4, 6, tzinfo=UTC)


def give(billed: str = "100.10", **changes: Any) -> ProviderTotal:
    given: dict[str, Any] = {
        "provider_name": "AWS",
        "billing_account_id": "111122223333",
        "billing_period": date(2026, 6, 1),
        "currency": "USD",
        "billed_cost": Decimal(billed),
        "origin": "AWS Cost Explorer",
        "actor": "connector",
        "now": NOW,
    }
    return record_provider_total(**(given | changes))


def test_every_digit_is_kept() -> None:
    give("8.545007786741936")
    assert ProviderTotal.objects.get().billed_cost == Decimal("8.545007786741936")


def test_another_amount_is_one_more_row_and_the_same_is_confirmed() -> None:
    first = give()
    give(now=NOW + timedelta(days=1))
    second = give("100.30", now=NOW + timedelta(days=2))
    rows = list(ProviderTotal.objects.all())
    assert rows == [first, second]
    assert rows[0].stated_at == NOW
    assert rows[0].confirmed_at == NOW + timedelta(days=1)
    entries = AuditEntry.objects.filter(action="total.given").order_by("pk")
    assert [one.detail["before"] for one in entries] == [None, "100.1"]


def test_origins_invoices_and_currencies_stand_apart() -> None:
    give()
    give(origin="invoice", invoice_id="INV-1")
    give(origin="invoice", invoice_id="INV-2")
    give(currency="eur")
    assert ProviderTotal.objects.count() == 4


def test_an_account_is_the_same_in_capitals() -> None:
    give(provider_name="aws")
    give("7", provider_name="AWS", seen=ProviderTotal.objects.get().pk)
    assert ProviderTotal.objects.count() == 2


def test_the_second_of_two_people_sees_the_first() -> None:
    give(seen=0)
    with pytest.raises(Overtaken):
        give("99", seen=0)
    assert ProviderTotal.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"provider_name": " "}, "provider"),
        ({"billing_account_id": ""}, "billing account"),
        ({"origin": ""}, "origin"),
        ({"origin": "x" * 61}, "60 characters"),
        ({"invoice_id": "x" * 201}, "200 characters"),
        ({"currency": "DOLLAR"}, "currency"),
        ({"billed_cost": Decimal("NaN")}, "number"),
        ({"billed_cost": Decimal(10) ** 15}, "number"),
    ],
)
def test_what_cannot_be_a_total_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        give(**changes)
    assert not ProviderTotal.objects.exists()
