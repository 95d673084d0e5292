"""The doorbell: a message names a run, the row says what to do."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="jobs.run", ignore_result=True)  # type: ignore[untyped-decorator]
def run_job(*, run_id: int) -> None:
    """Do one run, unless somebody else does."""
    from costs.jobs import operations

    operations.run(run_id)


@shared_task(name="jobs.sweep", ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Every minute: pick up what the dead have left, ring for what waits."""
    from django.utils import timezone

    from costs.jobs import operations

    operations.sweep(timezone.now())
