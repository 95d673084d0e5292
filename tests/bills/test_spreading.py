"""A large delivery in parts: the same bill, however many workers read its files."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils import timezone

from costs.bills import spreading
from costs.bills.tasks import INGEST
from costs.bills.upload import new_folder
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake import operations as lake
from costs.lake.engine import cursor, quote
from costs.lake.models import BillVersion
from costs.stores import open_store
from tests.bills.making import csv_text, focus, ingest, only_version, total, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir", "large", "unheard")]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every delivery of several files is a large one."""
    monkeypatch.setattr(spreading, "LARGE", 0)


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """No message reaches anybody: whoever has the whole does all of it."""
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


def rows(nth: int) -> list[dict[str, str]]:
    return [
        focus(BilledCost=f"{nth}.0{row}", ResourceId=f"vm-{nth}-{row}") for row in range(nth + 2)
    ]


def upload(contents: Sequence[Any], names: Sequence[str] = ()) -> JobRun:
    folder = new_folder()
    files = [f"part-{nth}.csv" for nth in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        write(folder / file, content)
    called = list(names) or files
    pairs = [[file, name] for file, name in zip(files, called, strict=True)]
    now = timezone.now()
    return jobs.request(
        INGEST, folder.name, actor="a", now=now, upload=folder.name, files=pairs, by="a"
    )[0]


def stored(version: BillVersion) -> list[tuple[Any, ...]]:
    folder = open_store(configured.LAKE_URL).path(version.key)
    charges = quote(str(folder / "charges-*.parquet"))
    with cursor() as connection:
        return connection.execute(
            f"SELECT * FROM read_parquet({charges}) ORDER BY source_file, source_row"
        ).fetchall()


def staged_folders() -> list[str]:
    store = open_store(configured.LAKE_URL)
    return [key for key, _ in store.folders(lake.STAGED, 1)]


def test_the_bill_is_that_of_one_task(tmp_path: Path) -> None:
    run = upload([rows(nth) for nth in range(4)])
    jobs.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("done", "")
    in_parts = only_version()
    assert run.parts.filter(state="done").count() == 4
    assert {part.kind for part in run.parts.all()} == {spreading.STAGE}
    assert staged_folders() == []

    for nth in range(4):
        write(tmp_path / "one" / f"part-{nth}.csv", rows(nth))
    ingest(tmp_path / "one", source="the same in one task")
    in_one = BillVersion.objects.exclude(pk=in_parts.pk).get()
    assert stored(in_parts) == stored(in_one)
    assert in_parts.sums == in_one.sums
    assert [part.sums for part in in_parts.parts.all()] == [
        part.sums for part in in_one.parts.all()
    ]


class Died(BaseException):
    """Nothing cleans up behind a process that is killed."""


def die_before_the_flip(run: JobRun) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise Died

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lake, "enter", die)
        patched.setattr("shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(Died):
            jobs.run(run.pk)
    assert BillVersion.objects.count() == 0
    assert staged_folders() == [f"staged/{run.pk}"]
    jobs.sweep(timezone.now() + timedelta(minutes=3))


def test_what_is_read_stays_read_when_the_worker_of_the_whole_dies() -> None:
    run = upload([rows(nth) for nth in range(3)])
    die_before_the_flip(run)
    jobs.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("done", 2)
    assert [part.attempt for part in run.parts.all()] == [1, 1, 1]
    assert only_version().rows == 2 + 3 + 4
    assert staged_folders() == []


def test_what_was_tidied_away_meanwhile_is_read_again() -> None:
    run = upload([rows(nth) for nth in range(3)])
    die_before_the_flip(run)
    store = open_store(configured.LAKE_URL)
    store.remove(f"staged/{run.pk}")
    jobs.run(run.pk)
    assert only_version().rows == 2 + 3 + 4
    assert run.parts.filter(state="done").count() == 6


def test_one_bad_file_and_nothing_is_kept() -> None:
    run = upload(
        [rows(0), "just,nonsense\n1,2\n", rows(2)], ["june.csv", "nonsense.csv", "july.csv"]
    )
    jobs.run(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.error.startswith("nonsense.csv: no known bill format")

    cut = gzip.compress(csv_text(rows(3000)).encode())[:-2000]
    run = upload([rows(0), cut, rows(2)], ["june.csv", "cut.csv.gz", "july.csv"])
    jobs.run(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.error.startswith("cut.csv.gz: it cannot be read to its end")
    assert sorted(run.parts.values_list("state", flat=True)) == ["done", "failed", "failed"]
    assert BillVersion.objects.count() == 0
    assert staged_folders() == []


def test_a_part_of_the_dead_is_taken_by_whoever_waits_for_it() -> None:
    run = upload([rows(nth) for nth in range(2)])
    asked: list[int] = []

    def claim_and_die(name: str, subject: str, /, **more: Any) -> tuple[JobRun, bool]:
        part, new = requested(name, subject, **more)
        if name == spreading.STAGE and not asked:
            asked.append(part.pk)
            jobs._claim(part.pk, timezone.now() - timedelta(minutes=3))
        return part, new

    requested = jobs.request
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs, "request", claim_and_die)
        jobs.run(run.pk)
    run.refresh_from_db()
    assert run.state == "done"
    assert [part.attempt for part in run.parts.order_by("pk")] == [2, 1]


def test_who_comes_for_a_part_stays_until_all_are_taken() -> None:
    run = upload([rows(nth) for nth in range(3)])
    stayed: list[int] = []

    def hear_late(name: str, subject: str, /, **more: Any) -> tuple[JobRun, bool]:
        part, new = requested(name, subject, **more)
        if subject.startswith("part 003"):
            first = JobRun.objects.filter(kind=spreading.STAGE).earliest("pk")
            jobs.run(first.pk)  # another worker hears of the first part, once all are there
            stayed.append(JobRun.objects.filter(kind=spreading.STAGE, state="done").count())
        return part, new

    requested = jobs.request
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs, "request", hear_late)
        jobs.run(run.pk)
    assert stayed == [3]
    run.refresh_from_db()
    assert run.state == "done"


def test_a_small_delivery_and_one_from_the_command_line_stay_in_one_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nth in range(2):
        write(tmp_path / "bills" / f"{nth}.csv", rows(nth))
    ingest(tmp_path / "bills")
    assert total() > 0
    monkeypatch.setattr(spreading, "LARGE", 1 << 20)
    run = upload([rows(nth) for nth in range(4, 6)])
    jobs.run(run.pk)
    assert JobRun.objects.filter(kind=spreading.STAGE).count() == 0


def test_results_that_nobody_came_for_are_tidied_away() -> None:
    store = open_store(configured.LAKE_URL)
    workspace = store.new_staging()
    write(workspace / "charges.parquet", "x")
    store.publish(workspace, f"{lake.STAGED}/7/left")
    now = timezone.now()
    assert lake.tidy(store, now=now + timedelta(hours=23), progress=lambda _: None) == 0
    assert lake.tidy(store, now=now + timedelta(hours=25), progress=lambda _: None) == 1
    assert staged_folders() == []
