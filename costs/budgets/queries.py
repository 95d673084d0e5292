"""Which bands hold, and how a month's end is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from costs.budgets.bands import Band, ForecastMethod
from costs.budgets.models import BandChange, DriverChange
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


def band_of_months(scope: Scope, months: Sequence[Period]) -> dict[tuple[str, Period], Band]:
    """The band of each environment in each of ``months``, in one query."""
    if not months:
        return {}
    rows = BandChange.objects.filter(valid_from__lte=max(month.start for month in months))
    if scope.environments is not None:
        rows = rows.filter(environment__in=scope.environments)
    held: dict[tuple[str, Period], Band] = {}
    for row in rows.order_by("environment", "valid_from", "created_at", "pk"):
        for month in months:
            if row.valid_from <= month.start:
                held[row.environment, month] = _band(row)
    return held


@dataclass(frozen=True)
class Driver:
    """What a band scales with; ``key`` is that of the edit."""

    key: int
    metric: str
    baseline: Decimal | None
    fixed_share: Decimal | None
    created_at: datetime
    created_by: str
    why: str


def drivers(scope: Scope) -> dict[str, Driver]:
    """The newest driver of each environment that ever had one, ended ones with an empty metric."""
    rows = DriverChange.objects.all()
    if scope.environments is not None:
        rows = rows.filter(environment__in=scope.environments)
    return {
        row.environment: Driver(
            key=row.pk,
            metric=row.metric,
            baseline=row.baseline,
            fixed_share=row.fixed_share,
            created_at=row.created_at,
            created_by=row.created_by,
            why=row.why,
        )
        for row in rows.order_by("created_at", "pk")
    }


@dataclass(frozen=True)
class BandEdit:
    """One edit of a band: what, from which month, by whom, when and why."""

    key: int
    environment: str
    band: Band
    valid_from: date
    created_at: datetime
    created_by: str
    why: str
    previous: Band | None


def band_history(scope: Scope, environment: str) -> list[BandEdit]:
    """Every edit of the band of ``environment``, latest first; none outside ``scope``."""
    return [edit for edit in band_edits(scope) if edit.environment == environment]


def band_edits(scope: Scope) -> list[BandEdit]:
    """Every edit of every band that ``scope`` includes, latest first."""
    rows = BandChange.objects.select_related("previous")
    if scope.environments is not None:
        rows = rows.filter(environment__in=scope.environments)
    return [
        BandEdit(
            key=row.pk,
            environment=row.environment,
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
