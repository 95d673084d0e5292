"""Made-up daily costs for forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from costs.budgets.estate import Kind

FIRST = date(2025, 9, 1)


@dataclass(frozen=True)
class Day:
    """The cost of a day, as a forecast takes it."""

    day: date
    environment: str
    currency: str
    cost: Decimal
    kind: Kind = "usage"
    key: str = ""


def series(
    environment: str,
    costs: Sequence[str | int | float | Decimal],
    first: date = FIRST,
    currency: str = "USD",
) -> list[Day]:
    """Usage of consecutive days; days without a cost have no row, as in the lake."""
    return [
        Day(first + timedelta(days=nth), environment, currency, Decimal(str(cost)))
        for nth, cost in enumerate(costs)
        if cost
    ]
