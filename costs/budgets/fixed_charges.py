"""Charges that come once a month: what was one, and on which days the next ones are due.

Pure, in NumPy, for many series at once. A charge is on the calendar when it stands out of its
series on the same day of the month as one of about its size the month before (or when its bill says
that it recurs). It is taken out of the usage, which then has no day that is unlike all others, and
is expected again a month later at its last amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from costs.budgets.usage_model import Days, Floats
from costs.periods import DAY

AHEAD: Final = 62
"""Days after the last known one for which charges are expected: to the end of the next month."""
SURROUNDINGS: Final = 14
"""Days before a day whose median it is held against."""
STANDS_OUT: Final = 0.5
"""What is off the surroundings by more than half of them may be a charge of its own."""
SAME: Final = 0.25
"""Difference to the month before up to which it is the same charge. METHODS.md says 2 %; a charge
at a new price, or one that goes by use like tax, is due again all the same, and a series of sums
has the noise of that day's usage in it."""
OFTEN: Final = 6
"""More days than this that stand out in four weeks are a habit of the usage, not a calendar."""


@dataclass(frozen=True)
class FixedCharges:
    """``actual`` is (series, days); ``expected`` (series, days + 62): what was due on each day.

    Where a charge came for the first or second time, it was not due and nothing could have said so:
    ``expected`` then is the actual amount, so that nobody's error is counted.
    """

    actual: Floats
    expected: Floats

    def of(self, owners: Days, count: int) -> FixedCharges:
        """The sums of ``count`` owners; ``owners`` says whose each series is."""
        actual = np.zeros((count, self.actual.shape[1]))
        expected = np.zeros((count, self.expected.shape[1]))
        np.add.at(actual, owners, self.actual)
        np.add.at(expected, owners, self.expected)
        return FixedCharges(actual, expected)


def fixed_charges(
    costs: Floats, first: date, recurring: Sequence[bool] | None = None
) -> FixedCharges:
    """Find the charges of a calendar in daily ``costs`` (series, days), day 0 being ``first``.

    A series that is ``recurring`` by its bill's word is on the calendar with all it costs.
    """
    count, days = costs.shape
    if not days:
        return FixedCharges(costs, np.zeros((count, AHEAD)))
    before = month_before(first, days + AHEAD)
    said = np.array(recurring if recurring is not None else [False] * count, dtype=bool)
    above = costs - _surroundings(costs)
    alone = np.abs(above) > STANDS_OUT * np.abs(costs - above)
    for side in (above > 0, above < 0):
        alone[side] &= (_recent(alone & side) <= OFTEN)[side]
    alone[said] = costs[said] != 0
    size = np.where(alone, np.where(said[:, None], costs, above), 0.0)
    last = _at(size, before[:days])
    again = (last != 0) & (size != 0) & (np.abs(size - last) <= SAME * np.abs(last))
    again |= said[:, None] & (size != 0)
    actual = np.where(again, size, 0.0)
    expected = _at(actual, before)
    new = again & (expected[:, :days] == 0)
    expected[:, :days][new] = actual[new]
    # Further than a month ahead: what is due then a month before.
    for day in np.flatnonzero(before >= days):
        expected[:, day] = expected[:, before[day]]
    return FixedCharges(actual, expected)


def _at(values: Floats, positions: Days) -> Floats:
    """``values`` at ``positions`` of their days, 0 where there is none."""
    inside = (positions >= 0) & (positions < values.shape[1])
    found = np.zeros((len(values), len(positions)))
    found[:, inside] = values[:, positions[inside]]
    return found


def month_before(first: date, days: int) -> Days:
    """For each day its position a month before, −1 where there is none.

    The last day of a month follows the last day of the month before where that month is shorter
    or the day does not exist; 29, 30 and 31 skip a month that has no such day.
    """
    positions = np.arange(days) - _months(first, days)
    positions[positions < 0] = -1
    return positions


@lru_cache(maxsize=32)
def _months(first: date, days: int) -> Days:
    """How many days back each day's position a month before lies."""
    back = np.empty(days, dtype=np.int64)
    day = first
    for position in range(days):
        last = day.replace(day=1) - DAY
        if day.day <= last.day:
            back[position] = last.day
        elif (day + DAY).day == 1:
            back[position] = day.day
        else:
            # 29 or 30 March: February has none, January has.
            back[position] = last.day + 31
        day += DAY
    return back


def _surroundings(costs: Floats) -> Floats:
    """The median of the fortnight before each day; of the first four weeks where there is none."""
    around = np.empty_like(costs)
    around[:, :SURROUNDINGS] = np.median(costs[:, : 2 * SURROUNDINGS], axis=1, keepdims=True)
    if costs.shape[1] > SURROUNDINGS:
        medians = np.median(sliding_window_view(costs, SURROUNDINGS, axis=1), axis=2)
        around[:, SURROUNDINGS:] = medians[:, :-1]
    return around


def _recent(alone: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Days:
    """How many days of the last four weeks stand out, each day itself included."""
    summed = np.cumsum(alone, axis=1, dtype=np.int64)
    earlier = np.zeros_like(summed)
    earlier[:, 28:] = summed[:, :-28]
    return summed - earlier
