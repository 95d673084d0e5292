"""What changed between two periods, by resource."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from costs.lake.queries import LiveFile, select
from costs.people.scope import Scope
from costs.periods import Period, month_of
from costs.spend.queries.restriction import restricted, until_changed
from costs.spend.queries.totals import Metric, daily_files

NEW_AFTER: Final = 28
"""Days without any cost after which a resource that has some again counts as new (ours)."""
CUT: Final = 50
"""Resources that a list of changes holds at most."""


type ByMonth = tuple[tuple[date, Decimal], ...]
"""First day of a month, and what was charged on its days."""


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
    before_by_month: ByMonth = ()
    after_by_month: ByMonth = ()
    """The same by month of charge days: exchange rates hold for months."""


@dataclass(frozen=True)
class ResourceCounts:
    """How many resources are new or gone, and their cost, in one currency (uncut)."""

    currency: str
    new_count: int
    new_cost: Decimal
    gone_count: int
    gone_cost: Decimal
    unallocated_count: int
    new_by_month: ByMonth = ()
    gone_by_month: ByMonth = ()


def _changes_sql(
    scope: Scope, period: Period, before: Period, metric: Metric
) -> tuple[str, list[LiveFile], tuple[object, ...]]:
    """A SELECT with one row per resource, service, environment and currency."""
    earlier = Period(min(before.start, period.start - timedelta(days=NEW_AFTER)), period.end)
    allowed = restricted(scope, earlier)
    in_days = f"coalesce(sum({metric}) FILTER (day >= ? AND day < ?), 0)"
    months = [*_by_month(before), *_by_month(period)]
    befores = ", ".join([in_days] * len(_by_month(before)))
    afters = ", ".join([in_days] * len(_by_month(period)))
    sql = f"""
        SELECT resource_id, provider_name, service_name, environment, billing_currency AS currency,
            [{befores}] AS before_parts, [{afters}] AS after_parts,
            count(*) FILTER (day >= ?) AS now_rows,
            count(*) FILTER (day < ?) AS earlier_rows,
            count(*) FILTER (day >= ? AND day < ?) AS before_rows
        FROM {{files}} WHERE resource_id <> '' AND {allowed.sql}
        GROUP BY ALL"""
    parameters = (
        *(day for month in months for day in (month.start, month.end)),
        period.start,
        period.start,
        before.start,
        before.end,
        *allowed.parameters,
    )
    return sql, daily_files(earlier, facts=True), parameters


def _by_month(period: Period) -> list[Period]:
    """The parts of ``period`` that lie in one month each."""
    parts: list[Period] = []
    start = period.start
    while start < period.end or not parts:
        end = min(month_of(start).end, period.end)
        parts.append(Period(start, end))
        start = end
    return parts


def resource_changes(
    scope: Scope, *, period: Period, before: Period, metric: Metric = "effective_cost"
) -> list[ResourceChange]:
    """Resources with a cost in either period, largest change first.

    Holds at most the 50 largest changes, and the 50 most costly new and gone ones.
    """
    return list(_changes(scope, period=period, before=before, metric=metric)[0])


def resource_counts(
    scope: Scope, *, period: Period, before: Period, metric: Metric = "effective_cost"
) -> list[ResourceCounts]:
    """Counts behind :func:`resource_changes`, by currency."""
    return list(_changes(scope, period=period, before=before, metric=metric)[1])


@until_changed
def _changes(
    scope: Scope, *, period: Period, before: Period, metric: Metric
) -> tuple[tuple[ResourceChange, ...], tuple[ResourceCounts, ...]]:
    """Both in one statement, for summing five weeks of every resource is what takes the time."""
    sql, files, parameters = _changes_sql(scope, period, before, metric)
    rows = select(
        f"""
        WITH changes AS MATERIALIZED (
            SELECT * EXCLUDE (earlier_rows, before_rows),
                {_added("before_parts", before)} AS before,
                {_added("after_parts", period)} AS after,
                now_rows > 0 AND earlier_rows = 0 AS is_new,
                before_rows > 0 AND now_rows = 0 AS is_gone
            FROM ({sql}) WHERE now_rows > 0 OR before_rows > 0
        ), ranked AS (
            SELECT *,
                row_number() OVER (PARTITION BY currency
                    ORDER BY abs(after - before) DESC, resource_id) AS moved,
                row_number() OVER (PARTITION BY currency, is_new
                    ORDER BY after DESC, resource_id) AS newest,
                row_number() OVER (PARTITION BY currency, is_gone
                    ORDER BY before DESC, resource_id) AS lost
            FROM changes
        ), counts AS (
            SELECT currency,
                count(DISTINCT resource_id) FILTER (is_new) AS new_count,
                coalesce(sum(after) FILTER (is_new), 0) AS new_cost,
                count(DISTINCT resource_id) FILTER (is_gone) AS gone_count,
                coalesce(sum(before) FILTER (is_gone), 0) AS gone_cost,
                count(DISTINCT resource_id)
                    FILTER (environment = 'unallocated' AND now_rows > 0) AS unallocated_count,
                [{_summed("after_parts", period, "is_new")}] AS new_by_month,
                [{_summed("before_parts", before, "is_gone")}] AS gone_by_month
            FROM changes GROUP BY ALL
        )
        SELECT resource_id, provider_name, service_name, environment, currency, before, after,
            is_new, is_gone, before_parts, after_parts, NULL AS counts, moved
        FROM ranked
        WHERE moved <= {CUT} OR (is_new AND newest <= {CUT}) OR (is_gone AND lost <= {CUT})
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, currency, NULL, NULL, NULL, NULL, NULL, NULL, counts, NULL
        FROM counts
        ORDER BY moved NULLS LAST, currency
        """,
        files,
        parameters,
    )

    def by_month(parts: object, days: Period) -> ByMonth:
        months = [part.start.replace(day=1) for part in _by_month(days)]
        return tuple(zip(months, parts, strict=True))  # type: ignore[call-overload]

    return (
        tuple(
            ResourceChange(*(*row[:9], by_month(row[9], before), by_month(row[10], period)))  # type: ignore[arg-type]
            for row in rows
            if row[11] is None
        ),
        tuple(
            ResourceCounts(
                **{
                    **row[11],
                    "new_by_month": by_month(row[11]["new_by_month"], period),
                    "gone_by_month": by_month(row[11]["gone_by_month"], before),
                }
            )
            for row in rows
            if isinstance(row[11], dict)
        ),
    )


def _added(parts: str, days: Period) -> str:
    return " + ".join(f"{parts}[{nth + 1}]" for nth in range(len(_by_month(days))))


def _summed(parts: str, days: Period, only: str) -> str:
    return ", ".join(
        f"coalesce(sum({parts}[{nth + 1}]) FILTER ({only}), 0)"
        for nth in range(len(_by_month(days)))
    )
