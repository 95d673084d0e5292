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
GOAL = 5.0
PEAK_GOAL = 1000
"""MB of the process that reads both and compares them."""


def run(rows: int = ROWS, rounds: int = ROUNDS) -> list[Result]:
    """Two figures."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        bill = Path(folder) / "bill.parquet"
        write_bill(bill, rows)
        environ = {"HEADROOM_DATA_DIR": f"{folder}/data", "HEADROOM_MEMORY_LIMIT": MEMORY}
        found = run_module("bench.compare_versions", str(bill), str(rounds), environ=environ)
    return [
        at_most("restatement_diff", statistics.median(map(float, found["diff"])), "s", GOAL),
        at_most("restatement_diff_peak", float(found["peak"]), "MB", PEAK_GOAL),
    ]
