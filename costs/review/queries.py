"""Gathering what a weekly review is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from costs.bills import queries as bills
from costs.budgets import queries as budgets
from costs.budgets.forecast import Forecast
from costs.people.scope import Scope
from costs.periods import DAY, Period, week_of
from costs.review.beside import with_direct
from costs.review.compose import WeekFacts
from costs.review.compose import week_review as compose
from costs.review.in_currency import in_currency
from costs.review.shared_days import moved_days
from costs.review.span import Span, last_complete_day, span_of
from costs.review.week import TOTAL, UNALLOCATED, Metric, SourceState, WeekReview
from costs.spend import queries as spend
from costs.spend.currency import Rates
from costs.spend.queries import sharing
from costs.spend.shared_costs import RuleSpan

LISTED = 10
"""How many of a list a page shows: what one sitting can talk about. Downloads hold more."""
UNALLOCATED_READ = 50
"""How many of the most costly unallocated resources are read at all."""
RESOURCE = ("resource_id", "provider_name", "service_name")


def week_review(
    scope: Scope,
    week: Period | None,
    *,
    as_of: date,
    metric: Metric = "effective_cost",
    listed: int | None = LISTED,
    as_billed: bool = False,
    with_shared: bool = False,
    ending: str = TOTAL,
) -> WeekReview | None:
    """The review of ``week`` as ``as_of`` sees it; None for an empty lake.

    Without a week it is that of the last complete day, or of the last charge where none is: the
    week that there is something to say about, however long ago.

    Lists of services and resources are cut after ``listed``, their counts and sums are not; None
    leaves all that there is.

    ``ending`` names the environment whose month is shown up to its expected end.

    Where a display currency is set all amounts are in it, unless they are wanted ``as_billed``.
    ``with_shared`` puts shared costs where rules split them, and the direct ones beside them.

    A handful of grouped sums, however many charges there are: everything else is arithmetic on
    them (:mod:`costs.review.compose`).
    """
    last_charge = spend.last_day(scope)
    if last_charge is None:
        return None
    sources = _sources(scope, as_of)
    complete = last_complete_day(sources)
    week = week or week_of(min(complete or last_charge, as_of))
    span = span_of(week, as_of=as_of, last_complete=complete)
    display = spend.display_currency(scope)
    target = "" if as_billed else display
    after, before = _unallocated(scope, span, metric, monthly=bool(target))
    # A week without a complete day has no changes either.
    has_days = span.this.days > 0
    facts = WeekFacts(
        span=span,
        as_of=as_of,
        metric=metric,
        listed=listed,
        environments=[(one.name, one.label) for one in bills.environments(scope)],
        sees_unallocated=scope.environments is None or UNALLOCATED in scope.environments,
        sees_all_cost_centers=scope.cost_centers is None,
        costs=spend.cost_by(
            scope,
            by=("day", "environment", "service_name"),
            period=span.shown,
            metric=metric,
        ),
        effective=None
        if metric == "effective_cost"
        else spend.cost_by(scope, by=("day", "environment"), period=span.shown),
        billed={
            month: spend.cost_by(
                scope,
                by=("environment",),
                period=span.complete_part(month),
                metric="billed_cost",
            )
            for month in span.months
        },
        bands={month: budgets.bands_for(scope, month) for month in span.months},
        forecast=budgets.forecast(scope, span.through),
        resources=spend.resource_changes(scope, period=span.this, before=span.last, metric=metric)
        if has_days
        else [],
        resource_counts=spend.resource_counts(
            scope, period=span.this, before=span.last, metric=metric
        )
        if has_days
        else [],
        unallocated_after=after,
        unallocated_before=before,
        sources=sources,
        ending=ending,
    )
    held = sharing.rule_spans(scope) if sharing.may_share(scope) else ()
    rates = spend.rates(scope, Period(span.shown.start, span.months[-1].end)) if target else None
    review = _in(facts, target, rates)
    if held and with_shared:
        review = with_direct(_in(_shared(scope, facts, held), target, rates), review)
    return replace(review, display=display, may_share=bool(held))


def _in(facts: WeekFacts, target: str, rates: Rates | None) -> WeekReview:
    """The review in ``target``, or as billed without one."""
    if rates is None:
        return compose(facts)
    facts, converted = in_currency(facts, target, rates)
    return replace(compose(facts), converted=converted)


def _shared(scope: Scope, facts: WeekFacts, held: tuple[RuleSpan, ...]) -> WeekFacts:
    """The facts of environments with shared costs."""

    def shared(by: tuple[str, ...], period: Period, metric: Metric) -> list[spend.CostRow]:
        return sharing.shared_cost_by(scope, by=by, period=period, metric=metric, held=held).after

    span = facts.span
    return replace(
        facts,
        costs=shared(("day", "environment", "service_name"), span.shown, facts.metric),
        effective=None
        if facts.effective is None
        else shared(("day", "environment"), span.shown, "effective_cost"),
        billed={
            month: shared(("environment",), span.complete_part(month), "billed_cost")
            for month in span.months
        },
        forecast=_shared_forecast(scope, through=span.through, held=held),
    )


@spend.until_changed
def _shared_forecast(scope: Scope, *, through: date | None, held: tuple[RuleSpan, ...]) -> Forecast:
    if through is None:
        return Forecast([], None)
    period = Period(through + DAY - budgets.HISTORY, through + DAY)
    found = sharing.shared_cost_by(
        scope,
        by=("day", "environment", "charge_frequency", "service_name"),
        period=period,
        metric="effective_cost",
        held=held,
        only_shared=True,
    )
    moved = moved_days(found.before, found.after, period)
    return Forecast([*spend.daily_costs(scope, period=period), *moved], through)


def _sources(scope: Scope, as_of: date) -> list[SourceState]:
    return [
        SourceState(
            name=one.name,
            provider_name=one.provider_name,
            format=one.format,
            delivered_at=one.delivered_at,
            last_day=one.last_day,
            last_complete_day=one.last_complete_day,
            stale=one.stale,
            rejected=one.rejected,
            held=one.held,
            notices=tuple(one.notices),
        )
        for one in bills.freshness(scope, as_of)
    ]


def _unallocated(
    scope: Scope, span: Span, metric: Metric, *, monthly: bool
) -> tuple[Sequence[spend.CostRow], Sequence[spend.CostRow]]:
    """The most costly unallocated resources of the week, and what they cost the week before.

    ``monthly`` gives a row for each month of the days: rates hold for months.
    """
    where = {"environment": [UNALLOCATED]}
    by = (*RESOURCE, "month") if monthly else RESOURCE
    after = spend.cost_by(
        scope,
        by=by,
        period=span.this,
        metric=metric,
        where=where,
        limit=UNALLOCATED_READ,
    )
    if not after:
        return [], []
    before = spend.cost_by(
        scope,
        by=by,
        period=span.last,
        metric=metric,
        where={**where, "resource_id": sorted({row.keys[0] for row in after})},
    )
    return after, before
