"""A made-up FOCUS 1.2 bill of any size: what the ingest benchmarks read.

One month, hour by hour: 3,000 resources of 12 sub-accounts and 24 services in 6 regions, 400 SKUs,
tags as JSON text, one resource in twenty without any, one charge in forty covered by a commitment.
45 columns. Costs have up to 10 decimals, as providers print them. Deterministic.

The Parquet file is typed as clouds type theirs: costs and quantities are doubles, times are
timestamps, all else is text. The CSV says the same as text.
"""

from __future__ import annotations

from pathlib import Path

RESOURCES = 3_000
ROWS = 2_000_000

DECIMALS = (
    "BilledCost",
    "ConsumedQuantity",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingQuantity",
)
TIMES = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")

_HOUR = "TIMESTAMP '2026-06-01 00:00:00' + to_hours(CAST(i // {resources} AS INTEGER) % 720)"

# Column: its SQL over i (number of the row), r (of its resource) and the hour.
_COLUMNS = {
    "AvailabilityZone": "CASE WHEN r % 3 > 0 THEN 'eu-central-' || (r % 6) || 'a' END",
    "BilledCost": "CASE WHEN committed THEN 0 ELSE list * 9 / 10 END",
    "BillingAccountId": "'payer-000000000001'",
    "BillingAccountName": "'Platform'",
    "BillingAccountType": "'Management account'",
    "BillingCurrency": "'USD'",
    "BillingPeriodEnd": "TIMESTAMP '2026-07-01 00:00:00'",
    "BillingPeriodStart": "TIMESTAMP '2026-06-01 00:00:00'",
    "ChargeCategory": "CASE WHEN i % 997 = 0 THEN 'Tax' ELSE 'Usage' END",
    "ChargeClass": "CAST(NULL AS VARCHAR)",
    "ChargeDescription": "'$' || (10 + r % 400) / 1000 || ' per unit of meter ' || r % 400",
    "ChargeFrequency": "'Usage-Based'",
    "ChargePeriodEnd": "hour + INTERVAL 1 HOUR",
    "ChargePeriodStart": "hour",
    "CommitmentDiscountCategory": "CASE WHEN committed THEN 'Spend' END",
    "CommitmentDiscountId": "CASE WHEN committed THEN 'plan/' || r % 5 END",
    "CommitmentDiscountName": "CASE WHEN committed THEN 'Plan ' || r % 5 END",
    "CommitmentDiscountStatus": "CASE WHEN committed THEN 'Used' END",
    "CommitmentDiscountType": "CASE WHEN committed THEN 'Savings Plan' END",
    "ConsumedQuantity": "units",
    "ConsumedUnit": "CASE WHEN r % 4 = 0 THEN 'GB' ELSE 'Hours' END",
    "ContractedCost": "list * 9 / 10",
    "ContractedUnitPrice": "CAST((10 + r % 400) AS DECIMAL(18,10)) * 9 / 10000",
    "EffectiveCost": "list * CASE WHEN committed THEN 7 ELSE 9 END / 10",
    "InvoiceIssuerName": "'Example Cloud'",
    "ListCost": "list",
    "ListUnitPrice": "CAST((10 + r % 400) AS DECIMAL(18,10)) / 1000",
    "PricingCategory": "CASE WHEN committed THEN 'Committed' ELSE 'Standard' END",
    "PricingQuantity": "units",
    "PricingUnit": "CASE WHEN r % 4 = 0 THEN 'GB' ELSE 'Hours' END",
    "ProviderName": "'Example Cloud'",
    "PublisherName": "'Example Cloud'",
    "RegionId": "'region-' || r % 6",
    "RegionName": "'Region ' || r % 6",
    "ResourceId": "'urn:cloud:compute:region-' || r % 6 || ':account/' || r % 12 || '/vm-'"
    " || md5('' || r)",
    "ResourceName": "'vm-' || r",
    "ResourceType": "'Type ' || r % 24",
    "ServiceCategory": "'Category ' || r % 8",
    "ServiceName": "'Service ' || r % 24",
    "SkuId": "'sku-' || md5('' || r % 400)[1:16]",
    "SkuPriceId": "'sku-' || md5('' || r % 400)[1:16] || '.price'",
    "SubAccountId": "'account-' || r % 12",
    "SubAccountName": "'Account ' || r % 12",
    "SubAccountType": "'Member account'",
    "Tags": """CASE WHEN r % 20 > 0 THEN
        '{"environment": "' || ['prod', 'staging', 'dev'][1 + r % 3]
        || '", "cost-center": "cc-' || r % 15 || '", "team": "team-' || r % 9
        || '", "Name": "vm-' || r || '", "release": "2026.' || r % 7 || '"}' END""",
}
assert len(_COLUMNS) == 45


def write_bill(path: Path, rows: int, *, first: int = 0, threads: int = 2) -> None:
    """Write ``rows`` charges to ``path``, as Parquet, CSV or CSV.gz by its ending.

    Those of one bill from the number ``first`` on: parts of a delivery begin where others end.
    """
    import duckdb

    with duckdb.connect(":memory:", config={"threads": str(threads)}) as connection:
        connection.execute("SET enable_progress_bar = false")
        typed = [_typed(name, sql, path) for name, sql in _COLUMNS.items()]
        options = (
            "FORMAT parquet, COMPRESSION snappy"
            if path.suffix == ".parquet"
            else "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ'"
        )
        connection.execute(f"""
            COPY (
                SELECT {", ".join(typed)} FROM (
                    SELECT *, CAST(units * (10 + r % 400) / 1000 AS DECIMAL(18,10)) AS list
                    FROM (
                        SELECT i, i % {RESOURCES} AS r, {_HOUR.format(resources=RESOURCES)} AS hour,
                            hash(i) % 40 = 0 AS committed,
                            CAST((hash(i + 1) % 1000000) AS DECIMAL(18,6)) / 1000000 AS units
                        FROM range({first}, {first + rows}) AS t(i)
                    )
                )
            ) TO '{path}' ({options})
        """)


def _typed(name: str, sql: str, path: Path) -> str:
    if name in DECIMALS:  # rounded as printed before it becomes a double
        sql = f"CAST({sql} AS DECIMAL(18,10))"
        return (
            f"CAST({sql} AS DOUBLE) AS {name}" if path.suffix == ".parquet" else f"{sql} AS {name}"
        )
    return f"CAST({sql} AS {'TIMESTAMP' if name in TIMES else 'VARCHAR'}) AS {name}"
