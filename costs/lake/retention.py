"""Which versions' files may go. Pure.

What a version was stays in the manifest for ever: its sums, who delivered it and when, and what
replaced it. Only its files go, and with them the delivered files that no version needs any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

GRACE: Final = timedelta(hours=24)
"""After the flip nothing goes: pages and engines may still be reading what was live."""
REFUSED: Final = timedelta(days=30)
"""How long a refused version is kept: a month to think again, and it never counted (ours)."""


@dataclass(frozen=True)
class Policy:
    """How much of the past is kept of each bill."""

    versions: int = 3
    """Superseded versions, the newest ones: to compare a delivery with those before it and to go
    back by one. Clouds deliver an open month several times a day, so a bill has a hundred."""
    days: int = 400
    """Days since a version was superseded: a year, and a month in which to close its books."""


@dataclass(frozen=True)
class Candidate:
    """A version whose files are there."""

    pk: int
    bill: tuple[str, str]
    """Source and billing period."""
    number: int
    status: str
    """live, held, superseded or refused."""
    ended_at: datetime | None
    """When it was superseded or refused."""
    kept_for: str = ""
    """Who needs it whatever its age: a pin, or work that still has to read it."""
    raw: frozenset[str] = frozenset()
    """Keys of the delivered files that it was made from."""


@dataclass(frozen=True)
class Leaving:
    """A version whose files may go, and why."""

    pk: int
    why: str


@dataclass(frozen=True)
class Plan:
    """What may go now."""

    versions: tuple[Leaving, ...]
    raw: frozenset[str]
    """Delivered files that no version needs that stays."""


def may_go(candidates: Iterable[Candidate], policy: Policy, now: datetime) -> Plan:
    """The versions that ``policy`` gives up at ``now``.

    Never one that is live, held, pinned or needed; none within 24 hours of the flip.
    """
    everything = list(candidates)
    bills: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for one in everything:
        bills[one.bill].append(one)
    leaving = []
    for bill in bills.values():
        superseded = sorted(
            (one for one in bill if one.status == "superseded"), key=lambda one: -one.number
        )
        newest = {one.pk for one in superseded[: policy.versions]}
        for one in bill:
            why = _why(one, policy, now, newest=one.pk in newest)
            if why:
                leaving.append(Leaving(one.pk, why))
    gone = {one.pk for one in leaving}
    kept = {key for one in everything if one.pk not in gone for key in one.raw}
    given_up = {key for one in everything if one.pk in gone for key in one.raw}
    return Plan(tuple(leaving), frozenset(given_up - kept))


def _why(one: Candidate, policy: Policy, now: datetime, *, newest: bool) -> str:
    if one.kept_for or one.ended_at is None or now - one.ended_at < GRACE:
        return ""
    age = now - one.ended_at
    if one.status == "refused":
        return f"refused {REFUSED.days} days ago" if age >= REFUSED else ""
    if one.status != "superseded":
        return ""
    if age >= timedelta(days=policy.days):
        return f"superseded more than {policy.days} days ago"
    if not newest:
        return f"superseded, and not among the last {policy.versions}"
    return ""
