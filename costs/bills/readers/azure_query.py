"""Azure Cost Management query: the file that a connection writes from the answers of query.usage.

Source: ``costs.bills.clouds.azure_query``, whose header it is; Microsoft, "Query - Usage".
"""

from __future__ import annotations

from collections.abc import Mapping

from costs.bills.description import Columns, sql_text
from costs.bills.readers.azure_actual import CATEGORIES


class AzureQuery:
    """A day, service, resource group or subscription, and charge type a row."""

    name = "azure-query"
    family = "query"
    version = 1

    def recognises(self, columns: Columns) -> bool:
        return columns.has("UsageDate", "ActualCost", "AmortizedCost", "BillingScope")

    def charge(self, columns: Columns) -> Mapping[str, str]:
        for needed in ("BillingMonth", "ServiceName", "ChargeType", "Currency"):
            columns.require(needed)
        month = columns.time("BillingMonth", formats=("%Y-%m",))
        day = columns.time("UsageDate")
        kind = f"lower({columns.text('ChargeType')})"
        cases = " ".join(f"WHEN {sql_text(k)} THEN {sql_text(v)}" for k, v in CATEGORIES.items())
        return {
            "billed_cost": columns.decimal("ActualCost"),
            "effective_cost": columns.decimal("AmortizedCost"),
            "billing_account_id": columns.text("BillingScope"),
            "billing_currency": columns.text("Currency"),
            "billing_period_start": month,
            "billing_period_end": f"{month} + INTERVAL 1 MONTH",
            "charge_category": f"CASE {kind} {cases} ELSE 'Usage' END",
            "charge_description": columns.text("ChargeType"),
            "charge_frequency": (
                f"CASE WHEN {kind} IN ('usage', 'unusedreservation', 'unusedsavingsplan')"
                f" OR {kind} IS NULL THEN 'Usage-Based' ELSE 'One-Time' END"
            ),
            "charge_period_start": day,
            "charge_period_end": f"{day} + INTERVAL 1 DAY",
            "commitment_discount_status": (
                f"CASE WHEN starts_with({kind}, 'unused') THEN 'Unused' END"
            ),
            "invoice_issuer_name": "'Microsoft'",
            "provider_name": "'Microsoft'",
            "publisher_name": "'Microsoft'",
            "resource_group": columns.text("ResourceGroupName"),
            "service_name": f"coalesce({columns.text('ServiceName')}, 'Unknown')",
            "sub_account_id": columns.text("SubscriptionId"),
        }

    def notices(self) -> tuple[str, ...]:
        return (
            "From Cost Management’s query: cost by day, service and resource group or"
            " subscription. Resources, prices and quantities are in an export alone.",
        )
