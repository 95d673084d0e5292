"""Background work: claimed once, picked up after a death, never lost with a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from costs.jobs import kinds, operations
from costs.jobs.models import JobRun

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A kind of work that notes its calls, and a bell that is heard at once or not at all."""
    calls: list[dict[str, Any]] = []

    def work(tell: kinds.Telling, **arguments: Any) -> dict[str, int]:
        tell("half way", 0.5)
        calls.append(arguments)
        if arguments.get("fails"):
            raise ValueError("the file is gone")
        return {"calls": len(calls)}

    monkeypatch.setattr(kinds, "_kinds", {})
    monkeypatch.setattr(kinds, "_on_sweep", {})
    kinds.register("test.work", work, queue="short")
    monkeypatch.setattr(operations, "ring", lambda _run, now: None)
    return calls


def ask(subject: str = "a", **arguments: Any) -> JobRun:
    return operations.request("test.work", subject, actor="tester", now=NOW, **arguments)[0]


def test_work_is_done_once_however_often_it_is_rung(done: list[dict[str, Any]]) -> None:
    run = ask(number=1)
    operations.run(run.pk)
    operations.run(run.pk)
    run.refresh_from_db()
    assert done == [{"number": 1}]
    assert (run.state, run.progress, run.result) == ("done", 1, {"calls": 1})


def test_asking_twice_gives_the_open_run(done: list[dict[str, Any]]) -> None:
    first = ask()
    again, new = operations.request("test.work", "a", actor="other", now=NOW)
    assert (again.pk, new) == (first.pk, False)
    assert ask("b").pk != first.pk
    operations.run(first.pk)
    assert ask().pk != first.pk


def test_a_failure_is_a_sentence(done: list[dict[str, Any]]) -> None:
    run = ask(fails=True)
    operations.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "the file is gone")


def test_unknown_work_is_refused(done: list[dict[str, Any]]) -> None:
    with pytest.raises(LookupError, match=r"known are test\.work"):
        operations.request("nonsense", "a", actor="tester", now=NOW)


def test_work_of_a_dead_worker_is_given_to_another(done: list[dict[str, Any]]) -> None:
    run = ask()
    claimed = operations._claim(run.pk, NOW)
    assert claimed is not None
    assert operations._claim(run.pk, NOW) is None
    assert operations.sweep(NOW + timedelta(seconds=30)) == 0
    assert operations.sweep(NOW + timedelta(minutes=3)) == 1
    operations.run(run.pk)
    # The one that was only slow wakes up: its result no longer counts.
    operations._finish(claimed, JobRun.State.FAILED, error="too late")
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("done", 2)


def test_work_that_kills_its_workers_fails_in_the_end(done: list[dict[str, Any]]) -> None:
    run = ask()
    moment = NOW
    for _ in range(operations.ATTEMPTS):
        assert operations._claim(run.pk, moment) is not None
        moment += timedelta(minutes=3)
        operations.sweep(moment)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "died 3 times" in run.error


def test_a_lost_message_costs_a_minute(done: list[dict[str, Any]]) -> None:
    run = ask()
    JobRun.objects.filter(pk=run.pk).update(rung_at=NOW)
    assert operations.sweep(NOW + timedelta(seconds=30)) == 0
    assert operations.sweep(NOW + timedelta(seconds=61)) == 1


def test_a_queue_out_of_reach_loses_nothing(
    done: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.undo()
    kinds.register("test.work", lambda tell: None, queue="short")
    settings.QUEUE_APP = "costs.jobs.nowhere.app"
    with django_capture_on_commit_callbacks(execute=True):
        run = operations.request("test.work", "c", actor="tester", now=timezone.now())[0]
    run.refresh_from_db()
    assert run.state == "queued"
    assert run.rung_at is not None


def test_each_sweep_lets_every_wing_ask_for_what_is_due(
    done: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(now: datetime) -> None:
        raise RuntimeError("the price list is gone")

    def due(now: datetime) -> None:
        operations.request("test.work", f"{now:%H}", actor="schedule", now=now)

    kinds.on_sweep("first", broken)
    kinds.on_sweep("second", due)
    operations.sweep(NOW)
    operations.sweep(NOW + timedelta(seconds=59))
    assert [run.subject for run in JobRun.objects.all()] == ["12"]
    assert [str(one.exc_info[1]) for one in caplog.records if one.exc_info] == [
        "the price list is gone"
    ] * 2
    assert "'of': 'first'" in caplog.text


def test_a_callback_of_the_same_name_replaces_the_one_before(done: list[dict[str, Any]]) -> None:
    heard: list[str] = []
    kinds.on_sweep("due", lambda now: heard.append("old"))
    kinds.on_sweep("due", lambda now: heard.append("new"))
    operations.sweep(NOW)
    assert heard == ["new"]


def test_what_work_was_given_goes_only_once_the_row_says_how_it_ended(
    done: list[dict[str, Any]],
) -> None:
    seen: list[str] = []

    def work(tell: kinds.Telling, *, how: str) -> None:
        if how == "passing":
            raise kinds.TryAgain("the price list is away")
        if how == "broken":
            raise ValueError("no")

    def after(*, how: str) -> None:
        seen.append(f"{how} {JobRun.objects.get(subject=how).state}")

    kinds.register("test.given", work, queue="short", after=after)
    for how in ("fine", "passing", "broken"):
        run, _ = operations.request("test.given", how, actor="tester", now=NOW, how=how)
        operations.run(run.pk)
    assert seen == ["fine done", "broken failed"]
    run = JobRun.objects.get(subject="passing")
    assert (run.state, run.attempt, run.error) == ("queued", 1, "the price list is away")


def test_who_was_too_slow_leaves_the_next_one_what_it_was_given(
    done: list[dict[str, Any]],
) -> None:
    removed: list[str] = []

    def work(tell: kinds.Telling) -> None:
        JobRun.objects.update(state="queued", attempt=7)  # somebody else has it meanwhile

    kinds.register("test.slow", work, queue="short", after=lambda: removed.append("all"))
    run, _ = operations.request("test.slow", "a", actor="tester", now=NOW)
    operations.run(run.pk)
    assert removed == []
