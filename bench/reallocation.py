"""Other rules for a bill of 2,000,000 charges, against reading that bill.

Both happen in one fresh process (:mod:`bench.reallocate_bill`), each round anew; the medians of
three rounds count.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from bench.focus_file import ROWS, write_bill
from bench.ingest import MEMORY
from bench.processes import run_module
from bench.results import Result, against, at_most

ROUNDS = 3
GOAL = 1.0
PEAK_GOAL = 1000
"""MB of the process that does both."""


def run(rows: int = ROWS, rounds: int = ROUNDS) -> list[Result]:
    """Two figures."""
    found = []
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        bill = Path(folder) / "bill.parquet"
        write_bill(bill, rows)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(prefix="data-", dir=folder) as data:
                environ = {"HEADROOM_DATA_DIR": data, "HEADROOM_MEMORY_LIMIT": MEMORY}
                found.append(run_module("bench.reallocate_bill", str(bill), environ=environ))
    value, baseline = (
        statistics.median(float(one[name]) for one in found) for name in ("reallocate", "ingest")
    )
    return [
        against("reallocate_2m", value, "s", baseline, GOAL),
        at_most("reallocate_peak", max(float(one["peak"]) for one in found), "MB", PEAK_GOAL),
    ]
