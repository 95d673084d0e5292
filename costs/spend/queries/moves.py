"""What two weeks cost by price: what the bridge between them is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from costs.lake.queries import select
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries.changes import NEW_AFTER
from costs.spend.queries.restriction import restricted
from costs.spend.queries.totals import METRICS, Metric, daily_files


@dataclass(frozen=True)
class PriceMove:
    """Cost and quantity of one price of one resource in two periods, in one currency."""

    environment: str
    currency: str
    is_new: bool
    """The resource had nothing in the 28 days before, as in ``resource_changes``."""
    is_gone: bool
    is_commitment: bool
    """Covered by a commitment, or not usage: a purchase, credit, adjustment."""
    is_metered: bool
    """Usage-based and with a unit: its quantity falls on the days of its cost."""
    before: Decimal
    after: Decimal
    quantity_before: Decimal
    quantity_after: Decimal


def price_moves(
    scope: Scope, *, period: Period, before: Period, metric: Metric = "effective_cost"
) -> list[PriceMove]:
    """Every price of every resource with a cost in either period, in no order; not kept, for there
    may be many.

    Raises :class:`ValueError` for an unknown metric.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric}; known are {', '.join(METRICS)}")
    earlier = Period(min(before.start, period.start - timedelta(days=NEW_AFTER)), period.end)
    allowed = restricted(scope, earlier)
    rows = select(
        f"""
        WITH prices AS (
            SELECT environment, billing_currency, resource_id, provider_name, service_name,
                coalesce(commitment_discount_id, '') <> ''
                    OR coalesce(charge_category, '') NOT IN ('Usage', 'Tax', '') AS is_commitment,
                coalesce(pricing_unit, '') <> ''
                    AND coalesce(charge_frequency, '') IN ('Usage-Based', '') AS is_metered,
                coalesce(sum({metric}) FILTER (day >= ? AND day < ?), 0) AS before,
                coalesce(sum({metric}) FILTER (day >= ?), 0) AS after,
                coalesce(sum(quantity) FILTER (day >= ? AND day < ?), 0) AS quantity_before,
                coalesce(sum(quantity) FILTER (day >= ?), 0) AS quantity_after,
                count(*) FILTER (day >= ? AND day < ?) AS before_rows,
                count(*) FILTER (day >= ?) AS now_rows,
                count(*) FILTER (day < ?) AS earlier_rows
            FROM {{files}} WHERE {allowed.sql}
            GROUP BY environment, billing_currency, resource_id, provider_name, service_name,
                sku_id, sku_meter, pricing_unit, is_commitment, is_metered
        ), resources AS (
            SELECT *,
                coalesce(resource_id, '') <> '' AS is_resource,
                sum(before_rows) OVER same AS before_all,
                sum(now_rows) OVER same AS now_all,
                sum(earlier_rows) OVER same AS earlier_all
            FROM prices
            WINDOW same AS (PARTITION BY resource_id, provider_name, service_name, environment,
                billing_currency)
        )
        SELECT coalesce(environment, ''), billing_currency,
            is_resource AND now_all > 0 AND earlier_all = 0,
            is_resource AND before_all > 0 AND now_all = 0,
            is_commitment, is_metered, before, after, quantity_before, quantity_after
        FROM resources WHERE before_rows > 0 OR now_rows > 0
        """,
        daily_files(earlier, facts=True),
        (
            *(before.start, before.end, period.start),
            *(before.start, before.end, period.start),
            *(before.start, before.end, period.start, period.start),
            *allowed.parameters,
        ),
    )
    return [PriceMove(*row) for row in rows]  # type: ignore[arg-type]
