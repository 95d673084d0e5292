"""What alerts do in the background: evaluate, deliver, write the digest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from costs.alerts import queries
from costs.alerts.operations import digesting, evaluating, outbox
from costs.jobs.kinds import Telling
from costs.jobs.operations import request
from costs.jobs.queries import latest_run
from costs.lake.queries import generation

EVALUATE: Final = "alerts.evaluate"
DELIVER: Final = "alerts.deliver"
DIGEST: Final = "alerts.digest"
SUBJECT: Final = "all"
EVERY: Final = timedelta(hours=1)
"""How long after an evaluation the next one is due although nothing has changed: time itself makes
sources late and lets quiet hours end."""
AFTER_FAILURE: Final = timedelta(minutes=10)
"""How long a kind of work that has failed is left alone."""


def evaluate(tell: Telling) -> dict[str, int]:
    """Evaluate the present; twice raises nothing the second time."""
    now = timezone.now()
    tell("looking", 0.1)
    done = evaluating.evaluate(now, now=now)
    return {"raised": len(done.raised), "closed": done.closed, "queued": done.told}


def deliver(tell: Telling) -> dict[str, int]:
    """Send what is due; what somebody who died was sending is uncertain."""
    tell("sending", 0.1)
    uncertain = outbox.give_up(timezone.now())
    return {"attempts": outbox.deliver(timezone.now), "uncertain": uncertain}


def digest(tell: Telling) -> dict[str, int]:
    """Write the weekly digest to the outbox, once a week."""
    tell("writing", 0.1)
    return {"messages": digesting.write_digest(timezone.now())}


def ask(now: datetime) -> None:
    """Each minute: ask for what is due."""
    if evaluation_is_due(now):
        _ask(EVALUATE, now)
    if digesting.digest_is_due(now):
        _ask(DIGEST, now)
    if outbox.due(now):
        _ask(DELIVER, now)


def evaluation_is_due(now: datetime) -> bool:
    """Whether an hour has passed, or other bills are live than at the last evaluation."""
    last = queries.last_evaluation()
    if last is None or last.replayed:
        return True
    return last.at <= now - EVERY or last.generation != generation()


def ask_delivery(now: datetime) -> None:
    """Send soon, without waiting for the next minute."""
    _ask(DELIVER, now)


def _ask(kind: str, now: datetime) -> None:
    last = latest_run(kind)
    if (
        last
        and last.state == "failed"
        and last.finished_at
        and last.finished_at > now - AFTER_FAILURE
    ):
        return
    request(kind, SUBJECT, actor="headroom", now=now)
