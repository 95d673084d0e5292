"""Forecasts of a lake: the daily costs they are made of, outlooks of each part, the command."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from costs.bills.operations import ingest_bill
from costs.budgets.queries import forecast, outlooks
from costs.lake.queries import LiveFile, select_each
from costs.money import exact_sum
from costs.people.scope import Scope
from costs.periods import DAY, Period, month_of
from costs.spend.queries import cost_by, daily_costs
from tests.bills.making import focus, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

ALL = Scope.everything()
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
AS_OF = NOW.date()
THROUGH = date(2026, 11, 22)
YEAR = Period(date(2025, 11, 1), date(2026, 11, 24))


def charge(day: date, cost: str, environment: str = "prod", **more: str) -> dict[str, str]:
    month = month_of(day)
    tags = f'{{"environment": "{environment}"}}' if environment else "{}"
    row = focus(
        BilledCost=cost,
        EffectiveCost=cost,
        BillingPeriodStart=f"{month.start}T00:00:00Z",
        BillingPeriodEnd=f"{month.end}T00:00:00Z",
        ChargePeriodStart=f"{day}T00:00:00Z",
        ChargePeriodEnd=f"{day + DAY}T00:00:00Z",
        Tags=tags,
        ResourceId=f"vm-{environment}",
    )
    return row | more


def deliver(folder: Path, rows: list[dict[str, str]], now: datetime = NOW) -> None:
    """One bill for each month of ``rows``."""
    months = sorted({row["BillingPeriodStart"] for row in rows})
    for month in months:
        file = write(
            folder / f"{month[:7]}-{now:%d}.csv",
            [row for row in rows if row["BillingPeriodStart"] == month],
        )
        ingest_bill([file], actor="test", now=now, accept=True)


@pytest.fixture
def lake(data_dir: Path, tmp_path: Path) -> None:
    """From November 2025: two environments, unallocated cost, support on the first of each month,
    one purchase, and euros."""
    rows = []
    for day in YEAR:
        weekend = day.weekday() > 4
        rows += [
            charge(day, "60" if weekend else "80"),
            charge(day, f"{10 + day.day % 3}.5", "dev"),
            charge(day, "3.000000000000000001", ""),
        ]
        if day.day == 1:
            rows.append(charge(day, "100", ServiceName="Support", ChargeFrequency="Recurring"))
    rows.append(
        charge(date(2026, 11, 9), "250", ChargeCategory="Purchase", ChargeFrequency="One-Time")
    )
    rows += [
        charge(day, "7", BillingCurrency="EUR") for day in Period(YEAR.end - 9 * DAY, YEAR.end)
    ]
    deliver(tmp_path, rows)


def printed(*arguments: str) -> Any:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        call_command("forecast", *arguments, "--json")
    return json.loads(out.getvalue())


@pytest.mark.usefixtures("lake")
def test_daily_costs_add_up_and_keep_apart_what_recurs() -> None:
    rows = daily_costs(ALL, period=YEAR)
    sums = {row.currency: row.cost for row in cost_by(ALL, by=(), period=YEAR)}
    for currency, cost in sums.items():
        assert exact_sum(row.cost for row in rows if row.currency == currency) == cost
    recurring = [row for row in rows if row.kind == "recurring"]
    assert {(row.day.day, row.cost) for row in recurring} == {(1, Decimal(100))}
    assert len(recurring) == 13
    assert [row.day for row in rows if row.kind == "once"] == [date(2026, 11, 9)]
    assert {row.environment for row in rows} == {"development", "production", "unallocated"}
    part = Period(date(2026, 3, 5), date(2026, 3, 9))
    assert {row.day for row in daily_costs(ALL, period=part)} == set(part)


@pytest.mark.usefixtures("lake")
def test_a_delivery_costs_only_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily_costs(ALL, period=YEAR)
    read: list[int] = []

    def counted(sql: str, files: Sequence[LiveFile], parameters: Sequence[object] = ()) -> Any:
        read.append(len(files))
        return select_each(sql, files, parameters)

    monkeypatch.setattr("costs.spend.queries.daily.select_each", counted)
    deliver(tmp_path, [charge(date(2026, 11, 3), "1")], NOW + timedelta(hours=1))
    rows = daily_costs(ALL, period=YEAR)
    assert read == [1]
    november = exact_sum(row.cost for row in rows if row.day >= date(2026, 11, 1))
    assert november == 1


@pytest.mark.usefixtures("lake")
def test_outlooks_of_every_part_and_the_total() -> None:
    found = {(one.gauge.currency, one.environment): one for one in outlooks(ALL, AS_OF)}
    names = ["development", "staging", "production", "unallocated", "total"]
    assert list(found) == [(code, name) for code in ("EUR", "USD") for name in names]
    dollars = {name: found["USD", name] for name in names}
    total = dollars["total"].gauge
    assert total.outlook is not None
    parts = [one.gauge.outlook for name, one in dollars.items() if name != "total"]
    assert exact_sum(part.expected for part in parts if part) == total.outlook.expected
    assert total.month_to_date == exact_sum(
        row.cost
        for row in cost_by(ALL, by=(), period=Period(date(2026, 11, 1), THROUGH + DAY))
        if row.currency == "USD"
    )
    # Eight days to go, two of them at the weekend; support is paid and the purchase was once.
    production = dollars["production"].gauge
    assert production.outlook is not None
    rest = production.outlook.expected - production.month_to_date
    assert float(rest) == pytest.approx(6 * 80 + 2 * 60, abs=1)
    assert production.band is not None
    assert dollars["production"].complete_days == 22
    assert dollars["staging"].verdict.name == "unknown"
    assert dollars["staging"].verdict.reason == ("Not enough data for a forecast: 0 of 28 days.")
    assert found["EUR", "production"].gauge.band is None
    assert str(found["EUR", "total"].gauge.lacking).endswith(": 8 of 28 days.")


@pytest.mark.usefixtures("lake")
def test_scopes_see_their_own() -> None:
    own = Scope(environments=frozenset({"development"}), cost_centers=None)
    found = [one for one in outlooks(own, AS_OF) if one.gauge.currency == "USD"]
    assert [one.environment for one in found] == ["development", "total"]
    assert found[0].gauge.outlook == found[1].gauge.outlook
    centers = Scope(environments=None, cost_centers=frozenset({"cc-1"}))
    assert all(one.gauge.band is None for one in outlooks(centers, AS_OF))


@pytest.mark.usefixtures("lake")
def test_another_month_and_another_metric() -> None:
    october = outlooks(ALL, AS_OF, month=month_of(date(2026, 10, 1)))
    assert all(one.complete_days == 31 for one in october)
    billed = outlooks(ALL, AS_OF, metric="billed_cost")
    assert all(one.gauge.band is None for one in billed)
    december = outlooks(ALL, AS_OF, month=month_of(date(2026, 12, 1)))
    production = next(
        one for one in december if (one.environment, one.gauge.currency) == ("production", "USD")
    )
    assert production.gauge.outlook is not None
    assert float(production.gauge.outlook.expected) == pytest.approx(
        23 * 80 + 8 * 60 + 100, rel=0.01
    )


@pytest.mark.usefixtures("lake")
def test_what_had_arrived_and_what_was_known() -> None:
    before = NOW - timedelta(days=1)
    assert forecast(ALL, THROUGH, as_delivered=before).currencies == []
    early = outlooks(ALL, date(2026, 6, 16))
    assert {one.month.start for one in early} == {date(2026, 6, 1)}
    assert all(one.complete_days == 15 for one in early)


@pytest.mark.usefixtures("lake")
def test_queries_do_not_grow_with_what_is_kept() -> None:
    with CaptureQueriesContext(
        connection,
    ) as first:
        outlooks(ALL, AS_OF)
    with CaptureQueriesContext(connection) as second:
        outlooks(ALL, AS_OF)
    assert len(second) <= len(first) <= 14


def test_an_empty_lake_has_bands_and_no_numbers() -> None:
    found = outlooks(ALL, AS_OF)
    assert [one.environment for one in found][-1] == "total"
    assert all(one.gauge.outlook is None for one in found)
    (row, *_) = printed("--as-of", "2026-11-24")["environments"]
    assert row["expected"] is None
    assert row["reason"] == "Not enough data for a forecast: 0 of 28 days."


@pytest.mark.usefixtures("lake")
def test_the_command_prints_the_contract() -> None:
    rows = printed("--as-of", "2026-11-24")["environments"]
    assert list(rows[0]) == [
        *("environment", "currency", "month_to_date", "expected", "low_80", "high_80"),
        *("low_95", "high_95", "band_low", "band_high", "chance_below", "chance_above"),
        *("verdict", "reason"),
    ]
    dollars = {row["environment"]: row for row in rows if row["currency"] == "USD"}
    parts = [row["expected"] for name, row in dollars.items() if name != "total"]
    assert sum(Decimal(part) for part in parts if part) == Decimal(dollars["total"]["expected"])
    assert dollars["production"]["band_high"] == "3000"
    assert 0 <= dollars["production"]["chance_above"] <= 1
    assert dollars["unallocated"]["chance_above"] is None
    billed = printed("--as-of", "2026-11-24", "--metric", "billed_cost")["environments"]
    assert {row["band_low"] for row in billed} == {None}


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(CommandError, match="--as-of: “soon” is not a day"):
        printed("--as-of", "soon")
