"""Which days a weekly review is about. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from costs.periods import DAY, Period, complete_days, month_of

WEEKS: Final = 8
"""Weeks in the chart and in a sparkline, the week reviewed included."""

STALE_TOGETHER: Final = timedelta(days=7)
"""When every source is stale, those this close to the freshest still say what is complete."""


class Freshness(Protocol):
    """How far the bills of one source reach."""

    @property
    def stale(self) -> bool: ...
    @property
    def last_complete_day(self) -> date | None: ...


@dataclass(frozen=True)
class Span:
    """The days of one review: of the week itself, of the weeks before, and of its months."""

    week: Period
    through: date | None
    """The last day that counts, None when nothing is complete."""
    this: Period
    """The complete days of the week."""
    last: Period
    """The same weekdays of the week before."""
    shown: Period
    """Eight weeks of days up to the week's end, as far as there are any."""
    months: tuple[Period, ...]
    """The months of the week's complete days, the older first; never none."""

    def complete_part(self, month: Period) -> Period:
        """The complete days of ``month`` as they were at the end of the week."""
        return complete_days(month, self.through)

    def position(self, day: date) -> int:
        """Which of the eight weeks ``day`` lies in, 0 the earliest."""
        return (day - self.shown.start).days // 7


def span_of(week: Period, *, as_of: date, last_complete: date | None) -> Span:
    """The days of ``week``'s review as ``as_of`` sees them: days before it, and complete ones
    up to ``last_complete``.

    A past week is shown as of its end: what came later in its month does not count.
    """
    through = None
    if last_complete is not None:
        through = min(week.last, last_complete, as_of - DAY)
    this = complete_days(week, through)
    start = week.start - timedelta(days=7 * (WEEKS - 1))
    months = [month_of(this.start if this.days else week.start)]
    if this.days and (newer := month_of(this.last)) != months[0]:
        months.append(newer)
    return Span(
        week=week,
        through=through,
        this=this,
        last=this.shifted(-7),
        shown=Period(start, max(start, min(week.end, as_of))),
        months=tuple(months),
    )


def last_complete_day(sources: Iterable[Freshness]) -> date | None:
    """The latest day that is complete in every source that still delivers.

    A stale source does not hold the others back: it is named as stale instead. When all of them
    are stale, the freshest one and those within :data:`STALE_TOGETHER` of it count.
    """
    known = [(source.stale, source.last_complete_day) for source in sources]
    fresh = [day for stale, day in known if not stale and day is not None]
    if fresh:
        return min(fresh)
    stale_days = [day for _, day in known if day is not None]
    if not stale_days:
        return None
    return min(day for day in stale_days if max(stale_days) - day <= STALE_TOGETHER)
