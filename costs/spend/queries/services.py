"""Each day's cost of every service in every environment: what anomalies are looked for in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from costs.lake.queries import select
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries.restriction import restricted, until_changed
from costs.spend.queries.totals import daily_files


@dataclass(frozen=True)
class ServiceDay:
    """What a service cost in an environment (``unallocated`` where none) on a day.

    ``fixed`` charges recur by their bill's word: their billed cost, with a ``key`` that tells them
    apart. All else but what comes once (purchases, taxes, credits) is usage: its effective cost.
    """

    day: date
    environment: str
    service_name: str
    currency: str
    fixed: bool
    key: str
    cost: Decimal


def service_days(
    scope: Scope, *, period: Period, as_delivered: datetime | None = None
) -> tuple[ServiceDay, ...]:
    """Every day of ``period`` on which a service cost anything, by day."""
    return _service_days(scope, period=period, as_delivered=as_delivered)


@until_changed
def _service_days(
    scope: Scope, *, period: Period, as_delivered: datetime | None
) -> tuple[ServiceDay, ...]:
    allowed = restricted(scope, period)
    rows = select(
        f"""
        WITH said AS (
            SELECT *, coalesce(charge_frequency, '') = 'Recurring' AS fixed FROM {{files}}
            WHERE {allowed.sql} AND coalesce(charge_frequency, '') <> 'One-Time'
        )
        SELECT day, coalesce(environment, 'unallocated') AS environment, service_name,
            billing_currency AS currency, fixed,
            CASE WHEN fixed THEN concat_ws(' · ', provider_name, billing_account_id,
                charge_category, commitment_discount_id) ELSE '' END AS key,
            sum(CASE WHEN fixed THEN billed_cost ELSE effective_cost END) AS cost
        FROM said GROUP BY ALL HAVING cost <> 0 ORDER BY ALL
        """,
        daily_files(period, facts=False, as_delivered=as_delivered),
        allowed.parameters,
    )
    return tuple(ServiceDay(*row) for row in rows)  # type: ignore[arg-type]  # columns in its order
