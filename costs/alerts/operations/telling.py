"""From alerts to messages: who is told of what is written to the outbox, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.utils import make_msgid
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F

from costs.alerts import queries
from costs.alerts.kinds import TOTAL, Level
from costs.alerts.models import Alert, AlertEvent, OutboxMessage, Recipient
from costs.alerts.routing import Due, QuietHours, route
from costs.alerts.wording import Told, alerts_payload, alerts_subject
from costs.bills import queries as bills
from costs.people.scope import Scope

BATCH = 500


def tell(moment: datetime, *, now: datetime) -> int:
    """Write one message to each recipient who is to be told of anything; return how many.

    Told is what is open, loud enough, not muted, and louder than what was told before. In quiet
    hours only what is urgent is; the rest waits for the first evaluation after them, and then goes
    out as one message. Call it inside the transaction that wrote the alerts.
    """
    waiting = _waiting(moment, now)
    if not waiting:
        return 0
    everybody = queries.recipients(Scope.everything())
    routes = route(
        [Due(one.pk, one.kind, one.environment, Level(one.level)) for one in waiting],
        queries.listeners(everybody),
    )
    if not routes:
        return 0
    labels = environment_labels()
    by_pk = {one.pk: one for one in waiting}
    by_recipient = {one.pk: one for one in everybody}
    messages = []
    for recipient, alerts in routes.items():
        payload = alerts_payload([told(by_pk[pk], labels) for pk in alerts], moment=moment)
        messages.append(
            message(
                by_recipient[recipient],
                OutboxMessage.About.ALERTS,
                alerts_subject(payload),
                payload,
                now=now,
            )
        )
    OutboxMessage.objects.bulk_create(messages, batch_size=BATCH)
    _mark_told({pk for alerts in routes.values() for pk in alerts}, now)
    return len(messages)


def _waiting(moment: datetime, now: datetime) -> list[Alert]:
    found = Alert.objects.filter(
        state=Alert.State.OPEN,
        level__gte=Level.WARNING,
        level__gt=F("told_level"),
        raised_at__lte=moment,
    )
    if is_quiet(now):
        found = found.filter(level__gte=Level.URGENT)
    mutes = queries.mutes_at(now)
    return [
        one for one in found if not queries.muted(mutes, one.kind, one.environment, one.subject)
    ]


def is_quiet(now: datetime) -> bool:
    """Whether only what is urgent may be told at ``now``."""
    table = queries.timetable()
    hours = QuietHours(table.quiet_from, table.quiet_to, table.quiet_weekends)
    return hours.holds(now.astimezone(ZoneInfo(settings.TEAM_TIME_ZONE)))


def _mark_told(told_ones: Iterable[int], now: datetime) -> None:
    pks = sorted(told_ones)
    for start in range(0, len(pks), BATCH):
        some = pks[start : start + BATCH]
        Alert.objects.filter(pk__in=some).update(told_level=F("level"), told_at=now)
        AlertEvent.objects.bulk_create(
            AlertEvent(alert_id=pk, at=now, actor="headroom", what="told") for pk in some
        )


def environment_labels() -> dict[str, str]:
    """Label by name, also of what is not an environment."""
    found = {one.name: one.label for one in bills.environments(Scope.everything())}
    return found | {"unallocated": "Unallocated", TOTAL: "Total"}


def told(alert: Alert, labels: Mapping[str, str]) -> Told:
    """An alert as a message tells it."""
    return Told(
        pk=alert.pk,
        kind=alert.kind,
        environment=alert.environment,
        environment_label=labels.get(alert.environment, alert.environment),
        level=Level(alert.level),
        threshold=alert.threshold,
        currency=alert.currency,
        title=alert.title,
        message=alert.message,
        why=alert.why,
        look_at=alert.look_at,
        action=alert.action,
        link=alert.link,
        raised_at=alert.raised_at,
        evidence=alert.evidence,
    )


def message(
    recipient: Recipient,
    about: OutboxMessage.About,
    subject: str,
    payload: dict[str, Any],
    *,
    now: datetime,
) -> OutboxMessage:
    """A message to one recipient, not saved yet."""
    channel = recipient.way == Recipient.Way.CHANNEL
    return OutboxMessage(
        about=about,
        recipient=recipient,
        way="channel" if channel else "mail",
        to=recipient.channel if channel else address_of(recipient),
        to_name=recipient.name,
        subject=subject[:300],
        payload=payload,
        message_id=make_msgid(domain=urlsplit(settings.PUBLIC_URL).hostname or "localhost"),
        due_at=now,
        created_at=now,
    )


def address_of(recipient: Recipient) -> str:
    """The e-mail address of a recipient; empty when the person has none."""
    return recipient.address if recipient.user is None else recipient.user.email


def unreachable(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Recipients that no message can reach: a person without an address, an unset channel."""
    return [
        one
        for one in recipients
        if (one.way != Recipient.Way.CHANNEL and not address_of(one))
        or (one.way == Recipient.Way.CHANNEL and one.channel not in settings.CHANNELS)
    ]
