"""The rest of a month as money: from an estimate in floats to amounts that add up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from costs.budgets.bands import Band, Outlook
from costs.budgets.rolling import Rest
from costs.money import CENT, EXACT


@dataclass(frozen=True)
class RestOfMonth:
    """What is left of a month, as money."""

    expected: Decimal
    joint: Rest
    may_fall: bool
    """Whether days have been credits, so that a month may end below what it has cost."""

    def outlook(self, spent: Decimal, band: Band | None) -> Outlook:
        expected = EXACT.add(spent, self.expected)
        floor = None if self.may_fall else min(spent, expected)

        def at(level: float) -> Decimal:
            end = EXACT.add(spent, cents_of(self.joint.at(level)))
            return end if floor is None else max(end, floor)

        # Of a series whose errors all went one way the expectation lies beyond an end.
        low_80, high_80 = min(at(0.1), expected), max(at(0.9), expected)
        return Outlook(
            expected=expected,
            low_80=low_80,
            high_80=high_80,
            low_95=min(at(0.025), low_80),
            high_95=max(at(0.975), high_80),
            chance_below=None if band is None else self._below(band.low, spent),
            chance_above=None if band is None else self._above(band.high, spent),
        )

    def _below(self, low: Decimal, spent: Decimal) -> float:
        if not self.may_fall and low <= spent:
            return 0.0
        return self.joint.chance_below(float(EXACT.subtract(low, spent)))

    def _above(self, high: Decimal, spent: Decimal) -> float:
        if not self.may_fall and spent > high:
            return 1.0
        return self.joint.chance_above(float(EXACT.subtract(high, spent)))


def certain(spent: Decimal, band: Band | None) -> Outlook:
    """Of a month that is complete: it ended at what it cost."""
    return Outlook(
        expected=spent,
        low_80=spent,
        high_80=spent,
        low_95=spent,
        high_95=spent,
        chance_below=None if band is None else float(spent < band.low),
        chance_above=None if band is None else float(spent > band.high),
    )


def cents_of(amount: float) -> Decimal:
    """An estimate as money: to the cent, half to even."""
    return Decimal(float(amount)).quantize(CENT, ROUND_HALF_EVEN, EXACT)
