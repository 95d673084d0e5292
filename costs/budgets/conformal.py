"""How far off the expectation has been: intervals and chances from its own past errors.

Pure, in NumPy. Split-conformal (Vovk et al. 2005; METHODS.md section 1): the errors that were made
on past days, with as many days to go as now, say what may come. Nothing is assumed about their
distribution; an interval is as wide as the past demands.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np

from costs.budgets.usage_model import Floats


@dataclass(frozen=True)
class Errors:
    """Past errors of one series, on the log scale: log(actual ÷ expected), the least first.

    The k-th of n stands for the chance k ÷ (n + 1), which is what makes coverage exact for a small
    n. Beyond the least and the greatest the past says no more than a chance of 1 ÷ (n + 1); it is
    taken to fall by e over each further stretch as long as from the median to there.
    """

    ranked: Floats

    @property
    def median(self) -> float:
        """The middle error."""
        count = len(self.ranked)
        return float(self.ranked[(count - 1) // 2] + self.ranked[count // 2]) / 2

    @property
    def sure(self) -> bool:
        """There never was more than one error: a threshold is passed or it is not."""
        return bool(self.ranked[0] == self.ranked[-1])

    def quantile(self, level: float) -> float:
        """The error that is exceeded with a chance of 1 - ``level`` (between 0 and 1)."""
        ranked, place = self.ranked, level * (len(self.ranked) + 1)
        last = len(ranked)
        if place < 1:
            return float(ranked[0]) - (self.median - float(ranked[0])) * log(1 / place)
        if place > last:
            beyond = log(1 / (last + 1 - place))
            return float(ranked[-1]) + (float(ranked[-1]) - self.median) * beyond
        below = int(place)
        least, most = ranked[below - 1], ranked[min(below, last - 1)]
        return float(least + (most - least) * (place - below))

    def chance_below(self, error: float) -> float:
        """The chance (0 to 1) that the error will be below ``error``."""
        if self.sure:
            return float(error > self.ranked[0])
        ranked, count = self.ranked, len(self.ranked)
        least, greatest = float(ranked[0]), float(ranked[-1])
        if error < least:
            return self._tail(least - error, self.median - least)
        if error > greatest:
            return 1 - self._tail(error - greatest, greatest - self.median)
        return float(np.interp(error, ranked, np.arange(1, count + 1))) / (count + 1)

    def chance_above(self, error: float) -> float:
        """The chance (0 to 1) that the error will be above ``error``."""
        if self.sure:
            return float(error < self.ranked[0])
        greatest = float(self.ranked[-1])
        if error > greatest:
            # Not as 1 - chance: small chances would be lost in the rounding.
            return self._tail(error - greatest, greatest - self.median)
        return 1 - self.chance_below(error)

    def _tail(self, beyond: float, stretch: float) -> float:
        left = exp(-beyond / stretch) if stretch > 0 else 0.0
        return left / (len(self.ranked) + 1)


def errors_of(past: Floats) -> Errors:
    """Arrange past errors, at least one."""
    return Errors(np.sort(past))
