"""Fills a lake with daily tables of any number of months: what the review benchmark reads.

Three sources, each with a version per month as the product lays it out; 3,000 resources and some
4,600 facts a day in each. Only the daily tables are written, straight by DuckDB: pages read nothing
else.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from costs.lake.daily import DIMENSIONS, MEASURES, ONLY_FACTS
from costs.lake.models import BillVersion, Generation, Source
from costs.lake.versions import table_file

SOURCES = 3
RESOURCES = 3_000
RULES = "benchmark"

_FACT = {
    "day": "DATE '{first}' + CAST(i // {a_day} AS INTEGER)",
    "provider_name": "'Cloud {source}'",
    "billing_account_id": "'payer-{source}'",
    "sub_account_id": "'account-' || r // 24 % 4",
    "service_name": "'Service ' || r % 24",
    "region_id": "'region-' || r // 24 % 4",
    "resource_id": "'urn:cloud-{source}:compute:region:account/vm-' || md5('' || r)",
    "sku_id": "'sku-' || f % 400",
    "sku_meter": "'meter-' || f % 40",
    "pricing_unit": "CASE WHEN r % 4 = 0 THEN 'GB' ELSE 'Hours' END",
    "charge_category": "CASE WHEN f % 997 = 0 THEN 'Tax' ELSE 'Usage' END",
    "charge_class": "CAST(NULL AS VARCHAR)",
    "charge_frequency": "'Usage-Based'",
    "commitment_discount_id": "CASE WHEN r % 40 = 0 THEN 'plan/' || r % 5 END",
    "commitment_discount_status": "CASE WHEN r % 40 = 0 THEN 'Used' END",
    "billing_period": "DATE '{period}'",
    "environment": "CASE WHEN r % 20 = 0 THEN 'unallocated'"
    " ELSE ['production', 'staging', 'development'][1 + r % 3] END",
    "cost_center": "CASE WHEN r % 20 = 0 THEN '' ELSE 'cc-' || r // 24 % 5 END",
    "billing_currency": "'USD'",
    **dict.fromkeys(MEASURES, "CAST(hash(i) % 1000000 AS DECIMAL(38,18)) * 0.00001"),
}


def fill(lake: Path, *, months: int, facts_a_day: int, now: datetime) -> int:
    """Write ``months`` months, the last one up to yesterday; return the number of facts."""
    written, first = 0, now.date().replace(day=1)
    for _ in range(months):
        after = (first + timedelta(days=31)).replace(day=1)
        days = (min(after, now.date()) - first).days
        for nth in range(SOURCES if days else 0):
            written += _version(lake, nth, first, after, days, facts_a_day // SOURCES, now)
        first = (first - timedelta(days=1)).replace(day=1)
    Generation.objects.update_or_create(pk=1, defaults={"number": 1})
    return written


def _version(
    lake: Path, nth: int, first: date, after: date, days: int, a_day: int, now: datetime
) -> int:
    import duckdb

    key = f"charges/cloud-{nth}/{first:%Y-%m-%d}/benchmark"
    folder = lake / key
    folder.mkdir(parents=True)
    facts = folder / table_file("daily_facts", RULES)
    summary = folder / table_file("daily_summary", RULES)
    columns = ", ".join(
        f"{_FACT[column].format(first=first, a_day=a_day, source=nth, period=first)} AS {column}"
        for column in (*DIMENSIONS, *MEASURES)
    )
    kept = ", ".join(column for column in DIMENSIONS if column not in ONLY_FACTS)
    sums = ", ".join(f"sum({measure}) AS {measure}" for measure in MEASURES)
    with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
        connection.execute(f"""
            COPY (SELECT {columns} FROM (
                SELECT i, i % {a_day} AS f, i % {a_day} % {RESOURCES} AS r
                FROM range({days * a_day}) AS t(i)
            ) ORDER BY day) TO '{facts}' (FORMAT parquet, COMPRESSION zstd)
        """)
        connection.execute(f"""
            COPY (SELECT {kept}, {sums} FROM read_parquet('{facts}') GROUP BY ALL ORDER BY day)
            TO '{summary}' (FORMAT parquet, COMPRESSION zstd)
        """)
    source, _ = Source.objects.get_or_create(
        name=f"cloud-{nth}",
        defaults={
            "provider_name": f"Cloud {nth}",
            "billing_account_id": f"payer-{nth}",
            "format": "focus",
            "created_at": now,
        },
    )
    BillVersion.objects.create(
        source=source,
        billing_period=first,
        billing_period_end=after,
        number=1,
        status=BillVersion.Status.LIVE,
        key=key,
        digest=key[:64],
        reader_version=1,
        rule_set=RULES,
        rows=days * a_day,
        rejected=0,
        sums={},
        accounts=[[f"Cloud {nth}", f"payer-{nth}"]],
        least_day=first,
        greatest_day=first + timedelta(days=days - 1),
        delivered_at=now,
        delivered_by="benchmark",
        live_since=now,
    )
    return days * a_day
