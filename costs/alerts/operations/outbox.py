"""Sending what is in the outbox: each message once, or with the reason why not.

A row is claimed by a conditional UPDATE before anything is sent, and what became of it is written
after. A process that dies between the two leaves a claim that runs out; then nobody knows whether
the message went out, the row is ``uncertain``, and only a person sends it again, under the same
Message-ID (DESIGN.md section 7).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q

from costs.alerts.models import OutboxMessage
from costs.alerts.sending import Outcome, send
from costs.people.operations import record

CLAIM: Final = timedelta(minutes=5)
"""How long a sender may take over one message: several times the time limits of its sockets."""
WAITS: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""Time before each further attempt; after the last one the message has failed: about a day."""
State = OutboxMessage.State
log = structlog.get_logger(__name__)


def deliver(
    clock: Callable[[], datetime],
    *,
    limit: int = 200,
    sender: Callable[[OutboxMessage], Outcome] = send,
) -> int:
    """Send what is due, the oldest first; return how many attempts were made.

    ``clock`` tells the time before and after each attempt. Several may run at once: a row goes to
    whoever claims it.
    """
    made = 0
    tried: set[int] = set()
    while made < limit:
        now = clock()
        due = OutboxMessage.objects.filter(state=State.QUEUED, due_at__lte=now)
        pk = due.exclude(pk__in=tried).order_by("due_at", "pk").values_list("pk", flat=True).first()
        if pk is None:
            break
        tried.add(pk)
        message = claim(pk, now)
        if message is not None:
            made += 1
            finish(message, sender(message), clock())
    return made


def claim(pk: int, now: datetime) -> OutboxMessage | None:
    """Take one message to send it; None when somebody else has."""
    claimed = OutboxMessage.objects.filter(pk=pk, state=State.QUEUED, due_at__lte=now).update(
        state=State.SENDING, claimed_until=now + CLAIM
    )
    return OutboxMessage.objects.get(pk=pk) if claimed else None


def finish(message: OutboxMessage, outcome: Outcome, now: datetime) -> None:
    """Write down what became of an attempt."""
    attempts = message.attempts + 1
    fate, said = outcome.fate, outcome.said[:1000]
    changes: dict[str, object] = {"attempts": attempts, "said": said, "claimed_until": None}
    if fate == "sent":
        changes |= {"state": State.SENT, "sent_at": now}
    elif fate == "later" and attempts <= len(WAITS):
        changes |= {"state": State.QUEUED, "due_at": now + WAITS[attempts - 1]}
    elif fate == "uncertain":
        changes |= {"state": State.UNCERTAIN}
    else:
        changes |= {"state": State.FAILED}
    # Only while it is still ours: a sweep may have given it up.
    mine = OutboxMessage.objects.filter(
        pk=message.pk, state=State.SENDING, claimed_until=message.claimed_until
    )
    if not mine.update(**changes) and fate == "sent":
        # It was given up as uncertain while it was on its way: now it is known.
        OutboxMessage.objects.filter(pk=message.pk, state=State.UNCERTAIN).update(**changes)
    if fate != "sent":
        log.warning("a message was not sent", message=message.pk, fate=fate, said=said)


def give_up(now: datetime) -> int:
    """Mark as uncertain what somebody who died was sending; return how many."""
    return OutboxMessage.objects.filter(state=State.SENDING, claimed_until__lt=now).update(
        state=State.UNCERTAIN,
        claimed_until=None,
        said="Its sender died while it was sending: nobody knows whether it arrived.",
    )


def due(now: datetime) -> bool:
    """Whether there is anything to send, or to give up."""
    waiting = Q(state=State.QUEUED, due_at__lte=now)
    return OutboxMessage.objects.filter(
        waiting | Q(state=State.SENDING, claimed_until__lt=now)
    ).exists()


class Overtaken(RuntimeError):
    """The message is not in that state any more."""


def send_again(pk: int, *, actor: str, now: datetime) -> OutboxMessage:
    """Send a failed or uncertain message again, under the same Message-ID."""
    return _settle(
        pk,
        (State.FAILED, State.UNCERTAIN),
        {"state": State.QUEUED, "due_at": now, "attempts": 0},
        action="outbox.sent_again",
        actor=actor,
        now=now,
    )


def it_arrived(pk: int, *, actor: str, now: datetime) -> OutboxMessage:
    """Somebody has seen that an uncertain message arrived."""
    return _settle(
        pk,
        (State.UNCERTAIN,),
        {"state": State.SENT, "sent_at": now, "said": f"{actor} says that it arrived."},
        action="outbox.arrived",
        actor=actor,
        now=now,
    )


def drop(pk: int, *, actor: str, now: datetime) -> OutboxMessage:
    """Do not send it: it is no news any more."""
    return _settle(
        pk,
        (State.QUEUED, State.FAILED, State.UNCERTAIN),
        {"state": State.DROPPED},
        action="outbox.dropped",
        actor=actor,
        now=now,
    )


def _settle(
    pk: int,
    states: tuple[OutboxMessage.State, ...],
    changes: dict[str, object],
    *,
    action: str,
    actor: str,
    now: datetime,
) -> OutboxMessage:
    with transaction.atomic():
        message = OutboxMessage.objects.filter(pk=pk).first()
        if message is None:
            raise LookupError("There is no such message.")
        if not OutboxMessage.objects.filter(pk=pk, state__in=states).update(**changes):
            raise Overtaken(f"It is {message.state} by now.")
        record(
            actor=actor,
            action=action,
            subject=f"{message.about} to {message.to}",
            detail={"message": pk, "subject": message.subject, "was": message.state},
            now=now,
        )
    return message
