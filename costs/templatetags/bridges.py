"""A bridge as a waterfall: each step a bar that begins where the one before ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django import template

from costs.money import CENT, EXACT, exact_sum
from costs.review.bridge import STEPS, Bridges, Step, in_cents

register = template.Library()

LABELS: Final[Mapping[Step, str]] = {
    "new": "New resources",
    "gone": "Gone resources",
    "price": "Price",
    "usage": "Usage",
    "commitments": "Commitments and credits",
}
HINTS: Final[Mapping[Step, str]] = {
    "new": "resources with a cost now and none in the four weeks before",
    "gone": "resources with a cost last week and none now",
    "price": "what last week's quantities cost more or less at this week's prices",
    "usage": "what was used more or less, at this week's prices; and all that has no quantity",
    "commitments": "what commitments cover, purchases, credits and adjustments",
}


@dataclass(frozen=True)
class Bar:
    """A row of the waterfall: its amount in cents, and its bar in percent of the whole width."""

    label: str
    hint: str
    amount: Decimal
    start: str
    width: str
    kind: str
    """``whole``, ``up``, ``down`` or ``still``."""


@dataclass(frozen=True)
class Row:
    """An environment and its steps in cents."""

    environment: str
    steps: tuple[Decimal, ...]
    difference: Decimal


@dataclass(frozen=True)
class Waterfall:
    """The bars of all environments together, and the table of each."""

    bars: tuple[Bar, ...]
    rows: tuple[Row, ...]
    totals: tuple[Decimal, ...]
    difference: Decimal
    after: Decimal


@register.simple_tag
def waterfall(found: Bridges) -> Waterfall:
    """Arrange a bridge: every row and column of it adds up to the cent."""
    cells = in_cents(found)
    rows = [
        Row(one.environment or "unallocated", steps, exact_sum(steps))
        for one, steps in zip(found.environments, cells, strict=True)
    ]
    totals = tuple(exact_sum(row.steps[nth] for row in rows) for nth in range(len(STEPS)))
    difference = exact_sum(totals)
    after = found.total.after.quantize(CENT, context=EXACT)
    before = EXACT.subtract(after, difference)
    return Waterfall(_bars(before, totals, after), tuple(rows), totals, difference, after)


@register.filter
def step_label(nth: int) -> str:
    """The name of the ``nth`` step."""
    return LABELS[STEPS[nth]]


@register.simple_tag
def steps() -> Sequence[tuple[str, str]]:
    """Label and explanation of every step, in order."""
    return [(LABELS[step], HINTS[step]) for step in STEPS]


def _bars(before: Decimal, totals: Sequence[Decimal], after: Decimal) -> tuple[Bar, ...]:
    """Zoomed to where the steps are: a week that moved by 1 % would else show flat lines."""
    levels = [before]
    for amount in totals:
        levels.append(EXACT.add(levels[-1], amount))
    low, high = min(levels), max(levels)
    room = max(EXACT.subtract(high, low), CENT)
    # A quarter of the width below the lowest level stands for what did not move.
    base = EXACT.subtract(low, EXACT.divide(room, Decimal(3)))

    def at(level: Decimal) -> float:
        return 100 * float((level - base) / (high - base or CENT))

    def bar(label: str, hint: str, amount: Decimal, start: float, end: float, kind: str) -> Bar:
        left, right = sorted((start, end))
        return Bar(label, hint, amount, f"{left:.2f}%", f"{max(right - left, 0.4):.2f}%", kind)

    bars = [bar("Last week", "", before, 0, at(before), "whole")]
    for step, amount, level in zip(STEPS, totals, levels, strict=False):
        kind = "up" if amount > 0 else "down" if amount < 0 else "still"
        bars.append(
            bar(LABELS[step], HINTS[step], amount, at(level), at(EXACT.add(level, amount)), kind)
        )
    return (*bars, bar("This week", "", after, 0, at(after), "whole"))
