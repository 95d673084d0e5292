"""Evaluating: facts are read, the engine decides, the log is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from costs.alerts import queries
from costs.alerts.alerting import (
    Close,
    Decision,
    Escalate,
    Held,
    Keep,
    Key,
    Measure,
    Raise,
    decide,
)
from costs.alerts.facts import Facts
from costs.alerts.gathering import gather
from costs.alerts.kinds import KINDS, Level
from costs.alerts.measures import measure
from costs.alerts.models import Alert, AlertEvent, Evaluation, Timetable
from costs.alerts.operations.telling import tell
from costs.lake.queries import generation
from costs.money import plain

ENGINE = "headroom"
"""The actor of what nobody did by hand."""
BATCH = 500
FIGURES = (
    *("level", "highest", "threshold", "value", "currency", "title", "message", "why", "look_at"),
    *("action", "link", "evidence", "seen_at", "changed_at", "state"),
)


@dataclass(frozen=True)
class Raised:
    """One alert that was raised or has escalated."""

    kind: str
    environment: str
    period: str
    threshold: str
    """In the unit of its kind: ``80``, or the word of a level that has no figure."""
    message: str
    level: str
    subject: str
    escalated: bool


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation did."""

    raised: tuple[Raised, ...]
    already_open: int
    closed: int
    told: int
    """Messages written to the outbox."""


def evaluate(
    moment: datetime,
    *,
    now: datetime,
    as_delivered: bool = False,
    notify: bool = True,
) -> Evaluated:
    """Look at everything before ``moment``; raise, escalate and close what follows from it.

    The same moment again changes nothing. A moment before the last evaluation adds what was true
    then, and leaves alone what later ones have decided. ``as_delivered`` sees only deliveries that
    had arrived by then. With ``notify`` what is due is written to the outbox, in the same
    transaction as the alerts.
    """
    started = time.perf_counter()
    facts = gather(moment, as_delivered=as_delivered)
    return apply(facts, moment, now=now, notify=notify, started=started, replayed=as_delivered)


def apply(
    facts: Facts,
    moment: datetime,
    *,
    now: datetime,
    notify: bool,
    started: float | None = None,
    replayed: bool = False,
) -> Evaluated:
    """The same from facts that have been read already."""
    started = time.perf_counter() if started is None else started
    measured = measure(facts)
    rules = queries.rule_book()
    with transaction.atomic():
        # Evaluations come one after the other: the second sees what the first has raised.
        Timetable.objects.get_or_create(pk=1)
        list(Timetable.objects.select_for_update())
        alerts = {
            alert.pk: alert
            for alert in Alert.objects.filter(Q(closed_at=None) | Q(closed_at__gt=moment))
        }
        mine = {
            pk: alert
            for pk, alert in alerts.items()
            if alert.closed_at is None and alert.raised_at <= moment and alert.seen_at <= moment
        }
        settled = {_key(alert) for pk, alert in alerts.items() if pk not in mine}
        decisions = decide(
            [_held(alert) for alert in mine.values()],
            [one for one in measured.measures if one.key not in settled],
            rules,
            looked_at=measured.looked_at,
        )
        raised = _write(decisions, mine, moment)
        messages = tell(moment, now=now) if notify else 0
        closed = sum(isinstance(one, Close) for one in decisions)
        already = sum(isinstance(one, Keep) for one in decisions) + len(settled)
        Evaluation.objects.create(
            as_of=moment,
            at=now,
            generation=generation(),
            replayed=replayed,
            raised=sum(not one.escalated for one in raised),
            escalated=sum(one.escalated for one in raised),
            closed=closed,
            open=already + len(raised),
            milliseconds=round((time.perf_counter() - started) * 1000),
        )
    return Evaluated(tuple(raised), already, closed, messages)


def _key(alert: Alert) -> Key:
    return Key(alert.kind, alert.environment, alert.subject, alert.period)


def _held(alert: Alert) -> Held:
    return Held(alert.pk, _key(alert), Level(alert.level), Level(alert.highest))


