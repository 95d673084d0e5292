"""Azure cost details, actual cost, of enterprise (EA) and customer (MCA) agreements.

Source: Microsoft, cost details file schema. Spelling and case of the columns differ between
agreements and export versions; dates are MM/DD/YYYY or ISO.
"""

from __future__ import annotations

from collections.abc import Mapping

from costs.bills.description import ABSENT, Columns, sql_text

DATES = ("%m/%d/%Y", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %H:%M:%S")
COST = ("CostInBillingCurrency", "Cost", "PreTaxCost")
CATEGORIES = {
    "usage": "Usage",
    "unusedreservation": "Usage",
    "unusedsavingsplan": "Usage",
    "purchase": "Purchase",
    "tax": "Tax",
    "credit": "Credit",
    "refund": "Adjustment",
    "roundingadjustment": "Adjustment",
}


class AzureActual:
    """A meter and day a row; what is charged on a day starts and ends with it."""

    name = "azure-actual"
    family = "cost-details"
    version = 2

    def recognises(self, columns: Columns) -> bool:
        return columns.has("MeterCategory", "SubscriptionId")

    def charge(self, columns: Columns) -> Mapping[str, str]:
        for needed in (COST, ("Date", "UsageDateTime"), ("BillingPeriodStartDate",)):
            columns.require(*needed)
        columns.require("BillingCurrency", "BillingCurrencyCode")
        day = columns.time("Date", "UsageDateTime", formats=DATES)
        cost = columns.decimal(*COST)
        period = columns.time("BillingPeriodStartDate", formats=DATES)
        period_end = columns.time("BillingPeriodEndDate", formats=DATES)
        one_day = "INTERVAL 1 DAY"
        unused = columns.text("ChargeType")
        benefit = f"coalesce({columns.text('BenefitId')}, {columns.text('ReservationId')})"
        plan = f"coalesce(lower({columns.text('PricingModel')}) = 'savingsplan', false)"
        cases = " ".join(f"WHEN {sql_text(k)} THEN {sql_text(v)}" for k, v in CATEGORIES.items())
        return {
            "availability_zone": columns.text("AvailabilityZone"),
            "billed_cost": cost,
            "effective_cost": cost,
            "list_cost": columns.decimal("PaygCostInBillingCurrency", strict=False),
            "list_unit_price": columns.decimal("PayGPrice", strict=False),
            "contracted_unit_price": columns.decimal("UnitPrice", strict=False),
            "billing_account_id": columns.text("BillingAccountId"),
            "billing_account_name": columns.text("BillingAccountName"),
            "billing_currency": columns.text("BillingCurrency", "BillingCurrencyCode"),
            "billing_period_start": f"date_trunc('month', {period})",
            # The file gives the last day of the period; ours end with the first day after.
            "billing_period_end": f"coalesce({period_end}, last_day({period})) + {one_day}",
            "charge_category": f"CASE lower({unused}) {cases} ELSE 'Usage' END",
            "charge_description": columns.text("ProductName", "Product"),
            "charge_frequency": (
                f"CASE lower({columns.text('Frequency')}) WHEN 'onetime' THEN 'One-Time'"
                " WHEN 'recurring' THEN 'Recurring' ELSE 'Usage-Based' END"
            ),
            "charge_period_start": day,
            "charge_period_end": f"{day} + {one_day}",
            "commitment_discount_id": benefit,
            "commitment_discount_category": (
                f"CASE WHEN {benefit} IS NULL THEN NULL WHEN {plan} THEN 'Spend' ELSE 'Usage' END"
            ),
            "commitment_discount_type": (
                f"CASE WHEN {benefit} IS NULL THEN NULL WHEN {plan} THEN 'Savings Plan'"
                " ELSE 'Reservation' END"
            ),
            "commitment_discount_name": (
                f"coalesce({columns.text('BenefitName')}, {columns.text('ReservationName')})"
            ),
            "commitment_discount_status": (
                f"CASE WHEN {benefit} IS NULL THEN NULL"
                f" WHEN starts_with(lower({unused}), 'unused') THEN 'Unused'"
                f" WHEN lower({unused}) = 'usage' THEN 'Used' END"
            ),
            "consumed_quantity": columns.decimal("Quantity", strict=False),
            "consumed_unit": columns.text("UnitOfMeasure"),
            "invoice_id": columns.text("InvoiceId"),
            "invoice_issuer_name": "'Microsoft'",
            "pricing_quantity": columns.decimal("Quantity", strict=False),
            "pricing_unit": columns.text("UnitOfMeasure"),
            "provider_name": "'Microsoft'",
            "publisher_name": columns.text("PublisherName"),
            "region_id": f"lower(replace({columns.text('ResourceLocation', 'Location')}, ' ', ''))",
            "region_name": columns.text("ResourceLocation", "Location"),
            "resource_id": columns.text("ResourceId", "InstanceId"),
            "resource_name": columns.text("ResourceName"),
            "resource_type": columns.text("ConsumedService"),
            "resource_group": columns.text("ResourceGroup", "ResourceGroupName"),
            "service_name": f"coalesce({columns.text('MeterCategory')}, 'Unknown')",
            "service_subcategory": columns.text("MeterSubCategory"),
            "sku_id": columns.text("MeterId"),
            "sku_meter": columns.text("MeterName"),
            "sku_price_id": columns.text("PartNumber"),
            "sub_account_id": columns.text("SubscriptionId"),
            "sub_account_name": columns.text("SubscriptionName"),
            "tags": _tags(columns),
        }

    def notices(self) -> tuple[str, ...]:
        return (
            "Only Azure's actual cost is here: effective cost equals billed cost, reservations"
            " are not spread over what they cover.",
        )


def _tags(columns: Columns) -> str:
    """Tags as a JSON object: enterprise exports leave the braces out."""
    text = columns.text("Tags")
    if text == ABSENT:
        return ABSENT
    return f"CASE WHEN starts_with(ltrim({text}), '{{') THEN {text} ELSE '{{' || {text} || '}}' END"
