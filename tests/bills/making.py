"""Tiny bills, written by hand: rows as mappings from column to text, in any container."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management import call_command

from costs.bills.operations import LoadedBill, ingest_bill
from costs.lake.models import BillVersion
from costs.people.scope import Scope
from costs.periods import Period, month_of
from costs.spend.queries import Metric, cost_by

type Row = Mapping[str, str]

NOW = datetime(2026, 2, 3, 6, tzinfo=UTC)
ALL = Scope.everything()

FOCUS: Row = {
    "BilledCost": "1",
    "BillingAccountId": "account-1",
    "BillingAccountName": "Example",
    "BillingCurrency": "USD",
    "BillingPeriodEnd": "2026-02-01T00:00:00Z",
    "BillingPeriodStart": "2026-01-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeDescription": "Machine hours",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-01-06T00:00:00Z",
    "ChargePeriodStart": "2026-01-05T00:00:00Z",
    "ContractedCost": "1",
    "EffectiveCost": "1",
    "InvoiceIssuerName": "Example Cloud, Inc.",
    "ListCost": "1",
    "PricingQuantity": "24",
    "PricingUnit": "Hours",
    "ProviderName": "Example Cloud",
    "PublisherName": "Example Cloud",
    "RegionId": "eu-1",
    "ResourceId": "vm-1",
    "ServiceCategory": "Compute",
    "ServiceName": "Machines",
    "SkuId": "SKU1",
    "SubAccountId": "sub-1",
    "SubAccountName": "Example",
    "Tags": '{"environment": "prod", "cost-center": "cc-7"}',
}

CUR: Row = {
    "bill/BillType": "Anniversary",
    "bill/BillingEntity": "AWS",
    "bill/BillingPeriodEndDate": "2026-02-01T00:00:00Z",
    "bill/BillingPeriodStartDate": "2026-01-01T00:00:00Z",
    "bill/InvoiceId": "",
    "bill/PayerAccountId": "111122223333",
    "lineItem/CurrencyCode": "USD",
    "lineItem/LegalEntity": "Amazon Web Services, Inc.",
    "lineItem/LineItemDescription": "Machine hours",
    "lineItem/LineItemType": "Usage",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/ResourceId": "i-1",
    "lineItem/UnblendedCost": "1",
    "lineItem/UsageAccountId": "444455556666",
    "lineItem/UsageAmount": "1",
    "lineItem/UsageEndDate": "2026-01-05T01:00:00Z",
    "lineItem/UsageStartDate": "2026-01-05T00:00:00Z",
    "lineItem/UsageType": "BoxUsage:m5.large",
    "pricing/publicOnDemandCost": "1",
    "pricing/publicOnDemandRate": "1",
    "pricing/unit": "Hrs",
    "product/ProductName": "Amazon Elastic Compute Cloud",
    "product/region": "us-east-1",
    "reservation/EffectiveCost": "",
    "reservation/ReservationARN": "",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "",
    "reservation/UnusedRecurringFee": "",
    "resourceTags/user:environment": "prod",
    "savingsPlan/SavingsPlanARN": "",
    "savingsPlan/SavingsPlanEffectiveCost": "",
    "savingsPlan/TotalCommitmentToDate": "",
    "savingsPlan/UsedCommitment": "",
}

AZURE_EA: Row = {
    "BillingAccountId": "8000001",
    "BillingAccountName": "Example",
    "BillingPeriodStartDate": "01/01/2026",
    "BillingPeriodEndDate": "01/31/2026",
    "SubscriptionId": "00000000-0000-0000-0000-000000000001",
    "SubscriptionName": "Example",
    "Date": "01/05/2026",
    "Product": "Machine",
    "MeterId": "11111111-0000-0000-0000-000000000001",
    "MeterCategory": "Virtual Machines",
    "MeterSubCategory": "BS Series",
    "MeterName": "B1s",
    "Quantity": "24",
    "Cost": "1",
    "UnitPrice": "0.04",
    "BillingCurrency": "USD",
    "ResourceLocation": "uksouth",
    "ResourceId": "/subscriptions/0/resourceGroups/rg-shop-prod/providers/Vm/vm-1",
    "Tags": '"env": "prod","org": "x"',
    "UnitOfMeasure": "1 Hour",
    "ResourceGroup": "rg-shop-prod",
    "ReservationId": "",
    "ChargeType": "Usage",
    "Frequency": "UsageBased",
}

AZURE_MCA: Row = {
    "invoiceId": "",
    "billingAccountId": "a:b_2019-05-31",
    "billingAccountName": "Example",
    "billingPeriodStartDate": "1/1/2026",
    "billingPeriodEndDate": "1/31/2026",
    "SubscriptionId": "00000000-0000-0000-0000-000000000001",
    "subscriptionName": "Example",
    "date": "1/5/2026",
    "ProductName": "Machine",
    "meterId": "11111111-0000-0000-0000-000000000001",
    "meterCategory": "Virtual Machines",
    "meterSubCategory": "BS Series",
    "meterName": "B1s",
    "quantity": "24",
    "costInBillingCurrency": "1",
    "billingCurrency": "USD",
    "resourceLocation": "UK South",
    "ResourceId": "/subscriptions/0/resourceGroups/rg-shop-prod/providers/Vm/vm-1",
    "resourceGroupName": "rg-shop-prod",
    "tags": '{"env": "prod"}',
    "unitOfMeasure": "1 Hour",
    "chargeType": "Usage",
    "frequency": "UsageBased",
}


def focus(**changes: object) -> dict[str, str]:
    """A FOCUS row; without a list, contracted and effective cost of its own it costs one thing."""
    row = {**FOCUS, **{name: str(value) for name, value in changes.items()}}
    for cost in ("EffectiveCost", "ListCost", "ContractedCost"):
        if "BilledCost" in changes and cost not in changes:
            row[cost] = row["BilledCost"]
    return row


def cur(changes: Row | None = None) -> dict[str, str]:
    return {**CUR, **(changes or {})}


def csv_text(rows: Sequence[Row], columns: Iterable[str] | None = None) -> str:
    """``rows`` as CSV; columns of the first row unless given."""
    out = io.StringIO()
    names = list(columns or rows[0])
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write(path: Path, content: str | bytes | Sequence[Row]) -> Path:
    """Write text, bytes or rows; gzipped where the name ends in ``.gz``."""
    data = content if isinstance(content, str | bytes) else csv_text(content)
    raw = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if path.name.endswith(".gz") else raw)
    return path


def ingest(*paths: Path, now: datetime = NOW, **more: Any) -> list[LoadedBill]:
    return ingest_bill(list(paths), actor="a test", now=now, **more)


def spent(*by: str, metric: Metric = "billed_cost", **more: Any) -> dict[tuple[str, ...], Decimal]:
    """Cost by the keys of a grouping and the currency; a bare currency without a grouping."""
    rows = cost_by(ALL, by=by, metric=metric, **more)
    return {(*row.keys, row.currency): row.cost for row in rows}


def total(metric: Metric = "billed_cost", currency: str = "USD", **more: Any) -> Decimal:
    return spent(metric=metric, **more).get((currency,), Decimal(0))


def month(year: int, number: int) -> Period:
    return month_of(date(year, number, 1))


def only_version() -> BillVersion:
    return BillVersion.objects.get()


def command(name: str, *arguments: object, capsys: Any) -> Any:
    """The one JSON document that a command prints on stdout."""
    capsys.readouterr()
    call_command(name, *map(str, arguments), "--json")
    return json.loads(capsys.readouterr().out)
