"""Our totals against the provider's: the verdicts, and the pages that show them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from costs.bills.models import ProviderTotal
from costs.bills.queries import reconciliations
from costs.bills.reconciliation import (
    ABSOLUTE,
    Imported,
    Stated,
    Verdict,
    allowed,
    compare,
    together,
)
from costs.bills.reconciling import record_provider_total
from costs.lake.models import DayCosts
from costs.people.models import AuditEntry, Visibility
from costs.people.operations import install_roles
from costs.people.scope import Scope
from tests.bills.making import ALL, focus, ingest, write

END = date(2026, 2, 1)
DELIVERED = datetime(2026, 2, 4, 6, tzinfo=UTC)
TODAY = datetime(2026, 2, 10, 9, tzinfo=UTC)
MONEY = st.decimals(-(10**9), 10**9, places=6)


def imported(billed: str = "100", at: datetime = DELIVERED) -> Imported:
    return Imported(Decimal(billed), at)


def stated(billed: str = "100", at: datetime = TODAY, **more: Any) -> Stated:
    return replace(Stated("AWS Cost Explorer", "", Decimal(billed), at), **more)


def verdict(ours: Imported | None, theirs: Stated, as_of: date = date(2026, 2, 10)) -> Verdict:
    return compare(ours, theirs, end=END, as_of=as_of)


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        (imported(), stated(), "matches"),
        (imported("100.50"), stated(), "matches"),
        (imported("99.49"), stated(), "differs"),
        (imported("10001"), stated("10000"), "matches"),  # 0.01 %
        (imported("10001.01"), stated("10000"), "differs"),
        (imported("-100"), stated("-100.3"), "matches"),
        (None, stated(), "differs"),
        (None, stated("0"), "matches"),
        (imported(at=DELIVERED - timedelta(days=8)), stated(), "not yet comparable"),
        (imported(), stated(at=DELIVERED - timedelta(hours=1)), "not yet comparable"),
        (imported(), stated(at=DELIVERED - timedelta(days=1), origin="invoice"), "matches"),
        (imported("7"), stated(at=DELIVERED - timedelta(days=1), origin="entered"), "differs"),
    ],
)
def test_what_is_made_of_two_totals(ours: Imported | None, theirs: Stated, name: str) -> None:
    assert verdict(ours, theirs).name == name


def test_an_open_month_is_not_compared() -> None:
    found = verdict(imported("90"), stated(), as_of=date(2026, 1, 31))
    assert (found.name, found.difference) == ("not yet comparable", Decimal(-10))


@given(ours=MONEY, theirs=MONEY)
def test_the_difference_is_exact_and_decides(ours: Decimal, theirs: Decimal) -> None:
    found = verdict(Imported(ours, DELIVERED), stated(str(theirs)))
    assert found.difference == ours - theirs
    assert (found.name == "matches") == (abs(ours - theirs) <= allowed(theirs))
    assert allowed(theirs) >= ABSOLUTE


def test_what_needs_a_look_first_counts() -> None:
    differs, waits, fits = (
        Verdict("differs", ""),
        Verdict("not yet comparable", ""),
        Verdict("matches", ""),
    )
    assert together([]).name == "no total known"
    assert together([fits, differs, waits]) is differs
    assert together([waits, fits]) is fits
    assert together([waits]) is waits


# -- with bills -----------------------------------------------------------------------------------


@pytest.fixture
def person(
    client: Client, db: None, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Client]:
    monkeypatch.setattr(timezone, "now", lambda: TODAY)

    def sign_in(role: str | None = None) -> Client:
        install_roles()
        user = User.objects.create_user("someone")
        if role:
            user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


def deliver(folder: Path) -> None:
    """January: 60 on one invoice, 30 on another, 10 on none; and 5 EUR of another account."""
    ingest(
        write(
            folder / "bill.csv",
            [
                focus(BilledCost="60", InvoiceId="INV-1"),
                focus(BilledCost="30", InvoiceId="INV-2"),
                focus(BilledCost="10"),
                focus(BilledCost="5", BillingCurrency="EUR", BillingAccountId="account-2"),
            ],
        ),
        now=DELIVERED,
    )


def give(billed: str, **changes: Any) -> ProviderTotal:
    told: dict[str, Any] = {
        "provider_name": "example cloud",
        "billing_account_id": "ACCOUNT-1",
        "billing_period": date(2026, 1, 1),
        "currency": "USD",
        "billed_cost": Decimal(billed),
        "origin": "AWS Cost Explorer",
        "actor": "a test",
        "now": TODAY,
    }
    return record_provider_total(**(told | changes))


def found(**more: Any) -> dict[tuple[str, str], Any]:
    rows = reconciliations(ALL, as_of=TODAY.date(), **more)
    return {(one.billing_account_id, one.currency): one for one in rows}


@pytest.mark.django_db
@pytest.mark.usefixtures("data_dir")
def test_each_account_and_currency_stands_alone(tmp_path: Path) -> None:
    deliver(tmp_path)
    give("100")
    give("31", origin="invoice", invoice_id="INV-2")
    give("9", billing_period=date(2025, 12, 1))
    rows = found()
    assert rows["account-2", "EUR"].imported == Decimal(5)
    assert rows["account-2", "EUR"].verdict.name == "no total known"
    one = next(
        row
        for row in reconciliations(ALL, as_of=TODAY.date())
        if row.currency == "USD" and row.month == "2026-01"
    )
    assert one.imported == Decimal(100)
    assert [(line.invoice_id, line.billed_cost) for line in one.invoices] == [
        ("INV-1", Decimal(60)),
        ("INV-2", Decimal(30)),
        ("", Decimal(10)),
    ]
    assert [(o.origin, o.verdict.name) for o in one.origins] == [
        ("AWS Cost Explorer", "matches"),
        ("invoice", "differs"),
    ]
    assert one.verdict.difference == Decimal(-1)
    # Before the first bill the provider has billed something already.
    early = reconciliations(ALL, as_of=TODAY.date())[-1]
    assert (early.month, early.imported, early.verdict.name) == ("2025-12", None, "differs")
    assert reconciliations(Scope(frozenset({"production"}), None), as_of=TODAY.date()) == []


@pytest.mark.django_db
@pytest.mark.usefixtures("data_dir")
def test_the_newest_of_an_origin_counts(tmp_path: Path) -> None:
    deliver(tmp_path)
    give("50", now=TODAY - timedelta(hours=2))
    give("100", now=TODAY - timedelta(hours=1))
    assert found()["account-1", "USD"].verdict.name == "matches"


@pytest.mark.django_db
@pytest.mark.usefixtures("data_dir")
def test_a_bill_that_has_just_come_waits(tmp_path: Path) -> None:
    deliver(tmp_path)
    give("100")
    DayCosts.objects.all().delete()
    one = found()["account-1", "USD"]
    assert (one.imported, one.verdict.name) == (None, "not yet comparable")


@pytest.mark.django_db
def test_the_page_and_its_file(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path)
    give("120")
    client = person()
    page = client.get("/bills/reconciliation/")
    assert "1 month differs" in page.text
    assert "no more than 0.50 or 0.01 %" in page.text
    assert "The bills hold less than the provider says." in page.text
    chosen = client.get("/bills/reconciliation/", {"verdict": "no total known"})
    assert [one.billing_account_id for one in chosen.context["page_obj"]] == ["account-2"]
    assert client.get("/bills/reconciliation/", {"verdict": "wrong"}).status_code == 400
    file = csv.DictReader(io.StringIO(client.get("/bills/reconciliation.csv").getvalue().decode()))
    rows = {row["billing_account_id"]: row for row in file}
    assert rows["account-1"]["difference"] == "-20"
    assert rows["account-2"]["verdict"] == "no total known"
    bill = client.get("/bills/example-cloud-account-1-focus/2026-01/")
    assert "Against the provider" in bill.text
    assert "differs" in bill.text


@pytest.mark.django_db
def test_queries_do_not_grow_with_months(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path)
    client = person()
    client.get("/bills/reconciliation/")
    with CaptureQueriesContext(connection) as few:
        client.get("/bills/reconciliation/")
    for number in range(1, 10):
        give(str(number), billing_period=date(2025, number, 1))
    with CaptureQueriesContext(connection) as many:
        client.get("/bills/reconciliation/")
    assert len(few) == len(many)


FORM = {
    "provider": "Example Cloud",
    "account": "account-1",
    "month": "2026-01",
    "currency": "usd",
    "billed_cost": "100.00",
    "invoice_id": "",
    "why": "From the PDF",
    "seen": "0",
}


@pytest.mark.django_db
def test_a_total_is_typed_in(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path)
    client = person("operator")
    form = client.get("/bills/reconciliation/total/", {"provider": "Example Cloud"})
    assert form.status_code == 200
    assert client.post("/bills/reconciliation/total/", FORM).status_code == 302
    one = found()["account-1", "USD"]
    assert (one.verdict.name, one.origins[0].origin) == ("matches", "entered")
    assert AuditEntry.objects.filter(action="total.given", actor="someone").count() == 1
    invoice = {**FORM, "billed_cost": "61", "invoice_id": "INV-1"}
    client.post("/bills/reconciliation/total/", invoice)
    assert found()["account-1", "USD"].verdict.difference == Decimal(-1)


@pytest.mark.django_db
def test_the_second_person_sees_the_first(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path)
    client = person("operator")
    give("99", origin="entered", actor="colleague")
    page = client.post("/bills/reconciliation/total/", FORM)
    assert page.status_code == 409
    assert "colleague has given 99.00 USD" in page.text
    assert 'value="100.00"' in page.text  # nothing that was typed is lost
    again = {**FORM, "seen": page.context["seen"]}
    assert client.post("/bills/reconciliation/total/", again).status_code == 302
    assert ProviderTotal.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"billed_cost": "many"},
        {"billed_cost": "NaN"},
        {"billed_cost": "1e20"},
        {"month": "June"},
        {"currency": "12"},
        {"provider": ""},
    ],
)
def test_a_bad_total_is_refused(person: Callable[..., Client], changes: dict[str, str]) -> None:
    client = person("operator")
    assert client.post("/bills/reconciliation/total/", FORM | changes).status_code == 422
    assert not ProviderTotal.objects.exists()


@pytest.mark.django_db
def test_who_may_not(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path)
    client = person()
    assert client.post("/bills/reconciliation/total/", FORM).status_code == 403
    Visibility.objects.create(user=User.objects.get(), environments=["production"])
    for address in ("/bills/reconciliation/", "/bills/reconciliation.csv"):
        assert client.get(address).status_code == 403
