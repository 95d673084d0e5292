"""Charges typed by hand: they become bills, are restated when edited, and nobody loses an edit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from costs.bills import manual_charges as manual
from costs.bills.manual import Entry, months_of, source_of
from costs.bills.models import ManualCharge
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion
from costs.people.models import AuditEntry
from tests.bills.making import spent, total

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


def entry(**changes: Any) -> Entry:
    given: dict[str, Any] = {
        "provider_name": "Example Support",
        "service_name": "Gold support",
        "amount": Decimal(310),
        "currency": "USD",
        "first_month": date(2026, 1, 1),
        "last_month": None,
        "environment": "production",
        "cost_center": "cc-7",
    }
    return Entry(**{**given, **changes})


def enter(**changes: Any) -> ManualCharge:
    return manual.enter(entry(**changes), actor="operator-1", now=NOW)


def do_work() -> None:
    for run in JobRun.objects.filter(state="queued").order_by("pk"):
        jobs.run(run.pk)
        run.refresh_from_db()
        assert run.state == "done", run.error


def live() -> dict[str, Decimal]:
    return {
        f"{version.billing_period:%Y-%m}": Decimal(version.sums["USD"]["billed_cost"])
        for version in BillVersion.objects.filter(status="live")
    }


def test_a_recurring_charge_is_in_each_month_until_now() -> None:
    enter()
    do_work()

    assert live() == {"2026-01": 310, "2026-02": 310, "2026-03": 310}
    assert spent("environment", "cost_center", "service_name", "billing_period") == {
        ("production", "cc-7", "Gold support", month, "USD"): 310
        for month in ("2026-01", "2026-02", "2026-03")
    }
    assert {version.source.name for version in BillVersion.objects.all()} == {
        "manual-example-support"
    }
    days = spent("day", metric="effective_cost")
    assert days["2026-01-15", "USD"] == 10
    assert days["2026-03-31", "USD"] == 10


def test_a_single_charge() -> None:
    enter(first_month=date(2026, 2, 1), last_month=date(2026, 2, 1), amount=Decimal("-12.5"))
    do_work()

    assert live() == {"2026-02": Decimal("-12.5")}


def test_an_edit_restates_its_months_and_no_other() -> None:
    row = enter()
    enter(service_name="Other", first_month=date(2026, 3, 1), amount=Decimal(5))
    do_work()
    changed = entry(first_month=date(2026, 2, 1), amount=Decimal(100))
    manual.change(row.pk, changed, seen=1, actor="operator-2", now=NOW.replace(hour=10))
    do_work()

    # January had it and has it no more: the bill says so and does not vanish.
    assert live() == {"2026-01": 0, "2026-02": 100, "2026-03": 105}
    assert total() == 205
    numbers = dict(
        BillVersion.objects.filter(status="live").values_list("billing_period", "number")
    )
    assert set(numbers.values()) == {2}
    entry_ = AuditEntry.objects.filter(action="charge.changed").first()
    assert entry_ is not None
    assert entry_.detail == {
        "amount": ["310", "100"],
        "first_month": ["2026-01-01", "2026-02-01"],
    }


def test_an_edit_of_another_provider_leaves_bills_alone() -> None:
    enter()
    do_work()
    enter(provider_name="Domains", amount=Decimal(1))
    do_work()

    assert BillVersion.objects.filter(source__name="manual-example-support").count() == 3
    assert total() == 933


def test_removed_from_all_months() -> None:
    row = enter(currency="EUR")
    do_work()
    manual.remove(row.pk, seen=1, actor="operator-1", now=NOW.replace(hour=10))
    do_work()

    assert spent() == {("EUR",): 0}
    assert manual.entered() == []


def test_a_new_month_gets_its_bill_from_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    enter()
    do_work()
    manual.on_sweep(NOW)
    assert not JobRun.objects.filter(state="queued").exists()

    april = datetime(2026, 4, 1, 0, 5, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: april)
    manual.on_sweep(april)
    manual.on_sweep(april)
    assert JobRun.objects.filter(state="queued").count() == 1
    do_work()

    assert set(live()) == {"2026-01", "2026-02", "2026-03", "2026-04"}
    # Those before stay as they were.
    assert BillVersion.objects.count() == 4


def test_back_and_forth_ends_where_it_ended() -> None:
    row = enter()
    do_work()
    for nth, amount in enumerate((5, 310), start=1):
        changed = entry(amount=Decimal(amount))
        manual.change(row.pk, changed, seen=nth, actor="a", now=NOW.replace(hour=10 + nth))
        do_work()

    assert live() == {"2026-01": 310, "2026-02": 310, "2026-03": 310}


def test_two_people_change_one_charge() -> None:
    row = enter()
    manual.change(row.pk, entry(amount=Decimal(1)), seen=1, actor="operator-2", now=NOW)
    with pytest.raises(manual.Overtaken):
        manual.change(row.pk, entry(amount=Decimal(2)), seen=1, actor="operator-1", now=NOW)
    with pytest.raises(manual.Overtaken):
        manual.remove(row.pk, seen=1, actor="operator-1", now=NOW)
    row.refresh_from_db()
    assert row.amount == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": Decimal("1e12")}, "The amount must be below"),
        ({"amount": Decimal("NaN")}, "The amount must be below"),
        ({"amount": Decimal("1e-19")}, "more than 18 decimals"),
        ({"last_month": date(2025, 12, 1)}, "The last month lies before the first"),
        ({"first_month": date(2015, 1, 1)}, "more than ten years back"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        enter(**changes)
    assert not ManualCharge.objects.exists()


def test_the_provider_stays() -> None:
    row = enter()
    with pytest.raises(ValueError, match="The provider stays"):
        manual.change(row.pk, entry(provider_name="X"), seen=1, actor="a", now=NOW)


def test_names_of_strangers_are_only_text() -> None:
    enter(
        provider_name='O\'Neil, "Sons"',
        service_name="=1+1\n,x",
        cost_center='c"c',
        amount=Decimal(3),
    )
    do_work()

    assert spent("provider_name", "cost_center") == {('O\'Neil, "Sons"', 'c"c', "USD"): 9}


def test_sources_of_different_providers_differ() -> None:
    names = [source_of(one) for one in ("Example", "example!", "Ex ample", "ex-ample", "日本")]
    assert names[0] == "manual-example"
    assert len(set(names) - {"manual-ex-ample"}) == 3
    assert all(len(name) <= 100 for name in names)


def test_months() -> None:
    entries = [
        entry(last_month=date(2026, 1, 1)),
        entry(first_month=date(2026, 3, 1)),
        entry(first_month=date(2027, 1, 1)),
    ]
    assert months_of(entries, date(2026, 4, 1)) == [
        date(2026, 1, 1),
        date(2026, 3, 1),
        date(2026, 4, 1),
    ]
