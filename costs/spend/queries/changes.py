"""What changed between two periods, by resource."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from costs.lake.queries import LiveFile, select
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries.restriction import restricted, until_changed
from costs.spend.queries.totals import Metric, daily_files

NEW_AFTER: Final = 28
"""Days without any cost after which a resource that has some again counts as new (ours)."""
CUT: Final = 50
"""Resources that a list of changes holds at most."""


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
    return sql, daily_files(earlier, facts=True), parameters


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
                now_rows > 0 AND earlier_rows = 0 AS is_new,
                before_rows > 0 AND now_rows = 0 AS is_gone
            FROM ({sql}) WHERE now_rows > 0 OR before_rows > 0
        ), ranked AS (
            SELECT *, row_number() OVER (ORDER BY abs(after - before) DESC, resource_id) AS moved,
                row_number() OVER (PARTITION BY is_new ORDER BY after DESC, resource_id) AS newest,
                row_number() OVER (PARTITION BY is_gone ORDER BY before DESC, resource_id) AS lost
            FROM changes
        ), counts AS (
            SELECT currency,
                count(DISTINCT resource_id) FILTER (is_new) AS new_count,
                coalesce(sum(after) FILTER (is_new), 0) AS new_cost,
                count(DISTINCT resource_id) FILTER (is_gone) AS gone_count,
                coalesce(sum(before) FILTER (is_gone), 0) AS gone_cost,
                count(DISTINCT resource_id)
                    FILTER (environment = 'unallocated' AND now_rows > 0) AS unallocated_count
            FROM changes GROUP BY ALL
        )
        SELECT resource_id, provider_name, service_name, environment, currency, before, after,
            is_new, is_gone, NULL AS counts, moved
        FROM ranked
        WHERE moved <= {CUT} OR (is_new AND newest <= {CUT}) OR (is_gone AND lost <= {CUT})
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, currency, NULL, NULL, NULL, NULL, counts, NULL FROM counts
        ORDER BY moved NULLS LAST, currency
        """,
        files,
        parameters,
    )
    return (
        tuple(ResourceChange(*row[:9]) for row in rows if row[9] is None),  # type: ignore[arg-type]
        tuple(ResourceCounts(**row[9]) for row in rows if isinstance(row[9], dict)),
    )
