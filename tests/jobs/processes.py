"""Real processes of the product on the test's own database and lake: workers, and who asks them.

A test that uses them needs ``transactional_db``: other processes see what is committed only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from costs.jobs.models import JobRun
from tests.conftest import ROOT

PATIENCE = 120.0
"""Seconds, for a machine that is busy with other tests."""


def until[T](wanted: Callable[[], T], what: str) -> T:
    """What ``wanted`` gives as soon as it is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := wanted()):
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)
    return found


def database_url() -> str:
    """DATABASE_URL of the test's database."""
    told = connection.settings_dict
    name = quote(str(told["NAME"]))
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    user = quote(told["USER"])
    password = f":{quote(told['PASSWORD'])}" if told["PASSWORD"] else ""
    return f"postgresql://{user}{password}@{told['HOST']}:{told['PORT'] or 5432}/{name}"


def environment(broker: str, **more: str) -> dict[str, str]:
    """Variables of a process of the product that shares the test's database, lake and broker."""
    return os.environ | {
        "HEADROOM_DATA_DIR": str(settings.DATA_DIR),
        "LAKE_URL": settings.LAKE_URL,
        "DATABASE_URL": database_url(),
        "BROKER_URL": broker,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **more,
    }


class Processes:
    """Those that a test has started; all of them end with it."""

    def __init__(self, broker: str, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []

    def start(self, command: Sequence[str], **more: str) -> subprocess.Popen[str]:
        """Start ``command`` in the product's folder; its messages go to files of the test."""
        nth = len(self.running)
        with (self.folder / f"process-{nth}.txt").open("w") as said:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(self.broker, **more),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        self.running.append(process)
        return process

    def said(self) -> str:
        """What all of them have said on stderr."""
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("process-*.txt")))

    def end(self) -> None:
        """Ask all to stop; kill what does not."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


class Asking:
    """A process that asks for work as a web process does: see ``tests/jobs/asking.py``."""

    def __init__(self, processes: Processes) -> None:
        self.process = processes.start([sys.executable, "-m", "tests.jobs.asking"])

    def __call__(self, ask: str, **arguments: Any) -> Any:
        """Do one thing; its answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"ask": ask, **arguments}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def upload(self, files: Mapping[str, str | bytes]) -> JobRun:
        """Have an upload of ``files`` (content by name) read."""
        from costs.bills.upload import new_folder

        folder = new_folder()
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (folder / name).write_bytes(data)
        pk = self("upload", upload=folder.name, files=[[name, name] for name in files])
        return JobRun.objects.get(pk=pk)


def ended(*runs: JobRun) -> list[JobRun]:
    """Those runs once none is open any more."""
    keys = [run.pk for run in runs]

    def look() -> list[JobRun]:
        found = [JobRun.objects.get(pk=key) for key in keys]
        return [] if any(run.is_open for run in found) else found

    return until(look, f"work {keys} was done")
