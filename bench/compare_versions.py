"""One run of the product: `python -m bench.compare_versions BILL ROUNDS`, in a data folder that is
new.

Reads the bill, then a second delivery of it in which one charge in a thousand differs, and writes
the ledger of what changed ROUNDS times. Prints JSON: seconds of each, and the process's peak memory
in MB.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

ONE_IN = 1_000


def main(bill: Path, rounds: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from bench.processes import peak_memory
    from costs.bills.operations import ingest_bill
    from costs.lake.ledgers import unwritten, write_ledger
    from costs.lake.models import Restatement
    from costs.stores import open_store

    call_command("migrate", verbosity=0)
    later = bill.with_name("later") / "bill.parquet"
    changed = write_later(bill, later)
    now = timezone.now()
    for file in (bill, later):
        ingest_bill([file], actor="benchmark", now=now)
    seconds = []
    for _ in range(rounds):
        Restatement.objects.all().delete()
        (version,) = unwritten()
        start = time.perf_counter()
        row = write_ledger(version, open_store(settings.LAKE_URL))
        seconds.append(time.perf_counter() - start)
        assert (row.added, row.removed, row.changed) == changed, row
    print(json.dumps({"diff": seconds, "peak": peak_memory()}))


def write_later(bill: Path, later: Path) -> tuple[int, int, int]:
    """Write the second delivery; how many charges it adds, removes and changes."""
    import duckdb

    later.parent.mkdir(exist_ok=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET enable_progress_bar = false")
        rows = f"(SELECT *, row_number() OVER () AS nth FROM read_parquet('{bill}'))"
        connection.execute(f"""
            COPY (
                SELECT * EXCLUDE (nth) REPLACE (
                    CASE WHEN nth % {ONE_IN} = 1 THEN BilledCost + 1 ELSE BilledCost END
                        AS BilledCost,
                    CASE WHEN nth % {ONE_IN} = 2 THEN 'sku-corrected' ELSE SkuId END AS SkuId,
                    CASE WHEN nth % {ONE_IN} = 3 THEN NULL ELSE Tags END AS Tags)
                FROM {rows} WHERE nth % {ONE_IN} <> 4
            ) TO '{later}' (FORMAT parquet, COMPRESSION snappy)
        """)
        # A charge in twenty has no tags to lose.
        counted = connection.execute(
            f"SELECT count(*) FILTER (nth % {ONE_IN} IN (1, 2)"
            f" OR (nth % {ONE_IN} = 3 AND Tags IS NOT NULL)),"
            f" count(*) FILTER (nth % {ONE_IN} = 4) FROM {rows}"
        ).fetchone()
    assert counted
    return 0, counted[1], counted[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
