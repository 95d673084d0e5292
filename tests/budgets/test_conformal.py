"""Intervals and chances from past errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.budgets.conformal import errors_of

pasts = st.lists(st.floats(-3, 3), min_size=1, max_size=60).map(np.array)
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


def test_the_kth_of_n_stands_for_k_of_n_and_one() -> None:
    errors = errors_of(np.arange(1.0, 10.0))
    assert [errors.quantile(k / 10) for k in range(1, 10)] == pytest.approx(range(1, 10))
    # Beyond the ninth a chance of a tenth is left; over each 4 (5 to 9) more it falls by e.
    assert errors.quantile(1 - 0.1 / math.e) == pytest.approx(13)
    assert errors.chance_above(13) == pytest.approx(0.1 / math.e)
    assert errors.chance_below(-7) == pytest.approx(0.1 / math.e**2)
    assert errors.quantile(0.1 / math.e**2) == pytest.approx(-7)


@given(pasts)
def test_quantiles_rise_with_the_level(past: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    errors = errors_of(past)
    found = [errors.quantile(level) for level in LEVELS]
    assert found == sorted(found)


@given(pasts, st.floats(-4, 4), st.floats(0, 2))
def test_chances_rise_with_the_error(
    past: np.ndarray[tuple[int], np.dtype[np.float64]], error: float, more: float
) -> None:
    errors = errors_of(past)
    if not errors.sure:
        both = errors.chance_below(error) + errors.chance_above(error)
        assert both == pytest.approx(1)
    assert 0 <= errors.chance_below(error) <= errors.chance_below(error + more) <= 1


def test_without_an_error_there_is_no_doubt() -> None:
    errors = errors_of(np.zeros(20))
    assert {errors.quantile(level) for level in LEVELS} == {0}
    assert (errors.chance_below(0), errors.chance_below(1e-9)) == (0, 1)
    assert (errors.chance_above(0), errors.chance_above(-1e-9)) == (0, 1)


def test_coverage_is_what_it_says() -> None:
    """Of exchangeable errors, 80 % fall into the 80 % interval, also with few of them."""
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(2000):
        past, now = random.normal(size=15), random.normal()
        errors = errors_of(past)
        inside += errors.quantile(0.1) <= now <= errors.quantile(0.9)
    assert inside / 2000 == pytest.approx(0.8, abs=0.03)
