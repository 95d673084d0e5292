"""What a page needs to show a chart: its specification, its legend, and the table behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django import template

from costs.charts import Allowance, DailyCosts, Spec, chart_of, daily_costs, month_chart
from costs.periods import DAY, Period
from costs.review.ending import MonthEnding
from costs.review.week import WeekReview

register = template.Library()


@dataclass(frozen=True)
class DailyChart:
    """The daily chart of a week's review."""

    costs: DailyCosts
    spec: Spec
    hues: Mapping[str, int]
    """Hue of each charted service; what is not in it lies in Other."""
    incomplete: bool
    banded: bool

    @property
    def period(self) -> Period | None:
        """The days that are drawn; None where there are none."""
        if not self.costs.days:
            return None
        return Period(self.costs.days[0].day, self.costs.days[-1].day + DAY)


@register.simple_tag
def daily_chart(review: WeekReview) -> DailyChart:
    """Arrange the review's days; the total's band is drawn in where it has one."""
    costs = daily_costs(review.days, review.currency)
    total = next((row for row in review.environments if row.environment == "total"), None)
    allowances = [
        Allowance(month.month, month.gauge.band.low, month.gauge.band.high)
        for month in (total.months if total else ())
        if month.gauge.band and month.gauge.band.currency == review.currency
    ]
    return DailyChart(
        costs=costs,
        spec=chart_of(costs, week=review.week, allowances=allowances),
        hues={one.name: one.hue for one in costs.series},
        incomplete=any(not day.complete for day in costs.days),
        banded=bool(allowances),
    )


@register.simple_tag
def ending_chart(ending: MonthEnding) -> Spec:
    """The month of an environment up to its expected end, its band drawn in."""
    band = ending.month.gauge.band
    return month_chart(
        ending.steps,
        ending.currency,
        band=(band.low, band.high) if band else None,
        incomplete=ending.incomplete,
    )


@register.filter
def hue(name: str, hues: Mapping[str, int]) -> int:
    """The hue of the service ``name`` on this page, 0 (grey) when it lies in Other."""
    return hues.get(name, 0)
