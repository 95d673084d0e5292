"""Reading what goes on in the background."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, Q, QuerySet, When

from costs.jobs.models import JobRun, LastSweep

STANDS_STILL = timedelta(minutes=5)
"""The schedule comes each minute; when it has not for so long, nothing works (ours)."""


@dataclass(frozen=True)
class Standing:
    """How the background work stands."""

    running: int
    queued: int
    last_sweep: datetime | None
    stands_still: bool
    """Whether the schedule has not come for a while: nobody works, or only what was begun."""


def standing(now: datetime) -> Standing:
    """How many runs there are at work and waiting, and when the schedule came last."""
    State = JobRun.State  # noqa: N806
    counts = JobRun.objects.aggregate(
        running=Count("pk", filter=Q(state=State.RUNNING)),
        queued=Count("pk", filter=Q(state=State.QUEUED)),
    )
    swept = LastSweep.objects.order_by("-at").first()
    still = swept is None or now - swept.at > STANDS_STILL
    return Standing(counts["running"], counts["queued"], swept.at if swept else None, still)


def runs() -> QuerySet[JobRun]:
    """Every run that is no part of another: those that are open first, then the newest."""
    rank = Case(When(state="running", then=0), When(state="queued", then=1), default=2)
    return (
        JobRun.objects.filter(parent=None)
        .annotate(
            rank=rank,
            part_count=Count("parts"),
            parts_done=Count("parts", filter=Q(parts__state="done")),
        )
        .order_by("rank", "-requested_at", "-pk")
        .defer("arguments", "result")
    )


def open_runs(kind: str) -> list[JobRun]:
    """Queued and running work of one kind, newest first."""
    states = (JobRun.State.QUEUED, JobRun.State.RUNNING)
    return list(JobRun.objects.filter(kind=kind, state__in=states))


def latest_run(kind: str) -> JobRun | None:
    """The newest run of one kind, whatever became of it."""
    return JobRun.objects.filter(kind=kind).first()


def latest_runs(kind: str, limit: int) -> list[JobRun]:
    """The newest runs of one kind, whatever became of them."""
    return list(JobRun.objects.filter(kind=kind)[:limit])


def run_of(kind: str, pk: int) -> JobRun | None:
    """One run by its key, if it is of that kind."""
    return JobRun.objects.filter(kind=kind, pk=pk).first()
