"""What a day should have cost, and which days stand out above it. (METHODS.md section 1)

Pure; vectorised over series. On the log scale a day is expected at its weekday's usual distance
from the level of the last days. It stands out when it lies far above that, measured in the usual
size of such misses, and costs noticeably more. One-sided: nobody is called for a cheap day.

Each day is judged from the days before it alone, so that a verdict never changes because time
passed; only a restatement changes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

type Costs = NDArray[np.float64]
"""Series × days; NaN where a day is missing. Statistics only: money itself stays Decimal."""
type Marks = NDArray[np.bool_]

STANDS_OUT: Final = 4.0
"""Robust deviations from which a day stands out (METHODS.md section 1)."""
TWO_DAYS: Final = 2.9
"""Deviations from which two days in a row stand out together (ours, docs/adr/0020)."""
LEARNT: Final = 2.0
"""Deviations up to which a dear day lifts the level: half an outlier teaches half (ours)."""
IMPACT: Final = 0.10
"""Share of the expected cost by which a day must be dearer (METHODS.md section 1)."""
ADOPTED_AFTER: Final = 7
"""Days in a row that stand out, after which they are the new level (METHODS.md section 1)."""
LEVEL_DAYS: Final = 5
"""Days before a day that give its level, the newest with weight ALPHA, each older one less."""
ALPHA: Final = 0.45
"""Weight of the newest day in the level: that of the forecast (METHODS.md section 1)."""
WEEKS: Final = 8
"""Weeks that give a weekday's distance from its week."""
USUAL_WEEKS: Final = 6
"""Weeks whose middle for the same weekday is a second bound: what was normal before a quiet spell
(a holiday) is no increase when it comes back (ours)."""
MISS_DAYS: Final = 42
"""Days that give the usual size of a miss (ours)."""
SAME_WEEKDAY: Final = 0.5
"""Part of the usual miss on the same weekday that counts at least: Mondays may be wilder (ours)."""
LEAST_MISS: Final = 0.02
"""On the log scale; nobody is called for less than 7 % on the smoothest series (ours)."""
FIRST_MISS: Final = 0.1
"""On the log scale, while nothing is known of a series (ours)."""
NEEDED_DAYS: Final = 28
"""Days of history before any day is judged (ours: four of each weekday)."""
BEGINNING: Final = 14
"""Days of a series that nothing is left out of: two of each weekday."""

_MAD: Final = 1.4826
"""From a median absolute deviation to a standard deviation, for a normal distribution."""


@dataclass(frozen=True)
class Judged:
    """Per series and day: the expected cost (NaN where unknown), the deviation, what stands out.

    ``adopted`` marks the day on which a run of days became the new level.
    """

    expected: Costs
    score: Costs
    stands_out: Marks
    adopted: Marks


