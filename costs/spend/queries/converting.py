"""Cost by any one or two dimensions in one currency, whatever the bills are in.

As :mod:`~costs.spend.queries.exploring`, but sums are read by currency and month and converted in
Python: SQL would have to multiply, and products of exact decimals overflow there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.focus import DECIMAL
from costs.lake.queries import select
from costs.money import EXACT, exact_sum
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.currency import Amount, Conversion, Rates, convert, weights
from costs.spend.explore import Selection
from costs.spend.queries.asking import (
    BUCKETS,
    Asked,
    files_of,
    in_days,
    known_keys,
    label_of,
    least_keys,
    names_of,
    needs_facts,
    raw_keys,
    run,
)
from costs.spend.queries.exploring import Explored, Group, Groups, Part
from costs.spend.queries.restriction import GROUPINGS, Restriction, among, every, until_changed
from costs.spend.results import CHARTED

type Weights = tuple[tuple[str, date, float], ...]
MONTH = "CAST(date_trunc('month', day) AS DATE)"


@dataclass(frozen=True)
class Line:
    """A part of a group as it was billed, and what became of it."""

    keys: tuple[str, ...]
    """Empty for all groups that were cut."""
    compared: bool
    """Whether it lies in the days that are compared with."""
    start: date | None
    """First day of its bucket, where it is a part of the course."""
    amount: Amount
    converted: Decimal | None


@dataclass(frozen=True)
class InOne:
    """An answer in one currency, and all that it was made of."""

    explored: Explored
    conversion: Conversion
    """Of the days shown."""
    rates: Rates
    groups: tuple[Line, ...]
    course: tuple[Line, ...]


def explored_in(
    scope: Scope,
    selection: Selection,
    *,
    target: str,
    rates: Rates,
    keys: tuple[str, ...],
    top: int,
    step: str,
    compared: Period | None = None,
    by_change: bool = False,
) -> InOne:
    """The ``top`` groups of ``keys`` in ``target``, by cost or by change since ``compared``.

    A currency in ``selection`` keeps the charges that were billed in it. What has no rate is in no
    figure: ``conversion`` names it. Groups are ranked by about what they are worth, then added up
    exactly.
    """
    asked = Asked(
        period=selection.period,
        compared=compared,
        filters=(selection.where, selection.without),
        search=selection.search,
        metric=selection.metric,
        currency=selection.currency,
        keys=keys,
        top=top,
        by_change=by_change,
        step=step,
    )
    pairs = _pairs(scope, asked=asked)
    worth = tuple((of, month, one) for (of, month), one in weights(pairs, target, rates).items())
    sums, others = _sums(scope, asked=asked, worth=worth) if worth else ((), 0)
    shown = convert([one.amount for one in sums if not one.compared], target, rates)
    before = convert([one.amount for one in sums if one.compared], target, rates)
    lines = _lines([one for one in sums if not one.compared], shown)
    lines += _lines([one for one in sums if one.compared], before)
    groups = _groups(asked, lines, {one.keys: one.label for one in sums}, others, target)
    charted = tuple(group.keys for group in groups.groups[:CHARTED])
    course = _course(scope, asked=asked, charted=charted) if charted else ()
    parts = convert([amount for _, _, amount in course], target, rates)
    return InOne(
        explored=Explored(
            groups,
            tuple(
                Part(start, place, cost)
                for (start, place, _), cost in zip(course, parts.amounts, strict=True)
                if cost is not None
            ),
        ),
        conversion=shown,
        rates=rates,
        groups=tuple(lines),
        course=tuple(
            Line(() if place is None else charted[place], False, start, amount, cost)
            for (start, place, amount), cost in zip(course, parts.amounts, strict=True)
        ),
    )


@dataclass(frozen=True)
class _Sum:
    keys: tuple[str, ...]
    label: str
    compared: bool
    amount: Amount


def _lines(sums: Sequence[_Sum], found: Conversion) -> list[Line]:
    return [
        Line(one.keys, one.compared, None, one.amount, cost)
        for one, cost in zip(sums, found.amounts, strict=True)
    ]


def _groups(
    asked: Asked,
    lines: Sequence[Line],
    labels: dict[tuple[str, ...], str],
    others: int,
    target: str,
) -> Groups:
    costs: dict[tuple[str, ...], list[Decimal]] = defaultdict(list)
    befores: dict[tuple[str, ...], list[Decimal]] = defaultdict(list)
    for line in lines:
        if line.converted is not None:
            (befores if line.compared else costs)[line.keys].append(line.converted)
    groups = [
        Group(
            keys,
            labels.get(keys, ""),
            exact_sum(costs[keys]),
            exact_sum(befores[keys]),
            1 if keys else others,
        )
        for keys in {**costs, **befores}
    ]

    def rank(group: Group) -> tuple[Decimal, tuple[str, ...]]:
        change = abs(EXACT.subtract(group.cost, group.before))
        return (-change if asked.by_change else -group.cost), group.keys

    named = sorted((group for group in groups if group.keys), key=rank)
    return Groups(
        currency=target,
        groups=tuple(named),
        other=next((group for group in groups if not group.keys), None),
        currencies=(),
    )


@until_changed
def _pairs(scope: Scope, *, asked: Asked) -> tuple[tuple[str, date], ...]:
    """The currencies and months that are asked about."""
    allowed = every([in_days(asked.period, asked.compared), _selected(scope, asked)])
    rows = select(
        f"SELECT DISTINCT billing_currency, {MONTH} FROM {{files}} WHERE {allowed.sql}"
        " ORDER BY ALL",
        files_of(asked, facts=asked.filters_need_facts),
        allowed.parameters,
    )
    return tuple((str(of), month) for of, month in rows)  # type: ignore[misc]


def _selected(scope: Scope, asked: Asked) -> Restriction:
    own = asked.selected(scope)
    if asked.currency:
        own = own & Restriction("billing_currency = ?", (asked.currency,))
    return own


@until_changed
def _sums(scope: Scope, *, asked: Asked, worth: Weights) -> tuple[tuple[_Sum, ...], int]:
    """Sums of the largest groups and of all others by currency and month; how many others."""
    names = names_of(asked)
    row = "(?, CAST(? AS DATE), CAST(? AS DOUBLE))"
    weighed = f"(VALUES {', '.join([row] * len(worth))}) AS worths(currency, month, worth)"
    order = "abs(cost - before)" if asked.by_change else "cost"
    only = "billing_currency = ? AND" if asked.currency else ""
    # A double ranks, and never adds up: what is shown is summed by currency and month.
    rows = run(
        scope,
        asked,
        f"""
        WITH raw AS (
            SELECT {raw_keys(asked)}, billing_currency AS currency, {MONTH} AS month,
                {label_of(asked)} AS label, {{measures}}
            FROM {{{{files}}}} WHERE {only} {{allowed}} GROUP BY {names}, currency, month
        ), sums AS MATERIALIZED (
            SELECT {known_keys(asked)}, currency, month, any_value(label) AS label,
                coalesce(sum(cost), 0) AS cost, coalesce(sum(before), 0) AS before,
                count(cost) > 0 AS is_shown
            FROM raw GROUP BY ALL
        ), ranked AS (
            SELECT {names}, row_number() OVER (ORDER BY {order} DESC, {names}) AS place FROM (
                SELECT {names}, sum(CAST(cost AS DOUBLE) * worth) AS cost,
                    sum(CAST(before AS DOUBLE) * worth) AS before
                FROM sums JOIN {weighed} USING (currency, month) GROUP BY {names}
            )
        )
        SELECT least(place, {asked.top + 1}) AS nth, currency, month, sum(cost), sum(before),
            bool_or(is_shown), any_value(label), (SELECT count(*) FROM ranked), {least_keys(asked)}
        FROM sums JOIN ranked USING ({names}) GROUP BY nth, currency, month ORDER BY 1, 2, 3
        """,
        facts=needs_facts(asked.filters, asked.search, asked.keys),
        first=(asked.currency,) if asked.currency else (),
        last=tuple(value for one in worth for value in one),
    )
    found = []
    groups = 0
    for place, currency, month, cost, before, is_shown, label, count, *keys in rows:
        named = tuple(map(str, keys)) if place <= asked.top else ()  # type: ignore[operator]
        groups = int(count)  # type: ignore[call-overload]
        text = str(label or "") if named else ""
        if is_shown:
            found.append(_Sum(named, text, False, Amount(str(currency), month, cost)))  # type: ignore[arg-type]
        if asked.compared and before:
            found.append(_Sum(named, text, True, Amount(str(currency), month, before)))  # type: ignore[arg-type]
    return tuple(found), max(0, groups - asked.top)


@until_changed
def _course(
    scope: Scope, *, asked: Asked, charted: tuple[tuple[str, ...], ...]
) -> tuple[tuple[date, int | None, Amount], ...]:
    """By bucket, currency and month: the charted groups by place, and all that is left (None)."""
    allowed = every([in_days(asked.period, None), _selected(scope, asked)])
    totals = select(
        f"""
        SELECT {BUCKETS[asked.step]} AS start, billing_currency, {MONTH} AS month,
            CAST(sum({asked.metric}) AS {DECIMAL})
        FROM {{files}} WHERE {allowed.sql} GROUP BY ALL ORDER BY ALL
        """,
        files_of(asked, facts=asked.filters_need_facts),
        allowed.parameters,
    )
    left: dict[tuple[date, str, date], Decimal] = {
        (start, str(of), month): cost or Decimal(0)  # type: ignore[misc]
        for start, of, month, cost in totals
    }
    own = every(
        among(GROUPINGS[name], sorted({keys[nth] for keys in charted}))
        for nth, name in enumerate(asked.keys)
    )
    wanted = every([allowed, own])
    row = f"({', '.join('?' * len(asked.keys))}, CAST(? AS INTEGER))"
    values = [value for nth, keys in enumerate(charted) for value in (*keys, nth)]
    matched = " AND ".join(
        f"coalesce({GROUPINGS[name]}, '') = asked.k{nth}" for nth, name in enumerate(asked.keys)
    )
    rows = select(
        f"""
        SELECT place, {BUCKETS[asked.step]} AS start, billing_currency, {MONTH} AS month,
            sum({asked.metric})
        FROM {{files}} JOIN (VALUES {", ".join([row] * len(charted))})
            AS asked({names_of(asked)}, place) ON {matched}
        WHERE {wanted.sql} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
        files_of(asked, facts=needs_facts(asked.filters, asked.search, asked.keys)),
        (*values, *wanted.parameters),
    )
    found: list[tuple[date, int | None, Amount]] = []
    for place, start, of, month, cost in rows:
        if cost is None:
            continue
        key = start, str(of), month
        left[key] = EXACT.subtract(left[key], cost)  # type: ignore[index, arg-type]
        found.append((start, place, Amount(str(of), month, cost)))  # type: ignore[arg-type]
    found += [
        (start, None, Amount(of, month, cost)) for (start, of, month), cost in left.items() if cost
    ]
    return tuple(found)
