"""Half-open periods of whole days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.periods import (
    Period,
    complete_days,
    iso_week,
    month_before,
    month_of,
    week_name,
    week_of,
)

days = st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 12, 31))


@given(days, st.integers(0, 400))
def test_a_period_holds_its_start_and_not_its_end(start: date, length: int) -> None:
    period = Period(start, start + timedelta(days=length))
    listed = list(period)
    assert len(listed) == period.days == length
    assert all(day in period for day in listed)
    assert period.end not in period
    assert start - timedelta(days=1) not in period
    assert (start in period) == (length > 0)


def test_a_period_cannot_run_backwards() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Period(date(2026, 3, 2), date(2026, 3, 1))


@given(days)
def test_a_month_is_a_calendar_month(day: date) -> None:
    month = month_of(day)
    assert day in month
    assert month.start.day == month.end.day == 1
    assert {each.month for each in month} == {day.month}
    assert month_before(month).end == month.start


@given(days)
def test_a_week_runs_monday_to_sunday_and_its_name_reads_back(day: date) -> None:
    week = week_of(day)
    assert day in week
    assert week.start.weekday() == 0
    assert week.days == 7
    assert iso_week(week_name(week)) == week


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2026-W01", date(2025, 12, 29)),
        ("2026-W47", date(2026, 11, 16)),
        ("2026-W53", date(2026, 12, 28)),
    ],
)
def test_iso_weeks_across_new_year(text: str, start: date) -> None:
    assert iso_week(text) == Period(start, start + timedelta(days=7))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not an ISO week; write it as 2026-W47"),
        ("2026", "is not an ISO week"),
        ("2026-47", "is not an ISO week"),
        ("2026-W7", "is not an ISO week"),
        ("26-W07", "is not an ISO week"),
        ("2026-W٤٧", "is not an ISO week"),
        ("2026-W47-1", "is not an ISO week"),
        ("2026-W00", "2026 has no week 00"),
        ("2026-W54", "2026 has no week 54"),
        ("2025-W53", "2025 has no week 53"),
        ("0000-W01", "0000 has no week 01"),
        ("9999-W52", "9999 has no week 52"),
    ],
)
def test_what_is_no_week_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        iso_week(text)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError) as caught:
        iso_week("x" * 5000)
    assert len(str(caught.value)) < 100


@given(days, days)
def test_the_part_before_a_day_and_the_rest_make_the_whole(start: date, day: date) -> None:
    month = month_of(start)
    first = month.before(day)
    rest = Period(first.end, month.end)
    assert list(first) + list(rest) == list(month)
    assert all(each < day for each in first)


@given(days, st.one_of(st.none(), days))
def test_complete_days_end_with_the_last_complete_one(start: date, last: date | None) -> None:
    week = week_of(start)
    complete = complete_days(week, last)
    assert complete.start == week.start
    expected = [] if last is None else [day for day in week if day <= last]
    assert list(complete) == expected


@given(days, st.integers(-60, 60))
def test_shifted_keeps_the_length(start: date, by: int) -> None:
    week = week_of(start)
    moved = week.shifted(by)
    assert moved.days == 7
    assert moved.start - week.start == timedelta(days=by)
    assert moved.shifted(-by) == week
