"""Cost by one or two dimensions with shared costs, beside the same without.

As :mod:`~costs.spend.queries.exploring`, but a rule decides charge by charge which are shared, and
the split is arithmetic on sums by day: so groups are made here. For dimensions of the daily summary
only, whose sums are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from costs.lake.daily import ONLY_FACTS
from costs.money import EXACT, exact_sum
from costs.people.scope import Scope
from costs.periods import Period, week_of
from costs.spend.before_after import BeforeAfter, before_after
from costs.spend.currency import Amount, Conversion, Rates, convert
from costs.spend.explore import Filters, Selection
from costs.spend.queries.asking import needs_facts, selected_by
from costs.spend.queries.exploring import Explored, Group, Groups, Part
from costs.spend.queries.restriction import Restriction
from costs.spend.queries.sharing import shared_cost_by
from costs.spend.queries.totals import CostRow
from costs.spend.results import CHARTED, name_of
from costs.spend.shared_costs import OVERS, Fallback, RuleSpan

ZERO = Decimal(0)


@dataclass(frozen=True)
class SharedLine:
    """A group in one month and billing currency, without and with shared costs."""

    keys: tuple[str, ...]
    month: date
    currency: str
    direct: Decimal
    cost: Decimal


@dataclass(frozen=True)
class WithShared:
    """An answer with shared costs, and what it was without."""

    explored: Explored
    beside: BeforeAfter | None
    """Every group without and with; None where there is none."""
    fallbacks: tuple[Fallback, ...]
    conversion: Conversion | None
    """Where sums were converted: those of the days shown."""
    lines: tuple[SharedLine, ...]


@dataclass(frozen=True)
class _Cost:
    """A sum in the currency of the answer."""

    keys: tuple[str, ...]
    day: date
    cost: Decimal


def can_share(keys: Sequence[str]) -> bool:
    """Whether groups of ``keys`` can be shown with shared costs: not by resource or SKU."""
    return not set(keys) & ONLY_FACTS


def explored_shared(
    scope: Scope,
    selection: Selection,
    *,
    held: tuple[RuleSpan, ...],
    keys: tuple[str, ...],
    top: int,
    step: str,
    compared: Period | None = None,
    by_change: bool = False,
    target: str = "",
    rates: Rates | None = None,
) -> WithShared:
    """The ``top`` groups of ``keys`` with shared costs, in ``target`` or in one currency as billed.

    Filters on environments and cost centers look at where cost is after sharing, all others at
    what a charge is.
    """
    moved = [name for name in OVERS if name in dict(selection.where) | dict(selection.without)]
    # A year of days would be thirty times the sums of its months.
    bucket = "month" if step == "month" else "day"
    dimensions = (*keys, *(name for name in moved if name not in keys), bucket)
    rest = _without(selection.where), _without(selection.without)
    where = selected_by(scope, rest, selection.search)
    if selection.currency:
        where = where & Restriction("billing_currency = ?", (selection.currency,))

    def asked(period: Period) -> tuple[list[CostRow], list[CostRow], tuple[Fallback, ...]]:
        found = shared_cost_by(
            scope,
            by=dimensions,
            period=period,
            metric=selection.metric,
            held=held,
            where=where,
            facts=needs_facts(rest, selection.search, ()),
        )
        before = [row for row in found.before if _passes(row, dimensions, selection)]
        after = [row for row in found.after if _passes(row, dimensions, selection)]
        return before, after, found.fallbacks

    direct, rows, fallbacks = asked(selection.period)
    earlier = asked(compared)[1] if compared else []
    currencies = _currencies(rows)
    currency = target or selection.currency or (currencies[0][0] if currencies else "")
    width = len(keys)
    costs, conversion = _in(rows, width, currency, target, rates)
    befores, _ = _in(earlier, width, currency, target, rates)
    own, _ = _in(direct, width, currency, target, rates)
    groups = replace(_groups(costs, befores, top, by_change, currency), currencies=currencies)
    charted = [group.keys for group in groups.groups[:CHARTED]]
    tables = before_after(_named(own, currency), _named(costs, currency))
    return WithShared(
        explored=Explored(groups, _parts(costs, charted, step)),
        beside=tables[0] if tables else None,
        fallbacks=fallbacks,
        conversion=conversion,
        lines=_lines(direct, rows, width),
    )


def _without(filters: Filters) -> Filters:
    return tuple((name, values) for name, values in filters if name not in OVERS)


def _passes(row: CostRow, dimensions: Sequence[str], selection: Selection) -> bool:
    for name in OVERS:
        wanted, unwanted = selection.among(name), selection.among(name, excluded=True)
        if not wanted and not unwanted:
            continue
        value = row.keys[dimensions.index(name)]
        if (wanted and value not in wanted) or value in unwanted:
            return False
    return True


def _currencies(rows: Sequence[CostRow]) -> tuple[tuple[str, Decimal], ...]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = EXACT.add(sums.get(row.currency, ZERO), row.cost)
    return tuple((of, sums[of]) for of in sorted(sums, key=lambda of: (-abs(sums[of]), of)))


def _in(
    rows: Sequence[CostRow], width: int, currency: str, target: str, rates: Rates | None
) -> tuple[list[_Cost], Conversion | None]:
    """Rows in the answer's currency: converted, or those that were billed in it."""
    if not target or rates is None:
        own = [row for row in rows if row.currency == currency]
        return [_Cost(row.keys[:width], _day(row), row.cost) for row in own], None
    amounts = [Amount(row.currency, _day(row).replace(day=1), row.cost) for row in rows]
    found = convert(amounts, target, rates)
    return [
        _Cost(row.keys[:width], _day(row), amount)
        for row, amount in zip(rows, found.amounts, strict=True)
        if amount is not None
    ], found


