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
from tests.stores.places import Place

ROWS = 40
KILLS = 50


class Warm:
    """The process of ``tests/lake/warm.py`` on a data folder of its own."""

    def __init__(self, data_dir: Path, errors: Path, **more: str) -> None:
        environment = {
            "HEADROOM_DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **more,
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

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    one = Warm(tmp_path / "data", tmp_path / "errors.txt")
    yield one
    one.close()


@pytest.fixture
def machines(tmp_path: Path, s3_place: Place) -> Iterator[tuple[Warm, Warm]]:
    """Two with a data folder and a cache each, one database and one lake in S3."""
    shared = {"DATABASE_URL": f"sqlite:///{tmp_path}/one.sqlite3", "LAKE_URL": s3_place.url}
    one = Warm(tmp_path / "one", tmp_path / "one.txt", **shared)
    one.do(job="folders")  # the database is there
    other = Warm(tmp_path / "other", tmp_path / "other.txt", **shared)
    yield one, other
    one.close()
    other.close()


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
        waited = usual * (nth - 2 + chance.random()) / KILLS
        time.sleep(waited)
        with suppress(ProcessLookupError):  # it was quicker this time
            os.kill(pid, signal.SIGKILL)
        if warm.end() is not None:
            finished += 1
            usual = min(usual, waited * KILLS / (nth - 1))  # the machine has calmed down since
        found = warm.live()
        killed += found == live
        assert found in (live, new)
        live = found
        if nth % 10 == 0:
            assert warm.do(job="ingest", file=str(file)) in (["restated"], ["unchanged"])
            live = warm.live()
            assert live == new
    # The moments reached from before anything was done to about the end.
    assert killed >= KILLS // 3
    assert_tidy(warm)


def test_killed_at_every_step(warm: Warm, tmp_path: Path) -> None:
    """Deterministic: before each durable step of a whole ingest, in turn."""
    outcomes = kill_at_every_step(warm, warm, tmp_path)
    assert outcomes.count("old") > 10
    assert_tidy(warm)


def test_killed_at_every_step_with_a_lake_in_s3(
    machines: tuple[Warm, Warm], tmp_path: Path
) -> None:
    """Also before each request; what is live is asked from another machine."""
    one, other = machines
    outcomes = kill_at_every_step(one, other, tmp_path)
    assert outcomes.count("old") > 12
    assert_tidy(one)
    assert other.live() == one.live()


def kill_at_every_step(warm: Warm, other: Warm, folder: Path) -> list[str]:
    """Whether ``other`` saw the old or the new version after each kill of ``warm``."""
    file, live = restated(folder, 0)
    assert warm.do(job="ingest", file=str(file)) == ["loaded"]
    steps, outcomes = 0, []
    while True:
        steps += 1
        file, new = restated(folder, steps)
        said = warm.do(job="ingest", file=str(file), die_at=steps)
        found = other.live()
        assert found in (live, new), steps
        outcomes.append("new" if found == new else "old")
        live = found
        if said is not None:
            break
        assert steps < 200
    # Old up to the flip, new after it, and the step between has nothing of both.
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes.count("new") >= 2
    return outcomes


def test_two_machines_at_once(machines: tuple[Warm, Warm], tmp_path: Path) -> None:
    """One restates a bill again and again, the other asks meanwhile: always one whole version."""
    one, other = machines
    file, live = restated(tmp_path, 0)
    assert one.do(job="ingest", file=str(file)) == ["loaded"]
    for nth in range(1, 6):
        file, new = restated(tmp_path, nth)
        one.start(job="ingest", file=str(file))
        for _ in range(3):
            # Each question gets a whole version; the flip may come between two questions.
            sums = other.do(job="show")
            assert {len(found) for found in sums.values()} == {1}
            assert {Decimal(found) for (found,) in sums.values()} <= {live, new}
        assert one.end() == ["restated"]
        assert other.live() == new
        live = new
    # And both deliver the same bill at once: one after the other.
    (first, a), (second, b) = restated(tmp_path, 10), restated(tmp_path, 11)
    one.start(job="ingest", file=str(first))
    other.start(job="ingest", file=str(second))
    assert one.end() == ["restated"]
    assert other.end() == ["restated"]
    assert one.live() == other.live()
    assert one.live() in (a, b)


def assert_tidy(warm: Warm) -> None:
    """Leftovers stay for a day, for a page may still read them; then they go, live ones never."""
    before, live = warm.do(job="folders"), warm.live()
    assert warm.do(job="tidy", hours=23) == 0
    assert warm.do(job="folders") == before
    removed = warm.do(job="tidy", hours=25)
    assert removed > 0
    left = warm.do(job="folders")
    assert len(left) == len(before) - removed
    assert not [key for key in left if key.startswith("staging")]
    assert warm.live() == live
    assert warm.do(job="tidy", hours=25) == 0
