"""A bill of 2,000,000 rows stored whole, against a bare DuckDB COPY of the same file.

Ours is :mod:`bench.store_bill`: everything that `ingest_bill` does (the raw file kept and its
digest taken, every row checked, charges, keys, allocation, both daily tables, files flushed to the
disk, manifest flipped). The baseline is :mod:`bench.copy_bill`. Both run in a fresh process each
time, with the same number of threads and the same memory limit (the product's defaults), in turn;
the median of three is what counts. The baseline of a Parquet file is the quicker one of COPY with
and without the order of rows kept; a CSV's needs the order for its row numbers.

Seconds of wall time: on a machine that is busy with other work neither figure means much.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from bench.focus_file import ROWS, write_bill
from bench.processes import run_module
from bench.results import Result, against, at_most

ROUNDS = 3
MEMORY = "512MB"
"""HEADROOM_MEMORY_LIMIT's default."""
MOST_THREADS = 4
"""As many as an ingest uses at most (``costs.lake.engine.MOST_THREADS``)."""
PEAK_GOAL = 1000
"""MB of the ingesting process."""
GOALS = {"parquet": 1.6, "csv": 1.5}


def run(rows: int = ROWS, rounds: int = ROUNDS) -> list[Result]:
    """Both formats; four figures."""
    results = []
    for kind, goal in GOALS.items():
        with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
            results += _compare(Path(folder), kind, goal, rows, rounds)
    return results


def _compare(folder: Path, kind: str, goal: float, rows: int, rounds: int) -> list[Result]:
    bill = folder / f"bill.{kind}"
    write_bill(bill, rows)
    ours: list[dict[str, Any]] = []
    bare: dict[str, list[float]] = {}
    for nth in range(rounds):
        for ordered in ("0", "1") if kind == "parquet" else ("1",):
            bare.setdefault(ordered, []).append(_copy(bill, folder / f"{nth}.parquet", ordered))
        ours.append(store_bill(bill, folder))
    baseline = min(statistics.median(seconds) for seconds in bare.values())
    name = f"ingest_focus_{kind}"
    return [
        against(name, statistics.median(one["seconds"] for one in ours), "s", baseline, goal),
        at_most(f"{name}_peak", max(one["peak"] for one in ours), "MB", PEAK_GOAL),
    ]


def store_bill(bill: Path, folder: Path) -> dict[str, Any]:
    """What one run of the product says, in a data folder of its own below ``folder``."""
    with tempfile.TemporaryDirectory(prefix="data-", dir=folder) as data:
        environ = {"HEADROOM_DATA_DIR": data, "HEADROOM_MEMORY_LIMIT": MEMORY}
        found: dict[str, Any] = run_module("bench.store_bill", str(bill), environ=environ)
        return found


def _copy(bill: Path, out: Path, ordered: str) -> float:
    threads = str(min(os.cpu_count() or 1, MOST_THREADS))
    found = run_module("bench.copy_bill", str(bill), str(out), MEMORY, threads, ordered)
    out.unlink()
    return float(found["seconds"])