def judge(costs: Costs, *, floor: float, usual: Marks | None = None) -> Judged:
    """Judge every day of every series.

    ``floor`` is the least increase a day, in money, that matters. ``usual`` marks days that
    somebody has called expected: they are not judged and teach what is normal at once.
    Days without cost, and those with less than none (credits), are unknown on the log scale: they
    are not judged and teach nothing.
    """
    count, days = costs.shape
    known = np.zeros((count, days), dtype=bool) if usual is None else usual
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(costs > 0, costs, np.nan))
    base = np.full((count, days), np.nan)  # what teaches the level: outliers left out
    unlifted = np.full((count, days), np.nan)  # the same, whatever was adopted since
    weekday = np.full((count, days), np.nan)  # a day's distance from the middle of its week
    misses = np.full((count, days), np.nan)
    expected = np.full((count, days), np.nan)
    score = np.zeros((count, days))
    stands_out = np.zeros((count, days), dtype=bool)
    adopted = np.zeros((count, days), dtype=bool)
    run = np.zeros(count, dtype=int)
    began = np.where(np.isnan(logs).all(axis=1), days, (~np.isnan(logs)).argmax(axis=1))
    for day in range(days):
        centre = day - 4
        if centre >= 3:
            week = base[:, centre - 3 : centre + 4]
            weekday[:, centre] = base[:, centre] - _median(week)
        # A series begins with two weeks that are taken as they are.
        young = day - began < BEGINNING
        if day >= 7:
            # A difference of two days misses more than one day does; hence the square root.
            week_apart = (logs[:, day] - logs[:, day - 7]) / np.sqrt(2)
            misses[young, day] = week_apart[young]
        base[young, day] = unlifted[young, day] = logs[young, day]
        if young.all():
            continue
        plain = _level(base, weekday, day, centre) + _weekday(weekday, day, centre)
        usual_then = _median(unlifted[:, day - 7 :: -7][:, :USUAL_WEEKS])
        high = np.fmax(plain, usual_then)
        miss = _miss(misses, day)
        off = logs[:, day] - plain
        above = (logs[:, day] - high) / miss
        expected[:, day] = np.exp(high)
        score[:, day] = np.nan_to_num(above)
        more = costs[:, day] - expected[:, day]
        with np.errstate(invalid="ignore"):
            both = (above >= TWO_DAYS) & (score[:, day - 1] >= TWO_DAYS)
            stands_out[:, day] = (
                ((above >= STANDS_OUT) | both)
                & (more >= np.maximum(IMPACT * expected[:, day], floor))
                & (day - began >= NEEDED_DAYS)
                & ~known[:, day]
            )
            outlier = (np.abs(off) >= STANDS_OUT * miss) & ~known[:, day] & ~young
        clipped = np.clip(off, -STANDS_OUT * miss, STANDS_OUT * miss)
        misses[:, day] = np.where(young, misses[:, day], clipped)
        learnt = np.where(
            known[:, day] | young, logs[:, day], np.minimum(logs[:, day], plain + LEARNT * miss)
        )
        base[:, day] = unlifted[:, day] = np.where(outlier, np.nan, learnt)
        run = np.where(outlier, run + 1, np.where(np.isnan(logs[:, day]), run, 0))
        new = run >= ADOPTED_AFTER
        if new.any():
            _adopt(base, unlifted, logs, expected, new, day)
            adopted[:, day] = new
            run[new] = 0
    return Judged(expected, score, stands_out, adopted)


def _level(base: Costs, weekday: Costs, day: int, centre: int) -> Costs:
    """The level of the last days, without their weekdays; of the last four weeks after a gap."""
    ages = range(1, LEVEL_DAYS + 1)
    weights = np.array([ALPHA * (1 - ALPHA) ** (age - 1) for age in ages])
    recent = np.stack(
        [base[:, day - age] - _weekday(weekday, day - age, centre) for age in ages], axis=1
    )
    given = ~np.isnan(recent)
    weight = (given * weights).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.nansum(recent * weights, axis=1) / weight
    far = _median(base[:, max(0, day - 28) : day])
    return np.where(weight > 0, level, far)


def _weekday(weekday: Costs, day: int, centre: int) -> Costs:
    """How far ``day``'s weekday usually lies from the middle of its week; 0 while unknown."""
    same = [known for known in range(day - 7, max(2, day - 7 * (WEEKS + 1)), -7) if known <= centre]
    if not same:
        return np.zeros(len(weekday))
    return np.nan_to_num(_median(weekday[:, same]))


def _miss(misses: Costs, day: int) -> Costs:
    """The usual size of a miss: of all days, and of the same weekday where that is wilder."""
    overall = _MAD * _median(np.abs(misses[:, max(0, day - MISS_DAYS) : day]))
    same = _MAD * _median(np.abs(misses[:, day - 7 :: -7][:, :WEEKS]))
    usual = np.fmax(overall, SAME_WEEKDAY * same)
    return np.maximum(np.where(np.isnan(usual), FIRST_MISS, usual), LEAST_MISS)


def _adopt(
    base: Costs, unlifted: Costs, logs: Costs, expected: Costs, new: Marks, day: int
) -> None:
    """Take the last days of the ``new`` series for normal, and lift what was before to them."""
    days = slice(day - ADOPTED_AFTER + 1, day + 1)
    base[new, days] = unlifted[new, days] = logs[new, days]
    lift = _median(logs[new, days] - np.log(expected[new, days]))
    base[new, : days.start] += lift[:, None]


def _median(values: Costs) -> Costs:
    """The median along days, of those that are there; NaN where none is. Much faster than numpy's
    own for many short rows."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    count = (~np.isnan(ordered)).sum(axis=1)
    rows = np.arange(len(ordered))
    low = ordered[rows, np.maximum(count - 1, 0) // 2]
    high = ordered[rows, np.minimum(count // 2, ordered.shape[1] - 1)]
    return np.where(count > 0, (low + high) / 2, np.nan)
