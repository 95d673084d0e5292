"""What a day's usage is expected to cost: a level times a factor for the day of the week.

Pure, in NumPy, for all series and all past days at once (METHODS.md section 1). Values are floats:
an estimate is no money until :mod:`costs.budgets.forecast` rounds it and adds it to exact costs.

On a log scale, from the four weeks before a day::

    factor of a weekday   mean of the middle two of its four distances from the week around it
    level                 mean of the days without their factors, weighted by (1 - 0.3)^age,
                          a day that lies off the fortnight's median down-weighted

There is no trend: over half a month it costs more than it gives. How the constants were chosen is
told in docs/adr/0015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Days = NDArray[np.int64]
"""Positions on the axis of days: a fit after day 5 knows the days 0 to 4."""

WEEK: Final = 7
WEEKS: Final = 4
"""Weeks that a fit looks at (METHODS.md section 1)."""
SEEN: Final = WEEKS * WEEK
AROUND: Final = WEEK // 2
"""Days on each side of a day that make the week around it."""
LOOKBACK: Final = SEEN + AROUND
FIRST_FIT: Final = 14
"""Days of a series before its first fit: below two weeks a weekday is known by one day at most.
Where there are less than four weeks, the first one is taken to have gone on before."""
RECENT: Final = 0.3
"""Weight of the newest day in the level; METHODS.md says about 0.45, which is the same within 2 %
and a little worse on every series tried."""
ADOPTED_AFTER: Final = 7
"""Days after which a new level is the level (METHODS.md section 1): half of the fortnight whose
median a day is held against."""
USUAL: Final = 1.5
"""Deviations from the median up to which a day counts in full; beyond, by the inverse square."""
LEAST_DEVIATION: Final = 0.02
"""On the log scale: a series steadier than 2 % is not more sure of itself than that."""
UNIT: Final = 0.01
"""Of a typical day: below about ten such units the log scale becomes a linear one."""


@dataclass(frozen=True)
class Fits:
    """Fits of some series on some days.

    ``daily[series, n, k]`` is the expected cost of the k-th day after the first ``days[n]`` days (k
    from 0 to 6, then the same again); NaN where a series was too young.
    """

    days: Days
    daily: Floats
    units: Floats
    """Of the log scale, by series."""

    def sums(self, ahead: int) -> Floats:
        """Expected cost of the next ``ahead`` days together: (series, fits)."""
        whole, rest = divmod(ahead, WEEK)
        summed: Floats = whole * self.daily.sum(axis=2) + self.daily[:, :, :rest].sum(axis=2)
        return summed

    def path(self, nth: int, ahead: int) -> Floats:
        """Expected cost of each of the next ``ahead`` days after the nth fit: (series, ahead)."""
        chosen: Floats = self.daily[:, nth][:, np.arange(ahead) % WEEK]
        return chosen


LEAST_UNIT: Final = 1e-12
"""Share of the largest day that the typical one counts at least as."""


def typical_day(usage: Floats) -> Floats:
    """The median size of the days of each series that cost anything; 1 where none did."""
    size = np.abs(usage)
    size[~(size > 0)] = np.nan
    found = np.isfinite(size).any(axis=1)
    typical = np.ones(len(usage))
    if found.any():
        typical[found] = np.nanmedian(size[found], axis=1)
        # Next to nothing is no unit: the largest day divided by it would be beyond all numbers.
        typical[found] = np.maximum(typical[found], np.nanmax(size[found], axis=1) * LEAST_UNIT)
    return typical


def to_log(values: Floats, unit: Floats | float) -> Floats:
    """The log scale, kept sensible at zero and for credits: log(value ÷ unit) for large values."""
    scaled: Floats = np.arcsinh(values / (2 * unit))
    return scaled


def from_log(scaled: Floats, unit: Floats | float) -> Floats:
    """The inverse of :func:`to_log`."""
    values: Floats = 2 * unit * np.sinh(scaled)
    return values


def fit(
    usage: Floats, starts: Days, *, days: Days | None = None, trust: Floats | None = None
) -> Fits:
    """Fit every series after the first ``days`` days, for each of them (all when None).

    ``usage`` is (series, days), finite; before ``starts`` (the first day of each series) it does
    not count. ``trust`` (0 to 1, the same shape) down-weights days known to be anomalous, besides
    those that the model finds itself.
    """
    count, length = usage.shape
    days = np.arange(length + 1) if days is None else days
    units = typical_day(usage) * UNIT
    # In front of the first day there is room for a whole window.
    scaled = np.zeros((count, LOOKBACK + length))
    scaled[:, LOOKBACK:] = to_log(usage, units[:, None])
    trusted = np.ones_like(scaled)
    if trust is not None:
        trusted[:, LOOKBACK:] = np.clip(trust, 0, 1)
    for row, start in enumerate(starts):
        _repeat_first_week(scaled[row], int(start) + LOOKBACK)
        _repeat_first_week(trusted[row], int(start) + LOOKBACK)
    seen = scaled[:, days[:, None] + np.arange(AROUND, LOOKBACK)]
    weeks = sliding_window_view(scaled, WEEK, axis=1).mean(axis=2)
    # The week around each day; around the last three, the last whole week.
    around = np.minimum(np.arange(SEEN), SEEN - 1 - AROUND)
    apart = (seen - weeks[:, days[:, None] + around]).reshape(count, -1, WEEKS, WEEK)
    # Of four, without the least and the greatest: the mean of the middle two.
    factors = (apart.sum(axis=2) - apart.min(axis=2) - apart.max(axis=2)) / (WEEKS - 2)
    factors -= factors.mean(axis=2, keepdims=True)
    plain = seen - np.tile(factors, WEEKS)
    weights = _weights(plain)
    if trust is not None:
        weights *= trusted[:, days[:, None] + np.arange(AROUND, LOOKBACK)]
    total = weights.sum(axis=2)
    level = np.einsum("sdw,sdw->sd", weights, plain) / np.where(total > 0, total, 1)
    level = np.where(total > 0, level, _median(plain)[:, :, 0])
    daily = from_log(level[:, :, None] + factors, units[:, None, None])
    daily[days[None, :] < starts[:, None] + FIRST_FIT] = np.nan
    return Fits(days, daily, units)


def _repeat_first_week(row: Floats, start: int) -> None:
    """Before a series begins, its first week is taken to have gone on."""
    first = row[start : start + WEEK]
    if len(first) == WEEK:
        row[:start] = first[(np.arange(start) - start) % WEEK]


def _weights(plain: Floats) -> Floats:
    """Of the days of a window: less with age, much less where a day lies off the others."""
    fortnight = _median(plain[:, :, -2 * ADOPTED_AFTER :])
    deviation = 1.4826 * _median(np.abs(plain - _median(plain)))
    off = np.abs(plain - fortnight) / np.maximum(deviation, LEAST_DEVIATION)
    weights: Floats = (1 - RECENT) ** np.arange(SEEN)[::-1] / np.maximum(off / USUAL, 1) ** 2
    return weights


def _median(values: Floats) -> Floats:
    """Along the last axis, which is kept and even. Sorting is four times faster than np.median."""
    ranked = np.sort(values, axis=-1)
    half = values.shape[-1] // 2
    median: Floats = (ranked[..., half - 1 : half] + ranked[..., half : half + 1]) / 2
    return median
