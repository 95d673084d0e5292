"""What was spent: sums over the live bills, always by currency.

Every function takes a :class:`~costs.people.scope.Scope`: which environments and cost centers the
asker may see. Results are kept until something else is live.
"""

from costs.spend.queries.changes import (
    CUT,
    NEW_AFTER,
    ResourceChange,
    ResourceCounts,
    resource_changes,
    resource_counts,
)
from costs.spend.queries.daily import DailyCost, daily_costs
from costs.spend.queries.moves import PriceMove, price_moves
from costs.spend.queries.newcomers import Newcomer, new_services, new_unallocated
from costs.spend.queries.rates import charges_by_month, display_currency, rates
from costs.spend.queries.restriction import GROUPINGS, Restriction, restricted, until_changed
from costs.spend.queries.services import ServiceDay, service_days
from costs.spend.queries.totals import (
    METRICS,
    CostRow,
    Metric,
    UnknownGrouping,
    cost_by,
    known_days,
    last_day,
)

__all__ = [
    "CUT",
    "GROUPINGS",
    "METRICS",
    "NEW_AFTER",
    "CostRow",
    "DailyCost",
    "Metric",
    "Newcomer",
    "PriceMove",
    "ResourceChange",
    "ResourceCounts",
    "Restriction",
    "ServiceDay",
    "UnknownGrouping",
    "charges_by_month",
    "cost_by",
    "daily_costs",
    "display_currency",
    "known_days",
    "last_day",
    "new_services",
    "new_unallocated",
    "price_moves",
    "rates",
    "resource_changes",
    "resource_counts",
    "restricted",
    "service_days",
    "until_changed",
]
