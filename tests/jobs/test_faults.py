"""What may go wrong while a bill is read: nothing is lost, nothing counts twice, the page says it.

The workers are real processes, killed with SIGKILL; the disk is really full; the connection to the
database is cut by its server.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from costs.bills.tasks import INGEST
from costs.bills.upload import new_folder
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion
from costs.people.models import AuditEntry
from tests.bills.making import csv_text, focus, ingest, total, write
from tests.jobs.processes import Asking, Processes, ended

type Start = Callable[[str], Processes]

BEFORE = csv_text([focus(BilledCost="1")] * 20)
AFTER = csv_text([focus(BilledCost="1.25")] * 20)
LEASE = jobs.LEASE.total_seconds() + 1


class Mortals:
    """Real workers, one after the other, from one process with everything imported."""

    def __init__(self, processes: Processes) -> None:
        self.process = processes.start([sys.executable, "-m", "tests.jobs.mortal"])

    def start(self, **job: Any) -> int:
        """Start a worker; its process id."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return self._number()

    def how_it_ended(self) -> int:
        """The exit status of the last one, negative for a signal; waits for it."""
        return self._number()

    def _number(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())


def page_of(run: JobRun) -> str:
    """What an operator reads on the page of an upload."""
    client = Client()
    client.force_login(
        User.objects.filter(is_superuser=True).first()
        or User.objects.create_superuser("operator", password="a long password of a test")
    )
    return client.get(reverse("bills:uploaded", args=[run.pk])).content.decode()


STEPS = {
    "fetching": ("costs.bills.operations:receive", BEFORE),
    "keeping the file": ("costs.bills.receiving:sniff", BEFORE),
    "writing charges": ("costs.lake.staging:_summary", BEFORE),
    "writing tables": ("costs.bills.building:write_tables", BEFORE),
    "before the flip": ("costs.lake.operations:_next_generation", BEFORE),
    "after the flip": ("costs.bills.operations:_answers", AFTER),
    "before it is said": ("costs.jobs.operations:_finish", AFTER),
}
"""Before which function the worker dies, and what is live then."""


def test_a_worker_killed_at_every_step(processes: Start, data_dir: Path, tmp_path: Path) -> None:
    started = processes("filesystem://")
    ask, mortals = Asking(started), Mortals(started)
    for nth, (step, (where, live)) in enumerate(STEPS.items()):
        old = write(tmp_path / f"{nth}/old.csv", BEFORE.replace("sub-1", f"sub-{nth}"))
        ingest(old, accept=True)
        new = AFTER.replace("sub-1", f"sub-{nth}")
        mortals.start(die_before=where)
        run = ask.upload({"bill.csv": new})
        assert mortals.how_it_ended() == -signal.SIGKILL, step

        run.refresh_from_db()
        assert (run.state, run.attempt) == ("running", 1), step
        assert total() == (25 if live == AFTER else 20), step
        # Its lease has not run out: nobody else begins. Then somebody does.
        assert ask("sweep", seconds=LEASE - 60) == 0
        assert ask("sweep", seconds=LEASE) == 1, step
        assert "The worker before it died" in page_of(run), step
        worker = mortals.start()
        (run,) = ended(run)
        os.kill(worker, signal.SIGTERM)
        assert mortals.how_it_ended() == 0

        assert (run.state, run.attempt, run.error) == ("done", 2, ""), step
        assert total() == 25, step
        (version,) = BillVersion.objects.filter(status="live")
        assert version.rows == 20
        same = BillVersion.objects.filter(digest=version.digest)
        assert same.count() == 1, step
        (bill,) = (run.result or {})["bills"]
        assert bill["status"] == ("unchanged" if live == AFTER else "restated"), step
        assert "attempt 2, for the worker before it ended early" in page_of(run)
        assert not list((data_dir / "uploads").iterdir()), step