def _day(row: CostRow) -> date:
    """The day of a row, or the first of its month."""
    return date.fromisoformat(f"{row.keys[-1]}-01"[:10])


def _groups(
    costs: Sequence[_Cost], befores: Sequence[_Cost], top: int, by_change: bool, currency: str
) -> Groups:
    sums: dict[tuple[str, ...], list[Decimal]] = {}
    for nth, some in enumerate((costs, befores)):
        for one in some:
            pair = sums.setdefault(one.keys, [ZERO, ZERO])
            pair[nth] = EXACT.add(pair[nth], one.cost)
    groups = [Group(keys, "", cost, before, 1) for keys, (cost, before) in sums.items()]

    def rank(group: Group) -> tuple[Decimal, tuple[str, ...]]:
        change = abs(EXACT.subtract(group.cost, group.before))
        return (-change if by_change else -group.cost), group.keys

    groups.sort(key=rank)
    cut = groups[top:]
    other = Group(
        (),
        "",
        exact_sum(group.cost for group in cut),
        exact_sum(group.before for group in cut),
        len(cut),
    )
    return Groups(currency, tuple(groups[:top]), other if cut else None, ())


def _parts(
    costs: Sequence[_Cost], charted: Sequence[tuple[str, ...]], step: str
) -> tuple[Part, ...]:
    places = {keys: nth for nth, keys in enumerate(charted)}
    sums: dict[tuple[date, int | None], Decimal] = {}
    for one in costs:
        key = _start(one.day, step), places.get(one.keys)
        sums[key] = EXACT.add(sums.get(key, ZERO), one.cost)
    return tuple(Part(start, place, cost) for (start, place), cost in sums.items())


def _start(day: date, step: str) -> date:
    if step == "month":
        return day.replace(day=1)
    return week_of(day).start if step == "week" else day


def _named(costs: Sequence[_Cost], currency: str) -> list[CostRow]:
    return [CostRow((" · ".join(map(name_of, one.keys)),), currency, one.cost) for one in costs]


def _lines(
    direct: Sequence[CostRow], rows: Sequence[CostRow], width: int
) -> tuple[SharedLine, ...]:
    sums: dict[tuple[tuple[str, ...], date, str], list[Decimal]] = {}
    for nth, some in enumerate((direct, rows)):
        for row in some:
            key = row.keys[:width], _day(row).replace(day=1), row.currency
            pair = sums.setdefault(key, [ZERO, ZERO])
            pair[nth] = EXACT.add(pair[nth], row.cost)
    return tuple(
        SharedLine(*key, *sums[key]) for key in sorted(sums, key=lambda key: (key[0], key[1:]))
    )
