"""Asking for background work, doing it, and picking up what somebody who died has left.

A job is claimed by a conditional UPDATE, holds a lease that its worker extends, and is done once
however often a message about it arrives. A lost message costs a minute: :func:`sweep` rings again.
What fails for no fault of its own (a database that is away, a full disk) goes back to the queue.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from costs.jobs.kinds import TryAgain, kind, swept
from costs.jobs.models import JobRun, LastSweep

LEASE = timedelta(minutes=2)
"""How long a worker may be silent before its work is given to another (ours)."""
HEARTBEAT = 20.0
"""Seconds between two extensions of a lease."""
RING_AGAIN = timedelta(minutes=1)
"""How long a queued job waits before a worker is told of it again."""
ATTEMPTS = 3
"""How often work is started before it counts as failed."""
TELL_EVERY = 0.4
"""Seconds between two writes of progress."""

PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Errors of the operating system that say nothing about the work itself."""

State = JobRun.State
log = structlog.get_logger(__name__)
_doing: ContextVar[int | None] = ContextVar("doing", default=None)


def request(
    name: str,
    subject: str,
    /,
    *,
    actor: str,
    now: datetime,
    parent: int | None = None,
    **arguments: Any,
) -> tuple[JobRun, bool]:
    """Ask for work of kind ``name``; the open run for the same subject counts as the answer.

    Returns the run and whether it is new. A worker is told once the transaction has committed.
    ``parent`` is the key of the run that this is a part of.
    """
    kind(name)
    try:
        with transaction.atomic():
            run = JobRun.objects.create(
                parent_id=parent,
                kind=name,
                subject=subject[:300],
                arguments=arguments,
                requested_by=actor,
                requested_at=now,
            )
    except IntegrityError:
        existing = JobRun.objects.filter(
            kind=name, subject=subject[:300], state__in=(State.QUEUED, State.RUNNING)
        ).first()
        if existing is None:  # it has just ended: ask anew
            return request(name, subject, actor=actor, now=now, parent=parent, **arguments)
        return existing, False
    transaction.on_commit(lambda: ring(run, now=now))
    return run, True


def ring(run: JobRun, *, now: datetime) -> None:
    """Tell a worker. A queue that cannot be reached is no error: the sweep rings again."""
    JobRun.objects.filter(pk=run.pk).update(rung_at=now)
    try:
        # Celery is imported by who rings, not by every page.
        import_string(settings.QUEUE_APP).send_task(
            "jobs.run",
            kwargs={"run_id": run.pk},
            queue=kind(run.kind).queue,
            # Once, at once: for a connection that the broker has closed since the last ring.
            retry=True,
            retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0},
            expires=3600,
        )
    except Exception as error:  # noqa: BLE001  # whatever the broker's client raises
        log.warning("queue unreachable", run=run.pk, error=type(error).__name__)


def run(run_id: int) -> None:
    """Do one run, unless somebody else has it; of a part, also those beside it that wait.

    A worker that has come for a part stays until all are taken: waiting for a message about each
    would cost more than many of them.
    """
    do(run_id)
    while (beside := _untouched_beside(run_id)) is not None:
        do(beside)


def _untouched_beside(run_id: int) -> int | None:
    parent = JobRun.objects.filter(pk=run_id).values("parent")
    waiting = JobRun.objects.filter(parent__in=parent, state=State.QUEUED, attempt=0)
    return waiting.order_by("pk").values_list("pk", flat=True).first()


def do(run_id: int) -> None:
    """Claim one run and do its work; nothing happens when somebody else has it."""
    claimed = _claim(run_id, timezone.now())
    if claimed is None:
        return
    known = kind(claimed.kind)
    over = False
    teller = _Teller(claimed.pk, claimed.attempt)
    with teller, _being(claimed.pk):
        try:
            result = known.work(teller, **claimed.arguments)
        except Exception as error:  # whatever work raises is its failure
            _drop_cut_connection()
            passing = _is_passing(error)
            log.warning(
                "job failed", run=claimed.pk, kind=claimed.kind, passing=passing, exc_info=True
            )
            said = _said(error)
            if passing and claimed.attempt < ATTEMPTS:
                _hand_back(claimed, said)
            else:
                over = _finish(claimed, State.FAILED, error=said) and not passing
        else:
            over = _finish(claimed, State.DONE, result=result, progress=1, message="", error="")
    if known.after is not None and over:
        known.after(**claimed.arguments)


def doing() -> int | None:
    """Key of the run that is being done here and now; None outside of background work."""
    return _doing.get()


@contextmanager
def _being(run_id: int) -> Iterator[None]:
    token = _doing.set(run_id)
    try:
        yield
    finally:
        _doing.reset(token)


def _is_passing(error: Exception) -> bool:
    """Whether the same work may well succeed in a minute."""
    if isinstance(error, OSError) and error.errno in PASSING:
        return True
    return isinstance(
        error, TryAgain | OperationalError | InterfaceError | ConnectionError | TimeoutError
    )


