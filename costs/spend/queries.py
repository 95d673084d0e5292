"""What was spent: sums over the daily tables of the lake, always by currency.

Every function takes a :class:`~costs.people.scope.Scope`: which environments and cost centers the
asker may see. Results are kept until something else is live.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Final, Literal

from django.conf import settings

from costs.lake.daily import ONLY_FACTS
from costs.lake.queries import LiveFile, generation, live_files, select
from costs.people.scope import Scope
from costs.periods import Period

type Metric = Literal["billed_cost", "effective_cost"]

METRICS: Final = ("billed_cost", "effective_cost")
GROUPINGS: Final = {
    "environment": "environment",
    "cost_center": "cost_center",
    "provider_name": "provider_name",
    "billing_account_id": "billing_account_id",
    "sub_account_id": "sub_account_id",
    "service_name": "service_name",
    "region_id": "region_id",
    "resource_id": "resource_id",
    "sku_id": "sku_id",
    "charge_category": "charge_category",
    "billing_period": "strftime(billing_period, '%Y-%m')",
    "day": "strftime(day, '%Y-%m-%d')",
}
"""What cost can be grouped and filtered by, and its SQL."""

NEW_AFTER: Final = 28
"""Days without any cost after which a resource that has some again counts as new (ours)."""
CUT: Final = 50
"""Resources that a list of changes holds at most."""


class UnknownGrouping(ValueError):
    """A grouping or filter that is not in GROUPINGS."""


@dataclass(frozen=True)
class CostRow:
    """A sum: ``keys`` are the values of the grouping, in its order (``""`` where unknown)."""

    keys: tuple[str, ...]
    currency: str
    cost: Decimal


@dataclass(frozen=True)
class Restriction:
    """A WHERE clause and its parameters."""

    sql: str
    parameters: tuple[object, ...]


def restricted(
    scope: Scope,
    period: Period | None,
    where: Mapping[str, Collection[str]] | None = None,
) -> Restriction:
    """What ``scope``, days and filters allow, as SQL. Values travel as parameters."""
    terms: list[str] = []
    parameters: list[object] = []

    def among(column: str, values: Collection[str]) -> None:
        if not values:
            terms.append("false")
            return
        terms.append(f"coalesce({column}, '') IN ({', '.join('?' * len(values))})")
        parameters.extend(sorted(values))

    if period is not None:
        terms.append("day >= ? AND day < ?")
        parameters += [period.start, period.end]
    if scope.environments is not None:
        among("environment", scope.environments)
    if scope.cost_centers is not None:
        among("cost_center", scope.cost_centers)
    for name, values in (where or {}).items():
        among(GROUPINGS[name], values)
    return Restriction(" AND ".join(terms) or "true", tuple(parameters))


def _until_changed[**P, R](query: Callable[P, R]) -> Callable[P, R]:
    """Keep answers by (lake, generation, arguments); a flip of any version starts anew."""

    @lru_cache(maxsize=256)
    def answer(_lake: str, _generation: int, *args: P.args, **kwargs: P.kwargs) -> R:
        return query(*args, **kwargs)

    @wraps(query)
    def kept(*args: P.args, **kwargs: P.kwargs) -> R:
        frozen = {name: _frozen(value) for name, value in kwargs.items()}
        return answer(str(settings.LAKE_URL), generation(), *args, **frozen)

    return kept


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        return FrozenFilters((name, frozenset(values)) for name, values in sorted(value.items()))
    return value


class FrozenFilters(tuple[tuple[str, frozenset[str]], ...]):
    """Filters as a key of a cache; reads like the mapping it came from."""

    def items(self) -> FrozenFilters:
        return self


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


@_until_changed
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
    files = _files(period, facts=bool(asked & ONLY_FACTS), as_delivered=as_delivered)
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


def _files(
    period: Period | None, *, facts: bool, as_delivered: datetime | None = None
) -> list[LiveFile]:
    table: Literal["daily_facts", "daily_summary"] = "daily_facts" if facts else "daily_summary"
    return live_files(table, period, as_delivered=as_delivered)


@dataclass(frozen=True)
class ResourceChange:
    """A resource's cost in two periods, in one currency."""

    resource_id: str
    provider_name: str
    service_name: str
    environment: str
    currency: str
    before: Decimal
    after: Decimal
    is_new: bool
    """Nothing in the 28 days before ``period``."""
    is_gone: bool
    """Something in ``before`` and nothing in ``period``."""


@dataclass(frozen=True)
class ResourceCounts:
    """How many resources are new or gone, and their cost, in one currency (uncut)."""

    currency: str
    new_count: int
    new_cost: Decimal
    gone_count: int
    gone_cost: Decimal
    unallocated_count: int


