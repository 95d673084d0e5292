"""An ingest killed at any moment leaves the old or the new version live, never a mixture."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.bills.making import focus, write
from tests.conftest import ROOT

ROWS = 40
KILLS = 50


class Warm:
    """The process of ``tests/lake/warm.py`` on a data folder of its own."""

    def __init__(self, data_dir: Path, errors: Path) -> None:
        environment = {
            "HEADROOM_DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        with errors.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.lake.warm"],
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.lake = data_dir / "lake"

    def start(self, **job: Any) -> int:
        """Begin a job in a child; returns its process id."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(json.loads(self.process.stdout.readline())["pid"])

    def end(self) -> Any:
        """What the job said; None when it was killed before."""
        assert self.process.stdout
        said = json.loads(self.process.stdout.readline())
        assert "error" not in said, said["error"]
        return said.get("answer")

    def do(self, **job: Any) -> Any:
        self.start(**job)
        return self.end()

    def live(self) -> Decimal:
        """The one live total; manifest, both daily tables and the query must agree on it."""
        sums = self.do(job="show")
        totals = {Decimal(one) for found in sums.values() for one in found}
        assert {len(found) for found in sums.values()} == {1}, sums
        assert len(totals) == 1, sums
        return totals.pop()


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    one = Warm(tmp_path / "data", tmp_path / "errors.txt")
    yield one
    assert one.process.stdin
    one.process.stdin.close()
    assert one.process.wait(30) == 0
    assert one.process.stdout
    one.process.stdout.close()


def restated(folder: Path, nth: int) -> tuple[Path, Decimal]:
    """The bill as it is delivered the nth time, and its total: a little more each time."""
    cost = Decimal(1000 + nth) / 1000
    file = write(folder / f"bill-{nth}.csv", [focus(BilledCost=cost)] * ROWS)
    return file, cost * ROWS


def test_killed_at_random_moments(warm: Warm, tmp_path: Path) -> None:
    chance = random.Random(2)
    file, live = restated(tmp_path, 0)
    assert warm.do(job="ingest", file=str(file)) == ["loaded"]
    began = time.monotonic()
    file, live = restated(tmp_path, 1)
    assert warm.do(job="ingest", file=str(file)) == ["restated"]
    usual = time.monotonic() - began
    finished = killed = 0
    for nth in range(2, 2 + KILLS):
        file, new = restated(tmp_path, nth)
        pid = warm.start(job="ingest", file=str(file))
        time.sleep(usual * (nth - 2 + chance.random()) / KILLS)
        with suppress(ProcessLookupError):  # it was quicker this time
            os.kill(pid, signal.SIGKILL)
        finished += warm.end() is not None
        found = warm.live()
        killed += found == live
        assert found in (live, new)
        live = found
        if nth % 10 == 0:
            assert warm.do(job="ingest", file=str(file)) in (["restated"], ["unchanged"])
            live = warm.live()
            assert live == new
    # The moments reached from before anything was done to about the end.
    assert killed >= KILLS // 2
    assert_tidy(warm)


def test_killed_at_every_step(warm: Warm, tmp_path: Path) -> None:
    """Deterministic: before each durable step of a whole ingest, in turn."""
    file, live = restated(tmp_path, 0)
    assert warm.do(job="ingest", file=str(file)) == ["loaded"]
    steps, outcomes = 0, []
    while True:
        steps += 1
        file, new = restated(tmp_path, steps)
        said = warm.do(job="ingest", file=str(file), die_at=steps)
        found = warm.live()
        assert found in (live, new), steps
        outcomes.append("new" if found == new else "old")
        live = found
        if said is not None:
            break
        assert steps < 200
    # Old up to the flip, new after it, and the step between has nothing of both.
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes.count("old") > 10
    assert outcomes.count("new") >= 2
    assert_tidy(warm)


def assert_tidy(warm: Warm) -> None:
    """Leftovers stay for a day, for a page may still read them; then they go, live ones never."""

    def folders() -> set[Path]:
        kinds = "charges/*/*/*", "staging/*", "raw/*/*"
        return {folder for kind in kinds for folder in warm.lake.glob(kind)}

    before, live = folders(), warm.live()
    assert warm.do(job="tidy", hours=23) == 0
    assert folders() == before
    removed = warm.do(job="tidy", hours=25)
    assert removed > 0
    assert len(folders()) == len(before) - removed
    assert not list(warm.lake.glob("staging/*"))
    assert warm.live() == live
    assert warm.do(job="tidy", hours=25) == 0
