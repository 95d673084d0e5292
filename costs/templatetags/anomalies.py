"""Anomalies where cost is shown: the marks above bars, and the sentences that explain them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django import template
from django.template import Context

from costs.budgets.anomaly_queries import AnomalyRow, anomalies
from costs.charts import Spec, marked
from costs.people.queries import scope_of
from costs.periods import Period
from costs.spend.explore import Explore

register = template.Library()

TALKED_ABOUT = frozenset({"open", "acknowledged"})
LISTED = 5

HEADINGS = {
    "spike": "cost more than expected",
    "new level": "costs more from here on",
    "missing charge": "a charge did not come",
    "moved charge": "a charge came on another day",
    "new price": "a charge came at another price",
}


@register.filter
def what_happened(row: AnomalyRow) -> str:
    """The kind of an anomaly as the end of a sentence about its service."""
    return HEADINGS.get(row.kind, row.kind)


@register.filter
def times(row: AnomalyRow) -> str:
    """``3.4 times`` what was expected; empty where nothing was."""
    if row.expected <= 0 or row.actual <= 0:
        return ""
    ratio = row.actual / row.expected
    return f"{ratio.quantize(Decimal('0.1')) if ratio < 10 else round(ratio)} times"


@register.simple_tag(takes_context=True)
def anomalies_in(context: Context, period: Period | None) -> Sequence[AnomalyRow]:
    """The anomalies that touch ``period`` and were not closed, as who asks may see them."""
    if period is None:
        return []
    scope = scope_of(context["request"].user)
    return anomalies(scope, states=TALKED_ABOUT, period=period)


@register.simple_tag(takes_context=True)
def anomalies_behind(context: Context, state: Explore, currency: str) -> Sequence[AnomalyRow]:
    """Those of what explore shows: its days, environments, services and currency."""

    def inside(name: str, value: str) -> bool:
        wanted = state.among(name)
        return (not wanted or value in wanted) and value not in state.among(name, excluded=True)

    return [
        row
        for row in anomalies_in(context, state.period)
        if inside("environment", row.environment)
        and inside("service_name", row.service_name)
        and (state.shown_in or row.currency == currency)
    ]


@register.simple_tag
def with_marks(spec: Spec | None, rows: Sequence[AnomalyRow]) -> Spec | None:
    """The chart, where there is one, with a mark above each bar in which an anomaly begins."""
    return spec and marked(spec, {row.first_day for row in rows})
