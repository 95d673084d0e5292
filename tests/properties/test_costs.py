"""Whatever the bills: parts add up to the whole, and how a bill arrives does not matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.lake.models import BillVersion
from costs.lake.queries import live_files, select
from costs.money import exact_sum, total
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries import GROUPINGS, METRICS, CostRow, Metric, cost_by
from tests.bills.making import ALL, focus, ingest, write

pytestmark = pytest.mark.django_db
few = settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])

UNIT = Decimal("1e-18")
ENVIRONMENTS = {"prod": "production", "dev": "development", "": "unallocated"}


@contextmanager
def empty_lake() -> Iterator[Path]:
    """A folder and a manifest of one example alone."""
    with (
        TemporaryDirectory() as folder,
        override_settings(LAKE_URL=f"{folder}/lake"),
        transaction.atomic(),
    ):
        yield Path(folder)
        transaction.set_rollback(True)


amounts = st.one_of(
    st.sampled_from(["0", "1", "-1", "0.1", "4.0E-8", "0.000000000000000001", "99999999.99"]),
    st.decimals(-10_000, 10_000, places=18).map(str),
)


@st.composite
def charges(draw: st.DrawFn) -> dict[str, str]:
    start = datetime(2026, 1, 1) + timedelta(hours=draw(st.integers(0, 24 * 31)))  # noqa: DTZ001
    hours = draw(st.sampled_from([0, 1, 24, 36, 24 * 3, 24 * 31, 24 * 365]))
    environment = draw(st.sampled_from(sorted(ENVIRONMENTS)))
    center = draw(st.sampled_from(["a", "b", ""]))
    return focus(
        BilledCost=draw(amounts),
        EffectiveCost=draw(amounts),
        BillingCurrency=draw(st.sampled_from(["USD", "USD", "CAD"])),
        BillingPeriodStart=draw(st.sampled_from(["2026-01-01"] * 3 + ["2026-02-01"])),
        BillingPeriodEnd="2026-03-01",
        ChargePeriodStart=start.isoformat(),
        ChargePeriodEnd=(start + timedelta(hours=hours)).isoformat(),
        ChargeCategory=draw(st.sampled_from(["Usage", "Tax", "Credit"])),
        # Few bills, for each takes a tenth of a second.
        ProviderName=(provider := draw(st.sampled_from(["AWS", "AWS", "Microsoft"]))),
        BillingAccountId=f"account of {provider}",
        SubAccountId=draw(st.sampled_from(["s-1", "s-2", "", "NULL"])),
        ServiceName=draw(st.sampled_from(["Machines", "Disks"])),
        RegionId=draw(st.sampled_from(["eu", ""])),
        ResourceId=draw(st.sampled_from(["r-1", "r-2", "/Sub/R", "/sub/r", ""])),
        SkuId=draw(st.sampled_from(["k-1", "k-2"])),
        Tags=f'{{"env": "{environment}", "cost-center": "{center}"}}',
    )


bills = st.lists(charges(), min_size=1, max_size=12)


def expected(rows: list[dict[str, str]], column: str) -> dict[str, Decimal]:
    return total((row["BillingCurrency"], Decimal(row[column])) for row in rows)


def added(rows: list[CostRow]) -> dict[str, Decimal]:
    return total((row.currency, row.cost) for row in rows)


@few
@given(rows=bills, data=st.data())
def test_any_grouping_adds_up_to_the_rows(rows: list[dict[str, str]], data: st.DataObject) -> None:
    with empty_lake() as folder:
        ingest(write(folder / "b.csv", rows), accept=True)
        for _ in range(8):
            by = tuple(data.draw(st.lists(st.sampled_from(sorted(GROUPINGS)), unique=True)))
            for metric, column in (
                ("billed_cost", "BilledCost"),
                ("effective_cost", "EffectiveCost"),
            ):
                found = cost_by(ALL, by=by, metric=metric)  # type: ignore[arg-type]
                assert added(found) == expected(rows, column), by
                assert len({(row.keys, row.currency) for row in found}) == len(found)


@few
@given(rows=bills, data=st.data())
def test_periods_filters_and_scopes_part_the_whole(
    rows: list[dict[str, str]], data: st.DataObject
) -> None:
    with empty_lake() as folder:
        ingest(write(folder / "b.csv", rows), accept=True)
        for _ in range(4):
            metric: Metric = data.draw(st.sampled_from(METRICS))
            whole = added(cost_by(ALL, by=(), metric=metric))
            cut = date(2026, 1, 1) + timedelta(days=data.draw(st.integers(0, 400)))
            halves = [
                cost_by(ALL, by=("day",), metric=metric, period=period)
                for period in (Period(date(2000, 1, 1), cut), Period(cut, date(2101, 1, 1)))
            ]
            assert added([row for half in halves for row in half]) == whole

            name = data.draw(st.sampled_from(sorted(GROUPINGS)))
            other = data.draw(st.sampled_from(sorted(GROUPINGS)))
            values = {row.keys[0] for row in cost_by(ALL, by=(name,), metric=metric)}
            parts = [
                row
                for value in values
                for row in cost_by(ALL, by=(other,), metric=metric, where={name: [value]})
            ]
            assert added(parts) == whole, (name, other)

            by_scope = [
                row
                for environment in ENVIRONMENTS.values()
                for center in ("a", "b", "")
                for row in cost_by(
                    Scope(frozenset([environment]), frozenset([center])), by=(other,), metric=metric
                )
            ]
            assert added(by_scope) == whole
            assert cost_by(Scope(frozenset(), None), by=(other,), metric=metric) == []


@few
@given(rows=bills)
def test_environments_are_what_the_tags_say(rows: list[dict[str, str]]) -> None:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        tag = row["Tags"].split('"')[3]
        key = ENVIRONMENTS[tag], row["BillingCurrency"]
        sums[key] = exact_sum([sums[key], Decimal(row["BilledCost"])])
    with empty_lake() as folder:
        ingest(write(folder / "b.csv", rows), accept=True)
        found = cost_by(ALL, by=("environment",), metric="billed_cost")

    assert {(row.keys[0], row.currency): row.cost for row in found} == sums


def everything() -> list[tuple[object, ...]]:
    """The daily facts of all live bills, and the summary's, as sets of rows."""
    return [
        row
        for table in ("daily_facts", "daily_summary")
        for row in select(
            "SELECT columns(* EXCLUDE (billed_cost, effective_cost, list_cost, contracted_cost,"
            " quantity)), sum(billed_cost), sum(effective_cost), sum(quantity)"
            " FROM {files} GROUP BY ALL ORDER BY ALL",
            live_files(table),
        )
    ]


