"""The weekly digest and tests: messages that no alert asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from costs.alerts import queries
from costs.alerts.digest import digest_payload
from costs.alerts.kinds import Level
from costs.alerts.models import Alert, OutboxMessage, Recipient, Timetable
from costs.alerts.operations.telling import environment_labels, message, told
from costs.alerts.routing import Listener, digest_due
from costs.alerts.wording import Told, alerts_payload, alerts_subject, one_line
from costs.people.operations import record
from costs.people.scope import Scope
from costs.review.queries import week_review

MOST = 2000
"""Open alerts that are read for a digest; it names ten of them."""


def due_at(now: datetime) -> datetime:
    """The last moment at which the digest was due, in the team's time zone."""
    table = queries.timetable()
    local = now.astimezone(ZoneInfo(settings.TEAM_TIME_ZONE))
    return digest_due(local, table.digest_weekday, table.digest_hour)


def digest_is_due(now: datetime) -> bool:
    """Whether a digest should go out. What was due before anybody could set a day is not."""
    table = queries.timetable()
    return table.digest_on and (
        table.digest_sent_for is None or table.digest_sent_for < due_at(now)
    )


def write_digest(now: datetime) -> int:
    """Write the digest of this week to the outbox, once; return how many messages that makes."""
    if not digest_is_due(now):
        return 0
    moment = due_at(now)
    first = queries.timetable().digest_sent_for is None
    everybody = (
        [] if first else [one for one in queries.recipients(Scope.everything()) if one.digest]
    )
    payloads = _payloads(everybody, now)
    with transaction.atomic():
        Timetable.objects.get_or_create(pk=1)
        rows = Timetable.objects.filter(pk=1).exclude(digest_sent_for__gte=moment)
        if not rows.update(digest_sent_for=moment):
            return 0
        found = [
            message(
                one,
                OutboxMessage.About.DIGEST,
                digest_subject(payloads[one.pk]),
                payloads[one.pk],
                now=now,
            )
            for one in everybody
            if one.pk in payloads
        ]
        OutboxMessage.objects.bulk_create(found, batch_size=500)
    return len(found)


def digest_subject(payload: Mapping[str, Any]) -> str:
    """``Weekly digest: Staging is at risk …``."""
    return one_line(f"Weekly digest: {payload['headline'].rstrip('.')}")


def _payloads(recipients: list[Recipient], now: datetime) -> dict[int, dict[str, Any]]:
    """By recipient; those who see the same share the work."""
    made: dict[tuple[Scope, frozenset[str] | None], dict[str, Any]] = {}
    found = {}
    for listener in queries.listeners(recipients):
        key = (scope_of_digest(listener), listener.kinds)
        if key not in made:
            made[key] = payload_for(*key, now=now)
        found[listener.pk] = made[key]
    return found


def scope_of_digest(listener: Listener) -> Scope:
    """What a recipient may see, as far as it wants to hear of it."""
    scope, wanted = listener.scope, listener.environments
    if wanted is None:
        return scope
    allowed = wanted if scope.environments is None else wanted & scope.environments
    return Scope(allowed - {"total"}, scope.cost_centers)


def payload_for(scope: Scope, kinds: frozenset[str] | None, *, now: datetime) -> dict[str, Any]:
    """The digest as somebody of ``scope`` gets it at ``now``."""
    labels = environment_labels()
    mutes = queries.mutes_at(now)
    rows = queries.alerts(scope, state="active").order_by("-level", "-changed_at", "pk")[:MOST]
    shown = [
        told(one, labels)
        for one in rows
        if (kinds is None or one.kind in kinds)
        and not queries.muted(mutes, one.kind, one.environment, one.subject)
    ]
    closed = queries.closed_since(scope, now - timedelta(days=7), now)
    return digest_payload(
        week_review(scope, None, as_of=now.date()),
        shown,
        closed=[
            {"title": one.title, "reason": one.closed_reason}
            for one in closed
            if kinds is None or one.kind in kinds
        ],
    )


# -- tests -----------------------------------------------------------------------------------------


def sample_payload(now: datetime, alert: Alert | None = None) -> dict[str, Any]:
    """An alert for a test: the newest that there is, else one that is made up and says so."""
    if alert is not None:
        return alerts_payload([told(alert, environment_labels())], moment=now)
    return alerts_payload(
        [
            Told(
                pk=0,
                kind="band-share",
                environment="staging",
                environment_label="Staging",
                level=Level.WARNING,
                threshold=Decimal(80),
                currency="USD",
                title="Staging has spent 82 % of November’s high",
                message="This is a made-up example: $659 spent, 82 % of the high of $800.",
                why=["AmazonCloudWatch cost $187 more than in the same days of October."],
                look_at=["Open the review and start with AmazonCloudWatch."],
                action="",
                link="/",
                raised_at=now,
                evidence={},
            )
        ],
        moment=now,
    )


def write_test(recipient: int, *, actor: str, now: datetime) -> OutboxMessage:
    """Write a test to one recipient to the outbox. Raises :class:`LookupError` for none."""
    with transaction.atomic():
        found = Recipient.objects.select_related("user").filter(pk=recipient).first()
        if found is None:
            raise LookupError("There is no such recipient any more.")
        payload = sample_payload(now)
        made = message(found, OutboxMessage.About.TEST, alerts_subject(payload), payload, now=now)
        made.save()
        record(
            actor=actor,
            action="recipient.tested",
            subject=found.name,
            detail={"message": made.pk, "to": made.to},
            now=now,
        )
    return made
