"""Gathers the models of the wings, where Django looks for them."""

from costs.bills.models import (
    AllocationDraft,
    AllocationRule,
    Connection,
    Environment,
    FetchedDelivery,
    ManualCharge,
    ProviderTotal,
    RuleSet,
    SourceMapping,
)
from costs.budgets.models import BandChange, DriverChange
from costs.jobs.models import JobRun, LastSweep
from costs.lake.models import (
    BillVersion,
    DayCosts,
    Delivery,
    Generation,
    Part,
    Pin,
    Restatement,
    Source,
)
from costs.people.models import AuditEntry, Visibility
from costs.spend.models import DisplayCurrencyChange, RateChange, SavedView, SharedCostSet

__all__ = [
    "AllocationDraft",
    "AllocationRule",
    "AuditEntry",
    "BandChange",
    "BillVersion",
    "Connection",
    "DayCosts",
    "Delivery",
    "DisplayCurrencyChange",
    "DriverChange",
    "Environment",
    "FetchedDelivery",
    "Generation",
    "JobRun",
    "LastSweep",
    "ManualCharge",
    "Part",
    "Pin",
    "ProviderTotal",
    "RateChange",
    "Restatement",
    "RuleSet",
    "SavedView",
    "SharedCostSet",
    "Source",
    "SourceMapping",
    "Visibility",
]
