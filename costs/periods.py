"""Half-open periods of whole UTC days: ``[start, end)``."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Period:
    """Days from ``start`` (included) to ``end`` (excluded)."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=n) for n in range(self.days))

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.end - self.start).days

    @property
    def last(self) -> date:
        """The last day inside the period."""
        return self.end - DAY

    def before(self, day: date) -> Period:
        """The part of this period that lies before ``day``."""
        return Period(self.start, max(self.start, min(self.end, day)))

    def shifted(self, days: int) -> Period:
        """The same number of days, ``days`` later (earlier when negative)."""
        return Period(self.start + timedelta(days=days), self.end + timedelta(days=days))


def month_of(day: date) -> Period:
    """The calendar month that ``day`` lies in."""
    start = day.replace(day=1)
    return Period(start, start + timedelta(days=monthrange(day.year, day.month)[1]))


def month_before(month: Period) -> Period:
    """The calendar month before ``month``."""
    return month_of(month.start - DAY)


def week_of(day: date) -> Period:
    """The ISO week (Monday to Sunday) that ``day`` lies in."""
    start = day - timedelta(days=day.weekday())
    return Period(start, start + timedelta(days=7))


def iso_week(text: str) -> Period:
    """Parse ``2026-W47`` into its seven days. Raises :class:`ValueError` with a sentence."""
    year, separator, week = text.partition("-W")
    if not (separator and year.isascii() and year.isdigit() and len(year) == 4):
        raise ValueError(f"“{text[:20]}” is not an ISO week; write it as 2026-W47")
    if not (week.isascii() and week.isdigit() and len(week) == 2):
        raise ValueError(f"“{text[:20]}” is not an ISO week; write it as 2026-W47")
    try:
        return week_of(date.fromisocalendar(int(year), int(week), 1))
    except (ValueError, OverflowError):
        raise ValueError(f"{year} has no week {week}") from None


def week_name(week: Period) -> str:
    """``2026-W47`` for the ISO week that starts at ``week.start``."""
    iso = week.start.isocalendar()
    return f"{iso.year:04d}-W{iso.week:02d}"


def complete_days(period: Period, last_complete: date | None) -> Period:
    """The part of ``period`` up to and including ``last_complete``; empty when there is none."""
    return period.before(period.start if last_complete is None else last_complete + DAY)
