"""Housekeeping of the lake in the background."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="lake.tidy", ignore_result=True)  # type: ignore[untyped-decorator]
def tidy() -> None:
    """Remove what processes that died have left and what retention gave up; give up more."""
    from django.conf import settings
    from django.utils import timezone

    from costs.lake import operations, retiring
    from costs.stores import open_store

    store, now = open_store(settings.LAKE_URL), timezone.now()
    # In this order: what is given up now goes in an hour, when whoever reads it is done.
    operations.tidy(store, now=now)
    retiring.retire(store, retiring.policy(), now=now)
