"""Each day's cost of every environment, with what recurs kept apart: what a forecast is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from costs.lake.queries import select
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries.restriction import restricted, until_changed
from costs.spend.queries.totals import Metric, daily_files

type Kind = Literal["usage", "recurring", "once"]

DECLARED = ("Recurring", "One-Time")
"""FOCUS ChargeFrequency of what is no usage; all else, and what says nothing, is."""


@dataclass(frozen=True)
class DailyCost:
    """The cost of one day, environment (``unallocated`` where none) and currency.

    ``kind`` is ``recurring`` for a charge that comes again on some days, ``once`` for one that does
    not, and ``usage`` for all else, also for what recurs or is booked on most days: that is a level
    like any other. ``key`` tells charges of the first two kinds apart.
    """

    day: date
    environment: str
    currency: str
    kind: Kind
    key: str
    cost: Decimal


def daily_costs(
    scope: Scope,
    *,
    period: Period,
    metric: Metric = "effective_cost",
    as_delivered: datetime | None = None,
) -> tuple[DailyCost, ...]:
    """Every day of ``period`` that cost anything, by day. Days after it play no part.

    A charge that its bill calls one-time or recurring counts as usage once it was there on one day
    in seven since it first came: support, tax and fees whose effective cost is spread over days.
    """
    return _daily_costs(scope, period=period, metric=metric, as_delivered=as_delivered)


@until_changed
def _daily_costs(
    scope: Scope, *, period: Period, metric: Metric, as_delivered: datetime | None
) -> tuple[DailyCost, ...]:
    allowed = restricted(scope, period)
    marks = ", ".join(f"'{name}'" for name in DECLARED)
    place = "coalesce(environment, 'unallocated')"
    said = f"coalesce(charge_frequency, '') IN ({marks})"
    named = (
        "concat_ws(' · ', provider_name, billing_account_id, service_name, charge_category,"
        " charge_frequency)"
    )
    rows = select(
        f"""
        WITH summed AS (
            SELECT day, {place} AS environment, billing_currency AS currency,
                CASE WHEN {said} THEN charge_frequency ELSE '' END AS frequency,
                CASE WHEN {said} THEN {named} ELSE '' END AS key, sum({metric}) AS cost
            FROM {{files}} WHERE {allowed.sql} GROUP BY ALL
        ), seen AS (
            SELECT environment, currency, key,
                count(*) FILTER (cost <> 0) * 7 >= DATE '{period.end}' - min(day) AND
                    count(*) FILTER (cost <> 0) > 1 AS dense
            FROM summed WHERE key <> '' GROUP BY ALL
        ), kinds AS (
            SELECT day, environment, currency, cost,
                CASE WHEN key = '' OR dense THEN 'usage'
                     WHEN frequency = 'Recurring' THEN 'recurring' ELSE 'once' END AS kind, key
            FROM summed LEFT JOIN seen USING (environment, currency, key)
        )
        SELECT day, environment, currency, kind, CASE kind WHEN 'usage' THEN '' ELSE key END AS key,
            sum(cost) AS cost
        FROM kinds GROUP BY ALL HAVING sum(cost) <> 0 ORDER BY ALL
        """,
        daily_files(period, facts=False, as_delivered=as_delivered),
        allowed.parameters,
    )
    return tuple(DailyCost(*row) for row in rows)  # type: ignore[arg-type]  # columns in its order
