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
