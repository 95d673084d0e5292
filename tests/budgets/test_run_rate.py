"""The run rate that stands in for the forecast."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from statistics import NormalDist, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.budgets.bands import Band, Outlook
from costs.budgets.run_rate import METHOD, MINIMUM_DAYS, outlook
from costs.money import EXACT, exact_sum
from costs.periods import month_of

NOVEMBER = month_of(date(2026, 11, 1))
BAND = Band(Decimal(400), Decimal(800), "USD")
day_costs = st.integers(0, 10**23).map(lambda units: EXACT.scaleb(Decimal(units), -18))


def seen(daily: list[Decimal], band: Band | None = BAND) -> Outlook:
    found = outlook(daily, NOVEMBER, band)
    assert found is not None
    return found


def test_by_hand() -> None:
    """Four days of 20, 30, 20, 30: mean 25, s² = 33.3…, 26 of 30 days to go."""
    daily = [Decimal(20), Decimal(30), Decimal(20), Decimal(30)]
    found = seen(daily)
    deviation = stdev(map(float, daily)) * (26 * 30 / 4) ** 0.5
    assert found.expected == 750
    normal = NormalDist(750, deviation)
    assert float(found.low_80) == pytest.approx(normal.inv_cdf(0.1))
    assert float(found.high_80) == pytest.approx(normal.inv_cdf(0.9))
    assert float(found.low_95) == pytest.approx(normal.inv_cdf(0.025))
    assert float(found.high_95) == pytest.approx(normal.inv_cdf(0.975))
    assert found.chance_below == pytest.approx(normal.cdf(400))
    assert found.chance_above == pytest.approx(1 - normal.cdf(800))


@pytest.mark.parametrize("count", range(MINIMUM_DAYS))
def test_few_days_say_nothing(count: int) -> None:
    assert outlook([Decimal(20)] * count, NOVEMBER, BAND) is None


def test_the_method_says_what_it_needs() -> None:
    assert METHOD.needed_days == MINIMUM_DAYS == 3
    assert METHOD.outlook([Decimal(20)] * 3, NOVEMBER, BAND) is not None


def test_more_days_than_the_month_has() -> None:
    with pytest.raises(ValueError, match="31 complete days in a month of 30"):
        outlook([Decimal(1)] * 31, NOVEMBER, BAND)


@given(st.lists(day_costs, min_size=30, max_size=30))
def test_a_complete_month_is_what_it_cost(daily: list[Decimal]) -> None:
    found = seen(daily)
    total = exact_sum(daily)
    assert {found.expected, found.low_80, found.high_80, found.low_95, found.high_95} == {total}
    assert found.chance_below == float(total < BAND.low)
    assert found.chance_above == float(total > BAND.high)


@given(st.lists(day_costs, min_size=3, max_size=29))
def test_intervals_nest_and_never_fall_below_what_is_spent(daily: list[Decimal]) -> None:
    found = seen(daily)
    assert found.low_95 <= found.low_80 <= found.expected <= found.high_80 <= found.high_95
    assert found.low_95 >= exact_sum(daily)
    assert found.chance_below is not None
    assert found.chance_above is not None
    assert 0 <= found.chance_below <= 1
    assert 0 <= found.chance_above <= 1
    assert found.chance_below + found.chance_above <= 1 + 1e-12


@given(st.lists(day_costs, min_size=3, max_size=29), st.integers(0, 3000), st.integers(0, 3000))
def test_chances_are_monotone_in_the_band(daily: list[Decimal], high: int, more: int) -> None:
    near = seen(daily, Band(Decimal(0), Decimal(high), "USD"))
    far = seen(daily, Band(Decimal(0), Decimal(high + more), "USD"))
    assert near.chance_above is not None
    assert far.chance_above is not None
    assert far.chance_above <= near.chance_above
    low = seen(daily, Band(Decimal(high), Decimal(10_000), "USD"))
    higher = seen(daily, Band(Decimal(high + more), Decimal(10_000), "USD"))
    assert low.chance_below is not None
    assert higher.chance_below is not None
    assert low.chance_below <= higher.chance_below


def test_even_days_leave_no_doubt() -> None:
    found = seen([Decimal(30)] * 5)
    assert found.low_95 == found.high_95 == found.expected == 900
    assert (found.chance_below, found.chance_above) == (0.0, 1.0)
    at_the_high = seen([EXACT.divide(Decimal(800), Decimal(32))] * 5)
    assert at_the_high.expected == 750
    assert (at_the_high.chance_below, at_the_high.chance_above) == (0.0, 0.0)


def test_what_is_spent_settles_the_chances() -> None:
    """One dear day: the normal alone would leave a chance of ending below what is spent."""
    found = seen([Decimal(1), Decimal(1), Decimal(900)])
    assert found.low_95 == 902
    assert found.chance_below == 0
    assert found.chance_above == 1


def test_a_credit_may_come_again() -> None:
    """With a negative day, the month may end below what it has cost so far."""
    found = seen([Decimal(50), Decimal(-40), Decimal(50)])
    assert found.low_95 < 60


def test_without_a_band_there_is_no_chance() -> None:
    found = seen([Decimal(20)] * 4, band=None)
    assert found.chance_below is None
    assert found.chance_above is None
