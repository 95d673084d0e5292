"""Setting rules, recipients and the timetable; two people never lose each other's change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from costs.alerts.kinds import KINDS, Level, Levels
from costs.alerts.models import Recipient, RuleChange, Timetable
from costs.money import plain
from costs.people.operations import record


class Overtaken(RuntimeError):
    """Somebody else has changed the same thing meanwhile; nothing was done."""


def set_rule(
    *,
    actor: str,
    kind: str,
    environment: str,
    follows: bool,
    on: bool,
    levels: Levels,
    why: str,
    now: datetime,
    seen: int | None = None,
) -> RuleChange:
    """Set the rule of ``kind`` for one environment, or for all others (an empty ``environment``).

    ``follows`` ends an own rule. Nothing is overwritten: the edit is a row of the history.
    ``seen`` is the key of the newest edit that the person has seen, 0 for none. Raises
    :class:`ValueError` with one sentence, :class:`Overtaken` when there is a newer edit.
    """
    why = why.strip()
    if kind not in KINDS:
        raise ValueError(f"There is no kind “{kind}”.")
    if not why or len(why) > 500:
        raise ValueError("Say why in 1 to 500 characters: it is kept in the history.")
    if on and not follows and not levels.rising:
        raise ValueError("Give at least one level, or switch the rule off.")
    with transaction.atomic():
        Timetable.objects.get_or_create(pk=1)
        list(Timetable.objects.select_for_update())  # whoever comes second waits here
        newest = RuleChange.objects.filter(kind=kind, environment=environment).last()
        if seen is not None and newest is not None and newest.pk != seen:
            raise Overtaken(kind)
        change = RuleChange.objects.create(
            kind=kind,
            environment=environment,
            follows=follows,
            on=on,
            note=levels.note,  # type: ignore[misc]  # nullable, see the model
            warning=levels.warning,
            urgent=levels.urgent,
            created_at=now,
            created_by=actor,
            why=why,
        )
        record(
            actor=actor,
            action="alert_rule.set",
            subject=f"{kind} {environment or 'all others'}",
            detail={
                "follows": follows,
                "on": on,
                **{level.word: plain(figure) for level, figure in levels.rising},
                "why": why,
                "previous": None if newest is None else str(newest),
            },
            now=now,
        )
    return change


def save_recipient(
    pk: int | None,
    *,
    actor: str,
    name: str,
    way: str,
    user: int | None,
    address: str,
    channel: str,
    environments: Sequence[str] | None,
    kinds: Sequence[str] | None,
    least: int,
    digest: bool,
    on: bool,
    now: datetime,
    seen: int = 0,
    channels: Sequence[str] = (),
) -> Recipient:
    """Add a recipient, or change the one with key ``pk``, whose ``edits`` the person has seen.

    Raises :class:`ValueError` with one sentence, :class:`Overtaken` where somebody else has
    changed or removed it.
    """
    person = _checked(name, way, user, address, channel, channels)
    if least not in (Level.WARNING, Level.URGENT):
        raise ValueError("A recipient hears of warnings too, or of urgent alerts only.")
    fields: dict[str, Any] = {
        "name": name.strip(),
        "way": way,
        "user": person,
        "address": address.strip() if way == Recipient.Way.MAIL else "",
        "channel": channel if way == Recipient.Way.CHANNEL else "",
        "environments": None if environments is None else sorted(environments),
        "kinds": None if kinds is None else sorted(kinds),
        "least": least,
        "digest": digest,
        "on": on,
    }
    with transaction.atomic():
        if pk is None:
            found = Recipient.objects.create(**fields, created_at=now)
        else:
            changed = Recipient.objects.filter(pk=pk, edits=seen).update(**fields, edits=seen + 1)
            if not changed:
                raise Overtaken(name)
            found = Recipient.objects.get(pk=pk)
        record(
            actor=actor,
            action="recipient.added" if pk is None else "recipient.changed",
            subject=found.name,
            detail={
                **{name: value for name, value in fields.items() if name != "user"},
                "user": person.get_username() if person else None,
                "least": Level(least).word,
            },
            now=now,
        )
    return found


def _checked(
    name: str, way: str, user: int | None, address: str, channel: str, channels: Sequence[str]
) -> User | None:
    if not name.strip() or len(name.strip()) > 100:
        raise ValueError("Give a name of 1 to 100 characters.")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise ValueError("A name holds no line breaks or control characters.")
    if way == Recipient.Way.USER:
        person = User.objects.filter(pk=user or 0, is_active=True).first()
        if person is None:
            raise ValueError("Choose a person.")
        return person
    if way == Recipient.Way.MAIL:
        try:
            validate_email(address.strip())
        except ValidationError:
            raise ValueError(f"“{address[:80]}” is no e-mail address.") from None
    elif way == Recipient.Way.CHANNEL:
        if channel not in channels:
            raise ValueError("Choose a channel that is set in the environment.")
    else:
        raise ValueError("A recipient is a person, an e-mail address or a channel.")
    return None


def remove_recipient(pk: int, *, actor: str, now: datetime) -> None:
    """Tell them nothing any more; messages that were sent stay in the outbox."""
    with transaction.atomic():
        found = Recipient.objects.filter(pk=pk).first()
        if found is None:
            raise LookupError("There is no such recipient any more.")
        record(
            actor=actor,
            action="recipient.removed",
            subject=found.name,
            detail={"way": found.way, "address": found.address, "channel": found.channel},
            now=now,
        )
        found.delete()


def set_timetable(
    *,
    actor: str,
    digest_on: bool,
    digest_weekday: int,
    digest_hour: int,
    quiet_from: int,
    quiet_to: int,
    quiet_weekends: bool,
    now: datetime,
    seen: int,
) -> None:
    """Set when the digest goes out and when it is quiet, in the team's time zone."""
    fields = {
        "digest_on": digest_on,
        "digest_weekday": digest_weekday,
        "digest_hour": digest_hour,
        "quiet_from": quiet_from,
        "quiet_to": quiet_to,
        "quiet_weekends": quiet_weekends,
    }
    if not 0 <= digest_weekday <= 6:
        raise ValueError("A weekday is 0 (Monday) to 6 (Sunday).")
    if any(not 0 <= hour <= 23 for hour in (digest_hour, quiet_from, quiet_to)):
        raise ValueError("An hour is 0 to 23.")
    with transaction.atomic():
        Timetable.objects.get_or_create(pk=1)
        before = Timetable.objects.select_for_update().get(pk=1)
        if before.edits != seen:
            raise Overtaken("timetable")
        changed = {name: value for name, value in fields.items() if getattr(before, name) != value}
        # A digest that was due before the new hour was set is not sent late.
        Timetable.objects.filter(pk=1).update(**fields, edits=seen + 1)
        record(actor=actor, action="timetable.set", subject="alerts", detail=changed, now=now)
