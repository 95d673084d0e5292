"""Which bands hold, and how a month's end is expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from costs.budgets.bands import Band, ForecastMethod
from costs.budgets.models import BandChange
from costs.people.scope import Scope
from costs.periods import Period


def bands_for(scope: Scope, month: Period) -> dict[str, Band]:
    """The band of each environment in ``month``, by its name; one that has none is missing."""
    rows = BandChange.objects.filter(valid_from__lte=month.start)
    if scope.environments is not None:
        rows = rows.filter(environment__in=scope.environments)
    return {
        row.environment: Band(low=row.low, high=row.high, currency=row.currency)
        for row in rows.order_by("environment", "valid_from", "created_at", "pk")
    }


@dataclass(frozen=True)
class BandEdit:
    """One edit of a band: what, from which month, by whom, when and why."""

    band: Band
    valid_from: date
    created_at: datetime
    created_by: str
    why: str
    previous: Band | None


def band_history(scope: Scope, environment: str) -> list[BandEdit]:
    """Every edit of the band of ``environment``, latest first; none outside ``scope``."""
    if scope.environments is not None and environment not in scope.environments:
        return []
    rows = BandChange.objects.filter(environment=environment).select_related("previous")
    return [
        BandEdit(
            band=_band(row),
            valid_from=row.valid_from,
            created_at=row.created_at,
            created_by=row.created_by,
            why=row.why,
            previous=None if row.previous is None else _band(row.previous),
        )
        for row in rows.order_by("-created_at", "-pk")
    ]


def forecast_method() -> ForecastMethod:
    """How the end of a month is expected: the one place that a better forecast replaces."""
    from costs.budgets import run_rate

    return run_rate.METHOD


def _band(row: BandChange) -> Band:
    return Band(low=row.low, high=row.high, currency=row.currency)
