"""When which bill arrives: a closed month once on the 4th, an open one a week ago and today."""

from collections.abc import Iterator
from datetime import timedelta

from costs.demo.bills import SOURCES
from costs.demo.quantities import View
from costs.demo.truths import Truths, months_after
from costs.periods import month_of

FINAL_DAY = 4


def schedule(planted: Truths) -> list[View]:
    """Every delivery up to and on `as_of`, oldest first. A month without a day yet has none."""
    return sorted(_deliveries(planted), key=lambda view: (view.delivered_on, view.period))


def _deliveries(planted: Truths) -> Iterator[View]:
    as_of = planted.as_of
    late = planted.restatement
    for months_ago in range(13):
        period = month_of(months_after(planted.open_month.start, -months_ago))
        final = period.end + timedelta(days=FINAL_DAY - 1)
        for source in SOURCES:
            if final <= as_of:
                yield View(source, period, final)
            else:
                for day in (as_of - timedelta(days=7), as_of):
                    if day > period.start:
                        yield View(source, period, day)
            if (source, period) == (late.source, late.billing_period):
                yield View(source, period, late.restated_on)
