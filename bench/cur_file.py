"""A made-up AWS Cost and Usage Report (legacy) of any size, as CSV.gz with 190 columns.

One month, hour by hour: 2,000 resources of 12 accounts, 24 products in 6 regions, six cost
allocation tags, a savings plan that covers one line in twenty and its negations. As in real
reports, most of the product columns are empty in most rows. Deterministic.
"""

from __future__ import annotations

from pathlib import Path

ROWS = 1_000_000
RESOURCES = 2_000

_HOUR = f"TIMESTAMP '2026-06-01 00:00:00' + to_hours(CAST(i // {RESOURCES} AS INTEGER) % 720)"
_ISO = "strftime({}, '%Y-%m-%dT%H:%M:%SZ')"

# Column: its SQL over i (number of the row), r (of its resource), the hour, units and cost.
_FILLED = {
    "identity/LineItemId": "md5('' || i)",
    "identity/TimeInterval": f"{_ISO.format('hour')} || '/' ||"
    f" {_ISO.format('hour + INTERVAL 1 HOUR')}",
    "bill/InvoiceId": "'2026060001'",
    "bill/BillingEntity": "'AWS'",
    "bill/BillType": "'Anniversary'",
    "bill/PayerAccountId": "'000000000001'",
    "bill/BillingPeriodStartDate": "'2026-06-01T00:00:00Z'",
    "bill/BillingPeriodEndDate": "'2026-07-01T00:00:00Z'",
    "lineItem/UsageAccountId": "'00000000010' || r % 12",
    "lineItem/LineItemType": "kind",
    "lineItem/UsageStartDate": _ISO.format("hour"),
    "lineItem/UsageEndDate": _ISO.format("hour + INTERVAL 1 HOUR"),
    "lineItem/ProductCode": "'Product' || r % 24",
    "lineItem/UsageType": "'USE1-BoxUsage:type' || r % 40",
    "lineItem/Operation": "'RunInstances'",
    "lineItem/AvailabilityZone": "'region-' || r % 6 || 'a'",
    "lineItem/ResourceId": "'arn:aws:ec2:region-' || r % 6 || ':account:instance/i-'"
    " || md5('' || r)",
    "lineItem/UsageAmount": "units",
    "lineItem/CurrencyCode": "'USD'",
    "lineItem/UnblendedRate": "CAST(10 + r % 400 AS DECIMAL(18,10)) / 1000",
    "lineItem/UnblendedCost": "CASE kind WHEN 'SavingsPlanNegation' THEN -cost ELSE cost END",
    "lineItem/BlendedRate": "CAST(10 + r % 400 AS DECIMAL(18,10)) / 1000",
    "lineItem/BlendedCost": "cost",
    "lineItem/LineItemDescription": "'$' || (10 + r % 400) / 1000 || ' per hour of type '"
    " || r % 40",
    "lineItem/LegalEntity": "'Amazon Web Services, Inc.'",
    "product/ProductName": "'Product ' || r % 24",
    "product/instanceType": "'type' || r % 40",
    "product/location": "'Region ' || r % 6",
    "product/operatingSystem": "'Linux'",
    "product/productFamily": "'Family ' || r % 8",
    "product/region": "'region-' || r % 6",
    "product/regionCode": "'region-' || r % 6",
    "product/servicecode": "'Product' || r % 24",
    "product/sku": "upper(md5('' || r % 400)[1:12])",
    "product/usagetype": "'USE1-BoxUsage:type' || r % 40",
    "product/vcpu": "'' || (1 + r % 16)",
    "product/memory": "'' || (1 + r % 64) || ' GiB'",
    "pricing/RateCode": "upper(md5('' || r % 400)[1:12]) || '.JRTCKXETXF.6YS6EN2CT7'",
    "pricing/RateId": "'' || r % 400",
    "pricing/currency": "'USD'",
    "pricing/publicOnDemandCost": "cost",
    "pricing/publicOnDemandRate": "CAST(10 + r % 400 AS DECIMAL(18,10)) / 1000",
    "pricing/term": "'OnDemand'",
    "pricing/unit": "'Hrs'",
    "savingsPlan/SavingsPlanARN": "CASE WHEN kind <> 'Usage' THEN"
    " 'arn:aws:savingsplans::000000000001:savingsplan/' || r % 5 END",
    "savingsPlan/SavingsPlanEffectiveCost": "CASE kind WHEN 'SavingsPlanCoveredUsage'"
    " THEN cost * 7 / 10 END",
    "savingsPlan/SavingsPlanRate": "CASE kind WHEN 'SavingsPlanCoveredUsage'"
    " THEN cost * 7 / 10 END",
    "resourceTags/user:environment": "CASE WHEN r % 20 > 0"
    " THEN ['prod', 'staging', 'dev'][1 + r % 3] END",
    "resourceTags/user:cost-center": "CASE WHEN r % 20 > 0 THEN 'cc-' || r % 15 END",
    "resourceTags/user:team": "CASE WHEN r % 20 > 0 THEN 'team-' || r % 9 END",
    "resourceTags/user:Name": "'vm-' || r",
    "resourceTags/user:release": "CASE WHEN r % 4 = 0 THEN '2026.' || r % 7 END",
    "resourceTags/aws:createdBy": "CASE WHEN r % 7 = 0 THEN 'AssumedRole:deploy' END",
}
_EMPTY = {
    "lineItem": ("NormalizationFactor", "NormalizedUsageAmount", "TaxType"),
    "pricing": ("LeaseContractLength", "OfferingClass", "PurchaseOption"),
    "reservation": (
        *("AmortizedUpfrontCostForUsage", "AmortizedUpfrontFeeForBillingPeriod"),
        *("AvailabilityZone", "EffectiveCost", "EndTime", "ModificationStatus"),
        *("NormalizedUnitsPerReservation", "NumberOfReservations", "RecurringFeeForUsage"),
        *("ReservationARN", "StartTime", "SubscriptionId", "TotalReservedNormalizedUnits"),
        *("TotalReservedUnits", "UnitsPerReservation", "UnusedNormalizedUnitQuantity"),
        *("UnusedAmortizedUpfrontFeeForBillingPeriod", "UnusedQuantity", "UnusedRecurringFee"),
        "UpfrontValue",
    ),
    "savingsPlan": (
        *("AmortizedUpfrontCommitmentForBillingPeriod", "EndTime", "OfferingType"),
        *("PaymentOption", "PurchaseTerm", "RecurringCommitmentForBillingPeriod", "Region"),
        *("StartTime", "TotalCommitmentToDate", "UsedCommitment"),
    ),
}
COLUMNS = 190


