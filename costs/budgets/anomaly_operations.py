"""Writing down what stands out, and what people say of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from costs.budgets import anomaly_queries as queries
from costs.budgets.anomalies import SAID_ONCE, Anomaly, Driver, SeriesKey
from costs.budgets.models import AnomalyRecord
from costs.money import plain
from costs.people.operations import record as audit
from costs.people.scope import Scope

State = AnomalyRecord.State
OPEN_FOR: Final = timedelta(days=60)
"""How long after its last day an anomaly is news: older ones are not opened, and close (ours)."""
EVERYTHING: Final = Scope.everything()
FIXED: Final = frozenset({"missing charge", "moved charge", "new price"})


class Overtaken(RuntimeError):
    """Somebody else was quicker; the message says what has become of the anomaly."""


@dataclass(frozen=True)
class Watched:
    """What a look at the lake has changed."""

    opened: int
    closed: int


def watch(as_of: date, *, now: datetime) -> Watched:
    """Look at the days complete by ``as_of`` and write down what stands out.

    New anomalies open, what vanished closes by itself. The same again changes nothing. An
    acknowledged one stays as it was decided on.
    """
    found = queries.look(EVERYTHING, as_of)
    since = as_of - OPEN_FOR
    recent = [one for one in found.anomalies if one.last_day >= since]
    known = AnomalyRecord.objects.exclude(state=State.CLOSED, last_day__lt=since)
    fresh = [one for one in recent if not _same_as_any(one, known)]
    # Reading resources takes a while; nothing of it in a transaction.
    drivers = {id(one): queries.drivers_of(EVERYTHING, one) for one in fresh}
    with transaction.atomic():
        records = list(known.select_for_update())
        by_series: dict[SeriesKey, list[AnomalyRecord]] = defaultdict(list)
        for row in records:
            by_series[row.environment, row.service_name, row.currency].append(row)
        seen: set[int] = set()
        opened = 0
        for one in recent:
            match = next((row for row in by_series[one.series] if _same(one, row)), None)
            if match is not None:
                seen.add(match.pk)
                opened += _again(match, one, now)
            elif id(one) in drivers:
                opened += _open(one, drivers[id(one)], now)
        closed = 0
        for row in records:
            if row.state == State.OPEN and row.pk not in seen:
                row.state = State.CLOSED
                row.closed_why = (
                    "It is more than 60 days old."
                    if row.last_day < since
                    else "Its days were restated and stand out no more."
                )
                row.seen_at = now
                row.save(update_fields=["state", "closed_why", "seen_at"])
                closed += 1
    return Watched(opened, closed)


def _same_as_any(one: Anomaly, records: Iterable[AnomalyRecord]) -> bool:
    return any(
        (row.environment, row.service_name, row.currency) == one.series and _same(one, row)
        for row in records
    )


def _same(one: Anomaly, row: AnomalyRecord) -> bool:
    """Whether both are about the same days, give or take those that are said once."""
    if (one.kind in FIXED) != (row.kind in FIXED):
        return False
    margin = timedelta(days=SAID_ONCE)
    return one.first_day <= row.last_day + margin and one.last_day >= row.first_day - margin


def _again(row: AnomalyRecord, one: Anomaly, now: datetime) -> int:
    """Bring a known one up to date; 1 when it has come back."""
    before = row.days, row.actual, row.expected, row.kind, row.state
    back = row.state == State.CLOSED
    if row.state == State.ACKNOWLEDGED:
        return 0
    row.days = [day.isoformat() for day in one.days]
    row.first_day, row.last_day = one.first_day, one.last_day
    row.actual, row.expected, row.kind, row.score = one.actual, one.expected, one.kind, one.score
    if back:
        row.state, row.closed_why = State.OPEN, ""
    if (row.days, row.actual, row.expected, row.kind, row.state) != before:
        row.seen_at = now
        row.save()
    return int(back)


def _open(one: Anomaly, drivers: Iterable[Driver], now: datetime) -> int:
    _, new = AnomalyRecord.objects.get_or_create(
        environment=one.environment,
        service_name=one.service_name,
        currency=one.currency,
        kind=one.kind,
        first_day=one.first_day,
        defaults={
            "last_day": one.last_day,
            "days": [day.isoformat() for day in one.days],
            "actual": one.actual,
            "expected": one.expected,
            "score": one.score,
            "drivers": [
                {
                    "region_id": driver.region_id,
                    "resource_id": driver.resource_id,
                    "change": plain(driver.change),
                    "share": plain(driver.share),
                }
                for driver in drivers
            ],
            "found_at": now,
            "seen_at": now,
        },
    )
    return int(new)


def acknowledge(key: int, *, note: str, seen: str, actor: str, now: datetime) -> AnomalyRecord:
    """Say why it is expected: its days teach the baseline from now on.

    ``seen`` is the state that whoever decides looked at. Raises :class:`Overtaken` when it is
    another by now, and ``AnomalyRecord.DoesNotExist``.
    """
    return _decide(key, State.ACKNOWLEDGED, note=note, seen=seen, actor=actor, now=now)


def reopen(key: int, *, seen: str, actor: str, now: datetime) -> AnomalyRecord:
    """Take an acknowledgement back: the days stand out again. Raises as :func:`acknowledge`."""
    return _decide(key, State.OPEN, note="", seen=seen, actor=actor, now=now)


def _decide(
    key: int, state: State, *, note: str, seen: str, actor: str, now: datetime
) -> AnomalyRecord:
    with transaction.atomic():
        row = AnomalyRecord.objects.select_for_update().get(pk=key)
        if row.state != seen:
            by = f" by {row.decided_by}" if row.decided_by else ""
            raise Overtaken(f"This anomaly is {row.state} by now{by}; look at it again.")
        row.state, row.note = state, note
        row.decided_at, row.decided_by, row.closed_why = now, actor, ""
        row.save()
        audit(
            actor=actor,
            action="anomaly.acknowledged" if state == State.ACKNOWLEDGED else "anomaly.reopened",
            subject=str(row),
            detail={"note": note} if note else {},
            now=now,
        )
    return row
