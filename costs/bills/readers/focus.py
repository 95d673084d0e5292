"""FOCUS 1.0, 1.1 and 1.2 as clouds and vendors export it (1.3 names are accepted).

Source of names and versions: FOCUS specification, column definitions.
"""

from __future__ import annotations

from collections.abc import Mapping

from costs.bills.description import Columns
from costs.focus import COLUMNS

OTHER_NAMES = {
    "ProviderName": ("ServiceProviderName",),  # renamed in 1.3
}
TELLING = (
    "BilledCost",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodStart",
    "EffectiveCost",
)
"""Columns that no other format has."""


class Focus:
    """FOCUS, any version: the columns are the specification's own."""

    name = "focus"
    family = "focus"
    version = 2

    def recognises(self, columns: Columns) -> bool:
        # Three are enough, so that a file which lacks one of them is told which.
        return sum(columns.has(name) for name in TELLING) >= 3

    def charge(self, columns: Columns) -> Mapping[str, str]:
        expressions: dict[str, str] = {}
        for column in COLUMNS:
            names = (column.focus_name, *OTHER_NAMES.get(column.focus_name, ()))
            if column.mandatory:
                columns.require(*names)
            if column.kind == "decimal":
                strict = column.focus_name.endswith("Cost")
                expressions[column.name] = columns.decimal(*names, strict=strict)
            elif column.kind == "time":
                expressions[column.name] = columns.time(*names)
            else:
                expressions[column.name] = columns.text(*names)
        expressions["resource_group"] = columns.text("x_ResourceGroupName")
        return expressions

    def notices(self) -> tuple[str, ...]:
        return ()
