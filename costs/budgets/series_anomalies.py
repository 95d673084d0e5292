"""What stands out in one series of moments and values, whatever it measures. Pure.

Days are judged as daily cost is; anything closer together as samples of a metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

import numpy as np

from costs.budgets import daily_baseline, interval_anomalies

DAILY: Final = timedelta(hours=20)
"""Usual step from which a series is one of days."""


class TooShort(ValueError):
    """There is not enough to judge; the message says how much there is and how much it takes."""


@dataclass(frozen=True)
class StandsOut:
    """A moment that stands out; ``expected`` in the unit of the series, None where unknown."""

    moment: datetime
    score: float
    actual: Decimal
    expected: float | None


def stand_out(series: Sequence[tuple[datetime, Decimal]]) -> list[StandsOut]:
    """The moments of ``series`` (in order of time) that stand out. Causal: what is said of one
    uses nothing after it. Raises :class:`TooShort`."""
    moments = [moment for moment, _ in series]
    values = np.array([float(value) for _, value in series])
    steps = [later - earlier for earlier, later in pairwise(moments)]
    step = sorted(steps)[len(steps) // 2] if steps else timedelta(0)
    if step >= DAILY:
        return _days(series, moments)
    if len(series) <= interval_anomalies.NEEDED:
        raise TooShort(f"not enough data, {len(series)} of {interval_anomalies.NEEDED + 1} samples")
    score = interval_anomalies.scores(values)
    expected = interval_anomalies.expectations(values)
    return [
        _found(series[index], float(score[index]), float(expected[index]))
        for index in interval_anomalies.alarms(score)
    ]


def _days(
    series: Sequence[tuple[datetime, Decimal]], moments: Sequence[datetime]
) -> list[StandsOut]:
    first = moments[0].date()
    length = (moments[-1].date() - first).days + 1
    if length <= daily_baseline.NEEDED_DAYS:
        needed = daily_baseline.NEEDED_DAYS + 1
        raise TooShort(f"not enough data, {length} of {needed} days")
    costs = np.full((1, length), np.nan)
    for moment, value in series:
        costs[0, (moment.date() - first).days] = float(value)
    judged = daily_baseline.judge(costs, floor=0.0)
    return [
        _found(one, float(judged.score[0, day]), float(judged.expected[0, day]))
        for one in series
        if judged.stands_out[0, day := (one[0].date() - first).days]
    ]


def _found(one: tuple[datetime, Decimal], score: float, expected: float) -> StandsOut:
    known = expected if np.isfinite(expected) else None
    return StandsOut(one[0], round(score, 3), one[1], known)
