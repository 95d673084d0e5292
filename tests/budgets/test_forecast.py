"""Month ends of an estate: parts that add up, intervals, chances, and histories of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.budgets.bands import Band, Lacking, Outlook
from costs.budgets.estate import TOTAL
from costs.budgets.forecast import Forecast
from costs.money import EXACT, exact_sum
from costs.periods import DAY, Period, month_of
from tests.budgets.days import FIRST, Day, series

NOVEMBER = month_of(date(2026, 11, 1))
THROUGH = date(2026, 11, 12)
DAYS = (THROUGH - FIRST).days + 1
BAND = Band(Decimal(200), Decimal(400), "USD")
NAMES = ("development", "production", "staging", "unallocated")


def noisy(
    environment: str, level: float, noise: float = 0.1, days: int = DAYS, seed: int = 1
) -> list[Day]:
    """A working week with noise, up to THROUGH."""
    random = Random(f"{environment}{seed}")
    first = THROUGH - timedelta(days=days - 1)
    costs = [
        round(
            level
            * (0.6 if (first + n * DAY).weekday() > 4 else 1)
            * random.lognormvariate(0, noise),
            6,
        )
        for n in range(days)
    ]
    return series(environment, costs, first)


def seen(
    rows: Sequence[Day],
    environment: str = "production",
    *,
    band: Band | None = BAND,
    month: Period = NOVEMBER,
    through: date = THROUGH,
) -> Outlook:
    found = Forecast(rows, through).outlook(environment, "USD", month, band)
    assert found is not None
    return found


def lacking(rows: Sequence[Day], environment: str = "production") -> Lacking | None:
    found = Forecast(rows, THROUGH)
    none = found.outlook(environment, "USD", NOVEMBER, BAND) is None
    assert none == (found.lacking(environment, "USD", NOVEMBER) is not None)
    return found.lacking(environment, "USD", NOVEMBER)


costs_of_days = st.lists(
    st.one_of(
        st.just(0),
        st.decimals(-50, 500, places=6),
        st.decimals(Decimal("9.9"), Decimal("10.1"), places=18),
    ),
    min_size=1,
    max_size=120,
)
estates = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, costs_of_days))


def rows_of(estate: dict[str, list[Decimal]]) -> list[Day]:
    """Each environment's days, the last one on THROUGH."""
    return [
        row
        for name, costs in estate.items()
        for row in series(name, costs, THROUGH - timedelta(days=len(costs) - 1))
    ]


@given(estates)
@settings(max_examples=60, deadline=None)
def test_parts_add_up_and_intervals_nest(estate: dict[str, list[Decimal]]) -> None:
    forecast = Forecast(rows_of(estate), THROUGH)
    total = forecast.outlook(TOTAL, "USD", NOVEMBER, BAND)
    parts = [forecast.outlook(name, "USD", NOVEMBER, BAND) for name in NAMES]
    if total and all(part for part, name in zip(parts, NAMES, strict=True) if name in estate):
        assert exact_sum(part.expected for part in parts if part) == total.expected
    assert (total is None) == (not any(parts))
    for one in filter(None, [*parts, total]):
        assert one.low_95 <= one.low_80 <= one.expected <= one.high_80 <= one.high_95
        assert one.chance_below is not None
        assert one.chance_above is not None
        assert 0 <= one.chance_below <= 1
        assert 0 <= one.chance_above <= 1
        assert one.chance_below + one.chance_above <= 1 + 1e-9


