"""What connections may be made of, and when they are due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.bills.connections import (
    KINDS,
    SCHEDULES,
    BadParameter,
    first_month,
    kind_of,
    next_run,
    slot,
)

MOMENTS = st.integers(0, 3 * 365 * 24 * 3600).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
SCHEDULE = st.sampled_from(sorted(SCHEDULES))
HOURS = st.integers(0, 23)


@given(SCHEDULE, HOURS, MOMENTS)
def test_a_moment_lies_in_its_slot(schedule: str, hour: int, moment: datetime) -> None:
    start = slot(schedule, hour, moment)
    every = {"hourly": 1, "six_hourly": 6, "daily": 24}[schedule]
    assert start <= moment < start + timedelta(hours=every)
    assert slot(schedule, hour, start) == start
    if schedule == "daily":
        assert start.hour == hour
    if schedule == "six_hourly":
        assert start.hour % 6 == hour % 6


@given(SCHEDULE, HOURS, MOMENTS, st.integers(1, 400))
def test_watched_each_minute_it_runs_once_in_a_slot(
    schedule: str, hour: int, moment: datetime, minutes: int
) -> None:
    last, runs = moment, []
    for minute in range(1, minutes + 1):
        now = moment + timedelta(minutes=minute)
        if next_run(schedule, hour, last, passes=False, now=now) <= now:
            runs.append(slot(schedule, hour, now))
            last = now
    assert len(set(runs)) == len(runs)


def test_it_runs_at_once_where_it_never_ran_and_sooner_after_what_passes() -> None:
    now = datetime(2026, 3, 5, 7, 30, tzinfo=UTC)
    assert next_run("daily", 6, None, passes=False, now=now) == now
    at = datetime(2026, 3, 5, 6, 1, tzinfo=UTC)
    assert next_run("daily", 6, at, passes=False, now=now) == datetime(2026, 3, 6, 6, tzinfo=UTC)
    assert next_run("daily", 6, at, passes=True, now=now) == at + timedelta(hours=1)
    assert next_run("hourly", 0, at, passes=True, now=now) == datetime(2026, 3, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_examples_of_parameters_are_good_ones(kind: object) -> None:
    known = kind_of(getattr(kind, "name"))  # noqa: B009  # as a name from a form comes
    given = {one.name: one.example for one in known.parameters if one.example}
    assert known.clean(given) == {**given} | {
        one.name: one.choices[0][0] for one in known.parameters if one.choices
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("bucket", "", "Bucket is needed"),
        ("bucket", "http://169.254.169.254/", "is no name of a bucket"),
        ("bucket", "a/b", "is no name of a bucket"),
        ("region", "eu central", "is no region"),
        ("role", "role/headroom", "is no ARN"),
        ("since", "2026-13", "is no month"),
        ("prefix", "x\ny", "is no prefix"),
        ("prefix", "AKIAABCDEFGHIJKLMNOP", "looks like an access key"),
        ("prefix", "x?sv=1&sig=abc", "looks like a shared access signature"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: str, said: str) -> None:
    with pytest.raises(BadParameter, match=said) as refused:
        kind_of("aws-s3").clean({"bucket": "example-billing", name: value})
    assert refused.value.name == name


def test_a_prefix_loses_its_slash_and_unknown_names_are_left_out() -> None:
    clean = kind_of("aws-s3").clean({"bucket": "b-1", "prefix": "/x/", "endpoint": "http://x"})
    assert clean == {"bucket": "b-1", "prefix": "x/"}


def test_an_api_is_asked_for_a_year_unless_told() -> None:
    assert first_month("", date(2026, 3, 5)) == date(2025, 4, 1)
    assert first_month("2026-01", date(2026, 3, 5)) == date(2026, 1, 1)
