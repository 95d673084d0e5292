"""The way of a month to its end, and what was once expected of months that are over. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.money import EXACT
from costs.periods import Period


@dataclass(frozen=True)
class Step:
    """One day of a month's path: its cost, or what it is expected to; sums up to its end."""

    day: date
    cost: Decimal
    total: Decimal
    low_80: Decimal
    high_80: Decimal
    low_95: Decimal
    high_95: Decimal
    known: bool


@dataclass(frozen=True)
class Past:
    """What was expected of a month that is over, after its first ``days`` days."""

    month: Period
    days: int
    expected: Decimal
    low_80: Decimal
    high_80: Decimal
    ended: Decimal

    @property
    def error(self) -> Decimal | None:
        """How far the expectation was above what came, in percent of it; None for no cost."""
        if not self.ended:
            return None
        missed = EXACT.subtract(self.expected, self.ended)
        return EXACT.divide(EXACT.multiply(missed, Decimal(100)), abs(self.ended))

    @property
    def inside(self) -> bool:
        """Whether the month ended inside the 80 % interval."""
        return self.low_80 <= self.ended <= self.high_80