def upload(content: str) -> JobRun:
    folder = new_folder()
    write(folder / "bill.csv", content)
    now = timezone.now()
    files = [["bill.csv", "june.csv"]]
    return jobs.request(
        INGEST, folder.name, actor="a", now=now, upload=folder.name, files=files, by="a"
    )[0]


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody hears the bell: the test itself is the worker."""
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections to cut")
@pytest.mark.parametrize(
    "step",
    [
        "costs.bills.operations:receive",
        "costs.lake.operations:_next_generation",
        "costs.bills.operations:_answers",
    ],
)
def test_the_database_connection_is_cut(
    step: str, data_dir: Path, unheard: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ingest(write(tmp_path / "old.csv", BEFORE))
    run = upload(AFTER)
    module, function = step.split(":")
    original = getattr(sys.modules[module], function)
    cuts: list[int] = []

    def cut_once(*args: Any, **kwargs: Any) -> Any:
        if not cuts:
            cuts.append(backend())
            terminate(cuts[0])
        return original(*args, **kwargs)

    monkeypatch.setattr(sys.modules[module], function, cut_once)
    jobs.run(run.pk)
    run.refresh_from_db()
    if function != "_answers":  # nothing to lose any more then: a new connection says so
        assert total() == 20
        assert (run.state, run.error) == (
            "queued",
            "the database could not be used (OperationalError)",
        )
        assert "The database could not be used" in page_of(run)
        jobs.run(run.pk)
        run.refresh_from_db()
    assert (run.state, run.error) == ("done", "")
    assert backend() != cuts[0]
    assert total() == 25
    assert BillVersion.objects.count() == 2


def backend() -> int:
    """Process id of this connection at the server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def terminate(pid: int) -> None:
    """Cut a connection from another one, as an administrator or a fail-over does."""
    import psycopg

    told = connection.get_connection_params()
    known = {
        name: told[name]
        for name in ("dbname", "user", "password", "host", "port")
        if told.get(name)
    }
    with psycopg.connect(**known) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.fixture
def small_disk(data_dir: Path, settings: Any) -> Iterator[Path]:
    """A lake on a disk of 4 MB."""
    lake_folder = data_dir / "lake"
    lake_folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(lake_folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount the small disk of this test")
    yield lake_folder
    subprocess.run(["umount", "--lazy", str(lake_folder)], check=True)


def fill(disk: Path, leaving: int) -> Path:
    """Fill a disk but for so many KB; the file to remove later."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(b"\0" * (free.f_bavail * free.f_frsize - leaving * 1024))
    return filler


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leaving", [0, 16, 96, 116])
def test_the_disk_is_full(
    leaving: int, small_disk: Path, data_dir: Path, unheard: None, tmp_path: Path
) -> None:
    ingest(write(tmp_path / "old.csv", BEFORE))
    # Some 90 KB as it comes, little as Parquet.
    run = upload(csv_text([focus(BilledCost="1.25")] * 350))
    filler = fill(small_disk, leaving)
    jobs.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("queued", 1)
    assert run.error.startswith("the disk of the lake is full")
    assert "The disk of the lake is full" in page_of(run)
    assert total() == 20
    assert not list((small_disk / "staging").iterdir())

    filler.unlink()
    jobs.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("done", 2)
    assert BillVersion.objects.filter(rows=350).count() == 1
    assert not list((Path(configured.DATA_DIR) / "uploads").iterdir())


@pytest.mark.django_db
def test_what_never_succeeds_fails_in_the_end_and_can_be_asked_for_again(
    data_dir: Path, unheard: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = upload(BEFORE)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("costs.bills.operations.receive", full)
        for _ in range(jobs.ATTEMPTS):
            jobs.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("failed", jobs.ATTEMPTS)
    assert run.error.startswith("the disk of the lake is full")

    page = page_of(run)
    assert "Try again" in page
    assert "Correct the file" not in page
    client = Client()
    client.force_login(User.objects.get())
    answer = client.post(reverse("bills:upload_again", args=[run.pk]))
    asked = JobRun.objects.latest("pk")
    assert answer["Location"] == reverse("bills:uploaded", args=[asked.pk])
    assert (asked.state, asked.requested_by) == ("queued", "operator")
    assert AuditEntry.objects.filter(action="upload.again").count() == 1
    jobs.run(asked.pk)
    asked.refresh_from_db()
    assert asked.state == "done"
    assert total() == 20
    # The files have gone into the lake: there is nothing to ask for again.
    assert "Try again" not in page_of(run)
    client.post(reverse("bills:upload_again", args=[run.pk]))
    assert JobRun.objects.latest("pk") == asked
