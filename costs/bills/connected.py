"""What people see of connections: how each is, what it has brought, when it is due.

Connections are for operators alone, who see all of them: no scope applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from django.db.models import Max

from costs.bills.connecting import CHECK, FETCH, due_at
from costs.bills.connections import SCHEDULES, ConnectionKind, kind_of
from costs.bills.models import Connection, FetchedDelivery
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion

type Mood = Literal["working", "failing", "paused", "new"]


@dataclass(frozen=True)
class Shown:
    """A connection as a row of the list."""

    connection: Connection
    kind: ConnectionKind
    target: str
    mood: Mood
    run: JobRun | None
    """Its newest run."""
    error: str
    next_run: datetime | None
    """None while it is paused."""
    deliveries: int
    sources: tuple[str, ...]
    last_day: date | None
    """The newest day with cost that its sources have."""

    @property
    def schedule(self) -> str:
        """In words."""
        said = SCHEDULES.get(self.connection.schedule, self.connection.schedule)
        hour = self.connection.hour
        if self.connection.schedule == "daily":
            return f"{said} at {hour:02}:00 UTC"
        if self.connection.schedule == "six_hourly":
            return f"{said}, first at {hour % 6:02}:00 UTC"
        return said

    @property
    def running(self) -> bool:
        """Whether it is being fetched, or waits for a worker to do so."""
        return self.run is not None and self.run.is_open


def shown(now: datetime) -> list[Shown]:
    """Every connection, what needs somebody first. The number of queries does not grow."""
    connections = list(Connection.objects.all())
    runs = _newest_runs(one.name for one in connections)
    brought: dict[int, list[FetchedDelivery]] = {}
    for delivery in FetchedDelivery.objects.only("connection_id", "bills", "state"):
        brought.setdefault(delivery.connection_id, []).append(delivery)
    sources = {pk: _sources(of) for pk, of in brought.items()}
    days = _last_days({name for names in sources.values() for name in names})
    rows = [
        _shown(
            one,
            runs.get(one.name),
            len(brought.get(one.pk, ())),
            sources.get(one.pk, ()),
            days,
            now,
        )
        for one in connections
    ]
    order = {"failing": 0, "new": 1, "working": 2, "paused": 3}
    return sorted(rows, key=lambda row: (order[row.mood], row.connection.name))


def shown_one(connection: Connection, now: datetime) -> Shown:
    """The same for one connection."""
    sources = _sources(connection.fetched.all())
    run = _newest_runs([connection.name]).get(connection.name)
    count = connection.fetched.count()
    return _shown(connection, run, count, sources, _last_days(set(sources)), now)


def runs_of(connection: Connection, limit: int) -> list[JobRun]:
    """Its newest runs."""
    return list(JobRun.objects.filter(kind=FETCH, subject=connection.name)[:limit])


def check_run(pk: int) -> JobRun | None:
    """A test of a connection."""
    return JobRun.objects.filter(kind=CHECK, pk=pk).first()


def target_of(kind: str, parameters: Mapping[str, str]) -> str:
    """What a connection reads from, in a few words."""
    given = dict(parameters).get
    if kind == "aws-s3":
        return f"s3://{given('bucket', '')}/{given('prefix', '')}"
    if kind == "azure-blob":
        return f"{given('account', '')}/{given('container', '')}/{given('prefix', '')}"
    return given("scope", "") or given("role", "") or given("profile", "") or "the account itself"


def _shown(
    connection: Connection,
    run: JobRun | None,
    deliveries: int,
    sources: tuple[str, ...],
    days: Mapping[str, date],
    now: datetime,
) -> Shown:
    error = connection.last_error
    if not error and run is not None and run.state == JobRun.State.FAILED:
        error = run.error  # its worker died, or the connection could not even be opened
    mood: Mood = (
        "paused"
        if not connection.enabled
        else "failing"
        if error
        else "working"
        if connection.last_success_at
        else "new"
    )
    return Shown(
        connection=connection,
        kind=kind_of(connection.kind),
        target=target_of(connection.kind, connection.parameters),
        mood=mood,
        run=run,
        error=error,
        next_run=due_at(connection, now) if connection.enabled else None,
        deliveries=deliveries,
        sources=sources,
        last_day=max((days[name] for name in sources if name in days), default=None),
    )


def _newest_runs(names: Iterable[str]) -> dict[str, JobRun]:
    newest = (
        JobRun.objects.filter(kind=FETCH, subject__in=list(names))
        .order_by()
        .values("subject")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)
    )
    return {run.subject: run for run in JobRun.objects.filter(pk__in=list(newest))}


def _sources(deliveries: Iterable[FetchedDelivery]) -> tuple[str, ...]:
    return tuple(sorted({str(bill["source"]) for one in deliveries for bill in one.bills}))


def _last_days(sources: set[str]) -> dict[str, date]:
    found: Sequence[tuple[str, date | None]] = list(
        BillVersion.objects.filter(source__name__in=sorted(sources), status=BillVersion.Status.LIVE)
        .order_by()
        .values_list("source__name")
        .annotate(last=Max("greatest_day"))
    )
    return {name: day for name, day in found if day is not None}
