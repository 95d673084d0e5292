"""Days against what they should have cost: found, not found, and why it stays so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from costs.budgets.daily_baseline import ADOPTED_AFTER, NEEDED_DAYS, judge

WEEK = np.array([1.0, 1.02, 1.01, 1.0, 0.97, 0.6, 0.58])


def quiet(days: int, *, level: float = 100.0, noise: float = 0.02, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    shape = np.tile(WEEK, days // 7 + 1)[:days]
    return np.asarray(level * shape * random.lognormal(0, noise, days))


def test_quiet_days_say_nothing() -> None:
    costs = np.stack([quiet(395, seed=seed) for seed in range(20)])
    assert judge(costs, floor=1.0).stands_out.sum() == 0


@pytest.mark.parametrize("day", [40, 200, 394])
@pytest.mark.parametrize("more", [0.25, 1.0])
def test_a_dear_day_stands_out_alone(day: int, more: float) -> None:
    costs = quiet(395)[None, :]
    costs[0, day] *= 1 + more
    judged = judge(costs, floor=1.0)
    assert np.flatnonzero(judged.stands_out[0]).tolist() == [day]
    assert judged.expected[0, day] == pytest.approx(costs[0, day] / (1 + more), rel=0.1)


def test_a_cheap_day_does_not() -> None:
    costs = quiet(100)[None, :]
    costs[0, 60] *= 0.1
    assert judge(costs, floor=1.0).stands_out.sum() == 0


def test_a_weekend_is_no_surprise_and_a_busy_one_is() -> None:
    costs = quiet(140)[None, :]
    costs[0, 138] = 100  # a Saturday that costs as much as a Monday
    judged = judge(costs, floor=1.0)
    assert np.flatnonzero(judged.stands_out[0]).tolist() == [138]


def test_a_new_level_is_said_for_a_week_and_then_is_normal() -> None:
    costs = quiet(200)[None, :]
    costs[0, 100:] *= 1.5
    judged = judge(costs, floor=1.0)
    days = np.flatnonzero(judged.stands_out[0])
    assert days[0] == 100
    assert days[-1] < 100 + ADOPTED_AFTER
    assert np.flatnonzero(judged.adopted[0]).tolist() == [100 + ADOPTED_AFTER - 1]


def test_coming_back_from_a_quiet_spell_is_no_increase() -> None:
    costs = quiet(200)[None, :]
    costs[0, 150:160] *= 0.7
    assert judge(costs, floor=1.0).stands_out.sum() == 0


def test_growth_is_no_anomaly() -> None:
    costs = quiet(395, noise=0.01)[None, :] * np.exp(np.linspace(0, 1.2, 395))
    assert judge(costs, floor=1.0).stands_out.sum() == 0


def test_small_money_is_not_worth_a_word() -> None:
    costs = quiet(100, level=0.5)[None, :]
    costs[0, 60] *= 3
    assert judge(costs, floor=2.0).stands_out.sum() == 0
    assert judge(costs, floor=0.5).stands_out.sum() == 1


def test_what_is_called_usual_is_learnt_at_once() -> None:
    costs = quiet(200)[None, :]
    costs[0, 100:] *= 1.5
    usual = np.zeros(costs.shape, dtype=bool)
    usual[0, 100:104] = True
    assert judge(costs, floor=1.0, usual=usual).stands_out.sum() == 0


def test_credits_gaps_and_days_without_cost_are_passed_over() -> None:
    costs = quiet(120)[None, :]
    costs[0, 50], costs[0, 60], costs[0, 70:75] = -40.0, 0.0, np.nan
    judged = judge(costs, floor=1.0)
    assert judged.stands_out.sum() == 0
    assert np.isfinite(judged.score).all()


messy = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(1, 90)),
    elements=st.one_of(st.floats(-1e6, 1e9, allow_nan=False), st.just(float("nan")), st.just(0.0)),
)


@given(messy)
def test_nothing_makes_it_fail(costs: np.ndarray) -> None:
    judged = judge(costs, floor=1.0)
    assert not judged.stands_out[:, :NEEDED_DAYS].any()
    assert np.isfinite(judged.score).all()
    assert not (judged.stands_out & ~(costs > judged.expected)).any()


@given(messy, st.integers(1, 90))
def test_a_verdict_never_changes_because_time_passed(costs: np.ndarray, days: int) -> None:
    whole, begun = judge(costs, floor=1.0), judge(costs[:, :days], floor=1.0)
    assert (whole.stands_out[:, :days] == begun.stands_out).all()


@given(st.integers(0, 50), st.sampled_from([0.125, 8.0, 1024.0]))
def test_the_unit_of_money_does_not_matter(seed: int, factor: float) -> None:
    costs = quiet(150, seed=seed)[None, :]
    costs[0, 100] *= 1.4
    one, other = judge(costs, floor=1.0), judge(costs * factor, floor=factor)
    assert (one.stands_out == other.stands_out).all()


def test_series_do_not_disturb_each_other() -> None:
    costs = np.stack([quiet(120, seed=seed) for seed in range(6)])
    costs[2, 90] *= 2
    together = judge(costs, floor=1.0)
    alone = [judge(row[None, :], floor=1.0).stands_out[0] for row in costs]
    assert (together.stands_out == np.stack(alone)).all()
