"""Gathers the models of the wings, where Django looks for them."""

from costs.alerts.models import (
    Alert,
    AlertEvent,
    Evaluation,
    Mute,
    OutboxMessage,
    Recipient,
    RuleChange,
    Timetable,
)
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
from costs.budgets.models import AnomalyRecord, BandChange, DriverChange, FindingRecord
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
    "Alert",
    "AlertEvent",
    "AllocationDraft",
    "AllocationRule",
    "AnomalyRecord",
    "AuditEntry",
    "BandChange",
    "BillVersion",
    "Connection",
    "DayCosts",
    "Delivery",
    "DisplayCurrencyChange",
    "DriverChange",
    "Environment",
    "Evaluation",
    "FetchedDelivery",
    "FindingRecord",
    "Generation",
    "JobRun",
    "LastSweep",
    "ManualCharge",
    "Mute",
    "OutboxMessage",
    "Part",
    "Pin",
    "ProviderTotal",
    "RateChange",
    "Recipient",
    "Restatement",
    "RuleChange",
    "RuleSet",
    "SavedView",
    "SharedCostSet",
    "Source",
    "SourceMapping",
    "Timetable",
    "Visibility",
]
