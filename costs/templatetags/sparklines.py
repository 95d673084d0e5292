"""Small drawings inside table cells: weeks as bars, and a change left or right of a centre line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from django import template

from costs.templatetags.money import money, signed_money

register = template.Library()

BAR, GAP, HEIGHT = 6, 3, 22
"""Pixels of one bar, between two bars, and of the whole drawing."""


class HasDifference(Protocol):
    """A change between two weeks."""

    @property
    def difference(self) -> Decimal:
        """After minus before."""
        ...


@dataclass(frozen=True)
class Bar:
    """One bar of a sparkline, in pixels."""

    x: int
    y: float
    height: float
    last: bool


@register.inclusion_tag("marks/sparkline.html")
def sparkline(values: Sequence[Decimal], label: str) -> dict[str, object]:
    """Draw ``values`` as bars from zero, the last one emphasised; ``label`` says what they are."""
    top = max([*values, Decimal(0)])
    bars = []
    for position, value in enumerate(values):
        share = float(max(value, Decimal(0)) / top) if top else 0.0
        height = max(1.0, round(share * HEIGHT, 1))  # nothing spent is a hairline, not a hole
        bars.append(
            Bar(
                x=position * (BAR + GAP),
                y=round(HEIGHT - height, 1),
                height=height,
                last=position == len(values) - 1,
            )
        )
    return {
        "bars": bars,
        "width": max(0, len(values) * (BAR + GAP) - GAP),
        "height": HEIGHT,
        "bar_width": BAR,
        "sentence": f"{label}: {', '.join(money(value) for value in values)}",
    }


@register.filter
def largest_change(moves: Iterable[Any]) -> Decimal:
    """The largest |difference| among things with a ``week``: the scale their bars share."""
    return max((abs(move.week.difference) for move in moves), default=Decimal(0))


@register.inclusion_tag("marks/change.html")
def change_bar(change: HasDifference, largest: Decimal) -> dict[str, object]:
    """A bar from the centre line, to the right for more, to the left for less."""
    share = float(change.difference / largest) * 50 if largest else 0.0
    return {
        "start": f"{50 + min(share, 0.0):.2f}%",
        "width": f"{abs(share):.2f}%",
        "direction": "up" if share > 0 else "down",
        "sentence": signed_money(change.difference),
    }
