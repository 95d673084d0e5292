"""Connections as people keep them: adding, changing, pausing, removing, asking for a run."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connections, transaction

from costs.bills.connections import SCHEDULES, BadParameter, kind_of, next_run
from costs.bills.fetching import fetch_folder
from costs.bills.models import Connection
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.operations import record

FETCH = "bills.fetch"
"""The kind of work that fetches by a connection; its subject is the connection's name."""
CHECK = "bills.check"
"""The kind of work that tests a connection, saved or not."""
SCHEDULER = "schedule"
"""Who asks for the runs that are due."""


class Overtaken(RuntimeError):
    """Somebody else has changed the connection meanwhile; nothing was done."""


class Fetching(RuntimeError):
    """The connection is being fetched right now; nothing was done."""


def add_connection(
    *,
    actor: str,
    name: str,
    kind: str,
    parameters: Mapping[str, str],
    schedule: str,
    hour: int,
    now: datetime,
) -> Connection:
    """Keep a new connection. Raises :class:`BadParameter`, :class:`LookupError` for its kind."""
    clean = kind_of(kind).clean(parameters)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", name):
        raise BadParameter("name", "Use small letters, digits and dashes, such as aws-main.")
    _check_schedule(schedule, hour)
    try:
        with transaction.atomic():
            connection = Connection.objects.create(
                name=name,
                kind=kind,
                parameters=clean,
                schedule=schedule,
                hour=hour,
                created_at=now,
                created_by=actor,
                changed_at=now,
                changed_by=actor,
            )
            _note(actor, "connection.added", connection, _described(connection), now)
    except IntegrityError:
        raise BadParameter("name", f"There is a connection “{name}” already.") from None
    return connection


def change_connection(
    connection: int,
    *,
    actor: str,
    parameters: Mapping[str, str],
    schedule: str,
    hour: int,
    seen: int,
    now: datetime,
) -> Connection:
    """Change a connection; ``seen`` is the version that the person has seen.

    Raises :class:`BadParameter`, :class:`Overtaken`, :class:`Connection.DoesNotExist`.
    """
    with transaction.atomic():
        known = Connection.objects.select_for_update().get(pk=connection)
        clean = kind_of(known.kind).clean(parameters)
        _check_schedule(schedule, hour)
        if known.version != seen:
            raise Overtaken(known.name)
        before = _described(known)
        known.parameters, known.schedule, known.hour = clean, schedule, hour
        _save(known, actor, now)
        after = _described(known)
        changes = {
            key: {"from": before.get(key), "to": after.get(key)}
            for key in before | after
            if before.get(key) != after.get(key)
        }
        _note(actor, "connection.changed", known, changes, now)
    return known


def set_enabled(connection: int, *, actor: str, enabled: bool, now: datetime) -> Connection:
    """Pause a connection or let it go on; nothing happens when it is so already."""
    with transaction.atomic():
        known = Connection.objects.select_for_update().get(pk=connection)
        if known.enabled != enabled:
            known.enabled = enabled
            _save(known, actor, now)
            _note(actor, "connection.resumed" if enabled else "connection.paused", known, {}, now)
    return known


def remove_connection(connection: int, *, actor: str, now: datetime) -> None:
    """Forget a connection and what it knew of its deliveries. Its bills stay.

    Raises :class:`Fetching` while it is being fetched.
    """
    with transaction.atomic():
        known = Connection.objects.select_for_update().get(pk=connection)
        if _open_run(known) is not None:
            raise Fetching(known.name)
        folder = fetch_folder(known)
        _note(actor, "connection.removed", known, _described(known), now)
        known.delete()
    shutil.rmtree(folder, ignore_errors=True)


def request_run(
    connection: Connection, *, actor: str, now: datetime, again: bool = True, as_of: str = ""
) -> tuple[JobRun, bool]:
    """Ask for a run; the one that is open already counts as the answer, with False."""
    with transaction.atomic():
        run, new = jobs.request(
            FETCH,
            connection.name,
            actor=actor,
            now=now,
            connection=connection.pk,
            again=again,
            as_of=as_of,
        )
        if new and actor != SCHEDULER:
            _note(actor, "connection.run", connection, {}, now)
    return run, new


def run_here(
    connection: Connection,
    *,
    actor: str,
    now: datetime,
    as_of: str,
    progress: Callable[[str, float], None] | None,
    sleep: Callable[[float], None],
) -> JobRun:
    """Fetch in this process and return the finished run; wait for it where a worker has it."""
    run, _ = request_run(connection, actor=actor, now=now, as_of=as_of)
    with _watched(run.pk, progress):
        jobs.run(run.pk)
        run.refresh_from_db()
        while run.is_open:  # a worker has it, or its worker has died and the sweep takes it back
            sleep(1)
            run.refresh_from_db()
    return run


@contextmanager
def _watched(run_id: int, progress: Callable[[str, float], None] | None) -> Iterator[None]:
    """Show how far a run is while the body does it."""
    if progress is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        try:
            while not over.wait(0.5):
                run = JobRun.objects.get(pk=run_id)
                progress(run.message or "waiting", run.progress)
        finally:
            connections.close_all()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def request_due(now: datetime) -> None:
    """Ask for the runs that are due: every sweep calls this."""
    for connection in Connection.objects.filter(enabled=True):
        if due_at(connection, now) <= now:
            request_run(connection, actor=SCHEDULER, now=now, again=False)


def due_at(connection: Connection, now: datetime) -> datetime:
    """When a connection is to be fetched next."""
    return next_run(
        connection.schedule,
        connection.hour,
        connection.last_run_at,
        passes=connection.passes,
        now=now,
    )


def request_check(
    kind: str, parameters: Mapping[str, str], *, name: str, actor: str, now: datetime
) -> JobRun:
    """Ask for a test with these parameters. Raises :class:`BadParameter`."""
    clean = kind_of(kind).clean(parameters)
    run, _ = jobs.request(
        CHECK,
        f"{name or 'a new connection'} for {actor} at {now:%H:%M:%S.%f}",
        actor=actor,
        now=now,
        kind=kind,
        parameters=clean,
    )
    return run


def _open_run(connection: Connection) -> JobRun | None:
    states = (JobRun.State.QUEUED, JobRun.State.RUNNING)
    return JobRun.objects.filter(kind=FETCH, subject=connection.name, state__in=states).first()


def _check_schedule(schedule: str, hour: int) -> None:
    if schedule not in SCHEDULES:
        raise BadParameter("schedule", f"A schedule is one of {', '.join(SCHEDULES)}.")
    if not 0 <= hour <= 23:
        raise BadParameter("hour", "The hour is a number from 0 to 23.")


def _save(connection: Connection, actor: str, now: datetime) -> None:
    connection.version += 1
    connection.changed_at, connection.changed_by = now, actor
    connection.save(
        update_fields=[
            *("parameters", "schedule", "hour", "enabled"),
            *("version", "changed_at", "changed_by"),
        ]
    )


def _described(connection: Connection) -> dict[str, Any]:
    return {
        "kind": connection.kind,
        **connection.parameters,
        "schedule": connection.schedule,
        "hour": connection.hour,
    }


def _note(
    actor: str, action: str, connection: Connection, detail: Mapping[str, Any], now: datetime
) -> None:
    record(actor=actor, action=action, subject=connection.name, detail=detail, now=now)
