"""How a month will end: its path, its chances, and how good the forecast has been. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from costs.budgets.bands import Forecasting, chance, figures
from costs.budgets.paths import Past, Step
from costs.periods import DAY, Period, month_before
from costs.review.week import EnvironmentWeek, MonthGauge

RECORD_MONTHS: Final = 12
"""Past months that the forecast is held against."""
RECORD_DAYS: Final = (10, 20)
"""Complete days after which it is."""
ENOUGH_RECORD: Final = 5
"""Forecasts below which a share of hits would say nothing."""


@dataclass(frozen=True)
class RecordRow:
    """A month that is over, and what was expected of it after so many days; None for unknown."""

    month: Period
    ended: Decimal
    said: tuple[Past | None, ...]


@dataclass(frozen=True)
class MonthEnding:
    """The month of one environment, or of the total, up to its expected end."""

    environment: str
    label: str
    currency: str
    month: MonthGauge
    steps: tuple[Step, ...]
    """Each day: known up to the last complete one, then expected."""
    incomplete: Period
    """Days of which only a part is known yet."""
    finding: str
    chances: tuple[str, ...]
    """The chance of leaving the band at either end, in words."""
    record: tuple[RecordRow, ...]
    """Months that are over, the newest first."""
    choices: tuple[tuple[str, str], ...]
    """What else can be looked at: name and label."""

    @property
    def errors(self) -> tuple[Decimal | None, ...]:
        """The mean error after each of RECORD_DAYS, in percent, whichever way it went."""
        found: list[Decimal | None] = []
        for nth in range(len(RECORD_DAYS)):
            missed = [
                abs(error)
                for row in self.record
                if (past := row.said[nth]) and (error := past.error) is not None
            ]
            found.append(sum(missed, Decimal(0)) / len(missed) if missed else None)
        return tuple(found)

    @property
    def tried(self) -> int:
        """How many forecasts of the past there are."""
        return sum(past is not None for row in self.record for past in row.said)

    @property
    def hits(self) -> int:
        """How many months ended inside the 80 % interval of their forecast."""
        return sum(past.inside for row in self.record for past in row.said if past)

    @property
    def coverage(self) -> Decimal | None:
        """Share of hits in percent; None with too few forecasts to say."""
        return Decimal(100 * self.hits) / self.tried if self.tried >= ENOUGH_RECORD else None


def ending_of(
    rows: Sequence[EnvironmentWeek],
    environment: str,
    *,
    currency: str,
    forecast: Forecasting,
    through: date | None,
    as_of: date,
) -> MonthEnding | None:
    """The ending of the newest month of the row of ``environment``; None where there is no such."""
    row = next((row for row in rows if row.environment == environment), None)
    if row is None:
        return None
    month = row.months[-1]
    period = month.month
    over = month.complete_days == period.days
    months, one = [], period
    for _ in range(RECORD_MONTHS):
        one = month_before(one)
        months.append(one)
    past = {
        (found.month, found.days): found
        for found in forecast.record(environment, currency, months, RECORD_DAYS)
    }
    record = [
        RecordRow(one, said[0].ended, tuple(past.get((one, days)) for days in RECORD_DAYS))
        for one in months
        if (said := [found for days in RECORD_DAYS if (found := past.get((one, days)))])
    ]
    known_to = period.start if through is None else max(period.start, through + DAY)
    return MonthEnding(
        environment=environment,
        label=row.label,
        currency=currency,
        month=month,
        steps=forecast.path(environment, currency, period),
        incomplete=Period(known_to, max(known_to, min(period.end, as_of)))
        if not over
        else Period(period.end, period.end),
        finding=_finding(row.label, month, over=over),
        chances=_chances(month, over=over),
        record=tuple(record),
        choices=tuple((row.environment, row.label) for row in rows),
    )


def _finding(label: str, month: MonthGauge, *, over: bool) -> str:
    gauge, name = month.gauge, f"{month.month.start:%B}"
    subject = f"{label}: {name}"
    if over:
        (spent,) = figures(gauge.currency, gauge.month_to_date)
        return f"{subject} ended at {spent}"
    if gauge.outlook is None:
        (spent,) = figures(gauge.currency, gauge.month_to_date)
        return f"{subject} has cost {spent} so far"
    low, high = figures(gauge.currency, gauge.outlook.low_80, gauge.outlook.high_80)
    (expected,) = figures(gauge.currency, gauge.outlook.expected)
    between = f", 80 % likely {low} to {high}" if low != high else ""
    return f"{subject} is expected to end at {expected}{between}"


def _chances(month: MonthGauge, *, over: bool) -> tuple[str, ...]:
    gauge = month.gauge
    if over:
        return (month.verdict.reason,)
    if gauge.outlook is None:
        return (str(gauge.lacking or month.verdict.reason),)
    band, outlook = gauge.band, gauge.outlook
    if band is None or outlook.chance_above is None or outlook.chance_below is None:
        return (month.verdict.reason,)
    low, high = figures(gauge.currency, band.low, band.high)
    above = f"{chance(outlook.chance_above)} chance of ending above the high of {high}"
    below = f"{chance(outlook.chance_below)} of ending below the low of {low}"
    return (above, below)
