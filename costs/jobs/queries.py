"""Reading what goes on in the background."""

from __future__ import annotations

from costs.jobs.models import JobRun


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
