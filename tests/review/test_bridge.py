"""The bridge between two weeks adds up, whatever moved."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.bills.operations import ingest_bill
from costs.money import cents, exact_sum
from costs.people.scope import Scope
from costs.periods import Period, iso_week, week_of
from costs.review.bridge import STEPS, bridges, in_cents
from costs.review.bridge_queries import week_bridge
from costs.spend.queries import cost_by, known_days, price_moves, resource_counts
from costs.templatetags.bridges import waterfall
from tests.review.test_views import NOW, bill, charge

amounts = st.decimals(-(10**9), 10**9, places=18, allow_nan=False, allow_infinity=False)
quantities = st.decimals(-5, 10**6, places=9, allow_nan=False, allow_infinity=False)


@dataclass(frozen=True)
class Moved:
    environment: str
    before: Decimal
    after: Decimal
    quantity_before: Decimal = Decimal(0)
    quantity_after: Decimal = Decimal(0)
    is_new: bool = False
    is_gone: bool = False
    is_commitment: bool = False
    is_metered: bool = True
    currency: str = "USD"


moves = st.lists(
    st.builds(
        Moved,
        st.sampled_from(["development", "production", "unallocated"]),
        amounts,
        amounts,
        quantities,
        quantities,
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)


def steps(rows: Sequence[Moved]) -> dict[str, Decimal]:
    return dict(zip(STEPS, bridges(rows, "USD").total.steps, strict=True))


@given(moves)
@settings(max_examples=60)
def test_steps_add_up_for_each_environment_and_in_total(rows: list[Moved]) -> None:
    found = bridges(rows, "USD")
    assert found.total.difference == exact_sum(
        [*(row.after for row in rows), *(row.before.copy_negate() for row in rows)]
    )
    for one in (*found.environments, found.total):
        assert exact_sum(one.steps) == one.difference
    for nth, step in enumerate(found.total.steps):
        assert step == exact_sum(one.steps[nth] for one in found.environments)


@given(moves)
@settings(max_examples=60)
def test_cents_add_up_to_the_difference_that_is_shown(rows: list[Moved]) -> None:
    found = bridges(rows, "USD")
    shown = in_cents(found)
    assert exact_sum(cell for row in shown for cell in row) == cents(found.total.difference)
    for one, row in zip(found.environments, shown, strict=True):
        assert abs(exact_sum(row) - one.difference) < Decimal("0.01")
        assert all(
            abs(exact_sum([a, b.copy_negate()])) < Decimal("0.01")
            for a, b in zip(row, one.steps, strict=True)
        )


@given(moves, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_rows_does_not_matter(rows: list[Moved], random: object) -> None:
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert bridges(mixed, "USD") == bridges(rows, "USD")


def test_price_and_usage_are_told_apart() -> None:
    # 10 units at 2 became 15 at 3: price (3 - 2) × 10, usage (15 - 10) × 3.
    row = Moved("production", Decimal(20), Decimal(45), Decimal(10), Decimal(15))
    expected = dict.fromkeys(STEPS, Decimal(0))
    assert steps([row]) == {**expected, "price": 10, "usage": 15}
    assert steps([replace(row, is_metered=False)]) == {**expected, "usage": 25}
    assert steps([replace(row, quantity_before=Decimal(0))]) == {**expected, "usage": 25}
    assert steps([replace(row, is_new=True)]) == {**expected, "new": 25}
    assert steps([replace(row, is_gone=True)]) == {**expected, "gone": 25}
    assert steps([replace(row, is_commitment=True)]) == {**expected, "commitments": 25}
    assert steps([replace(row, currency="EUR")]) == expected


@pytest.mark.django_db
def test_moves_are_the_weeks_that_the_review_compares(tmp_path: Path) -> None:
    first = date(2026, 11, 9)
    this, last = Period(date(2026, 11, 16), date(2026, 11, 23)), Period(first, date(2026, 11, 16))
    lines: list[str] = []
    for day in (first + timedelta(days=nth) for nth in range(14)):
        grown = day >= this.start
        lines.append(charge(day, "3.1" if grown else "2"))
        lines.append(charge(day, "7", resource="i-new" if grown else "i-gone"))
        lines.append(charge(day, "1", resource="", environment="dev"))
    ingest_bill([bill(tmp_path, date(2026, 11, 1), lines)], actor="test", now=NOW)
    scope = Scope.everything()
    found = bridges(price_moves(scope, period=this, before=last), "USD")
    for bridge in found.environments:
        where = {"environment": [bridge.environment]}
        for days, cost in ((last, bridge.before), (this, bridge.after)):
            assert [one.cost for one in cost_by(scope, by=(), period=days, where=where)] == [cost]
    counts = resource_counts(scope, period=this, before=last)[0]
    amounts = dict(zip(STEPS, found.total.steps, strict=True))
    assert amounts["new"] == counts.new_cost == 49
    assert amounts["gone"] == -counts.gone_cost == -49
    assert amounts["usage"] == found.total.difference == Decimal("7.7")


def test_every_week_of_the_demo_adds_up(demo: Path) -> None:
    scope = Scope.everything()
    days = known_days(scope)
    assert days is not None
    costs = cost_by(scope, by=("day", "environment"))
    start = week_of(days.start).start + timedelta(days=7)
    weeks = 0
    moved = set[str]()
    while start < days.end:
        this, last = Period(start, start + timedelta(days=7)), Period(start - timedelta(7), start)
        found = bridges(price_moves(scope, period=this, before=last), "USD")
        for bridge in found.environments:
            for week, cost in ((last, bridge.before), (this, bridge.after)):
                assert cost == exact_sum(
                    row.cost
                    for row in costs
                    if row.keys[1] == bridge.environment
                    and row.currency == "USD"
                    and week.start <= date.fromisoformat(row.keys[0]) < week.end
                )
            assert exact_sum(bridge.steps) == bridge.difference
        shown = exact_sum(cell for row in in_cents(found) for cell in row)
        assert shown == cents(found.total.difference)
        moved |= {name for name, step in zip(STEPS, found.total.steps, strict=True) if step}
        weeks += 1
        start = this.end
    assert weeks >= 52
    assert moved == set(STEPS)


# -- the page --------------------------------------------------------------------------------------


def test_the_page_and_the_file_add_up(demo: Path) -> None:
    client = Client()
    client.force_login(User.objects.create_user("reader"))
    page = client.get("/weeks/2026-W46/bridge/")
    assert page.status_code == 200
    for words in ("Last week", "New resources", "Commitments and credits", "This week"):
        assert words in page.text
    assert client.get("/weeks/2026-W46/").text.count("/weeks/2026-W46/bridge/") == 1
    answer = client.get("/weeks/2026-W46/bridge.csv?metric=billed_cost")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["environment"] for row in rows} >= {"staging", "production"}
    for row in rows:
        steps = sum(Decimal(row[step]) for step in STEPS)
        assert Decimal(row["last_week"]) + steps == Decimal(row["this_week"])


def test_the_waterfall_adds_up_in_cents(demo: Path) -> None:
    week = iso_week("2026-W46")
    found = week_bridge(Scope.everything(), week, as_of=date(2026, 11, 23), metric="billed_cost")
    assert found is not None
    ((_, bridged),) = found.currencies
    fall = waterfall(bridged)
    before, *steps, after = (bar.amount for bar in fall.bars)
    assert before + sum(steps) == after == fall.after
    assert tuple(steps) == fall.totals
    for nth, total in enumerate(fall.totals):
        assert sum(row.steps[nth] for row in fall.rows) == total
    assert sum(row.difference for row in fall.rows) == fall.difference


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/weeks/nonsense/bridge/", 400),
        ("/weeks/2026-W46/bridge/?metric=x", 400),
        ("/weeks/2099-W01/bridge/", 404),
        ("/weeks/2010-W01/bridge/", 200),
        ("/weeks/2010-W01/bridge.csv", 200),
    ],
)
def test_weeks_without_a_bridge(demo: Path, path: str, status: int) -> None:
    client = Client()
    client.force_login(User.objects.create_user("reader"))
    assert client.get(path).status_code == status


def test_without_bills_there_is_nothing_to_explain(db: None, data_dir: Path) -> None:
    client = Client()
    client.force_login(User.objects.create_user("reader"))
    assert client.get("/weeks/2026-W20/bridge/").status_code == 404