def _said(error: Exception) -> str:
    if isinstance(error, DatabaseError | InterfaceError):
        # Its own words name tables, hosts and users.
        return f"the database could not be used ({type(error).__name__})"
    if isinstance(error, OSError) and error.errno in PASSING:
        return f"{error.strerror or os.strerror(error.errno or 0)}"
    return str(error)[:1000] or type(error).__name__


def _drop_cut_connection() -> None:
    """A connection that was cut is of no use for saying so: the next query opens another."""
    doubtful = connection.errors_occurred and not connection.in_atomic_block
    if doubtful and not connection.is_usable():
        connection.close()


def _claim(run_id: int, now: datetime) -> JobRun | None:
    with transaction.atomic():
        found = JobRun.objects.filter(pk=run_id, state=State.QUEUED).first()
        if found is None:
            return None
        claimed = JobRun.objects.filter(
            pk=run_id, state=State.QUEUED, attempt=found.attempt
        ).update(
            state=State.RUNNING,
            attempt=found.attempt + 1,
            worker=worker_name(),
            lease_until=now + LEASE,
            started_at=now,
        )
    return JobRun.objects.get(pk=run_id) if claimed else None


def worker_name() -> str:
    """Machine and process, for people who look for the one that does something."""
    return f"{socket.gethostname()}:{os.getpid()}"[-100:]


def _finish(claimed: JobRun, state: State, **values: Any) -> bool:
    return _settle(claimed, state=state, finished_at=timezone.now(), **values)


def _hand_back(claimed: JobRun, error: str) -> None:
    """Back to the queue; the sweep rings for it in a minute."""
    _settle(claimed, state=State.QUEUED, rung_at=timezone.now(), error=error)


def _settle(claimed: JobRun, **values: Any) -> bool:
    # Only whoever still holds it: a worker that was too slow must not undo another's result.
    held = JobRun.objects.filter(pk=claimed.pk, state=State.RUNNING, attempt=claimed.attempt)
    try:
        return held.update(lease_until=None, **values) == 1
    except (OperationalError, InterfaceError):
        # The connection was cut since its last use. If the database is away, its lease says so.
        _drop_cut_connection()
        return held.update(lease_until=None, **values) == 1


def again(run: JobRun, *, actor: str, now: datetime) -> JobRun | None:
    """Ask anew for work that has failed, with the same arguments; None when it has not."""
    if run.state != State.FAILED:
        return None
    return request(run.kind, run.subject, actor=actor, now=now, **run.arguments)[0]


def sweep(now: datetime) -> int:
    """Give work of the dead to others and ring for what waits; return how many were rung for.

    Then let every wing ask for what is due (``costs.jobs.kinds.on_sweep``).
    """
    LastSweep.objects.update_or_create(pk=1, defaults={"at": now, "worker": worker_name()})
    reopen(JobRun.objects.all(), now=now)
    drop_parts(JobRun.objects.filter(parent__state=State.FAILED), now=now)
    waiting = JobRun.objects.filter(state=State.QUEUED).exclude(rung_at__gt=now - RING_AGAIN)
    for one in waiting:
        ring(one, now=now)
    rung = len(waiting)
    for name, callback in swept():
        try:
            callback(now)
        except Exception:  # whatever a wing raises is its own affair, and comes again in a minute
            log.exception("sweep failed", of=name)
    return rung


def reopen(runs: QuerySet[JobRun], *, now: datetime) -> None:
    """Put back in the queue those whose worker has been silent for too long; the third time, fail.

    Nobody is told of it here.
    """
    expired = runs.filter(state=State.RUNNING, lease_until__lt=now)
    expired.filter(attempt__gte=ATTEMPTS).update(
        state=State.FAILED,
        finished_at=now,
        lease_until=None,
        error=f"its worker died {ATTEMPTS} times; an operator finds more in the log",
    )
    expired.update(
        state=State.QUEUED, lease_until=None, rung_at=None, error="the worker before it died"
    )


def drop_parts(parts: QuerySet[JobRun], *, now: datetime) -> None:
    """Nobody needs these any more: what has not begun does not begin."""
    parts.filter(state=State.QUEUED).update(
        state=State.FAILED, finished_at=now, error="another part of the same work has failed"
    )


class _Teller:
    """Writes progress now and then, and keeps the lease alive while the work is silent."""

    def __init__(self, run_id: int, attempt: int) -> None:
        self._run = JobRun.objects.filter(pk=run_id, state=State.RUNNING, attempt=attempt)
        self._last = 0.0
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._heart.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def __call__(self, what: str, share: float) -> None:
        if time.monotonic() - self._last < TELL_EVERY:
            return
        self._last = time.monotonic()
        self._write(message=what[:300], progress=min(max(share, 0.0), 1.0))

    def _beat(self) -> None:
        try:
            while not self._over.wait(HEARTBEAT):
                self._write()
        finally:
            connection.close()

    def _write(self, **values: Any) -> None:
        try:
            self._run.update(lease_until=timezone.now() + LEASE, **values)
        except (OperationalError, InterfaceError) as error:
            # No work is lost for want of a progress bar: the next write takes a new connection.
            log.warning("progress not written", error=type(error).__name__)
            _drop_cut_connection()
