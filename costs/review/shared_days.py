"""The days that a forecast is made of, with shared costs where rules split them. Pure.

The direct days stay, and what sharing takes from one environment and gives to others comes as days
of its own, so that a fixed charge stays a fixed charge wherever it is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from costs.money import EXACT
from costs.periods import Period
from costs.review.compose import CostRow, day_of
from costs.review.week import UNALLOCATED

type Kind = Literal["usage", "recurring", "once"]

KINDS: Final[dict[str, Kind]] = {"Recurring": "recurring", "One-Time": "once"}
"""FOCUS ChargeFrequency of what is no usage."""
DENSE: Final = 7
"""What is there on one day in seven is usage, as for direct costs."""


@dataclass(frozen=True)
class MovedDay:
    """What a day of an environment gains by sharing, or loses."""

    day: date
    environment: str
    currency: str
    kind: Kind
    key: str
    cost: Decimal


def moved_days(
    before: Iterable[CostRow], after: Iterable[CostRow], period: Period
) -> list[MovedDay]:
    """The differences of rows by (day, environment, charge_frequency, service_name)."""
    sums: dict[tuple[tuple[str, ...], str], Decimal] = defaultdict(Decimal)
    for row in after:
        key = row.keys, row.currency
        sums[key] = EXACT.add(sums[key], row.cost)
    for row in before:
        key = row.keys, row.currency
        sums[key] = EXACT.subtract(sums[key], row.cost)
    changed = [(keys, currency, cost) for (keys, currency), cost in sums.items() if cost]
    often: dict[tuple[str, ...], int] = defaultdict(int)
    for keys, currency, _ in changed:
        often[*keys[1:], currency] += 1
    return [
        _day(keys, currency, cost, dense=often[*keys[1:], currency] * DENSE >= period.days)
        for keys, currency, cost in changed
    ]


def _day(keys: Sequence[str], currency: str, cost: Decimal, *, dense: bool) -> MovedDay:
    day, environment, frequency, service = keys
    kind: Kind = "usage" if dense else KINDS.get(frequency, "usage")
    return MovedDay(
        day=day_of(day),
        environment=environment or UNALLOCATED,
        currency=currency,
        kind=kind,
        key="" if kind == "usage" else f"shared · {service} · {frequency}",
        cost=cost,
    )
