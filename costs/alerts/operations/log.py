"""What people do with an alert: acknowledge it, note something, mute it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from costs.alerts import queries
from costs.alerts.kinds import KINDS
from costs.alerts.models import Alert, AlertEvent, Mute
from costs.people.operations import record
from costs.people.scope import Scope

LONGEST_MUTE: Final = timedelta(days=366)


class Overtaken(RuntimeError):
    """Somebody else has changed the same thing meanwhile; the message says what."""


def acknowledge(scope: Scope, pk: int, *, note: str, actor: str, now: datetime) -> Alert:
    """Say that somebody has seen an alert and takes care of it; nobody is told again until it
    escalates. Acknowledging it once more adds a note.

    Raises :class:`LookupError` for one that ``scope`` may not read, :class:`Overtaken` for one that
    has closed.
    """
    with transaction.atomic():
        alert = _locked(scope, pk)
        if alert.state == Alert.State.CLOSED:
            raise Overtaken(f"It has closed meanwhile: {alert.closed_reason}")
        first = alert.state != Alert.State.ACKNOWLEDGED
        note = note.strip()
        if first:
            alert.state = Alert.State.ACKNOWLEDGED
            alert.acknowledged_at = now
            alert.acknowledged_by = actor
        elif not note:
            raise Overtaken(f"{alert.acknowledged_by} has acknowledged it already.")
        alert.note = note or alert.note
        alert.save(update_fields=("state", "acknowledged_at", "acknowledged_by", "note"))
        _write(alert, "acknowledged" if first else "noted", note, actor=actor, now=now)
    return alert


def reopen(scope: Scope, pk: int, *, actor: str, now: datetime) -> Alert:
    """Take an acknowledgement back."""
    with transaction.atomic():
        alert = _locked(scope, pk)
        if alert.state != Alert.State.ACKNOWLEDGED:
            raise Overtaken("It is not acknowledged.")
        alert.state = Alert.State.OPEN
        alert.save(update_fields=("state",))
        _write(alert, "reopened", "", actor=actor, now=now)
    return alert


def mute(scope: Scope, pk: int, *, until: datetime, why: str, actor: str, now: datetime) -> Mute:
    """Tell nobody of an alert and of those raised for the same thing, until then.

    Raises :class:`ValueError` with one sentence for a moment that has been or is far off.
    """
    why = why.strip()
    if not why or len(why) > 500:
        raise ValueError("Say why in 1 to 500 characters: others will ask.")
    if until <= now:
        raise ValueError("A mute ends in the future.")
    if until - now > LONGEST_MUTE:
        raise ValueError("A mute ends within a year. To hear nothing at all, switch the rule off.")
    with transaction.atomic():
        alert = _locked(scope, pk)
        made = Mute.objects.create(
            kind=alert.kind,
            environment=alert.environment,
            subject=alert.subject,
            until=until,
            why=why,
            created_at=now,
            created_by=actor,
        )
        _write(alert, "muted", f"until {until:%Y-%m-%d %H:%M} UTC: {why}", actor=actor, now=now)
    return made


def end_mute(scope: Scope, pk: int, *, actor: str, now: datetime) -> None:
    """Let people hear of the alert again."""
    with transaction.atomic():
        alert = _locked(scope, pk)
        found = queries.muted(queries.mutes_at(now), alert.kind, alert.environment, alert.subject)
        if found is None:
            raise Overtaken("It is not muted any more.")
        Mute.objects.filter(pk=found.pk).update(ended_at=now)
        _write(alert, "unmuted", "", actor=actor, now=now)


def _locked(scope: Scope, pk: int) -> Alert:
    alert = Alert.objects.select_for_update().filter(queries.visible(scope), pk=pk).first()
    if alert is None:
        raise LookupError("There is no such alert, or you may not see it.")
    return alert


def _write(alert: Alert, what: str, detail: str, *, actor: str, now: datetime) -> None:
    AlertEvent.objects.create(alert=alert, at=now, actor=actor, what=what, detail=detail[:500])
    record(
        actor=actor,
        action=f"alert.{what}",
        subject=f"{KINDS[alert.kind].name} {alert.environment} {alert.subject}".strip(),
        detail={"alert": alert.pk, "title": alert.title, "detail": detail},
        now=now,
    )
