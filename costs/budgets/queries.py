"""Which bands hold, and how a month's end is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from costs.bills import queries as bills
from costs.budgets.bands import Band, Gauge, Verdict
from costs.budgets.estate import TOTAL
from costs.budgets.findings import Finding
from costs.budgets.forecast import Forecast
from costs.budgets.judged import band_of_total, judged
from costs.budgets.models import AnomalyRecord, BandChange, DriverChange, FindingRecord
from costs.budgets.year import UNALLOCATED, last_complete_day
from costs.people.scope import Scope
from costs.periods import DAY, Period, complete_days, month_of
from costs.spend import queries as spend


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


HISTORY: Final = timedelta(days=430)
"""Days that a forecast looks at: a year of past errors, a month to have made them over, and the
four weeks that the first of them was made from."""


DOUBT: Final = 0.1
"""Weight of a day that stands out, beside 1 for any other (ours)."""
DOUBTED_FOR: Final = timedelta(days=60)
"""Older days play no part in a level any more."""


def forecast(
    scope: Scope,
    through: date | None,
    *,
    metric: spend.Metric = "effective_cost",
    as_delivered: datetime | None = None,
) -> Forecast:
    """What the days up to and including ``through`` say about month ends, as ``scope`` sees them.

    Kept until something else is live. ``as_delivered`` looks only at what had arrived by then.
    Days of open anomalies say little about the days to come; those that somebody has called
    expected count in full.
    """
    return _forecast(
        scope,
        through,
        metric=metric,
        as_delivered=as_delivered,
        doubted=frozenset() if as_delivered else _doubted(through),
    )


@spend.until_changed
def _forecast(
    scope: Scope,
    through: date | None,
    *,
    metric: spend.Metric,
    as_delivered: datetime | None,
    doubted: frozenset[tuple[str, date]],
) -> Forecast:
    if through is None:
        return Forecast([], None)
    period = Period(through + DAY - HISTORY, through + DAY)
    return Forecast(
        spend.daily_costs(scope, period=period, metric=metric, as_delivered=as_delivered),
        through,
        trust=dict.fromkeys(doubted, DOUBT),
    )


def _doubted(through: date | None) -> frozenset[tuple[str, date]]:
    """Environment and day of what stands out and nobody has called expected."""
    if through is None:
        return frozenset()
    spikes = AnomalyRecord.objects.filter(
        state=AnomalyRecord.State.OPEN, kind="spike", last_day__gte=through - DOUBTED_FOR
    )
    return frozenset(
        (environment, date.fromisoformat(day))
        for environment, days in spikes.values_list("environment", "days")
        for day in days
    )


@dataclass(frozen=True)
class EnvironmentOutlook:
    """Where one environment's month ends; ``environment`` may be ``unallocated`` or ``total``."""

    environment: str
    label: str
    month: Period
    complete_days: int
    gauge: Gauge
    verdict: Verdict


def outlooks(
    scope: Scope,
    as_of: date,
    *,
    metric: spend.Metric = "effective_cost",
    month: Period | None = None,
    through: date | None = None,
    as_delivered: datetime | None = None,
) -> list[EnvironmentOutlook]:
    """Each environment, what is unallocated and the total, currency by currency.

    Of the month of the day before ``as_of``, or of ``month``, from the days up to ``through`` (when
    None, those that are complete by ``as_of``). Environments come in their order, then those that
    only charges name. Every currency of the last 430 days has its rows; where there was none at
    all, there is a row in the currency of each band. Bands hold effective cost of all cost centers:
    with another metric, or for who sees only some of them, nothing is held against them.
    """
    if through is None:
        through = last_complete_day(bills.freshness(scope, as_of))
    if through is not None:
        through = min(through, as_of - DAY)
    month = month or month_of(as_of - DAY)
    found = forecast(scope, through, metric=metric, as_delivered=as_delivered)
    bands = bands_for(scope, month) if metric == "effective_cost" else {}
    known = [(one.name, one.label) for one in bills.environments(scope)]
    sees_unallocated = scope.environments is None or UNALLOCATED in scope.environments
    complete = complete_days(month, through).days
    answer = []
    for currency in found.currencies or sorted({band.currency for band in bands.values()}):
        extra = set(found.environments(currency)) - {name for name, _ in known} - {UNALLOCATED}
        rows = [*known, *((name, name) for name in sorted(extra))]
        if sees_unallocated:
            rows.append((UNALLOCATED, "Unallocated"))
        rows.append((TOTAL, "Total"))
        for name, label in rows:
            gauge, verdict = judged(
                found,
                name,
                currency,
                month,
                complete_days=complete,
                spent=found.spent(name, currency, month),
                band=band_of_total(bands, bands) if name == TOTAL else bands.get(name),
                sees_all_cost_centers=scope.cost_centers is None,
            )
            answer.append(EnvironmentOutlook(name, label, month, complete, gauge, verdict))
    return answer


def _band(row: BandChange) -> Band:
    return Band(low=row.low, high=row.high, currency=row.currency)


def findings_at(scope: Scope, moment: datetime) -> list[Finding]:
    """What was known to be true at ``moment``, as other parts of the product have recorded it."""
    rows = FindingRecord.objects.filter(found_at__lte=moment).exclude(ended_at__lte=moment)
    if scope.environments is not None:
        rows = rows.filter(environment__in=scope.environments)
    return [
        Finding(
            kind=row.kind,  # type: ignore[arg-type]  # record_findings has checked it
            environment=row.environment,
            subject=row.subject,
            period=row.period,
            title=row.title,
            message=row.message,
            action=row.action,  # type: ignore[arg-type]  # likewise
            why=row.why,
            look_at=row.look_at,
            link=row.link,
        )
        for row in rows
    ]
