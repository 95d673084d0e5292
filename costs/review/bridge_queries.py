"""The bridge between a week and the one before, read from the lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from costs.bills import queries as bills
from costs.people.scope import Scope
from costs.periods import Period, week_of
from costs.review.bridge import Bridges, bridges
from costs.review.span import Span, last_complete_day, span_of
from costs.review.week import Metric
from costs.spend import queries as spend


@dataclass(frozen=True)
class WeekBridge:
    """Why a week cost more or less than the one before, for each currency of its charges."""

    span: Span
    currencies: tuple[tuple[str, Bridges], ...]
    """The one that moved most money first."""


def week_bridge(scope: Scope, week: Period, *, as_of: date, metric: Metric) -> WeekBridge | None:
    """The bridge of ``week`` over its complete days, as billed; None for an empty lake."""
    if spend.last_day(scope) is None:
        return None
    sources = bills.freshness(scope, as_of)
    span = span_of(week_of(week.start), as_of=as_of, last_complete=last_complete_day(sources))
    if not span.this.days:
        return WeekBridge(span, ())
    return WeekBridge(span, _bridges(scope, this=span.this, last=span.last, metric=metric))


@spend.until_changed
def _bridges(
    scope: Scope, *, this: Period, last: Period, metric: Metric
) -> tuple[tuple[str, Bridges], ...]:
    """Only the sums are kept: there may be a hundred thousand prices behind them."""
    moves = spend.price_moves(scope, period=this, before=last, metric=metric)
    found = [(code, bridges(moves, code)) for code in sorted({move.currency for move in moves})]
    return tuple(sorted(found, key=lambda one: -max(abs(one[1].total.after), one[1].total.before)))
