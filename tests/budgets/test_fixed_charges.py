"""The calendar of charges that come once a month."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from costs.budgets.fixed_charges import AHEAD, FixedCharges, fixed_charges, month_before
from costs.budgets.usage_model import Floats

FIRST = date(2026, 1, 1)


def place(day: date) -> int:
    return (day - FIRST).days


def usage(days: int = 120) -> Floats:
    noise: Floats = 10 * np.random.default_rng(5).lognormal(0, 0.05, (1, days))
    return noise


def with_charges(costs: Floats, amount: float, *days: date) -> Floats:
    costs = costs.copy()
    for day in days:
        costs[0, place(day)] += amount
    return costs


def found(costs: Floats, **kwargs: list[bool]) -> FixedCharges:
    return fixed_charges(costs, FIRST, **kwargs)


def test_a_charge_on_the_first_of_each_month_is_found_and_expected_again() -> None:
    firsts = [date(2026, month, 1) for month in (1, 2, 3, 4)]
    fixed = found(with_charges(usage(), 75, *firsts))
    assert [place(day) for day in firsts[1:]] == np.flatnonzero(fixed.actual[0]).tolist()
    np.testing.assert_allclose(fixed.actual[0, place(firsts[2])], 75, atol=2)
    due = place(date(2026, 5, 1))
    assert due >= 120
    np.testing.assert_allclose(fixed.expected[0, due], 75, atol=2)
    assert fixed.expected.shape == (1, 120 + AHEAD)
    # Found in February, when it had come twice, and an error of nobody's there.
    assert fixed.expected[0, place(firsts[1])] == fixed.actual[0, place(firsts[1])]


def test_plain_usage_has_no_calendar() -> None:
    fixed = found(usage())
    assert not fixed.actual.any()
    assert not fixed.expected.any()


def test_a_new_price_is_the_same_charge_and_another_day_is_not() -> None:
    costs = with_charges(usage(), 75, date(2026, 1, 9), date(2026, 2, 9))
    dearer = found(with_charges(costs, 82, date(2026, 3, 9)))
    np.testing.assert_allclose(dearer.expected[0, place(date(2026, 4, 9))], 82, atol=2)
    moved = found(with_charges(costs, 75, date(2026, 3, 12)))
    assert moved.actual[0, place(date(2026, 3, 12))] == 0
    # It was due on the 9th and did not come: an error of the forecast.
    np.testing.assert_allclose(moved.expected[0, place(date(2026, 3, 9))], 75, atol=2)


def test_what_the_bill_calls_recurring_needs_no_second_time() -> None:
    costs = with_charges(np.zeros((1, 60)), 40, date(2026, 2, 10))
    assert found(costs).expected[0, place(date(2026, 3, 10))] == 0
    assert found(costs, recurring=[True]).expected[0, place(date(2026, 3, 10))] == 40


def test_a_monthly_credit_is_on_the_calendar() -> None:
    days = [date(2026, month, 3) for month in (1, 2, 3)]
    fixed = found(with_charges(np.zeros((1, 100)), -20, *days))
    assert fixed.expected[0, place(date(2026, 4, 3))] == -20


def test_days_that_stand_out_too_often_are_a_habit() -> None:
    costs = np.zeros((1, 120))
    costs[0, ::3] = 9.0
    assert not found(costs).actual.any()


@pytest.mark.parametrize(
    ("day", "before"),
    [
        (date(2026, 2, 1), date(2026, 1, 1)),
        (date(2026, 2, 28), date(2026, 1, 28)),
        (date(2026, 3, 28), date(2026, 2, 28)),
        (date(2026, 3, 29), date(2026, 1, 29)),
        (date(2026, 3, 31), date(2026, 2, 28)),
        (date(2026, 4, 30), date(2026, 3, 30)),
        (date(2026, 5, 31), date(2026, 4, 30)),
    ],
)
def test_the_day_a_month_before(day: date, before: date) -> None:
    positions = month_before(FIRST, 200)
    assert FIRST + timedelta(days=int(positions[place(day)])) == before


def test_before_the_first_month_there_is_none() -> None:
    assert (month_before(FIRST, 31) == -1).all()


@pytest.mark.parametrize("days", [0, 1, 13, 14, 15, 29])
def test_short_series(days: int) -> None:
    fixed = found(np.ones((2, days)))
    assert fixed.expected.shape == (2, days + AHEAD)
    assert not fixed.expected.any()
