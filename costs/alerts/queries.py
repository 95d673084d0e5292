"""Reading alerts: the log, the rules, the recipients, the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from costs.alerts.kinds import KINDS, TOTAL, Kind, Level, Rule, RuleBook
from costs.alerts.models import (
    Alert,
    AlertEvent,
    Evaluation,
    Mute,
    OutboxMessage,
    Recipient,
    RuleChange,
    Timetable,
)
from costs.alerts.routing import Listener
from costs.people.queries import scopes_of
from costs.people.scope import Scope

OPEN_STATES = (Alert.State.OPEN, Alert.State.ACKNOWLEDGED)
FREE = tuple(kind.name for kind in KINDS.values() if not kind.tells_figures)
"""Kinds that everybody may read."""


def visible(scope: Scope) -> Q:
    """The alerts that ``scope`` may read: :func:`costs.alerts.routing.may_see` as a condition."""
    if scope == Scope.everything():
        return Q()
    free = Q(kind__in=FREE)
    if scope.cost_centers is not None:
        return free
    return free | (Q(environment__in=scope.environments or ()) & ~Q(environment=TOTAL))


def alerts(
    scope: Scope,
    *,
    state: str = "",
    kind: str = "",
    environment: str = "",
    level: int | None = None,
    text: str = "",
) -> QuerySet[Alert]:
    """The log, newest first. ``state`` is one of the three, or ``active`` for all but closed.

    What is active comes with the loudest first, and what nobody looks after before the rest.
    """
    found = Alert.objects.filter(visible(scope))
    if state == "active":
        found = found.filter(state__in=OPEN_STATES)
        found = found.order_by("-level", "-state", "-changed_at", "-pk")
    elif state:
        found = found.filter(state=state)
    if kind:
        found = found.filter(kind=kind)
    if environment:
        found = found.filter(environment=environment)
    if level is not None:
        found = found.filter(level__gte=level)
    if text:
        found = found.filter(
            Q(title__icontains=text) | Q(subject__icontains=text) | Q(message__icontains=text)
        )
    return found


def alert(scope: Scope, pk: int) -> Alert | None:
    """One alert; None when there is none or ``scope`` may not read it."""
    return Alert.objects.filter(visible(scope), pk=pk).first()


def counts(scope: Scope) -> dict[str, int]:
    """How many alerts are in each state."""
    rows = Alert.objects.filter(visible(scope)).order_by().values("state")
    found = {row["state"]: row["number"] for row in rows.annotate(number=Count("pk"))}
    return {state: found.get(state, 0) for state in Alert.State.values}


def events(scope: Scope, alert: Alert) -> list[AlertEvent]:
    """The life of an alert, oldest first; nothing for who may not read it."""
    return list(AlertEvent.objects.filter(alert__in=alerts(scope), alert_id=alert.pk))


def environments_of_alerts(scope: Scope) -> list[str]:
    """The environments that any alert is about."""
    rows = Alert.objects.filter(visible(scope)).order_by("environment")
    return list(rows.values_list("environment", flat=True).distinct())


# -- rules -----------------------------------------------------------------------------------------


def rule_book() -> RuleBook:
    """The rules in force. They hold no figures of anybody, so they need no scope."""
    rules: dict[tuple[str, str], Rule] = {}
    for row in newest_changes(Scope.everything()).values():
        if not row.follows and row.kind in KINDS:
            rules[row.kind, row.environment] = row.rule
    return RuleBook(rules)


def newest_changes(scope: Scope) -> dict[tuple[str, str], RuleChange]:
    """The last edit of each rule, by kind and environment (empty: all others)."""
    rows = RuleChange.objects.order_by("pk")
    if scope.environments is not None:
        rows = rows.filter(environment__in=[*scope.environments, ""])
    return {(row.kind, row.environment): row for row in rows}


def rule_edits(scope: Scope, kind: str = "", environment: str | None = None) -> list[RuleChange]:
    """Every edit, the newest first."""
    rows = RuleChange.objects.order_by("-pk")
    if scope.environments is not None:
        rows = rows.filter(environment__in=[*scope.environments, ""])
    if kind:
        rows = rows.filter(kind=kind)
    if environment is not None:
        rows = rows.filter(environment=environment)
    return list(rows)


@dataclass(frozen=True)
class RuleLine:
    """One rule on the page: what holds for a kind in an environment, and why."""

    kind: Kind
    environment: str
    rule: Rule
    change: RuleChange | None
    """The edit that made it; None where the default holds."""
    own: bool
    """Set for this environment itself."""


# -- who is told -----------------------------------------------------------------------------------


def recipients(scope: Scope) -> list[Recipient]:
    """Everybody who is told of anything; only for who sees all."""
    if scope != Scope.everything():
        return []
    return list(Recipient.objects.select_related("user"))


def scope_of_recipient(recipient: Recipient, scopes: dict[int, Scope]) -> Scope:
    """What a recipient may see: a person's own scope; others see what they were set to hear."""
    if recipient.user_id is not None:
        return scopes.get(recipient.user_id, Scope(frozenset(), frozenset()))
    chosen = recipient.environments
    return Scope(None if chosen is None else frozenset(chosen) - {TOTAL}, None)


