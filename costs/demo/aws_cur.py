"""Writes charges as a legacy AWS Cost and Usage Report: CSV, slash-style header, daily rows.

Column meanings: AWS, "Cost and Usage Report data dictionary". The header is the part of it that
carries anything for this estate; names and order are AWS's.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from costs.demo.aws_services import SERVICES
from costs.demo.charges import Charge, Kind
from costs.demo.identifiers import PAYER, hexadecimal
from costs.demo.quantities import View
from costs.demo.truths import Truths

COLUMNS = (
    "identity/LineItemId identity/TimeInterval bill/InvoiceId bill/BillingEntity bill/BillType "
    "bill/PayerAccountId bill/BillingPeriodStartDate bill/BillingPeriodEndDate "
    "lineItem/UsageAccountId lineItem/LineItemType lineItem/UsageStartDate lineItem/UsageEndDate "
    "lineItem/ProductCode lineItem/UsageType lineItem/Operation lineItem/AvailabilityZone "
    "lineItem/ResourceId lineItem/UsageAmount lineItem/NormalizationFactor "
    "lineItem/NormalizedUsageAmount lineItem/CurrencyCode lineItem/UnblendedRate "
    "lineItem/UnblendedCost lineItem/BlendedRate lineItem/BlendedCost "
    "lineItem/LineItemDescription lineItem/TaxType lineItem/LegalEntity product/ProductName "
    "product/instanceType product/productFamily product/region product/servicecode product/sku "
    "pricing/RateId pricing/currency pricing/publicOnDemandCost pricing/publicOnDemandRate "
    "pricing/term pricing/unit reservation/AmortizedUpfrontCostForUsage "
    "reservation/AmortizedUpfrontFeeForBillingPeriod reservation/EffectiveCost "
    "reservation/EndTime reservation/NumberOfReservations reservation/RecurringFeeForUsage "
    "reservation/ReservationARN reservation/StartTime reservation/TotalReservedUnits "
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod reservation/UnusedQuantity "
    "reservation/UnusedRecurringFee savingsPlan/TotalCommitmentToDate "
    "savingsPlan/SavingsPlanARN savingsPlan/SavingsPlanRate savingsPlan/UsedCommitment "
    "savingsPlan/SavingsPlanEffectiveCost savingsPlan/StartTime savingsPlan/EndTime "
    "savingsPlan/OfferingType savingsPlan/PaymentOption savingsPlan/PurchaseTerm "
    "resourceTags/user:app resourceTags/user:cost-center resourceTags/user:costcenter "
    "resourceTags/user:environment resourceTags/user:workspace"
)
HEADER = COLUMNS.split()

ITEM_TYPES = {
    Kind.USAGE: "Usage",
    Kind.RESERVED: "DiscountedUsage",
    Kind.RESERVATION_FEE: "RIFee",
    Kind.PLAN_COVERED: "SavingsPlanCoveredUsage",
    Kind.PLAN_NEGATION: "SavingsPlanNegation",
    Kind.PLAN_FEE: "SavingsPlanRecurringFee",
    Kind.TAX: "Tax",
    Kind.CREDIT: "Credit",
}
# Rows of the whole account rather than of a resource: AWS gives them neither id nor tags.
WITHOUT_RESOURCE = (Kind.PLAN_NEGATION, Kind.TAX, Kind.CREDIT)
PLAN_CODE, PLAN_NAME = "ComputeSavingsPlans", "Savings Plans for AWS Compute usage"
ZERO_TEXT = "0.0"

Row = dict[str, str]


def text(number: Decimal) -> str:
    """Plain decimal notation, no trailing zeros."""
    return f"{number.normalize():f}"


def moment(day: date) -> str:
    """Midnight UTC as the report writes it."""
    return f"{day.isoformat()}T00:00:00Z"


def rows(charges: Iterable[Charge], planted: Truths, view: View) -> Iterator[list[str]]:
    """One list of cells per charge, in the order of `HEADER`."""
    bill = _bill_columns(view)
    seen: dict[tuple[str, str, Kind], Row] = {}
    for number, charge in enumerate(charges):
        meter = charge.meter
        key = (meter.resource_id or meter.account + meter.service, meter.sku, charge.kind)
        if key not in seen:
            seen[key] = _fixed_columns(charge)
        row = bill | seen[key] | _changing_columns(charge, f"{view.period.start}/{number}")
        if charge.kind in COMMITMENT_COLUMNS:
            row |= COMMITMENT_COLUMNS[charge.kind](charge, planted)
        yield [row.get(column, "") for column in HEADER]


def _bill_columns(view: View) -> Row:
    closed = view.delivered_on > view.period.end
    return {
        "bill/InvoiceId": str(int(hexadecimal(f"aws/{view.period.start}", 8), 16))
        if closed
        else "",
        "bill/BillType": "Anniversary",
        "bill/PayerAccountId": PAYER,
        "bill/BillingPeriodStartDate": moment(view.period.start),
        "bill/BillingPeriodEndDate": moment(view.period.end),
        "lineItem/CurrencyCode": "USD",
        "pricing/currency": "USD",
    }


def _fixed_columns(charge: Charge) -> Row:
    """What is the same for this meter on every day."""
    meter, kind = charge.meter, charge.kind
    service = SERVICES[meter.service]
    marketplace = not service.seller.startswith("Amazon")
    row = {
        "bill/BillingEntity": "AWS Marketplace" if marketplace else "AWS",
        "lineItem/UsageAccountId": meter.account,
        "lineItem/LineItemType": ITEM_TYPES[kind],
        "lineItem/ProductCode": service.product_code,
        "lineItem/UsageType": meter.sku,
        "lineItem/Operation": service.operation if meter.sku else "",
        "lineItem/LegalEntity": service.seller,
        "product/ProductName": service.product_name,
        "product/servicecode": service.product_code,
    }
    if meter.sku:
        row |= {
            "product/productFamily": service.family,
            "product/region": "us-east-1",
            "product/sku": hexadecimal(f"{meter.service}/{meter.sku}", 16).upper(),
            "pricing/RateId": str(int(hexadecimal(meter.sku, 9), 16)),
            "pricing/unit": meter.price.unit,
            "pricing/term": "OnDemand",
        }
    if ":" in meter.sku and service.family.endswith("Instance"):
        row["product/instanceType"] = meter.sku.partition(":")[2]
    if kind not in WITHOUT_RESOURCE:
        row["lineItem/ResourceId"] = meter.resource_id
        row |= {f"resourceTags/{name}": value for name, value in meter.tags}
    return row


def _changing_columns(charge: Charge, line: str) -> Row:
    """What the day changes."""
    start, end = moment(charge.days.start), moment(charge.days.end)
    billed, price = text(charge.billed), text(charge.price)
    row = {
        "identity/LineItemId": hexadecimal(line, 40),
        "identity/TimeInterval": f"{start}/{end}",
        "lineItem/UsageStartDate": start,
        "lineItem/UsageEndDate": end,
        "lineItem/UsageAmount": text(charge.quantity),
        "lineItem/UnblendedCost": billed,
        "lineItem/BlendedCost": billed,
        "lineItem/LineItemDescription": charge.description
        or f"${price} per {charge.meter.price.unit} - {charge.meter.sku} in US East (N. Virginia)",
    }
    if charge.kind is Kind.USAGE:
        row["lineItem/UnblendedRate"] = row["lineItem/BlendedRate"] = price
        row["pricing/publicOnDemandRate"] = price
        row["pricing/publicOnDemandCost"] = billed
    if charge.kind is Kind.TAX:
        code = SERVICES[charge.meter.service].product_code
        row["lineItem/LineItemDescription"] = f"Tax for product code {code}"
        row["lineItem/TaxType"] = "USSalesTax"
    return row


def _reserved(charge: Charge, planted: Truths) -> Row:
    factor = 2  # of a medium instance: AWS, "instance size flexibility"
    return {
        "lineItem/NormalizationFactor": str(factor),
        "lineItem/NormalizedUsageAmount": text(charge.quantity * factor),
        "lineItem/UnblendedRate": ZERO_TEXT,
        "lineItem/LineItemDescription": "Linux/UNIX (Amazon VPC), t3.medium reserved instance "
        "applied",
        "pricing/term": "Reserved",
        "pricing/publicOnDemandRate": text(charge.price),
        "pricing/publicOnDemandCost": text(charge.quantity * charge.price),
        "reservation/AmortizedUpfrontCostForUsage": ZERO_TEXT,
        "reservation/EffectiveCost": text(charge.effective),
        "reservation/RecurringFeeForUsage": text(charge.effective),
        "reservation/ReservationARN": planted.reservation.commitment_id,
    }


def _reservation_fee(charge: Charge, planted: Truths) -> Row:
    bought = planted.reservation
    return {
        "lineItem/UnblendedRate": text(bought.price),
        "lineItem/LineItemDescription": f"USD {text(bought.price)} hourly fee per Linux/UNIX "
        f"(Amazon VPC), {bought.instance_type} instance",
        "pricing/term": "Reserved",
        "reservation/AmortizedUpfrontFeeForBillingPeriod": ZERO_TEXT,
        "reservation/StartTime": moment(bought.start),
        "reservation/EndTime": moment(bought.end),
        "reservation/NumberOfReservations": str(bought.units),
        "reservation/ReservationARN": bought.commitment_id,
        "reservation/TotalReservedUnits": text(charge.quantity),
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": ZERO_TEXT,
        "reservation/UnusedQuantity": text(charge.effective / bought.price),
        "reservation/UnusedRecurringFee": text(charge.effective),
    }


def _plan_covered(charge: Charge, planted: Truths) -> Row:
    return {
        "lineItem/UnblendedRate": text(charge.price),
        "pricing/publicOnDemandRate": text(charge.price),
        "pricing/publicOnDemandCost": text(charge.billed),
        "savingsPlan/SavingsPlanARN": planted.savings_plan.commitment_id,
        "savingsPlan/SavingsPlanRate": text(planted.savings_plan.price),
        "savingsPlan/SavingsPlanEffectiveCost": text(charge.effective),
    }


def _plan_negation(charge: Charge, planted: Truths) -> Row:
    return {
        "lineItem/UnblendedRate": text(-charge.price),
        "lineItem/LineItemDescription": "SavingsPlanNegation used by AccountId : "
        f"{charge.meter.account} and UsageSku : "
        + hexadecimal(f"{charge.meter.service}/{charge.meter.sku}", 16).upper(),
        "savingsPlan/SavingsPlanARN": planted.savings_plan.commitment_id,
    }


def _plan_fee(charge: Charge, planted: Truths) -> Row:
    plan = planted.savings_plan
    return {
        "lineItem/ProductCode": PLAN_CODE,
        "product/servicecode": PLAN_CODE,
        "product/ProductName": PLAN_NAME,
        "product/productFamily": "",
        "lineItem/Operation": "",
        "lineItem/UnblendedRate": text(plan.hourly_commitment),
        "lineItem/LineItemDescription": "1 year No Upfront Compute Savings Plan",
        "savingsPlan/SavingsPlanARN": plan.commitment_id,
        "savingsPlan/TotalCommitmentToDate": text(charge.billed),
        "savingsPlan/UsedCommitment": text(charge.billed - charge.effective),
        "savingsPlan/StartTime": moment(plan.start),
        "savingsPlan/EndTime": f"{(plan.end - timedelta(days=1)).isoformat()}T23:59:59Z",
        "savingsPlan/OfferingType": PLAN_CODE,
        "savingsPlan/PaymentOption": "No Upfront",
        "savingsPlan/PurchaseTerm": "1yr",
    }


COMMITMENT_COLUMNS = {
    Kind.RESERVED: _reserved,
    Kind.RESERVATION_FEE: _reservation_fee,
    Kind.PLAN_COVERED: _plan_covered,
    Kind.PLAN_NEGATION: _plan_negation,
    Kind.PLAN_FEE: _plan_fee,
}
