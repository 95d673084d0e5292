"""Asking for background work, doing it, and picking up what somebody who died has left.

A job is claimed by a conditional UPDATE, holds a lease that its worker extends, and is done once
however often a message about it arrives. A lost message costs a minute: :func:`sweep` rings again.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from costs.jobs.kinds import kind, swept
from costs.jobs.models import JobRun

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

State = JobRun.State
log = structlog.get_logger(__name__)


def request(
    name: str, subject: str, *, actor: str, now: datetime, **arguments: Any
) -> tuple[JobRun, bool]:
    """Ask for work of kind ``name``; the open run for the same subject counts as the answer.

    Returns the run and whether it is new. A worker is told once the transaction has committed.
    """
    kind(name)
    try:
        with transaction.atomic():
            run = JobRun.objects.create(
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
            return request(name, subject, actor=actor, now=now, **arguments)
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
            retry=False,
            expires=3600,
        )
    except Exception as error:  # noqa: BLE001  # whatever the broker's client raises
        log.warning("queue unreachable", run=run.pk, error=type(error).__name__)


def run(run_id: int) -> None:
    """Claim one run and do its work; nothing happens when somebody else has it."""
    claimed = _claim(run_id, timezone.now())
    if claimed is None:
        return
    teller = _Teller(claimed.pk, claimed.attempt)
    with teller:
        try:
            result = kind(claimed.kind).work(teller, **claimed.arguments)
        except Exception as error:  # whatever work raises is its failure
            log.warning("job failed", run=claimed.pk, kind=claimed.kind, exc_info=True)
            _finish(claimed, State.FAILED, error=str(error)[:1000] or type(error).__name__)
        else:
            _finish(claimed, State.DONE, result=result, progress=1, message="")


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
            lease_until=now + LEASE,
            started_at=now,
            error="",
        )
    return JobRun.objects.get(pk=run_id) if claimed else None


def _finish(claimed: JobRun, state: State, **values: Any) -> None:
    # Only whoever still holds it: a worker that was too slow must not undo another's result.
    JobRun.objects.filter(pk=claimed.pk, state=State.RUNNING, attempt=claimed.attempt).update(
        state=state, finished_at=timezone.now(), lease_until=None, **values
    )


def sweep(now: datetime) -> int:
    """Give work of the dead to others and ring for what waits; return how many were rung for.

    Then let every wing ask for what is due (``costs.jobs.kinds.on_sweep``).
    """
    expired = JobRun.objects.filter(state=State.RUNNING, lease_until__lt=now)
    expired.filter(attempt__gte=ATTEMPTS).update(
        state=State.FAILED,
        finished_at=now,
        lease_until=None,
        error=f"its worker died {ATTEMPTS} times; an operator finds more in the log",
    )
    expired.update(state=State.QUEUED, lease_until=None, rung_at=None)
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
        self._run.update(
            message=what[:300],
            progress=min(max(share, 0.0), 1.0),
            lease_until=timezone.now() + LEASE,
        )

    def _beat(self) -> None:
        try:
            while not self._over.wait(HEARTBEAT):
                self._run.update(lease_until=timezone.now() + LEASE)
        finally:
            connection.close()
