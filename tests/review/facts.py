"""Made-up sums for tests of the review's arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from costs.budgets.bands import Band
from costs.budgets.estate import Kind
from costs.budgets.forecast import Forecast
from costs.periods import iso_week
from costs.review.compose import WeekFacts
from costs.review.span import Span, span_of
from costs.review.week import SourceState

W47 = iso_week("2026-W47")
AS_OF = date(2026, 11, 24)
ENVIRONMENTS = [
    ("development", "Development"),
    ("staging", "Staging"),
    ("production", "Production"),
]
BANDS = {
    "development": Band(Decimal(200), Decimal(400), "USD"),
    "staging": Band(Decimal(400), Decimal(800), "USD"),
    "production": Band(Decimal(1000), Decimal(3000), "USD"),
}


@dataclass(frozen=True)
class Row:
    keys: tuple[str, ...]
    currency: str
    cost: Decimal


@dataclass(frozen=True)
class Day:
    """The cost of a day, as a forecast takes it."""

    day: date
    environment: str
    currency: str
    cost: Decimal
    kind: Kind = "usage"
    key: str = ""


def forecast(costs: Sequence[Row], through: date | None) -> Forecast:
    """From rows by (day, environment, …)."""
    return Forecast(
        [
            Day(date.fromisoformat(one.keys[0]), one.keys[1], one.currency, one.cost)
            for one in costs
        ],
        through,
    )


@dataclass(frozen=True)
class Resource:
    resource_id: str
    before: Decimal
    after: Decimal
    is_new: bool = False
    is_gone: bool = False
    provider_name: str = "AWS"
    service_name: str = "Amazon EC2"
    environment: str = "production"
    currency: str = "USD"


@dataclass(frozen=True)
class Count:
    currency: str
    new_count: int = 0
    new_cost: Decimal = Decimal(0)
    gone_count: int = 0
    gone_cost: Decimal = Decimal(0)
    unallocated_count: int = 0


def row(
    day: date, environment: str, cost: str | Decimal, service: str = "EC2", currency: str = "USD"
) -> Row:
    return Row((day.isoformat(), environment, service), currency, Decimal(cost))


def span(as_of: date = AS_OF, last_complete: date | None = date(2026, 11, 22)) -> Span:
    return span_of(W47, as_of=as_of, last_complete=last_complete)


def steady(chosen: Span, **costs: str) -> list[Row]:
    """The same cost every day, by environment."""
    return [
        row(day, environment, cost) for day in chosen.shown for environment, cost in costs.items()
    ]


def source(name: str = "aws", **changes: Any) -> SourceState:
    return replace(
        SourceState(
            name=name,
            provider_name="AWS",
            format="FOCUS",
            delivered_at=None,
            last_day=date(2026, 11, 23),
            last_complete_day=date(2026, 11, 22),
            stale=False,
            rejected=0,
            held=0,
            notices=(),
        ),
        **changes,
    )


def facts(costs: list[Row], chosen: Span | None = None, **changes: Any) -> WeekFacts:
    chosen = chosen or span()
    made = WeekFacts(
        span=chosen,
        as_of=AS_OF,
        metric="effective_cost",
        listed=None,
        environments=ENVIRONMENTS,
        sees_unallocated=True,
        sees_all_cost_centers=True,
        costs=costs,
        effective=None,
        billed={},
        bands=dict.fromkeys(chosen.months, BANDS),
        forecast=forecast(changes.get("effective") or costs, chosen.through),
        resources=[],
        resource_counts=[],
        unallocated_after=[],
        unallocated_before=[],
        sources=[source()],
    )
    return replace(made, **changes)
