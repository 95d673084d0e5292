"""When bills arrive, whatever day it is."""

from collections import Counter
from datetime import date, timedelta

import pytest

from costs.demo.bills import charges_of
from costs.demo.schedule import schedule
from costs.demo.truths import truths
from costs.periods import month_before, month_of

DAYS = [date(2026, 10, 25) + timedelta(days=n) for n in range(45)]
LEAP = [date(2028, 2, 26) + timedelta(days=n) for n in range(10)]


@pytest.mark.parametrize("as_of", [*DAYS, *LEAP], ids=str)
def test_every_month_has_arrived_and_none_twice_on_a_day(as_of: date) -> None:
    planted = truths(as_of)
    views = schedule(planted)
    assert max(view.delivered_on for view in views) == as_of
    assert all(view.delivered_on > view.period.start for view in views)
    assert max(Counter(views).values()) == 1
    months = {view.period for view in views}
    assert len(months) == (12 if as_of.day == 1 else 13)
    for period in months:
        latest = max(view.delivered_on for view in views if view.period == period)
        closed = as_of >= period.end + timedelta(days=3)
        assert latest == as_of or closed
    late = planted.restatement
    days = [
        view.delivered_on
        for view in views
        if (view.source, view.period) == (late.source, late.billing_period)
    ]
    assert days == [late.delivered_on, late.restated_on]


@pytest.mark.parametrize("day", [1, 2, 3])
def test_last_month_is_still_open_on_the_first_days(day: int) -> None:
    as_of = date(2028, 3, day)
    views = [view for view in schedule(truths(as_of)) if view.period.start == date(2028, 2, 1)]
    assert {view.delivered_on for view in views} == {as_of - timedelta(days=7), as_of}


def test_the_last_day_of_a_delivery_is_incomplete() -> None:
    planted = truths(date(2028, 2, 29))
    view = max(schedule(planted), key=lambda view: (view.delivered_on, view.source == "aws"))
    hours = {
        charge.days.start: charge.quantity
        for charge in charges_of(planted, view)
        if charge.meter.sku == "AmazonEKS-Hours:perCluster"
    }
    assert hours.pop(date(2028, 2, 28)) == 15
    assert set(hours.values()) == {24}
    assert len(hours) == 27


def test_days_of_one_month_tell_the_same_past() -> None:
    month = month_before(month_of(date(2026, 11, 20)))
    bills = []
    for as_of in (date(2026, 11, 13), date(2026, 11, 23)):
        planted = truths(as_of)
        (view,) = [
            view for view in schedule(planted) if (view.source, view.period) == ("aws", month)
        ]
        bills.append(charges_of(planted, view))
    assert bills[0] == bills[1]
