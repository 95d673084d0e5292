"""From sums to the weekly review: the arithmetic of the page, without a database.

Pure. Rows come as :func:`costs.spend.queries.cost_by` gives them; only their attributes count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Protocol

from costs.budgets.bands import Band, Forecasting
from costs.budgets.judged import band_of_total, judged
from costs.money import EXACT, exact_sum
from costs.periods import Period, week_name
from costs.review.ending import ending_of
from costs.review.headline import headline
from costs.review.span import WEEKS, Span
from costs.review.week import (
    TOTAL,
    UNALLOCATED,
    Change,
    DayCost,
    EnvironmentWeek,
    Metric,
    MonthGauge,
    ResourceMove,
    ResourceMoves,
    ServiceMove,
    SourceState,
    Unallocated,
    WeekReview,
)

ZERO: Final = Decimal(0)
OTHER: Final = "Other"
NAMED_SERVICES: Final = 7
"""Services with a colour of their own in the chart; the rest is ``Other``."""
NO_SERVICE: Final = "No service"
NO_RESOURCE: Final = "no resource"
"""Said of charges that belong to no resource: tax, support, credits."""


class CostRow(Protocol):
    """A sum of cost; ``keys`` as asked for."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def currency(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...


class ResourceRow(Protocol):
    """A resource's cost in the two compared periods."""

    @property
    def resource_id(self) -> str: ...
    @property
    def provider_name(self) -> str: ...
    @property
    def service_name(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def before(self) -> Decimal: ...
    @property
    def after(self) -> Decimal: ...
    @property
    def is_new(self) -> bool: ...
    @property
    def is_gone(self) -> bool: ...


class CountRow(Protocol):
    """Counts of resources in one currency."""

    @property
    def currency(self) -> str: ...
    @property
    def new_count(self) -> int: ...
    @property
    def new_cost(self) -> Decimal: ...
    @property
    def gone_count(self) -> int: ...
    @property
    def gone_cost(self) -> Decimal: ...
    @property
    def unallocated_count(self) -> int: ...


@dataclass(frozen=True)
class WeekFacts:
    """All that a review is made of."""

    span: Span
    as_of: date
    metric: Metric
    listed: int | None
    """Where lists of services and resources are cut; None where they are not."""
    environments: Sequence[tuple[str, str]]
    """Name and label of each environment, in order, without ``unallocated``."""
    sees_unallocated: bool
    sees_all_cost_centers: bool
    costs: Sequence[CostRow]
    """By (day, environment, service_name), in ``metric``, over ``span.shown``."""
    effective: Sequence[CostRow] | None
    """By (day, environment): effective cost over ``span.shown``; None where ``costs`` is that."""
    billed: Mapping[Period, Sequence[CostRow]]
    """Per month of the span: billed cost of its complete days by (environment,)."""
    bands: Mapping[Period, Mapping[str, Band]]
    """Per month of the span: the band of each environment that has one."""
    forecast: Forecasting
    resources: Sequence[ResourceRow]
    resource_counts: Sequence[CountRow]
    unallocated_after: Sequence[CostRow]
    """Unallocated cost of the week's complete days by (resource_id, provider_name, service_name),
    the largest."""
    unallocated_before: Sequence[CostRow]
    """The same of the week before, of at least the same resources."""
    sources: Sequence[SourceState]
    ending: str = TOTAL
    """Whose month is shown up to its end."""
    currency: str = ""
    """What the page is in; empty for that of :func:`main_currency`."""


class _Sums:
    """The costs of one currency, added up in one pass by everything that the page asks for."""

    def __init__(self, rows: Iterable[CostRow], span: Span, currency: str) -> None:
        self.by_service: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        self.by_environment: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
        before: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        after: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        add, this, last = EXACT.add, span.this, span.last
        for row in rows:
            if row.currency != currency:
                continue
            day_text, environment, service = row.keys
            day = day_of(day_text)
            environment, service = environment or UNALLOCATED, service or NO_SERVICE
            self.by_service[day, service] = add(self.by_service[day, service], row.cost)
            self.by_environment[environment, day] = add(
                self.by_environment[environment, day], row.cost
            )
            if day in this:
                after[environment, service] = add(after[environment, service], row.cost)
            elif day in last:
                before[environment, service] = add(before[environment, service], row.cost)
        self.span = span
        self.moves = _moves(before, after)

    @property
    def environments(self) -> set[str]:
        return {environment for environment, _ in self.by_environment}

    def weeks(self, environment: str) -> tuple[Decimal, ...]:
        """Cost of each of the eight weeks, the last one of its complete days."""
        weeks = [self.span.shown.start + timedelta(days=7 * n) for n in range(WEEKS - 1)]
        periods = [*(Period(start, start + timedelta(days=7)) for start in weeks), self.span.this]
        return tuple(
            exact_sum(self.by_environment.get((environment, day), ZERO) for day in period)
            for period in periods
        )

    def services(self, environment: str) -> tuple[ServiceMove, ...]:
        """Services of either week in ``environment`` or in total, by how much they moved."""
        moves = [ServiceMove(*item) for item in self.moves.get(environment, {}).items()]
        return tuple(sorted(moves, key=lambda one: (-abs(one.week.difference), one.service_name)))

    def change(self, environment: str) -> Change:
        """This week beside the last, in ``environment`` or in total."""
        changes = self.moves.get(environment, {}).values()
        return Change(
            exact_sum(one.before for one in changes), exact_sum(one.after for one in changes)
        )


def _moves(
    before: Mapping[tuple[str, str], Decimal], after: Mapping[tuple[str, str], Decimal]
) -> dict[str, dict[str, Change]]:
    """Change by environment (and ``total``), then by service."""
    moves: dict[str, dict[str, Change]] = defaultdict(dict)
    for key in {**before, **after}:
        environment, service = key
        change = Change(before.get(key, ZERO), after.get(key, ZERO))
        moves[environment][service] = change
        total = moves[TOTAL].get(service, Change(ZERO, ZERO))
        moves[TOTAL][service] = Change(
            EXACT.add(total.before, change.before), EXACT.add(total.after, change.after)
        )
    return moves


def week_review(facts: WeekFacts) -> WeekReview:
    """Compose the review of one week, in the currency of :func:`main_currency`."""
    span = facts.span
    currency = facts.currency or main_currency(facts.bands, facts.costs)
    sums = _Sums(facts.costs, span, currency)
    daily = sums.by_environment
    if facts.effective is not None:
        daily = _daily(facts.effective, currency)
    found = sums.environments | {environment for environment, _ in daily}
    names = _environments(facts, found)
    rows = [
        EnvironmentWeek(
            environment=name,
            label=label,
            months=tuple(
                _month(facts, month, currency, name, {name}, daily) for month in span.months
            ),
            week=sums.change(name),
            weeks=sums.weeks(name),
        )
        for name, label in names
    ]
    seen = {name for name, _ in names}
    rows.append(
        EnvironmentWeek(
            environment=TOTAL,
            label="Total",
            months=tuple(
                _month(facts, month, currency, TOTAL, seen, daily) for month in span.months
            ),
            week=sums.change(TOTAL),
            weeks=tuple(exact_sum(row.weeks[n] for row in rows) for n in range(WEEKS)),
        )
    )
    unallocated = _unallocated(facts, currency, rows[-1].week.after, sums)
    next_week = span.week.shifted(7)
    return WeekReview(
        week=span.week,
        name=week_name(span.week),
        previous=week_name(span.week.shifted(-7)),
        next=week_name(next_week) if next_week.start <= facts.as_of else None,
        currency=currency,
        metric=facts.metric,
        last_complete_day=span.through,
        compared_days=span.this.days,
        finding=headline(
            rows,
            services={row.environment: sums.services(row.environment) for row in rows[:-1]},
            unallocated=unallocated,
            sources=facts.sources,
            currency=currency,
            compared_days=span.this.days,
            through=span.through,
        ),
        environments=tuple(rows),
        services=sums.services(TOTAL)[: facts.listed],
        resources=_resources(facts, currency),
        unallocated=unallocated,
        sources=tuple(facts.sources),
        days=day_costs(sums.by_service, span),
        other_currencies=_other_currencies(facts.costs, span, currency),
        ending=ending_of(
            rows,
            facts.ending,
            currency=currency,
            forecast=facts.forecast,
            through=span.through,
            as_of=facts.as_of,
        ),
    )


def main_currency(bands: Mapping[Period, Mapping[str, Band]], costs: Iterable[CostRow]) -> str:
    """The currency of the page: that of most bands, if there is any cost in it at all.

    Otherwise that of most sums; USD where there is nothing to go by. Ties go by the alphabet.
    """
    sums = Counter(row.currency for row in costs)
    banded = Counter(band.currency for month in bands.values() for band in month.values())
    for counted in (banded, sums):
        for currency in sorted(counted, key=lambda code: (-counted[code], code)):
            if currency in sums or not sums:
                return currency
    return "USD"


@lru_cache(maxsize=4096)
def day_of(text: str) -> date:
    """The day that a key of a sum names. Cached: a page has some sixty of them, thousands of
    times."""
    return date.fromisoformat(text)


def short_name(resource_id: str) -> str:
    """The last part of a resource's id: ``i-0abc`` of an ARN, the name of an Azure id."""
    parts = [part for part in resource_id.replace(":", "/").split("/") if part]
    return parts[-1] if parts else NO_RESOURCE


def day_costs(days: Mapping[tuple[date, str], Decimal], span: Span) -> tuple[DayCost, ...]:
    """Every day of ``span.shown`` with each of the seven largest services and ``Other``.

    Nothing is lost: each day's parts add up to its cost. Without an eighth service there is no
    ``Other``. Largest first, ``Other`` last, the same order every day.
    """
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for (_, service), cost in days.items():
        totals[service] = EXACT.add(totals[service], cost)
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    # A service that is called Other can only be part of ours.
    named = [name for name in ranked if name != OTHER][:NAMED_SERVICES]
    rest = [name for name in ranked if name not in named]
    return tuple(
        DayCost(
            day=day,
            service_name=service,
            cost=exact_sum(days.get((day, name), ZERO) for name in members),
            complete=span.through is not None and day <= span.through,
        )
        for day in span.shown
        for service, members in (
            *((name, (name,)) for name in named),
            *([(OTHER, tuple(rest))] if rest else []),
        )
    )


def _environments(facts: WeekFacts, found: set[str]) -> list[tuple[str, str]]:
    """The rows: known environments, those that only charges name, then ``unallocated``."""
    known = [(name, label) for name, label in facts.environments if name != UNALLOCATED]
    extra = sorted(found - {name for name, _ in known} - {UNALLOCATED})
    names = [*known, *((name, name) for name in extra)]
    if facts.sees_unallocated or UNALLOCATED in found:
        names.append((UNALLOCATED, "Unallocated"))
    return names


def _daily(rows: Iterable[CostRow], currency: str) -> dict[tuple[str, date], Decimal]:
    daily: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.currency == currency:
            key = (row.keys[1] or UNALLOCATED, day_of(row.keys[0]))
            daily[key] = EXACT.add(daily[key], row.cost)
    return daily


def _month(
    facts: WeekFacts,
    month: Period,
    currency: str,
    environment: str,
    members: set[str],
    daily: Mapping[tuple[str, date], Decimal],
) -> MonthGauge:
    """The gauge of an environment, or of the total of ``members``."""
    complete = facts.span.complete_part(month)
    bands = facts.bands.get(month, {})
    gauge, verdict = judged(
        facts.forecast,
        environment,
        currency,
        month,
        complete_days=complete.days,
        spent=exact_sum(daily.get((name, day), ZERO) for name in members for day in complete),
        band=band_of_total(bands, members) if environment == TOTAL else bands.get(environment),
        sees_all_cost_centers=facts.sees_all_cost_centers,
    )
    return MonthGauge(
        month=month,
        complete_days=complete.days,
        gauge=gauge,
        verdict=verdict,
        billed_month_to_date=exact_sum(
            row.cost
            for row in facts.billed.get(month, ())
            if row.currency == currency and (row.keys[0] or UNALLOCATED) in members
        ),
    )


def _move(row: ResourceRow) -> ResourceMove:
    return ResourceMove(
        resource_id=row.resource_id,
        resource_name=short_name(row.resource_id),
        provider_name=row.provider_name,
        service_name=row.service_name or NO_SERVICE,
        environment=row.environment or UNALLOCATED,
        week=Change(row.before, row.after),
    )


def _resources(facts: WeekFacts, currency: str) -> ResourceMoves:
    rows = [row for row in facts.resources if row.currency == currency]
    counts = [row for row in facts.resource_counts if row.currency == currency]

    def listed(chosen: Iterable[ResourceRow]) -> tuple[ResourceMove, ...]:
        moves = map(_move, chosen)
        ranked = sorted(moves, key=lambda one: (-abs(one.week.difference), one.resource_id))
        return tuple(ranked[: facts.listed])

    return ResourceMoves(
        movers=listed(row for row in rows if not (row.is_new or row.is_gone)),
        new=listed(row for row in rows if row.is_new),
        new_count=sum(row.new_count for row in counts),
        new_cost=exact_sum(row.new_cost for row in counts),
        gone=listed(row for row in rows if row.is_gone),
        gone_count=sum(row.gone_count for row in counts),
        gone_cost=exact_sum(row.gone_cost for row in counts),
    )


def _unallocated(facts: WeekFacts, currency: str, total: Decimal, sums: _Sums) -> Unallocated:
    cost = sums.change(UNALLOCATED).after
    before: dict[tuple[str, ...], Decimal] = {
        row.keys: row.cost for row in facts.unallocated_before if row.currency == currency
    }
    resources = [
        ResourceMove(
            resource_id=row.keys[0],
            resource_name=short_name(row.keys[0]),
            provider_name=row.keys[1],
            service_name=row.keys[2] or NO_SERVICE,
            environment=UNALLOCATED,
            week=Change(before.get(row.keys, ZERO), row.cost),
        )
        for row in facts.unallocated_after
        if row.currency == currency
    ]
    return Unallocated(
        cost=cost,
        share=EXACT.divide(EXACT.multiply(cost, Decimal(100)), total) if total > 0 else None,
        resources=tuple(
            sorted(resources, key=lambda one: (-abs(one.week.after), one.resource_id))[
                : facts.listed
            ]
        ),
        resource_count=sum(
            row.unallocated_count for row in facts.resource_counts if row.currency == currency
        ),
    )


def _other_currencies(rows: Iterable[CostRow], span: Span, currency: str) -> dict[str, Decimal]:
    others: dict[str, Decimal] = {}
    for row in rows:
        if row.currency != currency and day_of(row.keys[0]) in span.this:
            others[row.currency] = EXACT.add(others.get(row.currency, ZERO), row.cost)
    return dict(sorted(others.items()))