def _changes_sql(
    scope: Scope, period: Period, before: Period, metric: Metric
) -> tuple[str, list[LiveFile], tuple[object, ...]]:
    """A SELECT with one row per resource, service, environment and currency."""
    earlier = Period(min(before.start, period.start - timedelta(days=NEW_AFTER)), period.end)
    allowed = restricted(scope, earlier)
    sql = f"""
        SELECT resource_id, provider_name, service_name, environment, billing_currency AS currency,
            coalesce(sum({metric}) FILTER (day >= ? AND day < ?), 0) AS before,
            coalesce(sum({metric}) FILTER (day >= ?), 0) AS after,
            count(*) FILTER (day >= ?) AS now_rows,
            count(*) FILTER (day < ?) AS earlier_rows,
            count(*) FILTER (day >= ? AND day < ?) AS before_rows
        FROM {{files}} WHERE resource_id <> '' AND {allowed.sql}
        GROUP BY ALL"""
    parameters = (
        before.start,
        before.end,
        period.start,
        period.start,
        period.start,
        before.start,
        before.end,
        *allowed.parameters,
    )
    return sql, _files(earlier, facts=True), parameters


def resource_changes(
    scope: Scope, *, period: Period, before: Period, metric: Metric = "effective_cost"
) -> list[ResourceChange]:
    """Resources with a cost in either period, largest change first.

    Holds at most the 50 largest changes, and the 50 most costly new and gone ones.
    """
    return list(_resource_changes(scope, period=period, before=before, metric=metric))


@_until_changed
def _resource_changes(
    scope: Scope, *, period: Period, before: Period, metric: Metric
) -> tuple[ResourceChange, ...]:
    sql, files, parameters = _changes_sql(scope, period, before, metric)
    rows = select(
        f"""
        WITH changes AS (
            SELECT * EXCLUDE (now_rows, earlier_rows, before_rows),
                now_rows > 0 AND earlier_rows = 0 AS is_new,
                before_rows > 0 AND now_rows = 0 AS is_gone
            FROM ({sql}) WHERE now_rows > 0 OR before_rows > 0
        ), ranked AS (
            SELECT *, row_number() OVER (ORDER BY abs(after - before) DESC, resource_id) AS moved,
                row_number() OVER (PARTITION BY is_new ORDER BY after DESC, resource_id) AS newest,
                row_number() OVER (PARTITION BY is_gone ORDER BY before DESC, resource_id) AS lost
            FROM changes
        )
        SELECT * EXCLUDE (moved, newest, lost) FROM ranked
        WHERE moved <= {CUT} OR (is_new AND newest <= {CUT}) OR (is_gone AND lost <= {CUT})
        ORDER BY moved
        """,
        files,
        parameters,
    )
    return tuple(ResourceChange(*row) for row in rows)  # type: ignore[arg-type]


def resource_counts(
    scope: Scope, *, period: Period, before: Period, metric: Metric = "effective_cost"
) -> list[ResourceCounts]:
    """Counts behind :func:`resource_changes`, by currency."""
    return list(_resource_counts(scope, period=period, before=before, metric=metric))


@_until_changed
def _resource_counts(
    scope: Scope, *, period: Period, before: Period, metric: Metric
) -> tuple[ResourceCounts, ...]:
    sql, files, parameters = _changes_sql(scope, period, before, metric)
    new, gone = "now_rows > 0 AND earlier_rows = 0", "before_rows > 0 AND now_rows = 0"
    rows = select(
        f"""
        SELECT currency,
            count(DISTINCT resource_id) FILTER ({new}),
            coalesce(sum(after) FILTER ({new}), 0),
            count(DISTINCT resource_id) FILTER ({gone}),
            coalesce(sum(before) FILTER ({gone}), 0),
            count(DISTINCT resource_id) FILTER (environment = 'unallocated' AND now_rows > 0)
        FROM ({sql}) GROUP BY ALL ORDER BY ALL
        """,
        files,
        parameters,
    )
    return tuple(ResourceCounts(*row) for row in rows)  # type: ignore[arg-type]


def last_day(scope: Scope) -> date | None:
    """The latest day with a charge that ``scope`` includes, None for an empty lake."""
    return _last_day(scope)


@_until_changed
def _last_day(scope: Scope) -> date | None:
    allowed = restricted(scope, None)
    rows = select(
        f"SELECT max(day) FROM {{files}} WHERE {allowed.sql}",
        _files(None, facts=False),
        allowed.parameters,
    )
    day = rows[0][0] if rows else None
    return day if isinstance(day, date) else None
