from datetime import UTC, date, datetime, timedelta

import pytest
from django.template import Context, Template

from costs.periods import Period
from costs.templatetags import dates

NOW = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=10), "just now"),
        (timedelta(minutes=5), "5 minutes ago"),
        (timedelta(minutes=61), "1 hour ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=1, hours=1), "yesterday"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=40), "13 Oct 2026"),
        (timedelta(days=-2), "24 Nov 2026"),
    ],
)
def test_relative(ago: timedelta, said: str) -> None:
    assert dates.relative_text(NOW - ago, NOW) == said


def test_a_time_says_both_the_relative_and_the_absolute() -> None:
    page = Template("{% load dates %}{% when moment %}")
    shown = page.render(Context({"moment": datetime(2026, 11, 21, 9, 5, tzinfo=UTC), "now": NOW}))
    assert shown == (
        '<time datetime="2026-11-21T09:05:00+00:00" title="Sat 21 Nov 2026, 09:05 UTC">'
        "22 hours ago</time>"
    )


def test_without_a_clock_the_absolute_stands() -> None:
    page = Template("{% load dates %}{% when moment %}|{% when nothing %}")
    shown = page.render(Context({"moment": date(2026, 11, 21), "nothing": None}))
    assert 'title="Sat 21 Nov 2026">21 Nov 2026</time>|–' in shown


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (date(2026, 11, 16), date(2026, 11, 23), "16–22 Nov 2026"),
        (date(2026, 11, 30), date(2026, 12, 7), "30 Nov – 6 Dec 2026"),
        (date(2026, 12, 28), date(2027, 1, 4), "28 Dec 2026 – 3 Jan 2027"),
    ],
)
def test_span(start: date, end: date, said: str) -> None:
    assert dates.span(Period(start, end)) == said
