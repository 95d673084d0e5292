"""Which days a review is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.periods import Period, iso_week, month_of, week_of
from costs.review.span import last_complete_day, span_of

W47 = iso_week("2026-W47")  # Monday 16 to Sunday 22 November


def test_a_past_week_is_shown_as_of_its_end() -> None:
    span = span_of(W47, as_of=date(2027, 3, 1), last_complete=date(2027, 2, 26))
    assert span.through == date(2026, 11, 22)
    assert span.this == W47
    assert span.last == iso_week("2026-W46")
    assert span.shown == Period(date(2026, 9, 28), date(2026, 11, 23))
    assert span.months == (month_of(date(2026, 11, 1)),)
    assert span.complete_part(span.months[0]) == Period(date(2026, 11, 1), date(2026, 11, 23))


def test_an_unfinished_week_is_compared_with_the_same_weekdays() -> None:
    span = span_of(W47, as_of=date(2026, 11, 20), last_complete=date(2026, 11, 18))
    assert span.this == Period(date(2026, 11, 16), date(2026, 11, 19))
    assert span.last == Period(date(2026, 11, 9), date(2026, 11, 12))
    # The chart also holds the day that is not complete, and none that has not been.
    assert span.shown.last == date(2026, 11, 19)


def test_a_week_across_months_shows_both() -> None:
    week = iso_week("2026-W40")  # Monday 28 September to Sunday 4 October
    span = span_of(week, as_of=date(2026, 11, 20), last_complete=date(2026, 11, 18))
    september, october = span.months
    assert (september.start, october.start) == (date(2026, 9, 1), date(2026, 10, 1))
    assert span.complete_part(september) == september
    assert span.complete_part(october).days == 4


def test_a_month_that_no_complete_day_has_reached_is_not_shown() -> None:
    week = iso_week("2026-W40")
    span = span_of(week, as_of=date(2026, 10, 2), last_complete=date(2026, 9, 30))
    assert [month.start for month in span.months] == [date(2026, 9, 1)]
    assert span.complete_part(span.months[0]).days == 30


def test_a_week_without_a_complete_day() -> None:
    span = span_of(W47, as_of=date(2026, 11, 17), last_complete=date(2026, 11, 14))
    assert span.this.days == span.last.days == 0
    assert span.through == date(2026, 11, 14)
    assert span.complete_part(span.months[0]).days == 14


def test_nothing_is_complete() -> None:
    span = span_of(W47, as_of=date(2026, 11, 20), last_complete=None)
    assert span.through is None
    assert span.this.days == 0
    assert span.complete_part(span.months[0]).days == 0


days = st.dates(min_value=date(2005, 1, 1), max_value=date(2090, 1, 1))


@given(days, days, st.one_of(st.none(), days))
def test_nothing_after_as_of_and_everything_inside_eight_weeks(
    day: date, as_of: date, last_complete: date | None
) -> None:
    span = span_of(week_of(day), as_of=as_of, last_complete=last_complete)
    assert all(each < as_of for each in (*span.this, *span.shown))
    assert all(each in span.week and each in span.shown for each in span.this)
    assert [each - timedelta(days=7) for each in span.this] == list(span.last)
    for month in span.months:
        # One read over the eight weeks therefore also fills the gauges.
        assert all(each in span.shown for each in span.complete_part(month))
    assert all(0 <= span.position(each) < 8 for each in span.shown)


@dataclass(frozen=True)
class Bills:
    last_complete_day: date | None
    stale: bool = False


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([], None),
        ([Bills(None)], None),
        ([Bills(date(2026, 11, 18)), Bills(date(2026, 11, 17))], date(2026, 11, 17)),
        # A source that has stopped does not hold the others back.
        ([Bills(date(2026, 11, 18)), Bills(date(2026, 9, 1), stale=True)], date(2026, 11, 18)),
        ([Bills(date(2026, 11, 18)), Bills(None)], date(2026, 11, 18)),
        # All have stopped: the ones that stopped together count, the long dead one does not.
        (
            [
                Bills(date(2026, 11, 18), stale=True),
                Bills(date(2026, 11, 15), stale=True),
                Bills(date(2026, 9, 1), stale=True),
            ],
            date(2026, 11, 15),
        ),
    ],
)
def test_how_far_the_bills_reach(sources: list[Bills], expected: date | None) -> None:
    assert last_complete_day(sources) == expected
