"""FOCUS 1.2: the names, types and allowed values that a charge has everywhere behind the readers.

Source: FinOps Open Cost and Usage Specification 1.2, column definitions. Code says the names in
snake_case; the specification's spelling appears only here, in readers and in exports. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

type Kind = Literal["text", "decimal", "time", "json"]

DECIMAL: Final = "DECIMAL(38,18)"
"""How the lake keeps money and quantities: Azure prints 15 decimals, 18 leave room to spread."""

SQL_TYPES: Final[dict[Kind, str]] = {
    "text": "VARCHAR",
    "decimal": DECIMAL,
    "time": "TIMESTAMP",
    "json": "VARCHAR",
}


def snake(name: str) -> str:
    """``ChargePeriodStart`` as ``charge_period_start``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@dataclass(frozen=True)
class Column:
    """A FOCUS column: its specified name, our name and what it holds."""

    focus_name: str
    kind: Kind
    mandatory: bool = False

    @property
    def name(self) -> str:
        return snake(self.focus_name)

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.kind]


def _columns() -> tuple[Column, ...]:
    mandatory = [
        "BilledCost",
        "BillingAccountId",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "EffectiveCost",
        "ProviderName",
        "ServiceName",
    ]
    decimals = [
        "BilledCost",
        "CommitmentDiscountQuantity",
        "ConsumedQuantity",
        "ContractedCost",
        "ContractedUnitPrice",
        "EffectiveCost",
        "ListCost",
        "ListUnitPrice",
        "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost",
        "PricingCurrencyListUnitPrice",
        "PricingQuantity",
    ]
    times = ["BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"]
    names = [
        "AvailabilityZone",
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingAccountType",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "CapacityReservationId",
        "CapacityReservationStatus",
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "ChargeFrequency",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "CommitmentDiscountCategory",
        "CommitmentDiscountId",
        "CommitmentDiscountName",
        "CommitmentDiscountQuantity",
        "CommitmentDiscountStatus",
        "CommitmentDiscountType",
        "CommitmentDiscountUnit",
        "ConsumedQuantity",
        "ConsumedUnit",
        "ContractedCost",
        "ContractedUnitPrice",
        "EffectiveCost",
        "InvoiceId",
        "InvoiceIssuerName",
        "ListCost",
        "ListUnitPrice",
        "PricingCategory",
        "PricingCurrency",
        "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost",
        "PricingCurrencyListUnitPrice",
        "PricingQuantity",
        "PricingUnit",
        "ProviderName",
        "PublisherName",
        "RegionId",
        "RegionName",
        "ResourceId",
        "ResourceName",
        "ResourceType",
        "ServiceCategory",
        "ServiceName",
        "ServiceSubcategory",
        "SkuId",
        "SkuMeter",
        "SkuPriceDetails",
        "SkuPriceId",
        "SubAccountId",
        "SubAccountName",
        "SubAccountType",
        "Tags",
    ]

    def kind(name: str) -> Kind:
        if name in decimals:
            return "decimal"
        if name in times:
            return "time"
        return "json" if name in {"Tags", "SkuPriceDetails"} else "text"

    return tuple(Column(name, kind(name), name in mandatory) for name in names)


COLUMNS: Final = _columns()
"""The 57 columns of FOCUS 1.2. ``mandatory`` here means: without it there is no charge."""

BY_NAME: Final = {column.name: column for column in COLUMNS}

CHARGE_CATEGORIES: Final = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
CHARGE_FREQUENCIES: Final = ("One-Time", "Recurring", "Usage-Based")
