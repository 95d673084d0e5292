"""What has appeared: services new to an environment, resources that no rule places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from costs.lake.queries import select
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries.restriction import restricted
from costs.spend.queries.totals import daily_files

KNOWN_FOR: Final = 28
"""Days that an environment, or the whole estate, must have been known for before anything in it
can be new (ours): at the first bill everything is."""
LOOKBACK: Final = 180
"""Days before the new ones in which something must not have been there to be new (ours)."""
MOST: Final = 1000
"""Newcomers that are read, the most costly first: beyond it nobody reads on."""


@dataclass(frozen=True)
class Newcomer:
    """Something that first cost anything on ``first_day``."""

    environment: str
    name: str
    """The service, or the resource's id."""
    service_name: str
    """The service of a resource, empty for a service."""
    first_day: date
    currency: str
    week_cost: Decimal
    """Effective cost of the week asked for."""


def new_services(
    scope: Scope, *, since: date, week: Period, as_delivered: datetime | None = None
) -> list[Newcomer]:
    """Services whose first day in their environment is ``since`` or later, most costly first.

    An environment of less than 28 days before ``since`` has no new services: all of them are.
    """
    return _newcomers(
        scope, "service_name", "''", "service_name <> ''", since, week, as_delivered, facts=False
    )


def new_unallocated(
    scope: Scope, *, since: date, week: Period, as_delivered: datetime | None = None
) -> list[Newcomer]:
    """Unallocated resources whose first day is ``since`` or later, most costly first."""
    return _newcomers(
        scope,
        "resource_id",
        "max(service_name)",
        "resource_id <> '' AND environment = 'unallocated'",
        since,
        week,
        as_delivered,
        facts=True,
    )


def _newcomers(
    scope: Scope,
    name: str,
    service: str,
    where: str,
    since: date,
    week: Period,
    as_delivered: datetime | None,
    *,
    facts: bool,
) -> list[Newcomer]:
    seen = Period(since - timedelta(days=LOOKBACK), week.end)
    allowed = restricted(scope, seen)
    # New resources may be all that is unallocated: there, how long bills go back decides.
    known_since = (
        "(SELECT min(day) FROM {files})"
        if facts
        else "min(first_day) OVER (PARTITION BY environment)"
    )
    rows = select(
        f"""
        WITH seen AS (
            SELECT environment, {name} AS name, {service} AS service, billing_currency AS currency,
                min(day) AS first_day,
                coalesce(sum(effective_cost) FILTER (day >= ? AND day < ?), 0) AS cost
            FROM {{files}} WHERE {where} AND {allowed.sql} GROUP BY ALL
        ), known AS (SELECT *, {known_since} AS known_since FROM seen)
        SELECT environment, name, service, first_day, currency, cost FROM known
        WHERE first_day >= ? AND known_since <= ?
        ORDER BY cost DESC, environment, name LIMIT {MOST}
        """,
        daily_files(seen, facts=facts, as_delivered=as_delivered),
        (week.start, week.end, *allowed.parameters, since, since - timedelta(days=KNOWN_FOR)),
    )
    return [Newcomer(*row) for row in rows]  # type: ignore[arg-type]