def _columns() -> dict[str, str]:
    columns = dict(_FILLED)
    for group, names in _EMPTY.items():
        columns |= {f"{group}/{name}": "CAST(NULL AS VARCHAR)" for name in names}
    for nth in range(COLUMNS - len(columns)):
        # An attribute that only few products have.
        columns[f"product/attribute{nth:03d}"] = (
            f"CASE WHEN r % 24 = {nth % 24} AND {nth} % 3 = 0 THEN 'value {nth} ' || r % 5 END"
        )
    return columns


_MONEY = (
    *("Cost", "Rate", "UsageAmount", "Commitment", "CommitmentToDate", "Fee"),
    *("FeeForBillingPeriod", "CostForUsage"),
)
DECIMALS = tuple(name for name in _columns() if name.endswith(_MONEY))
"""What is cast to DECIMAL(38,18) in the baseline."""
TIMES = tuple(name for name in _columns() if name.endswith(("StartDate", "EndDate")))
"""What is cast to TIMESTAMP in the baseline."""


def write_report(path: Path, rows: int, *, threads: int = 2) -> None:
    """Write ``rows`` line items to ``path``, gzipped."""
    import duckdb

    columns = ", ".join(f'CAST({sql} AS VARCHAR) AS "{name}"' for name, sql in _columns().items())
    with duckdb.connect(":memory:", config={"threads": str(threads)}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"""
            COPY (
                SELECT {columns} FROM (
                    SELECT *, CAST(units * (10 + r % 400) / 1000 AS DECIMAL(18,10)) AS cost,
                        CASE WHEN hash(r) % 20 > 0 THEN 'Usage'
                             WHEN hash(i) % 2 = 0 THEN 'SavingsPlanCoveredUsage'
                             ELSE 'SavingsPlanNegation' END AS kind
                    FROM (
                        SELECT i, i % {RESOURCES} AS r, {_HOUR} AS hour,
                            CAST((hash(i + 1) % 1000000) AS DECIMAL(18,6)) / 1000000 AS units
                        FROM range({rows}) AS t(i)
                    )
                ) ORDER BY i
            ) TO '{path}' (FORMAT csv, HEADER, COMPRESSION gzip)
        """)
