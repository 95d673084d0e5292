"""A delivery of 8 files read by two workers, against the same by one.

An upload of 2,000,000 rows as eight CSV.gz parts, as a cost and usage report comes, is asked for
as a web process asks, in a data folder that is new, with the default broker and the long worker of
`manage.py serve` with one process and with two. Each has read a small bill of another account
before, so that all is imported and the delivery is a first one: it replaces nothing. The clock
runs from the request until the row says that it is done: receiving, reading each file, and one
commit. The median of three, in turn.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.focus_file import ROWS, write_bill
from bench.processes import ROOT
from bench.results import Result, against
from costs.serving import long_worker_command

FILES = 8
ROUNDS = 3
GOAL = 0.65


def run(rows: int = ROWS, rounds: int = ROUNDS) -> list[Result]:
    """One figure: seconds with two workers, against one."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        parts = Path(folder) / "parts"
        parts.mkdir()
        for nth in range(FILES):
            each = rows // FILES
            write_bill(parts / f"part-{nth}.csv.gz", each, first=nth * each)
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(rounds):
            for workers, found in seconds.items():
                found.append(_read(parts, Path(folder), workers))
    one, two = (statistics.median(seconds[workers]) for workers in (1, 2))
    return [against("two_workers_8_files", two, "s", one, GOAL)]


def _read(parts: Path, folder: Path, workers: int) -> float:
    with tempfile.TemporaryDirectory(prefix="data-", dir=folder) as data:
        environ = {
            **os.environ,
            "HEADROOM_DATA_DIR": data,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"],
            env=environ,
            check=True,
        )
        worker = subprocess.Popen(
            long_worker_command(workers),
            cwd=ROOT,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            asked = subprocess.run(
                [sys.executable, "-m", "bench.ask_upload", str(parts), str(workers)],
                cwd=ROOT,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            worker.terminate()
            worker.wait(60)
            shutil.rmtree(Path(data) / "lake", ignore_errors=True)
    if asked.returncode:
        raise RuntimeError(f"bench.ask_upload failed:\n{asked.stderr[-4000:]}")
    return float(json.loads(asked.stdout.splitlines()[-1])["seconds"])
