"""Level and weekday factors: what a day's usage is expected to cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.budgets.usage_model import ADOPTED_AFTER, FIRST_FIT, Floats, fit

WEEKDAYS = np.array([10.0, 11.0, 12.0, 11.0, 10.0, 6.0, 5.0])


def steady(weeks: int = 8, factor: float = 1.0) -> Floats:
    """Weeks that are all the same, one series."""
    series: Floats = np.tile(WEEKDAYS, weeks)[None] * factor
    return series


def zero() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.zeros(1, dtype=np.int64)


def after(series: Floats, day: int | None = None, trust: Floats | None = None) -> Floats:
    """The seven days expected after the first ``day`` days."""
    days = np.array([series.shape[1] if day is None else day])
    found: Floats = fit(series, zero(), days=days, trust=trust).daily[0, 0]
    return found


@pytest.mark.parametrize("day", range(28, 36))
def test_a_steady_week_goes_on(day: int) -> None:
    np.testing.assert_allclose(after(steady(), day), np.roll(WEEKDAYS, -day), rtol=1e-3)


def test_sums_are_those_of_the_days() -> None:
    fits = fit(steady(), zero())
    assert fits.sums(10)[0, 40] == pytest.approx(fits.path(40, 10).sum())


@given(st.floats(1e-6, 1e6), st.integers(14, 56))
@settings(max_examples=30)
def test_twice_the_cost_is_twice_the_forecast(factor: float, day: int) -> None:
    noise = np.random.default_rng(day).lognormal(0, 0.2, 56)
    once, scaled = after(steady() * noise, day), after(steady(factor=factor) * noise, day)
    np.testing.assert_allclose(scaled, once * factor, rtol=1e-9)


def test_one_odd_day_hardly_counts_and_a_new_level_is_adopted() -> None:
    series = steady()
    series[0, -1] *= 3
    assert after(series).sum() == pytest.approx(WEEKDAYS.sum(), rel=0.02)
    for days in range(1, ADOPTED_AFTER):
        series = steady()
        series[0, -days:] *= 1.3
        assert after(series).sum() < WEEKDAYS.sum() * 1.2
    series = steady()
    series[0, -ADOPTED_AFTER - 1 :] *= 1.3
    assert after(series).sum() == pytest.approx(WEEKDAYS.sum() * 1.3, rel=0.05)


def test_days_that_are_not_trusted_do_not_count() -> None:
    series, trust = steady(), np.ones((1, 56))
    series[0, -9:] *= 2
    trust[0, -9:] = 0
    assert after(series).sum() > WEEKDAYS.sum() * 1.5
    assert after(series, trust=trust).sum() == pytest.approx(WEEKDAYS.sum(), rel=0.02)
    # None at all is to be trusted: something must be said nevertheless.
    assert np.isfinite(after(series, trust=np.zeros((1, 56)))).all()


def test_what_comes_after_a_day_does_not_count() -> None:
    noise = np.random.default_rng(3).lognormal(0, 0.2, 56)
    whole = steady() * noise
    np.testing.assert_allclose(after(whole, 40), after(whole[:, :40]), rtol=1e-3)


def test_days_switched_off_stay_off() -> None:
    """Development at the weekend: zero is a weekday's cost like any other."""
    series = steady()
    series[0, 5::7] = series[0, 6::7] = 0
    found = after(series)
    np.testing.assert_allclose(found[5:], 0, atol=0.05)
    np.testing.assert_allclose(found[:5], WEEKDAYS[:5], rtol=0.01)


def test_credits_are_expected_as_credits() -> None:
    np.testing.assert_allclose(after(-steady()), -WEEKDAYS, rtol=1e-3)


def test_a_young_series_repeats_its_first_week() -> None:
    series = steady(4)
    starts = np.array([7])
    fits = fit(series, starts)
    assert np.isnan(fits.daily[0, 7 + FIRST_FIT - 1]).all()
    np.testing.assert_allclose(fits.daily[0, 7 + FIRST_FIT], WEEKDAYS, rtol=1e-3)


@given(
    st.lists(st.floats(-1e9, 1e9, allow_nan=False, allow_infinity=False), min_size=0, max_size=70)
)
@settings(max_examples=60)
def test_anything_gives_numbers(costs: list[float]) -> None:
    fits = fit(np.array(costs)[None], zero())
    assert np.isfinite(fits.daily[0, FIRST_FIT:]).all()
    assert np.isnan(fits.daily[0, :FIRST_FIT]).all()
