"""What a line item of AWS is in FOCUS: shared by the legacy report and CUR 2.0. Pure.

Both spell the same columns; only products, tags and the like are columns in one and maps in the
other. Source: AWS, Cost and Usage Report data dictionary; the effective cost of each line item
type as AWS describes amortised cost for reserved instances and savings plans.
"""

from __future__ import annotations

from collections.abc import Mapping

from costs.bills.description import ABSENT, Columns, sql_text

CATEGORIES = {
    "Usage": "Usage",
    "DiscountedUsage": "Usage",
    "SavingsPlanCoveredUsage": "Usage",
    "SavingsPlanNegation": "Usage",
    "Fee": "Purchase",
    "RIFee": "Purchase",
    "SavingsPlanUpfrontFee": "Purchase",
    "SavingsPlanRecurringFee": "Purchase",
    "Tax": "Tax",
    "Credit": "Credit",
    "BundledDiscount": "Credit",
    "Discount": "Credit",
    "EdpDiscount": "Credit",
    "PrivateRateDiscount": "Credit",
    "RiVolumeDiscount": "Credit",
    "Refund": "Adjustment",
}
FREQUENCIES = {
    "RIFee": "Recurring",
    "SavingsPlanRecurringFee": "Recurring",
    "Fee": "One-Time",
    "SavingsPlanUpfrontFee": "One-Time",
    "Tax": "One-Time",
    "Credit": "One-Time",
    "Refund": "One-Time",
}


def charge(columns: Columns, *, product_name: str, region: str, tags: str) -> dict[str, str]:
    """SQL by FOCUS column; what the formats keep in different places is handed in as SQL.

    Billed is unblended cost: negations cancel what a plan covers.
    """
    columns.require("lineItem/UnblendedCost")
    columns.require("lineItem/UsageStartDate")
    columns.require("bill/BillingPeriodStartDate")
    line_type = columns.text("lineItem/LineItemType")
    plan = columns.text("savingsPlan/SavingsPlanARN")
    reservation = columns.text("reservation/ReservationARN")
    start = columns.time("lineItem/UsageStartDate")
    return {
        "availability_zone": columns.text("lineItem/AvailabilityZone"),
        "billed_cost": columns.decimal("lineItem/UnblendedCost"),
        "effective_cost": effective_cost(columns, line_type),
        # A list price that cannot be read (a shifted pricing column) is unknown, not a reject.
        "list_cost": columns.decimal("pricing/publicOnDemandCost", strict=False),
        "list_unit_price": columns.decimal("pricing/publicOnDemandRate", strict=False),
        "billing_account_id": columns.text("bill/PayerAccountId"),
        "billing_account_name": columns.text("bill/PayerAccountName"),
        "billing_currency": columns.text("lineItem/CurrencyCode"),
        "billing_period_start": columns.time("bill/BillingPeriodStartDate"),
        "billing_period_end": columns.time("bill/BillingPeriodEndDate"),
        "charge_category": _lookup(line_type, CATEGORIES, "Adjustment"),
        "charge_description": columns.text("lineItem/LineItemDescription"),
        "charge_frequency": _lookup(line_type, FREQUENCIES, "Usage-Based"),
        "charge_period_start": start,
        "charge_period_end": f"coalesce({columns.time('lineItem/UsageEndDate')}, {start})",
        "commitment_discount_id": f"coalesce({plan}, {reservation})",
        "commitment_discount_category": (
            f"CASE WHEN {plan} IS NOT NULL THEN 'Spend'"
            f" WHEN {reservation} IS NOT NULL THEN 'Usage' END"
        ),
        "commitment_discount_type": (
            f"CASE WHEN {plan} IS NOT NULL THEN 'Savings Plan'"
            f" WHEN {reservation} IS NOT NULL THEN 'Reserved Instance' END"
        ),
        "commitment_discount_status": (
            f"CASE WHEN {line_type} IN ('DiscountedUsage', 'SavingsPlanCoveredUsage')"
            f" THEN 'Used' WHEN {line_type} IN ('RIFee', 'SavingsPlanRecurringFee')"
            " THEN 'Unused' END"
        ),
        "invoice_id": columns.text("bill/InvoiceId"),
        "invoice_issuer_name": columns.text("lineItem/LegalEntity", "bill/BillingEntity"),
        "pricing_category": (
            f"CASE WHEN {line_type} IN ('DiscountedUsage', 'SavingsPlanCoveredUsage')"
            " THEN 'Committed' ELSE 'Standard' END"
        ),
        "pricing_quantity": columns.decimal("lineItem/UsageAmount", strict=False),
        "pricing_unit": columns.text("pricing/unit"),
        "consumed_quantity": columns.decimal("lineItem/UsageAmount", strict=False),
        "consumed_unit": columns.text("pricing/unit"),
        "provider_name": "'AWS'",
        "publisher_name": columns.text("lineItem/LegalEntity", "bill/BillingEntity"),
        "region_id": f"coalesce({columns.text('product/regionCode')}, {region})",
        "region_name": columns.text("product/location"),
        "resource_id": columns.text("lineItem/ResourceId"),
        "resource_type": columns.text("product/productFamily"),
        "service_name": (
            f"coalesce({product_name}, {columns.text('lineItem/ProductCode')}, 'Unknown')"
        ),
        "sku_id": columns.text("product/sku"),
        "sku_meter": columns.text("lineItem/UsageType"),
        "sku_price_id": columns.text("pricing/RateCode"),
        "sub_account_id": columns.text("lineItem/UsageAccountId"),
        "sub_account_name": columns.text("lineItem/UsageAccountName"),
        "tags": tags,
    }


def effective_cost(columns: Columns, line_type: str) -> str:
    """What a line item costs once commitments are spread over what they cover.

    Covered usage costs what the commitment pays for it; a fee costs only its unused part; an
    upfront fee is billed now and costs nothing; everything else costs what is billed.
    """

    def amount(name: str) -> str:
        decimal = columns.decimal(name)
        return "0" if decimal == ABSENT else f"coalesce({decimal}, 0)"

    billed = columns.decimal("lineItem/UnblendedCost")
    upfront = columns.text("reservation/ReservationARN")
    return (
        f"CASE {line_type}"
        f" WHEN 'SavingsPlanCoveredUsage' THEN {amount('savingsPlan/SavingsPlanEffectiveCost')}"
        f" WHEN 'SavingsPlanNegation' THEN 0"
        f" WHEN 'SavingsPlanRecurringFee' THEN {amount('savingsPlan/TotalCommitmentToDate')}"
        f" - {amount('savingsPlan/UsedCommitment')}"
        f" WHEN 'SavingsPlanUpfrontFee' THEN 0"
        f" WHEN 'Fee' THEN CASE WHEN {upfront} IS NULL THEN {billed} ELSE 0 END"
        f" WHEN 'DiscountedUsage' THEN {amount('reservation/EffectiveCost')}"
        f" WHEN 'RIFee' THEN {amount('reservation/UnusedAmortizedUpfrontFeeForBillingPeriod')}"
        f" + {amount('reservation/UnusedRecurringFee')}"
        f" ELSE {billed} END"
    )


def _lookup(key: str, table: Mapping[str, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN {sql_text(k)} THEN {sql_text(v)}" for k, v in table.items())
    return f"CASE {key} {cases} ELSE {sql_text(otherwise)} END"
