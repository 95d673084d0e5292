"""Writes charges as a FOCUS 1.2 file, the way a SaaS vendor delivers its bill: all 57 columns,
empty where they do not apply. Column meanings: FOCUS 1.2 specification."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from costs.demo.charges import Charge, Kind
from costs.demo.identifiers import SAAS_BILLING_ACCOUNT
from costs.demo.quantities import View
from costs.demo.saas_estate import SERVICES

COLUMNS = (
    "AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingAccountType "
    "BillingCurrency BillingPeriodEnd BillingPeriodStart CapacityReservationId "
    "CapacityReservationStatus ChargeCategory ChargeClass ChargeDescription ChargeFrequency "
    "ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory CommitmentDiscountId "
    "CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus "
    "CommitmentDiscountType CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractedCost "
    "ContractedUnitPrice EffectiveCost InvoiceId InvoiceIssuerName ListCost ListUnitPrice "
    "PricingCategory PricingCurrency PricingCurrencyContractedUnitPrice "
    "PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice PricingQuantity PricingUnit "
    "ProviderName PublisherName RegionId RegionName ResourceId ResourceName ResourceType "
    "ServiceCategory ServiceName ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId "
    "SubAccountId SubAccountName SubAccountType Tags"
)
HEADER = COLUMNS.split()

VENDOR = "Datadog"
CATEGORIES = {Kind.USAGE: "Usage", Kind.PURCHASE: "Purchase", Kind.CREDIT: "Credit"}
FREQUENCIES = {Kind.USAGE: "Usage-Based", Kind.PURCHASE: "Recurring", Kind.CREDIT: "One-Time"}


def text(number: Decimal) -> str:
    """Plain decimal notation, no trailing zeros."""
    return f"{number.normalize():f}"


def moment(day: date) -> str:
    """Midnight UTC in ISO 8601."""
    return f"{day.isoformat()}T00:00:00Z"


def rows(charges: Iterable[Charge], view: View) -> Iterator[list[str]]:
    """One list of cells per charge, in the order of `HEADER`."""
    bill = {
        "BillingAccountId": SAAS_BILLING_ACCOUNT,
        "BillingAccountName": "Template",
        "BillingAccountType": "Organization",
        "BillingCurrency": "USD",
        "BillingPeriodStart": moment(view.period.start),
        "BillingPeriodEnd": moment(view.period.end),
        "InvoiceId": f"INV-{view.period.start:%Y%m}-4471902",
        "InvoiceIssuerName": VENDOR,
        "PricingCurrency": "USD",
        "ProviderName": VENDOR,
        "PublisherName": VENDOR,
    }
    for charge in charges:
        row = bill | _charge_columns(charge) | _sku_columns(charge)
        yield [row.get(column, "") for column in HEADER]


def _charge_columns(charge: Charge) -> dict[str, str]:
    cost = text(charge.billed)
    service = SERVICES[charge.meter.service]
    return {
        "BilledCost": cost,
        "EffectiveCost": text(charge.effective),
        "ContractedCost": cost,
        "ListCost": cost,
        "PricingCurrencyEffectiveCost": text(charge.effective),
        "ChargeCategory": CATEGORIES[charge.kind],
        "ChargeFrequency": FREQUENCIES[charge.kind],
        "ChargeDescription": charge.description or f"{service.name}: {charge.meter.sku}",
        "ChargePeriodStart": moment(charge.days.start),
        "ChargePeriodEnd": moment(charge.days.end),
        "ServiceCategory": service.category,
        "ServiceSubcategory": service.subcategory,
        "ServiceName": service.name,
    }


def _sku_columns(charge: Charge) -> dict[str, str]:
    """Resource, SKU and price; a credit has none of them."""
    meter = charge.meter
    if charge.kind is Kind.CREDIT:
        return {}
    price, quantity = text(charge.price), text(charge.quantity)
    row = {
        "ContractedUnitPrice": price,
        "ListUnitPrice": price,
        "PricingCurrencyContractedUnitPrice": price,
        "PricingCurrencyListUnitPrice": price,
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": meter.price.unit,
        "ResourceId": meter.resource_id,
        "ResourceName": meter.resource_name,
        "ResourceType": "Monitored environment",
        "SkuId": meter.sku,
        "SkuMeter": meter.sku,
        "SkuPriceId": f"{meter.sku}/list",
        "SubAccountId": meter.account,
        "SubAccountName": meter.resource_name,
        "SubAccountType": "Sub-organization",
        "Tags": json.dumps(dict(meter.tags)),
    }
    if charge.kind is Kind.USAGE:
        row |= {"ConsumedQuantity": quantity, "ConsumedUnit": meter.price.unit}
    return row
