"""Writes charges as Azure cost details of an Enterprise Agreement, "actual cost": CSV with a byte
order mark, American dates, and tags that lack their braces, as the portal exports them.

Column meanings: Microsoft Learn, "Understand cost details fields".
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache

from costs.demo.azure_estate import meter_id
from costs.demo.azure_services import SERVICES
from costs.demo.charges import Charge, Kind
from costs.demo.identifiers import AZURE_BILLING_ACCOUNT, SUBSCRIPTION_NAMES, hexadecimal
from costs.demo.meters import Meter
from costs.demo.quantities import View

COLUMNS = (
    "BillingAccountId BillingAccountName BillingPeriodStartDate BillingPeriodEndDate "
    "BillingProfileId BillingProfileName AccountOwnerId AccountName SubscriptionId "
    "SubscriptionName Date Product PartNumber MeterId ServiceFamily MeterCategory "
    "MeterSubCategory MeterRegion MeterName Quantity EffectivePrice Cost UnitPrice "
    "BillingCurrency ResourceLocation AvailabilityZone ConsumedService ResourceId ResourceName "
    "ServiceInfo1 ServiceInfo2 AdditionalInfo Tags InvoiceSectionId InvoiceSection CostCenter "
    "UnitOfMeasure ResourceGroup ReservationId ReservationName ProductOrderId ProductOrderName "
    "OfferId IsAzureCreditEligible Term PublisherName PlanName ChargeType Frequency "
    "PublisherType PayGPrice PricingModel CostAllocationRuleName benefitId benefitName"
)
HEADER = COLUMNS.split()

ENROLMENT = "Headroom demo enrolment"
SIZES = {"1 vCore": "B_Gen5_1", "2 vCore": "GP_Gen5_2", "4 vCore": "GP_Gen5_4"}


def text(number: Decimal) -> str:
    """Plain decimal notation, no trailing zeros."""
    return f"{number.normalize():f}"


def american(day: date) -> str:
    """MM/DD/YYYY."""
    return f"{day:%m/%d/%Y}"


def rows(charges: Iterable[Charge], view: View) -> Iterator[list[str]]:
    """One list of cells per charge, in the order of `HEADER`."""
    period = {
        "BillingPeriodStartDate": american(view.period.start),
        "BillingPeriodEndDate": american(view.period.last),
    }
    seen: dict[tuple[str, str, Kind], dict[str, str]] = {}
    for charge in charges:
        meter = charge.meter
        key = (meter.resource_id, meter.sku, charge.kind)
        if key not in seen:
            seen[key] = _fixed_columns(meter, charge.kind)
        row = period | seen[key]
        row["Date"] = american(charge.days.start)
        row["Quantity"] = text(charge.quantity)
        row["Cost"] = text(charge.billed)
        row["EffectivePrice"] = row["UnitPrice"] = row["PayGPrice"] = text(charge.price)
        if meter.service == "vault" and charge.days.start.day % 2 == 0:
            # The same resource comes in other letter case from some of Azure's meters.
            for column in ("ResourceId", "ResourceName", "ResourceGroup", "ConsumedService"):
                row[column] = row[column].upper()
        yield [row.get(column, "") for column in HEADER]


@cache
def _account_columns() -> dict[str, str]:
    return {
        "BillingAccountId": AZURE_BILLING_ACCOUNT,
        "BillingAccountName": ENROLMENT,
        "BillingProfileId": AZURE_BILLING_ACCOUNT,
        "BillingProfileName": ENROLMENT,
        "AccountOwnerId": "cloud-accounts@example.com",
        "AccountName": "Cloud accounts",
        "BillingCurrency": "USD",
        "InvoiceSection": "Engineering",
        "IsAzureCreditEligible": "True",
        "OfferId": "MS-AZR-0017P",
    }


def _fixed_columns(meter: Meter, kind: Kind) -> dict[str, str]:
    service = SERVICES[meter.service]
    parts = (service.category, service.sub_category, meter.sku, "US East")
    marketplace = service.publisher != "Microsoft"
    row = _account_columns() | {
        "SubscriptionId": meter.account,
        "SubscriptionName": SUBSCRIPTION_NAMES[meter.account],
        "Product": " - ".join(part for part in parts if part),
        "PartNumber": f"AA{hexadecimal(meter.sku, 1).upper()}-{_digits(meter.sku)}",
        "MeterId": meter_id(meter),
        "ServiceFamily": service.family,
        "MeterCategory": service.category,
        "MeterSubCategory": service.sub_category,
        "MeterRegion": "US East",
        "MeterName": meter.sku,
        "ResourceLocation": "EastUS",
        "ConsumedService": service.consumed_service,
        "ResourceId": meter.resource_id,
        "ResourceName": meter.resource_name,
        "Tags": ",".join(f'"{key}": "{value}"' for key, value in meter.tags),
        "UnitOfMeasure": meter.price.unit,
        "ResourceGroup": meter.group,
        "PublisherName": service.publisher,
        "PublisherType": "Marketplace" if marketplace else "Azure",
        "ChargeType": "Purchase" if kind is Kind.PURCHASE else "Usage",
        "Frequency": "Recurring" if kind is Kind.PURCHASE else "UsageBased",
        "PricingModel": "OnDemand",
    }
    if meter.sku in SIZES:
        row["AdditionalInfo"] = f'{{"ServiceType":"{SIZES[meter.sku]}"}}'
    return row


def _digits(sku: str) -> str:
    return str(int(hexadecimal(sku, 8), 16) % 90000 + 10000)
