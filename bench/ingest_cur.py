"""A CUR of 1,000,000 rows and 190 columns as CSV.gz stored whole, against a bare DuckDB COPY.

Ours and the baseline as in :mod:`bench.ingest`: the same casts, compression, row numbers, threads
and memory limit, a fresh process each time, in turn; the median counts. The baseline writes all
columns of the file, ours those of FOCUS; the raw file is kept by ours and not by the baseline.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from bench.cur_file import ROWS, write_report
from bench.ingest import MOST_THREADS, PEAK_GOAL, store_bill
from bench.processes import run_module
from bench.results import Result, against, at_most

ROUNDS = 3
GOAL = 1.5
BASELINE_MEMORY = "2GB"
"""190 columns of a row group do not fit in what the product allows itself: the baseline gets more,
so that it never waits for the disk."""


def run(rows: int = ROWS, rounds: int = ROUNDS) -> list[Result]:
    """Two figures: seconds against the baseline, and the peak of memory."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        report = Path(folder) / "report.csv.gz"
        write_report(report, rows)
        bare, ours = [], []
        for nth in range(rounds):
            bare.append(_copy(report, Path(folder) / f"{nth}.parquet"))
            ours.append(store_bill(report, Path(folder)))
    return [
        against(
            "ingest_cur_csv_gz",
            statistics.median(one["seconds"] for one in ours),
            "s",
            statistics.median(bare),
            GOAL,
        ),
        at_most("ingest_cur_csv_gz_peak", max(one["peak"] for one in ours), "MB", PEAK_GOAL),
    ]


def _copy(report: Path, out: Path) -> float:
    threads = str(min(os.cpu_count() or 1, MOST_THREADS))
    found = run_module(
        "bench.copy_bill", str(report), str(out), BASELINE_MEMORY, threads, "1", "bench.cur_file"
    )
    out.unlink()
    return float(found["seconds"])
