"""A process with everything imported that forks one child a job: kills without a start-up each.

Reads one JSON job a line, answers with one JSON line: first ``{"pid": …}``, then what became of
the child. Jobs: ``ingest`` a file (``die_at``: kill yourself before the n-th event), ``show`` what
is live, list ``folders``, ``tidy`` as if it were some hours later.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django

EVENTS = (
    ("costs.bills.operations", "receive"),
    ("costs.lake.staging", "stage"),
    ("costs.bills.building", "write_charges"),
    ("costs.bills.building", "write_tables"),
    ("costs.bills.operations", "_judged"),
    ("costs.stores.local", "_sync"),
    ("costs.stores.cached", "again"),
    ("costs.lake.operations", "enter"),
    ("costs.lake.operations", "_supersede"),
    ("costs.lake.operations", "_next_generation"),
    ("costs.lake.operations", "record"),
    ("costs.bills.operations", "_answers"),
    ("shutil", "rmtree"),
)
"""Functions before each call of which an ingest may be killed."""


def ingest(job: dict[str, Any]) -> object:
    from costs.bills.operations import ingest_bill

    if job.get("die_at"):
        _plant(job["die_at"])
    bills = ingest_bill([Path(job["file"])], actor="a test", now=datetime.now(UTC))
    return [bill.status for bill in bills]


def _plant(die_at: int) -> None:
    left = die_at

    def before(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for module, function in EVENTS:
        found = sys.modules[module]
        setattr(found, function, before(getattr(found, function)))


def show(job: dict[str, Any]) -> object:
    """Total by table, of the live version."""
    from costs.lake.models import BillVersion
    from costs.lake.queries import live_files, select
    from costs.people.scope import Scope
    from costs.spend.queries import cost_by

    live = BillVersion.objects.filter(status="live")
    sums = {"manifest": [version.sums["USD"]["billed_cost"] for version in live]}
    for table in ("daily_facts", "daily_summary"):
        rows = select("SELECT sum(billed_cost) FROM {files}", live_files(table))
        sums[table] = [str(row[0]) for row in rows]
    sums["query"] = [
        str(row.cost) for row in cost_by(Scope.everything(), by=(), metric="billed_cost")
    ]
    return sums


def folders(job: dict[str, Any]) -> object:
    """Keys of the folders of versions, ledgers, delivered files and work in progress."""
    from django.conf import settings

    from costs.stores import open_store

    store = open_store(settings.LAKE_URL)
    kinds = ("charges", 3), ("ledger", 3), ("raw", 2), ("staged", 1), ("staging", 1)
    return sorted(key for under, depth in kinds for key, _ in store.folders(under, depth))


def tidy(job: dict[str, Any]) -> object:
    from django.conf import settings

    from costs.lake import operations
    from costs.stores import open_store

    now = datetime.now(UTC) + timedelta(hours=job["hours"])
    return operations.tidy(open_store(settings.LAKE_URL), now=now, progress=lambda _: None)


def serve() -> None:
    django.setup()
    from costs.cli import prepare_database

    # So that no child has to import them.
    for module in ("duckdb", "costs.bills.operations", "costs.spend.queries"):
        import_module(module)
    prepare_database()
    from django.db import connections

    connections.close_all()
    jobs = {"ingest": ingest, "show": show, "folders": folders, "tidy": tidy}
    for line in sys.stdin:
        job = json.loads(line)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            try:
                answer = {"answer": jobs[job["job"]](job)}
            except BaseException:  # noqa: BLE001 - whatever it is, the test must see it
                answer = {"error": traceback.format_exc()}
            os.write(write, json.dumps(answer).encode())
            os._exit(0)
        os.close(write)
        print(json.dumps({"pid": pid}), flush=True)
        with os.fdopen(read) as pipe:
            said = pipe.read()
        os.waitpid(pid, 0)
        print(said or "{}", flush=True)


if __name__ == "__main__":
    serve()
