"""What changed between two versions of a bill of 2,000,000 charges, one in a thousand of them.

Charge by charge over all columns, from the Parquet files of both to the ledger on the disk
(:mod:`bench.compare_versions`); the median of three times counts.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from bench.focus_file import ROWS, write_bill
from bench.ingest import MEMORY
from bench.processes import run_module
from bench.results import Result, at_most

ROUNDS = 3
ONE_IN = 1_000
GOAL = 5.0
PEAK_GOAL = 1000
"""MB of the process that reads both and compares them."""


def run(rows: int = ROWS, rounds: int = ROUNDS) -> list[Result]:
    """Two figures."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        bill = Path(folder) / "bill.parquet"
        write_bill(bill, rows)
        later = Path(folder) / "later" / "bill.parquet"
        expected = write_later(bill, later)
        environ = {"HEADROOM_DATA_DIR": f"{folder}/data", "HEADROOM_MEMORY_LIMIT": MEMORY}
        found = run_module(
            "bench.compare_versions", str(bill), str(later), str(rounds), environ=environ
        )
    assert found["counts"] == expected, found
    return [
        at_most("restatement_diff", statistics.median(map(float, found["diff"])), "s", GOAL),
        at_most("restatement_diff_peak", float(found["peak"]), "MB", PEAK_GOAL),
    ]


def write_later(bill: Path, later: Path) -> list[int]:
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
    return [0, counted[1], counted[0]]
