"""AWS Cost Explorer: the file that a connection writes from the answers of GetCostAndUsage.

Source: ``costs.bills.clouds.cost_explorer``, whose header it is; AWS, "GetCostAndUsage" for the
meaning of RECORD_TYPE and of the metrics.
"""

from __future__ import annotations

from collections.abc import Mapping

from costs.bills.description import Columns, sql_text

CATEGORIES = {
    "tax": "Tax",
    "credit": "Credit",
    "refund": "Adjustment",
    "upfront": "Purchase",
    "recurring": "Purchase",
    "fee": "Purchase",
    "rifee": "Purchase",
    "savingsplanupfrontfee": "Purchase",
    "savingsplanrecurringfee": "Purchase",
}
"""By RECORD_TYPE in small letters without spaces; discounts are credits, all others are usage."""


class AwsCostExplorer:
    """A day, account, service and kind of record a row."""

    name = "aws-cost-explorer"
    family = "cost-explorer"
    version = 1

    def recognises(self, columns: Columns) -> bool:
        return columns.has("LinkedAccountId", "RecordType", "UnblendedCost", "TimePeriodStart")

    def charge(self, columns: Columns) -> Mapping[str, str]:
        for needed in ("PayerAccountId", "BillingMonth", "AmortizedCost", "Service", "Currency"):
            columns.require(needed)
        month = columns.time("BillingMonth", formats=("%Y-%m",))
        record = columns.text("RecordType")
        kind = f"lower(replace({record}, ' ', ''))"
        cases = " ".join(f"WHEN {sql_text(k)} THEN {sql_text(v)}" for k, v in CATEGORIES.items())
        split, value = columns.text("SplitBy"), columns.text("SplitValue")
        tag = f"starts_with({split}, 'tag:') AND {value} IS NOT NULL"
        start = columns.time("TimePeriodStart")
        end = columns.time("TimePeriodEnd")
        return {
            "billed_cost": columns.decimal("UnblendedCost"),
            "effective_cost": columns.decimal("AmortizedCost"),
            "billing_account_id": columns.text("PayerAccountId"),
            "billing_currency": columns.text("Currency"),
            "billing_period_start": month,
            "billing_period_end": f"{month} + INTERVAL 1 MONTH",
            "charge_category": (
                f"CASE WHEN contains({kind}, 'discount') AND {kind} <> 'discountedusage'"
                f" THEN 'Credit' ELSE CASE {kind} {cases} ELSE 'Usage' END END"
            ),
            "charge_description": record,
            "charge_frequency": (
                f"CASE WHEN {kind} IN ('recurring', 'rifee', 'savingsplanrecurringfee')"
                f" THEN 'Recurring' WHEN {kind} IN ('tax', 'credit', 'refund', 'upfront', 'fee',"
                " 'savingsplanupfrontfee') THEN 'One-Time' ELSE 'Usage-Based' END"
            ),
            "charge_period_start": start,
            "charge_period_end": end,
            "invoice_issuer_name": "'Amazon Web Services'",
            "provider_name": "'AWS'",
            "publisher_name": "'Amazon Web Services'",
            "service_name": f"coalesce({columns.text('Service')}, 'Unknown')",
            "sku_meter": f"CASE WHEN {split} = 'usage type' THEN {value} END",
            "sub_account_id": columns.text("LinkedAccountId"),
            "sub_account_name": columns.text("LinkedAccountName"),
            "tags": (
                f"CASE WHEN {tag}"
                f" THEN CAST(json_object(substr({split}, 5), {value}) AS VARCHAR) END"
            ),
        }

    def notices(self) -> tuple[str, ...]:
        return (
            "From Cost Explorer: cost by day, service and account. Resources, prices and"
            " quantities are in an export alone.",
        )