@few
@given(rows=bills, data=st.data())
def test_in_how_many_parts_a_bill_comes_does_not_matter(
    rows: list[dict[str, str]], data: st.DataObject
) -> None:
    parts = data.draw(st.integers(2, 3))
    place = [data.draw(st.integers(0, parts - 1)) for _ in rows]
    with empty_lake() as folder:
        ingest(write(folder / "b.csv", rows), accept=True)
        whole = everything()
        manifest = sums_of_manifest()
    with empty_lake() as folder:
        for part in range(parts):
            own = [row for row, at in zip(rows, place, strict=True) if at == part]
            if own:
                name = f"bill/{part}.csv" + ".gz" * (part % 2)
                write(folder / name, own)
        ingest(folder / "bill", accept=True)
        assert everything() == whole
        assert sums_of_manifest() == manifest


def sums_of_manifest() -> dict[str, tuple[int, object]]:
    return {str(version): (version.rows, version.sums) for version in BillVersion.objects.all()}


@few
@given(rows=bills)
def test_twice_is_once(rows: list[dict[str, str]]) -> None:
    with empty_lake() as folder:
        file = write(folder / "b.csv", rows)
        first = ingest(file, accept=True)
        once = everything()
        second = ingest(file)
        third = ingest(file, accept=True)

        assert everything() == once
        assert {bill.status for bill in (*second, *third)} == {"unchanged"}
        assert sorted(map(str, (bill.billed_cost for bill in first))) == sorted(
            map(str, (bill.billed_cost for bill in second))
        )


@few
@given(cost=amounts, hour=st.integers(0, 23), hours=st.integers(1, 24 * 40))
def test_effective_cost_is_spread_evenly_and_exactly(cost: str, hour: int, hours: int) -> None:
    start = datetime(2026, 1, 10, hour)  # noqa: DTZ001
    end = start + timedelta(hours=hours)
    row = focus(
        BilledCost="7",
        EffectiveCost=cost,
        ChargePeriodStart=start.isoformat(),
        ChargePeriodEnd=end.isoformat(),
    )
    days = ((end - timedelta(microseconds=1)).date() - start.date()).days + 1
    with empty_lake() as folder:
        ingest(write(folder / "b.csv", [row]), accept=True)
        effective = cost_by(ALL, by=("day",))
        billed = cost_by(ALL, by=("day",), metric="billed_cost")

    assert [row.keys[0] for row in effective] == [
        str(start.date() + timedelta(days=n)) for n in range(days)
    ]
    assert exact_sum(row.cost for row in effective) == Decimal(cost)
    even = Decimal(cost) / days
    assert all(abs(row.cost - even) < UNIT * 2 for row in effective)
    assert max(row.cost for row in effective) - min(row.cost for row in effective) <= UNIT
    # What is billed falls on the day the charge starts.
    assert [(row.keys[0], row.cost) for row in billed if row.cost] == [
        (str(start.date()), Decimal(7))
    ]
