"""A review with shared costs beside the same review without. Pure."""

from __future__ import annotations

from dataclasses import replace

from costs.review.week import EnvironmentWeek, WeekReview


def with_direct(review: WeekReview, direct: WeekReview) -> WeekReview:
    """``review`` (with shared costs) with each environment's direct figures beside its own.

    What nobody could place stays as it is without sharing: it is a list of things to place.
    """
    own = {row.environment: row for row in direct.environments}
    return replace(
        review,
        environments=tuple(_beside(row, own.get(row.environment)) for row in review.environments),
        unallocated=direct.unallocated,
        is_shared=True,
    )


def _beside(row: EnvironmentWeek, direct: EnvironmentWeek | None) -> EnvironmentWeek:
    if direct is None:
        return row
    return replace(
        row,
        direct=direct.week,
        months=tuple(
            replace(month, direct_to_date=was.gauge.month_to_date)
            for month, was in zip(row.months, direct.months, strict=True)
        ),
    )