@given(estates, st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_and_names_does_not_matter(
    estate: dict[str, list[Decimal]], seed: int
) -> None:
    rows = rows_of(estate)
    shuffled = list(rows)
    Random(seed).shuffle(shuffled)
    renamed = dict(zip(NAMES, reversed(NAMES), strict=True))
    other = [Day(r.day, renamed[r.environment], r.currency, r.cost) for r in rows]
    for name in NAMES:
        one = Forecast(rows, THROUGH).outlook(name, "USD", NOVEMBER, BAND)
        assert Forecast(shuffled, THROUGH).outlook(name, "USD", NOVEMBER, BAND) == one
        same = Forecast(other, THROUGH).outlook(renamed[name], "USD", NOVEMBER, BAND)
        assert (one is None) == (same is None)
        if one and same:
            assert abs(one.expected - same.expected) <= Decimal("0.01")


@given(costs_of_days, st.integers(0, 25), st.sampled_from([date(2026, 11, 1), date(2026, 12, 1)]))
@settings(max_examples=60, deadline=None)
def test_any_history_and_any_more_of_it_gives_an_answer(
    costs: list[Decimal], more: int, month: date
) -> None:
    rows = series("production", costs, THROUGH - timedelta(days=len(costs) - 1 + more))
    forecast = Forecast(rows, THROUGH)
    forecast.outlook("production", "USD", month_of(month), BAND)
    forecast.path("production", "USD", month_of(month))
    forecast.record(
        "production", "USD", [month_of(date(2026, 9, 1)), month_of(date(2026, 10, 1))], (0, 10)
    )


@pytest.mark.parametrize("factor", ["1000", "0.001"])
def test_more_money_is_as_much_more_forecast(factor: str) -> None:
    rows = noisy("production", 10)
    scaled = [Day(r.day, r.environment, r.currency, r.cost * Decimal(factor)) for r in rows]
    band = Band(BAND.low * Decimal(factor), BAND.high * Decimal(factor), "USD")
    one, other = seen(rows), seen(scaled, band=band)
    for name in ("expected", "low_80", "high_80", "low_95", "high_95"):
        assert float(getattr(other, name)) == pytest.approx(
            float(getattr(one, name)) * float(factor), abs=0.006 * (1 + float(factor))
        )
    assert other.chance_above == pytest.approx(one.chance_above)
    assert other.chance_below == pytest.approx(one.chance_below)


@given(st.integers(0, 600), st.integers(0, 300))
@settings(max_examples=50, deadline=None)
def test_chances_are_monotone_in_the_band(limit: int, more: int) -> None:
    forecast = Forecast(noisy("production", 10, noise=0.3), THROUGH)

    def at(low: int, high: int) -> tuple[float, float]:
        found = forecast.outlook(
            "production", "USD", NOVEMBER, Band(Decimal(low), Decimal(high), "USD")
        )
        assert found is not None
        assert found.chance_below is not None
        assert found.chance_above is not None
        return found.chance_below, found.chance_above

    assert at(0, limit)[1] >= at(0, limit + more)[1]
    assert at(limit, 9999)[0] <= at(limit + more, 9999)[0]


def test_chances_agree_with_the_interval() -> None:
    found = seen(noisy("production", 10, noise=0.3))
    ends = Band(found.low_80, found.high_80, "USD")
    at_the_ends = seen(noisy("production", 10, noise=0.3), band=ends)
    assert at_the_ends.chance_below == pytest.approx(0.1, abs=0.001)
    assert at_the_ends.chance_above == pytest.approx(0.1, abs=0.001)


def test_a_complete_month_is_certain() -> None:
    rows = noisy("production", 10)
    october = month_of(date(2026, 10, 1))
    cost = exact_sum(row.cost for row in rows if row.day in october)
    found = seen(rows, month=october)
    assert {found.expected, found.low_95, found.high_95, found.low_80, found.high_80} == {cost}
    assert (found.chance_below, found.chance_above) == (float(cost < 200), float(cost > 400))


def test_what_is_spent_is_exact_and_never_unspent() -> None:
    rows = [*noisy("production", 10), Day(THROUGH, "production", "USD", Decimal("1E-18"))]
    spent = exact_sum(row.cost for row in rows if row.day in NOVEMBER)
    found = seen(rows, band=Band(Decimal(1), Decimal(2), "USD"))
    assert found.expected % Decimal("0.01") == spent % Decimal("0.01")
    assert found.low_95 >= spent
    assert (found.chance_below, found.chance_above) == (0, 1)


def test_the_total_is_steadier_than_its_parts_together() -> None:
    rows = [row for n, name in enumerate(NAMES) for row in noisy(name, 10, 0.2, seed=n)]
    forecast = Forecast(rows, THROUGH)
    widths = []
    for name in (*NAMES, TOTAL):
        found = forecast.outlook(name, "USD", NOVEMBER, None)
        assert found is not None
        assert found.chance_above is None
        widths.append(found.high_80 - found.low_80)
    assert widths[-1] < sum(widths[:-1]) * Decimal("0.8")


def test_a_charge_on_the_first_is_not_spent_every_day() -> None:
    rows = noisy("production", 10, 0.05)
    fees = [
        Day(day, "production", "USD", Decimal(90), kind="recurring", key="support")
        for n in range(1, DAYS)
        if (day := FIRST + n * DAY).day == 1
    ]
    alone, both = seen(rows), seen([*rows, *fees])
    assert both.expected - alone.expected == 90
    # Of December the charge is due, and not yet there.
    december = month_of(date(2026, 12, 1))
    assert seen([*rows, *fees], month=december).expected - seen(rows, month=december).expected == 90


def test_what_comes_once_is_spent_and_not_expected() -> None:
    rows = noisy("production", 10, 0.05)
    once = Day(date(2026, 11, 5), "production", "USD", Decimal(500), kind="once", key="upfront")
    alone, both = seen(rows), seen([*rows, once])
    assert both.expected - alone.expected == 500
    assert both.high_95 - both.low_95 == alone.high_95 - alone.low_95


@pytest.mark.parametrize("days", [1, 2, 13, 14, 27])
def test_a_new_environment_says_how_many_days_it_has(days: int) -> None:
    assert lacking(noisy("production", 10, days=days)) == Lacking(days, 28)
    assert str(Lacking(days, 28)) == f"Not enough data for a forecast: {days} of 28 days."


def test_four_weeks_are_enough() -> None:
    rows = noisy("production", 10, days=28)
    assert lacking(rows) is None
    assert seen(rows).expected == pytest.approx(Decimal(270), rel=Decimal("0.1"))


def test_a_month_without_data_is_no_month_of_zeros() -> None:
    rows = noisy("production", 10)
    silent = [row for row in rows if row.day < date(2026, 10, 10)]
    assert lacking(silent) == Lacking(0, 28)
    back = [row for row in rows if row.day < date(2026, 9, 10) or row.day > date(2026, 11, 2)]
    assert lacking(back) == Lacking(10, 28)


def test_a_part_without_a_forecast_counts_in_the_total_with_its_mean() -> None:
    old, new = noisy("production", 10), series("staging", [4, 4, 4], THROUGH - 2 * DAY)
    forecast = Forecast([*old, *new], THROUGH)
    assert forecast.outlook("staging", "USD", NOVEMBER, None) is None
    total = forecast.outlook(TOTAL, "USD", NOVEMBER, None)
    assert total is not None
    assert total.expected == seen(old).expected + 12 + 18 * 4


def test_nothing_known_at_all() -> None:
    for forecast in (Forecast([], THROUGH), Forecast([], None)):
        assert forecast.outlook(TOTAL, "USD", NOVEMBER, BAND) is None
        assert forecast.lacking(TOTAL, "USD", NOVEMBER) == Lacking(0, 28)
        assert forecast.path(TOTAL, "USD", NOVEMBER) == ()
        assert forecast.record(TOTAL, "USD", [NOVEMBER], (10,)) == []
        assert forecast.currencies == []


def test_gaps_and_days_switched_off() -> None:
    rows = [row for row in noisy("production", 10) if row.day.weekday() < 5]
    found = seen(rows)
    workdays = sum((NOVEMBER.start + n * DAY).weekday() < 5 for n in range(12, 30))
    spent = exact_sum(row.cost for row in rows if row.day in NOVEMBER)
    assert float(found.expected - spent) == pytest.approx(workdays * 10, rel=0.15)


def test_credits_may_take_back_what_is_spent() -> None:
    costs = [10 if n % 3 else -30 for n in range(DAYS)]
    found = seen(series("production", costs))
    spent = exact_sum(row.cost for row in series("production", costs) if row.day in NOVEMBER)
    assert found.low_95 < spent


def test_currencies_are_kept_apart() -> None:
    euros = [Day(r.day, r.environment, "EUR", r.cost * 7) for r in noisy("production", 10)]
    both = Forecast([*noisy("production", 10), *euros], THROUGH)
    assert both.currencies == ["EUR", "USD"]
    assert both.outlook("production", "USD", NOVEMBER, BAND) == seen(noisy("production", 10))


def test_days_after_the_last_complete_one_do_not_count() -> None:
    rows = noisy("production", 10)
    later = Day(THROUGH + DAY, "production", "USD", Decimal(9999))
    assert seen([*rows, later]) == seen(rows)


def test_days_that_are_visible_enough_move_the_level() -> None:
    rows = noisy("production", 10, 0.02)
    dear = [Day(THROUGH + n * DAY, "production", "USD", Decimal(15)) for n in (1, 2, 3)]
    alone = seen(rows)

    def with_visible(*visible: float) -> Decimal:
        found = Forecast([*rows, *dear], THROUGH, visible=visible)
        outlook = found.outlook("production", "USD", NOVEMBER, BAND)
        assert outlook is not None
        assert found.spent("production", "USD", NOVEMBER) == exact_sum(
            row.cost for row in rows if row.day in NOVEMBER
        )
        return outlook.expected

    # 15 of each is all there will be, or half of it; with less than half nothing is known.
    assert with_visible(1.0, 1.0, 1.0) > alone.expected + 12
    assert with_visible(0.5, 0.5, 0.5) > with_visible(1.0, 1.0, 1.0) + 30
    assert with_visible(0.4, 0.4, 0.4) == alone.expected


def test_distrusted_days_do_not_move_the_level() -> None:
    rows = noisy("production", 10, 0.02)
    last = [THROUGH - n * DAY for n in range(10)]
    dear = [Day(r.day, r.environment, r.currency, r.cost * 2) if r.day in last else r for r in rows]
    trust = {("production", day): 0.0 for day in last} | {("nowhere", THROUGH): 0.0}
    found = Forecast(dear, THROUGH, trust=trust).outlook("production", "USD", NOVEMBER, BAND)
    assert found is not None
    assert seen(dear).expected > found.expected + 100


def test_the_path_leads_to_the_expected_end() -> None:
    rows = [*noisy("production", 10), *noisy("staging", 5)]
    forecast = Forecast(rows, THROUGH)
    steps = forecast.path(TOTAL, "USD", NOVEMBER)
    end = forecast.outlook(TOTAL, "USD", NOVEMBER, None)
    assert end is not None
    assert [step.day for step in steps] == list(NOVEMBER)
    assert [step.known for step in steps] == [True] * 12 + [False] * 18
    last = steps[-1]
    assert (last.total, last.low_80, last.high_95) == (end.expected, end.low_80, end.high_95)
    for one, other in pairwise(steps):
        assert EXACT.add(one.total, other.cost) == other.total
    assert exact_sum(step.cost for step in steps) == end.expected


def test_the_record_is_what_would_have_been_said() -> None:
    rows = noisy("production", 10)
    months = [month_of(date(2026, month, 1)) for month in (8, 9, 10, 11)]
    record = Forecast(rows, THROUGH).record("production", "USD", months, (10, 20))
    assert [(past.month, past.days) for past in record] == [
        (month, days) for month in months[:3] for days in (10, 20)
    ]
    first = record[0]
    then = seen(
        [row for row in rows if row.day <= date(2026, 8, 10)],
        month=months[0],
        through=date(2026, 8, 10),
    )
    assert abs(first.expected - then.expected) <= Decimal("0.02")
    assert first.ended == exact_sum(row.cost for row in rows if row.day in months[0])
    assert first.error is not None
    assert abs(first.error) < 5
    assert first.inside == (first.low_80 <= first.ended <= first.high_80)
