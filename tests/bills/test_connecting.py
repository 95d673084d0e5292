"""Connections as people keep them: written down, on schedule, changed by one at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from costs.bills import connecting, fetching
from costs.bills.connecting import Fetching, Overtaken, add_connection, request_due
from costs.bills.connections import BadParameter
from costs.bills.fetching import FetchFailed, fetch_folder
from costs.bills.models import Connection
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NOW = datetime(2026, 4, 3, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


def add(name: str = "aws-main", **more: object) -> Connection:
    values = {"schedule": "daily", "hour": 6, "parameters": {"bucket": "example-billing"}, **more}
    return add_connection(actor="operator-1", name=name, kind="aws-s3", now=NOW, **values)  # type: ignore[arg-type]


def log() -> list[tuple[str, str]]:
    return [(one.actor, one.action) for one in AuditEntry.objects.order_by("pk")]


def test_each_change_is_in_the_audit_log_with_what_changed() -> None:
    known = add()
    connecting.change_connection(
        known.pk,
        actor="operator-2",
        parameters={"bucket": "example-billing", "prefix": "cur/"},
        schedule="hourly",
        hour=6,
        seen=1,
        now=NOW,
    )
    connecting.set_enabled(known.pk, actor="operator-1", enabled=False, now=NOW)
    connecting.set_enabled(known.pk, actor="operator-1", enabled=False, now=NOW)
    connecting.set_enabled(known.pk, actor="operator-1", enabled=True, now=NOW)
    connecting.remove_connection(known.pk, actor="operator-1", now=NOW)
    assert log() == [
        ("operator-1", "connection.added"),
        ("operator-2", "connection.changed"),
        ("operator-1", "connection.paused"),
        ("operator-1", "connection.resumed"),
        ("operator-1", "connection.removed"),
    ]
    changed = AuditEntry.objects.get(action="connection.changed")
    assert changed.detail == {
        "prefix": {"from": None, "to": "cur/"},
        "schedule": {"from": "daily", "to": "hourly"},
    }


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"name": "AWS main"}, "name"),
        ({"name": ""}, "name"),
        ({"parameters": {}}, "bucket"),
        ({"schedule": "yearly"}, "schedule"),
        ({"hour": 24}, "hour"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(change: dict[str, object], name: str) -> None:
    with pytest.raises(BadParameter) as refused:
        add(**change)  # type: ignore[arg-type]
    assert refused.value.name == name
    assert log() == []


def test_a_name_is_taken_once() -> None:
    add()
    with pytest.raises(BadParameter, match="already"):
        add()


def test_who_has_not_seen_the_last_change_changes_nothing() -> None:
    known = add()
    values: Any = {"actor": "x", "schedule": "hourly", "hour": 6, "now": NOW}
    first = {"bucket": "example-billing", "prefix": "first/"}
    connecting.change_connection(known.pk, parameters=first, seen=1, **values)
    with pytest.raises(Overtaken):
        connecting.change_connection(
            known.pk, parameters={"bucket": "second-billing"}, seen=1, **values
        )
    known.refresh_from_db()
    assert known.parameters == first


def test_the_sweep_asks_for_what_is_due_once() -> None:
    daily, paused = add(), add("paused")
    connecting.set_enabled(paused.pk, actor="x", enabled=False, now=NOW)
    jobs.sweep(NOW)
    jobs.sweep(NOW + timedelta(minutes=1))
    # Other wings ask for work of theirs.
    runs = JobRun.objects.filter(kind=connecting.FETCH)
    (run,) = runs.all()
    assert (run.subject, run.requested_by) == ("aws-main", "schedule")
    assert run.arguments == {"connection": daily.pk, "again": False, "as_of": ""}
    assert ("schedule", "connection.run") not in log(), "only what people ask for is noted"

    runs.update(state="done")
    Connection.objects.filter(pk=daily.pk).update(last_run_at=NOW)
    request_due(NOW + timedelta(hours=20))
    assert runs.count() == 1
    request_due(datetime(2026, 4, 4, 6, tzinfo=UTC))
    assert runs.count() == 2


def test_two_who_ask_at_once_get_the_same_run() -> None:
    known = add()
    first, new = connecting.request_run(known, actor="operator-1", now=NOW)
    second, again = connecting.request_run(known, actor="operator-2", now=NOW)
    assert (new, again) == (True, False)
    assert first.pk == second.pk
    assert log().count(("operator-1", "connection.run")) == 1


def test_what_is_being_fetched_is_not_removed() -> None:
    known = add()
    run, _ = connecting.request_run(known, actor="x", now=NOW)
    with pytest.raises(Fetching):
        connecting.remove_connection(known.pk, actor="x", now=NOW)
    JobRun.objects.filter(pk=run.pk).update(state="failed")
    folder = fetch_folder(known) / "x"
    folder.mkdir(parents=True)
    connecting.remove_connection(known.pk, actor="x", now=NOW)
    assert not folder.exists()


def test_a_run_of_a_connection_that_is_gone_says_so() -> None:
    known = add()
    run, _ = connecting.request_run(known, actor="x", now=NOW)
    Connection.objects.all().delete()
    jobs.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "the connection has been removed")


def test_a_worker_given_up_for_dead_keeps_the_folder_from_the_next(tmp_path: Path) -> None:
    known = add()
    with (
        fetching._alone(known),
        pytest.raises(FetchFailed, match="another worker is still fetching"),
    ):
        fetching.fetch(lambda _w, _s: None, known, again=False, now=NOW)
