"""Ask for an upload to be read: `python -m bench.ask_upload FOLDER WORKERS`; prints the seconds.

As many small bills as there are workers come first, so that each of them has imported everything.
They are of other accounts: the delivery replaces nothing, so no ledger of a restatement is timed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

EVERY = 0.05
"""Seconds between two looks at the row."""
PATIENCE = 900.0
"""Seconds until it is called off."""


def main(folder: Path, workers: int) -> None:
    import django

    django.setup()
    from bench.focus_file import write_bill

    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as small:
        for nth in range(workers):
            bill = Path(small) / f"{nth}.csv"
            write_bill(bill, 100, threads=1)
            bill.write_text(bill.read_text().replace("payer-00", f"warm-{nth}-"))
        _read([[Path(small) / f"{nth}.csv"] for nth in range(workers)])
    seconds = _read([sorted(folder.iterdir())])
    print(json.dumps({"seconds": seconds}))


def _read(uploads: list[list[Path]]) -> float:
    """Have each of some uploads read; seconds until the last one is."""
    from django.utils import timezone

    from costs.bills.tasks import INGEST
    from costs.bills.upload import new_folder
    from costs.jobs import operations as jobs
    from costs.jobs.models import JobRun

    ready = []
    for files in uploads:
        folder = new_folder()
        for file in files:
            os.link(file, folder / file.name)
        ready.append((folder.name, [[file.name, file.name] for file in files]))
    start = time.perf_counter()
    runs = [
        jobs.request(
            INGEST, name, actor="benchmark", now=timezone.now(), upload=name, files=files, by="b"
        )[0].pk
        for name, files in ready
    ]
    while JobRun.objects.filter(pk__in=runs, state__in=("queued", "running")).exists():
        if time.perf_counter() - start > PATIENCE:
            raise RuntimeError("no worker has read it")
        time.sleep(EVERY)
    seconds = time.perf_counter() - start
    for run in JobRun.objects.filter(pk__in=runs):
        assert run.state == "done", run.error
    return seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