def listeners(found: Iterable[Recipient]) -> list[Listener]:
    """Recipients as the routing sees them, in two queries."""
    rows = [one for one in found if one.on and (one.user is None or one.user.is_active)]
    scopes = scopes_of([one.user_id for one in rows if one.user_id is not None])
    return [
        Listener(
            pk=one.pk,
            # An address that was set to hear of the total may see it.
            scope=Scope.everything() if one.user_id is None else scope_of_recipient(one, scopes),
            environments=None if one.environments is None else frozenset(one.environments),
            kinds=None if one.kinds is None else frozenset(one.kinds),
            least=Level(one.least),
        )
        for one in rows
    ]


def timetable() -> Timetable:
    """The one row, as it is or as it begins."""
    return Timetable.objects.filter(pk=1).first() or Timetable(pk=1)


def mutes_at(moment: datetime) -> list[Mute]:
    """The mutes in force at a moment."""
    return list(
        Mute.objects.filter(created_at__lte=moment, until__gt=moment).exclude(ended_at__lte=moment)
    )


def muted(rows: Sequence[Mute], kind: str, environment: str, subject: str) -> Mute | None:
    """The mute that silences such an alert."""
    for row in rows:
        if (row.kind, row.environment) == (kind, environment) and row.subject in {"", subject}:
            return row
    return None


def last_evaluation() -> Evaluation | None:
    """The newest evaluation of the present; replays do not count."""
    return Evaluation.objects.filter(replayed=False).first() or Evaluation.objects.first()


# -- the outbox ------------------------------------------------------------------------------------


def messages(scope: Scope, state: str = "") -> QuerySet[OutboxMessage]:
    """The outbox, newest first; only for who sees all, for it tells of everybody's alerts."""
    if scope != Scope.everything():
        return OutboxMessage.objects.none()
    found = OutboxMessage.objects.select_related("recipient")
    return found.filter(state=state) if state else found


def message_counts(scope: Scope) -> dict[str, int]:
    """How many messages are in each state."""
    if scope != Scope.everything():
        return {}
    rows = OutboxMessage.objects.order_by().values("state").annotate(number=Count("pk"))
    found = {row["state"]: row["number"] for row in rows}
    return {state: found.get(state, 0) for state in OutboxMessage.State.values}


def closed_since(scope: Scope, moment: datetime, until: datetime) -> list[Alert]:
    """Alerts that somebody was told of and that have closed since."""
    return list(
        Alert.objects.filter(visible(scope), closed_at__gt=moment, closed_at__lte=until)
        .exclude(told_level=0)
        .order_by("closed_at", "pk")
    )
