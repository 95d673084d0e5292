"""Housekeeping of the lake in the background."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="lake.tidy", ignore_result=True)  # type: ignore[untyped-decorator]
def tidy() -> None:
    """Remove folders that a process that died has left."""
    from django.conf import settings
    from django.utils import timezone

    from costs.lake import operations
    from costs.stores import open_store

    operations.tidy(open_store(settings.LAKE_URL), now=timezone.now())
