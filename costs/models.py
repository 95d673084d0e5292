"""Gathers the models of the wings, where Django looks for them."""

from costs.bills.models import AllocationRule, Environment
from costs.budgets.models import BandChange
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion, Delivery, Generation, Part, Pin, Source
from costs.people.models import AuditEntry, Visibility

__all__ = [
    "AllocationRule",
    "AuditEntry",
    "BandChange",
    "BillVersion",
    "Delivery",
    "Environment",
    "Generation",
    "JobRun",
    "Part",
    "Pin",
    "Source",
    "Visibility",
]
