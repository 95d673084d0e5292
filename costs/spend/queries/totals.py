"""Sums over the daily tables of the lake."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from costs.lake.daily import ONLY_FACTS
from costs.lake.queries import LiveFile, live_files, select
from costs.people.scope import Scope
from costs.periods import DAY, Period
from costs.spend.queries.restriction import GROUPINGS, restricted, until_changed

type Metric = Literal["billed_cost", "effective_cost"]

METRICS: Final = ("billed_cost", "effective_cost")


class UnknownGrouping(ValueError):
    """A grouping or filter that is not in GROUPINGS."""


@dataclass(frozen=True)
class CostRow:
    """A sum: ``keys`` are the values of the grouping, in its order (``""`` where unknown)."""

    keys: tuple[str, ...]
    currency: str
    cost: Decimal


def cost_by(
    scope: Scope,
    *,
    by: tuple[str, ...],
    period: Period | None = None,
    metric: Metric = "effective_cost",
    where: Mapping[str, Collection[str]] | None = None,
    limit: int | None = None,
    as_delivered: datetime | None = None,
) -> list[CostRow]:
    """Cost grouped by ``by`` (names of GROUPINGS) over ``period`` (all days when None).

    Rows come with the largest cost first, or by day where the first grouping is one. ``limit``
    cuts them after so many. Raises :class:`UnknownGrouping`, and :class:`ValueError` for an
    unknown metric.
    """
    if unknown := [name for name in (*by, *(where or {})) if name not in GROUPINGS]:
        raise UnknownGrouping(f"cannot group by {unknown[0]}; known are {', '.join(GROUPINGS)}")
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric}; known are {', '.join(METRICS)}")
    return list(
        _cost_by(
            scope,
            by=by,
            period=period,
            metric=metric,
            where=where or {},
            limit=limit,
            as_delivered=as_delivered,
        )
    )


@until_changed
def _cost_by(
    scope: Scope,
    *,
    by: tuple[str, ...],
    period: Period | None,
    metric: Metric,
    where: Mapping[str, Collection[str]],
    limit: int | None,
    as_delivered: datetime | None,
) -> tuple[CostRow, ...]:
    asked = {*by, *(name for name, _ in where.items())}
    files = daily_files(period, facts=bool(asked & ONLY_FACTS), as_delivered=as_delivered)
    allowed = restricted(scope, period, dict(where.items()))
    keys = "".join(f"coalesce({GROUPINGS[name]}, ''), " for name in by)
    tied = ", ".join(str(nth + 1) for nth in range(len(by) + 1))
    order = tied if by and by[0] == "day" else f"cost DESC, {tied}"
    cut = f"LIMIT {int(limit)}" if limit is not None else ""
    rows = select(
        f"SELECT {keys}billing_currency, sum({metric}) AS cost FROM {{files}}"
        f" WHERE {allowed.sql} GROUP BY ALL ORDER BY {order} {cut}"
        if by
        else f"SELECT billing_currency, sum({metric}) AS cost FROM {{files}}"
        f" WHERE {allowed.sql} GROUP BY ALL ORDER BY ALL",
        files,
        allowed.parameters,
    )
    return tuple(CostRow(tuple(map(str, row[:-2])), str(row[-2]), row[-1]) for row in rows)  # type: ignore[arg-type]


def daily_files(
    period: Period | None, *, facts: bool, as_delivered: datetime | None = None
) -> list[LiveFile]:
    """The live daily tables that hold days of ``period``: the one with resources, or without."""
    table: Literal["daily_facts", "daily_summary"] = "daily_facts" if facts else "daily_summary"
    return live_files(table, period, as_delivered=as_delivered)


def last_day(scope: Scope) -> date | None:
    """The latest day with a charge that ``scope`` includes, None for an empty lake."""
    days = known_days(scope)
    return days.last if days else None


def known_days(scope: Scope) -> Period | None:
    """From the first to the last day with a charge that ``scope`` includes, None for none."""
    return _known_days(scope)


@until_changed
def _known_days(scope: Scope) -> Period | None:
    allowed = restricted(scope, None)
    rows = select(
        f"SELECT min(day), max(day) FROM {{files}} WHERE {allowed.sql}",
        daily_files(None, facts=False),
        allowed.parameters,
    )
    first, last = rows[0] if rows else (None, None)
    return Period(first, last + DAY) if isinstance(first, date) and isinstance(last, date) else None
