"""Who is told of what, and when not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from costs.alerts.kinds import KINDS, TOTAL, Level
from costs.people.scope import Scope

SATURDAY = 5


def may_see(scope: Scope, kind: str, environment: str) -> bool:
    """Whether somebody of ``scope`` may read an alert.

    Alerts are about whole environments: who sees only some cost centers would learn what the
    others cost. What tells no figures is for everybody.
    """
    if not KINDS[kind].tells_figures:
        return True
    if scope.cost_centers is not None:
        return False
    if scope.environments is None:
        return True
    return environment != TOTAL and environment in scope.environments


@dataclass(frozen=True)
class Listener:
    """A recipient, with what it may see and wants to hear."""

    pk: int
    scope: Scope
    environments: frozenset[str] | None
    """None is all; ``total`` stands for what is about everything."""
    kinds: frozenset[str] | None
    least: Level

    def wants(self, kind: str, environment: str, level: Level) -> bool:
        """Whether it is told of such an alert at once."""
        return (
            level >= max(self.least, Level.WARNING)
            and (self.kinds is None or kind in self.kinds)
            and (self.environments is None or environment in self.environments)
            and may_see(self.scope, kind, environment)
        )


@dataclass(frozen=True)
class Due:
    """An alert that somebody should be told of."""

    pk: int
    kind: str
    environment: str
    level: Level


def route(due: Sequence[Due], listeners: Iterable[Listener]) -> dict[int, list[int]]:
    """The alerts of each listener that gets any, the most urgent first: keys by key."""
    ordered = sorted(due, key=lambda one: (-one.level, one.pk))
    found: dict[int, list[int]] = {}
    for listener in listeners:
        mine = [one.pk for one in ordered if listener.wants(one.kind, one.environment, one.level)]
        if mine:
            found[listener.pk] = mine
    return found


@dataclass(frozen=True)
class QuietHours:
    """Hours of the team's day in which only what is urgent is told; the same twice is never."""

    start: int
    end: int
    weekends: bool
    """Saturday and Sunday are quiet all day."""

    def holds(self, local: datetime) -> bool:
        """Whether the moment, in the team's time zone, is quiet."""
        if self.weekends and local.weekday() >= SATURDAY:
            return True
        if self.start <= self.end:
            return self.start <= local.hour < self.end
        return local.hour >= self.start or local.hour < self.end


def digest_due(local: datetime, weekday: int, hour: int) -> datetime:
    """The last moment up to ``local`` at which a weekly digest was due, in the same time zone."""
    day = (local - timedelta(days=(local.weekday() - weekday) % 7)).replace(
        hour=hour, minute=0, second=0, microsecond=0
    )
    return day if day <= local else day - timedelta(days=7)