def _write(
    decisions: Sequence[Decision], alerts: dict[int, Alert], moment: datetime
) -> list[Raised]:
    new, changed, closed = [], [], []
    events: list[AlertEvent] = []
    said: list[Raised] = []
    for one in decisions:
        match one:
            case Raise(measure, level, threshold):
                alert = Alert(
                    kind=measure.key.kind,
                    environment=measure.key.environment,
                    subject=measure.key.subject,
                    period=measure.key.period,
                    raised_at=moment,
                    raised_level=level,
                    changed_at=moment,
                    seen_at=moment,
                    level=level,
                    highest=level,
                    **_figures(measure, threshold),
                )
                new.append(alert)
                events.append(_event(alert, "raised", moment, _at(alert, level, threshold)))
                said.append(_raised(measure, level, threshold, escalated=False))
            case Escalate(held, measure, level, threshold):
                alert = alerts[held.pk]
                _update(alert, measure, threshold, moment)
                alert.level = alert.highest = level
                alert.changed_at = moment
                # Whoever acknowledged it had seen less.
                alert.state = Alert.State.OPEN
                changed.append(alert)
                events.append(_event(alert, "escalated", moment, _at(alert, level, threshold)))
                said.append(_raised(measure, level, threshold, escalated=True))
            case Keep(held, measure, level, threshold):
                alert = alerts[held.pk]
                if measure is not None and threshold is not None:
                    _update(alert, measure, threshold, moment)
                    alert.level = level
                alert.seen_at = moment
                changed.append(alert)
            case Close(held, reason, measure):
                alert = alerts[held.pk]
                alert.state = Alert.State.CLOSED
                alert.closed_at = alert.seen_at = moment
                alert.closed_reason = reason[:500]
                closed.append(alert)
                events.append(_event(alert, "closed", moment, reason))
    Alert.objects.bulk_create(new, batch_size=BATCH)
    # Rows that are there already: an upsert is many times faster than Django's bulk_update.
    for rows, fields in (
        (changed, FIGURES),
        (closed, ("state", "closed_at", "closed_reason", "seen_at")),
    ):
        Alert.objects.bulk_create(
            rows,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=("id",),
            update_fields=fields,
        )
    AlertEvent.objects.bulk_create(events, batch_size=BATCH)
    return said


def _figures(measure: Measure, threshold: Decimal) -> dict[str, Any]:
    return {
        "threshold": _stored(threshold),
        "value": _stored(measure.value or Decimal(0)),
        "currency": measure.currency,
        "title": measure.title[:300],
        "message": measure.message,
        "why": list(measure.why),
        "look_at": list(measure.look_at),
        "action": measure.action,
        "link": measure.link[:500],
        "evidence": dict(measure.evidence),
    }


def _stored(figure: Decimal) -> Decimal:
    """To 12 decimals: shares come out of divisions."""
    return figure.quantize(Decimal("1e-12")) if figure.as_tuple().exponent != 0 else figure


def _update(alert: Alert, measure: Measure, threshold: Decimal, moment: datetime) -> None:
    for name, value in _figures(measure, threshold).items():
        setattr(alert, name, value)
    alert.seen_at = moment


def _event(alert: Alert, what: str, moment: datetime, detail: str) -> AlertEvent:
    return AlertEvent(alert=alert, at=moment, actor=ENGINE, what=what, detail=detail[:500])


def _at(alert: Alert, level: Level, threshold: Decimal) -> str:
    kind = KINDS[alert.kind]
    if kind.unit == "fixed":
        return f"{level.word}: {alert.message}"
    return f"{level.word}, from {kind.said(threshold, alert.currency)} on: {alert.message}"


def _raised(measure: Measure, level: Level, threshold: Decimal, *, escalated: bool) -> Raised:
    key = measure.key
    return Raised(
        kind=key.kind,
        environment=key.environment,
        period=key.period,
        threshold=level.word if KINDS[key.kind].unit == "fixed" else plain(threshold),
        message=f"{measure.title}. {measure.message}",
        level=level.word,
        subject=key.subject,
        escalated=escalated,
    )
