"""From days that stand out to things that people can talk about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.budgets.anomalies import Anomaly, compared_days, drivers, find_anomalies
from costs.budgets.fixed_anomalies import fixed_anomalies
from costs.periods import month_of

FIRST = date(2026, 5, 4)


@dataclass(frozen=True)
class Day:
    day: date
    cost: Decimal
    environment: str = "staging"
    service_name: str = "Logs"
    currency: str = "USD"
    fixed: bool = False
    key: str = ""


def days(costs: Sequence[float], **kwargs: str) -> list[Day]:
    return [
        Day(FIRST + timedelta(days=nth), Decimal(str(cost)), **kwargs)  # type: ignore[arg-type]
        for nth, cost in enumerate(costs)
    ]


def steady(count: int, level: float = 20.0) -> list[float]:
    return [level + nth % 3 / 10 for nth in range(count)]


def found(rows: Sequence[Day], through: date | None = None) -> tuple[Anomaly, ...]:
    return find_anomalies(rows, through=through or max(row.day for row in rows)).anomalies


def test_days_in_a_row_are_one_anomaly_with_exact_sums() -> None:
    costs = steady(100)
    costs[60:63] = [55.25, 61.5, 57.125]
    (one,) = found(days(costs))
    assert one.kind == "spike"
    assert one.days == tuple(FIRST + timedelta(days=nth) for nth in (60, 61, 62))
    assert one.actual == Decimal("173.875")
    assert one.impact == one.actual - one.expected
    assert abs(one.expected - Decimal(60)) < 2


def test_a_level_that_stays_is_called_so() -> None:
    costs = steady(60) + [cost * 2 for cost in steady(40)]
    (one,) = found(days(costs))
    assert one.kind == "new level"
    assert one.first_day == FIRST + timedelta(days=60)


def test_incomplete_days_never_count() -> None:
    costs = steady(80)
    costs[-1] = 500
    assert found(days(costs), through=FIRST + timedelta(days=78)) == ()
    assert len(found(days(costs))) == 1


def test_currencies_and_environments_are_series_of_their_own() -> None:
    costs = steady(80)
    loud = [*costs[:70], 90.0, *costs[71:]]
    rows = [*days(costs), *days(loud, environment="production"), *days(costs, currency="EUR")]
    (one,) = found(rows)
    assert one.series == ("production", "Logs", "USD")


def test_what_is_too_young_is_named() -> None:
    answer = find_anomalies(days(steady(12)), through=FIRST + timedelta(days=11))
    assert answer.anomalies == ()
    assert answer.too_young == {("staging", "Logs", "USD"): 12}


def test_a_series_that_has_just_begun_is_not_judged() -> None:
    rows = days(steady(100), service_name="Old")
    late = FIRST + timedelta(days=80)
    rows += [Day(late + timedelta(days=nth), Decimal(50 if nth == 15 else 20)) for nth in range(20)]
    assert found(rows) == ()


def test_usual_days_are_no_anomaly() -> None:
    costs = steady(100)
    costs[60] = 60
    day = FIRST + timedelta(days=60)
    usual = {("staging", "Logs", "USD"): {day}}
    assert find_anomalies(days(costs), through=FIRST + timedelta(days=99), usual=usual) == (
        find_anomalies([], through=FIRST)
    )


# -- fixed charges ---------------------------------------------------------------------------------


def monthly(*given: tuple[int, int, str]) -> list[tuple[date, Decimal]]:
    return [(date(2026, month, day), Decimal(amount)) for month, day, amount in given]


USUAL = ((3, 1, "49"), (4, 1, "49"), (5, 1, "49.5"))
JUNE = month_of(date(2026, 6, 1))


@pytest.mark.parametrize(
    ("june", "through", "kind", "expected"),
    [
        ([], date(2026, 6, 4), "missing charge", "49.5"),
        ([], date(2026, 6, 3), None, ""),
        ([(6, 1, "49.2")], date(2026, 6, 20), None, ""),
        ([(6, 2, "49.5")], date(2026, 6, 20), None, ""),
        ([(6, 12, "49.5")], date(2026, 6, 20), "moved charge", "49.5"),
        ([(6, 1, "59")], date(2026, 6, 20), "new price", "49.5"),
        ([(6, 1, "20"), (6, 9, "29.5")], date(2026, 6, 20), None, ""),
        ([(6, 1, "20"), (6, 1, "29.5")], date(2026, 6, 20), None, ""),
    ],
)
def test_fixed_charges(
    june: list[tuple[int, int, str]], through: date, kind: str | None, expected: str
) -> None:
    odd = fixed_anomalies({"plan": monthly(*USUAL, *june)}, [JUNE], through)
    assert [one.kind for one in odd] == ([kind] if kind else [])
    if kind:
        assert odd[0].expected == Decimal(expected)


def test_the_last_day_of_a_month_may_be_any() -> None:
    charges = monthly((1, 31, "5"), (2, 28, "5"), (3, 31, "5"), (4, 30, "5"))
    assert fixed_anomalies({"plan": charges}, [month_of(date(2026, 4, 1))], date(2026, 5, 9)) == []


def test_a_charge_that_never_was_regular_is_not_missed() -> None:
    charges = monthly((3, 1, "49"), (4, 1, "12"), (5, 1, "49"))
    assert fixed_anomalies({"plan": charges}, [JUNE], date(2026, 6, 20)) == []


# -- drivers ---------------------------------------------------------------------------------------


def test_drivers_explain_most_of_it_and_no_more() -> None:
    before = {("us", "a"): Decimal(10), ("us", "b"): Decimal(5), ("eu", "c"): Decimal(5)}
    after = {("us", "a"): Decimal(90), ("us", "b"): Decimal(15), ("eu", "c"): Decimal(15)}
    named = drivers(before, after)
    assert [(one.resource_id, one.share) for one in named] == [("a", Decimal(80))]


costs = st.dictionaries(
    st.tuples(st.sampled_from(["us", "eu", ""]), st.sampled_from(["a", "b", "c", ""])),
    st.decimals(-1000, 1000, places=4),
)


@given(costs, costs)
def test_drivers_are_parts_of_the_increase(
    before: dict[tuple[str, str], Decimal], after: dict[tuple[str, str], Decimal]
) -> None:
    named = drivers(before, after)
    whole = sum(after.values()) - sum(before.values())
    if whole <= 0:
        assert named == ()
        return
    assert named
    assert len(named) <= 5
    for one in named:
        place = one.region_id, one.resource_id
        assert one.change > 0
        assert one.change == after.get(place, Decimal(0)) - before.get(place, Decimal(0))
    assert len({(one.region_id, one.resource_id) for one in named}) == len(named)


@given(st.dates(date(2024, 1, 1), date(2027, 1, 1)), st.integers(1, 60))
def test_compared_days_are_whole_weeks_just_before(first: date, count: int) -> None:
    compared = compared_days(first, count)
    assert len(compared) >= count
    assert len(compared) % 7 == 0
    assert compared[-1] == first - timedelta(days=1)
