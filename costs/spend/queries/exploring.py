"""Cost by any one or two dimensions: the largest groups, all others as one, and their course.

Everything is summed, ranked and cut in SQL: however many resources there are, a page reads as many
rows as it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from costs.bills import queries as bills
from costs.lake.daily import ONLY_FACTS
from costs.lake.queries import select
from costs.money import EXACT, exact_sum
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.explore import Filters, Metric, Selection
from costs.spend.queries.asking import (
    BUCKETS,
    LABELS,
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
    selected_by,
)
from costs.spend.queries.restriction import (
    GROUPINGS,
    Restriction,
    among,
    every,
    until_changed,
)
from costs.spend.queries.totals import daily_files
from costs.spend.results import CHARTED


@dataclass(frozen=True)
class Group:
    """The cost of one group, or of several together, in one currency."""

    keys: tuple[str, ...]
    """One value for each dimension, ``""`` where unknown; none for several groups together."""
    label: str
    cost: Decimal
    before: Decimal
    """In the days it is compared with; 0 without any."""
    count: int
    """How many groups it holds."""


@dataclass(frozen=True)
class Groups:
    """The groups of one currency, and what there is in others."""

    currency: str
    groups: tuple[Group, ...]
    other: Group | None
    """All groups that were cut, None for none."""
    currencies: tuple[tuple[str, Decimal], ...]
    """Every currency with its sum, the largest first."""

    @property
    def cost(self) -> Decimal:
        """The exact total of the currency."""
        return exact_sum(group.cost for group in self.all)

    @property
    def before(self) -> Decimal:
        """The total in the days it is compared with."""
        return exact_sum(group.before for group in self.all)

    @property
    def all(self) -> tuple[Group, ...]:
        """The groups, and the others as the last."""
        return (*self.groups, self.other) if self.other else self.groups


@dataclass(frozen=True)
class Part:
    """The cost of one group in one bucket: ``group`` is its place, None for all the others."""

    start: date
    group: int | None
    cost: Decimal


@dataclass(frozen=True)
class Explored:
    """Groups of one currency, and the course of the largest of them."""

    groups: Groups
    parts: tuple[Part, ...]
    """By bucket. Buckets begin on their first day, which may lie before the period; only days of
    the period are in them."""


def explored(
    scope: Scope,
    selection: Selection,
    *,
    keys: tuple[str, ...],
    top: int,
    step: str,
    compared: Period | None = None,
    by_change: bool = False,
) -> Explored:
    """The ``top`` groups of ``keys`` by cost, or by how much they changed since ``compared``.

    Without a currency in ``selection`` the one with the largest cost is taken. Groups with a cost
    in either period count. The first eight groups have a course by ``step`` of their own. An empty
    lake gives no group and the currency ``""``.
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
    return _explored(scope, asked=asked)


@until_changed
def _explored(scope: Scope, *, asked: Asked) -> Explored:
    # Few groups by few buckets: one scan gives both. Many resources by many days would be millions
    # of sums, so their course is read for the shown ones only. A filter on resources makes few.
    if asked.filters_need_facts or not set(asked.keys) & ONLY_FACTS:
        return _in_one_scan(scope, asked)
    return _shown_ones(scope, asked)


def _in_one_scan(scope: Scope, asked: Asked) -> Explored:
    names = names_of(asked)
    rows = run(
        scope,
        asked,
        f"""
        WITH parts AS MATERIALIZED (
            SELECT {raw_keys(asked)}, billing_currency AS currency, {BUCKETS[asked.step]} AS start,
                {label_of(asked)} AS label, {{measures}}
            FROM {{{{files}}}} WHERE {{allowed}} GROUP BY {names}, currency, start
        ), ranked AS (
            SELECT *, {_place(asked)} FROM (
                SELECT {known_keys(asked)}, currency, any_value(label) AS label,
                    coalesce(sum(cost), 0) AS cost, coalesce(sum(before), 0) AS before
                FROM parts GROUP BY ALL
            )
        )
        SELECT currency, least(place, {asked.top + 1}) AS place, NULL, sum(cost), sum(before),
            count(*), any_value(label), {least_keys(asked)}
        FROM ranked GROUP BY ALL
        UNION ALL
        SELECT currency, CASE WHEN place <= {min(asked.top, CHARTED)} THEN place END, start,
            sum(parts.cost), NULL, NULL, NULL, {", ".join("NULL" for _ in asked.keys)}
        FROM parts JOIN ranked USING (currency) WHERE {_same_keys(asked)}
            AND parts.cost IS NOT NULL
        GROUP BY 1, 2, 3
        ORDER BY 1, 3 NULLS FIRST, 2 NULLS LAST
        """,
        facts=needs_facts(asked.filters, asked.search, asked.keys),
    )
    groups = _groups(asked, [row for row in rows if row[2] is None])
    parts = tuple(
        Part(start, None if place is None else place - 1, cost)  # type: ignore[operator, arg-type]
        for currency, place, start, cost, *_ in rows
        if start is not None and currency == groups.currency
    )
    return Explored(groups, parts if groups.groups else ())


def _shown_ones(scope: Scope, asked: Asked) -> Explored:
    """The course of the shown groups alone; all others are what is left of each bucket.

    What a bucket costs in all stands in the summary. So the facts are read twice only: for one sum
    a group, and for the rows of the shown groups, a filter that Parquet's dictionaries answer.
    """
    rows = run(
        scope,
        asked,
        f"""
        SELECT billing_currency, {BUCKETS[asked.step]} AS start, {{measures}}
        FROM {{{{files}}}} WHERE {{allowed}} GROUP BY billing_currency, start ORDER BY start
        """,
        facts=False,
    )
    totals: dict[str, list[Decimal]] = {}
    for of, _, cost, _ in rows:
        totals.setdefault(str(of), []).append(cost or Decimal(0))  # type: ignore[arg-type]
    sums = {of: exact_sum(costs) for of, costs in totals.items()}
    currencies = sorted(sums, key=lambda of: (-abs(sums[of]), of))
    currency = asked.currency or (currencies[0] if currencies else "")
    left: dict[date, Decimal] = {
        start: cost  # type: ignore[misc]
        for of, start, cost, _ in rows
        if of == currency and cost is not None
    }
    ranked = replace(
        _ranked(scope, replace(asked, currency=currency)),
        currencies=tuple((of, sums[of]) for of in currencies),
    )
    if not ranked.groups:
        return Explored(ranked, ())
    labels, parts = _course(scope, asked, ranked)
    for part in parts:
        left[part.start] = EXACT.subtract(left[part.start], part.cost)
    if ranked.other or len(ranked.groups) > CHARTED:
        parts += [Part(start, None, cost) for start, cost in left.items()]
    named = tuple(
        replace(group, label=labels.get(nth, "")) for nth, group in enumerate(ranked.groups)
    )
    return Explored(replace(ranked, groups=named), tuple(parts))


def _ranked(scope: Scope, asked: Asked) -> Groups:
    """The largest groups of the currency asked for, without labels and course."""
    rows = run(
        scope,
        asked,
        f"""
        WITH sums AS (
            SELECT {raw_keys(asked)}, {{measures}}
            FROM {{{{files}}}} WHERE billing_currency = ? AND {{allowed}} GROUP BY {names_of(asked)}
        ), ranked AS (
            SELECT *, {_place(asked)} FROM (
                SELECT {known_keys(asked)}, '' AS currency, coalesce(sum(cost), 0) AS cost,
                    coalesce(sum(before), 0) AS before
                FROM sums GROUP BY ALL
            )
        )
        SELECT currency, least(place, {asked.top + 1}) AS place, NULL, sum(cost), sum(before),
            count(*), NULL, {least_keys(asked)}
        FROM ranked GROUP BY ALL ORDER BY 1, 2
        """,
        facts=True,
        first=(asked.currency,),
    )
    return replace(_groups(replace(asked, currency=""), rows), currency=asked.currency)


def _course(scope: Scope, asked: Asked, groups: Groups) -> tuple[dict[int, str], list[Part]]:
    """Labels of the shown groups by place, and the course of the charted ones."""
    days = Restriction("day >= ? AND day < ?", (asked.period.start, asked.period.end))
    own = (
        among(GROUPINGS[name], sorted({group.keys[nth] for group in groups.groups}))
        for nth, name in enumerate(asked.keys)
    )
    wanted = every(
        [
            in_days(asked.period, asked.compared),
            Restriction("billing_currency = ?", (groups.currency,)),
            asked.selected(scope),
            *own,
        ]
    )
    row = f"({', '.join('?' * len(asked.keys))}, CAST(? AS INTEGER))"
    values = [value for nth, group in enumerate(groups.groups) for value in (*group.keys, nth)]
    matched = " AND ".join(
        f"coalesce({GROUPINGS[name]}, '') = asked.k{nth}" for nth, name in enumerate(asked.keys)
    )
    found = select(
        f"""
        SELECT place, CASE WHEN place < {CHARTED} AND {days.sql} THEN {BUCKETS[asked.step]} END,
            sum({asked.metric}), {label_of(asked)}
        FROM {{files}} JOIN (VALUES {", ".join([row] * len(groups.groups))})
            AS asked({names_of(asked)}, place) ON {matched}
        WHERE {wanted.sql} GROUP BY 1, 2 ORDER BY 1, 2
        """,
        files_of(asked, facts=True),
        (*days.parameters, *values, *wanted.parameters),
    )
    labels = {place: str(label) for place, _, _, label in found if label}
    parts = [
        Part(start, place, cost)  # type: ignore[arg-type]
        for place, start, cost, _ in found
        if start is not None
    ]
    return labels, parts  # type: ignore[return-value]


def _same_keys(asked: Asked) -> str:
    return " AND ".join(
        f"coalesce(parts.k{nth}, '') = ranked.k{nth}" for nth in range(len(asked.keys))
    )


def _place(asked: Asked) -> str:
    order = "abs(cost - before)" if asked.by_change else "cost"
    names = names_of(asked)
    return f"row_number() OVER (PARTITION BY currency ORDER BY {order} DESC, {names}) AS place"


def _groups(asked: Asked, rows: Sequence[tuple[object, ...]]) -> Groups:
    """Rows of currency, place, (nothing), cost, before, count, label and keys, as groups."""
    found: dict[str, list[tuple[int, Group]]] = {}
    for of, place, _, cost, before, count, label, *values in rows:
        group = Group(tuple(map(str, values)), str(label or ""), cost, before, count)  # type: ignore[arg-type]
        found.setdefault(str(of), []).append((place, group))  # type: ignore[arg-type]
    totals = {of: exact_sum(group.cost for _, group in groups) for of, groups in found.items()}
    ranked = sorted(totals, key=lambda of: (-abs(totals[of]), of))
    chosen = asked.currency or (ranked[0] if ranked else "")
    groups = found.get(chosen, [])
    return Groups(
        currency=chosen,
        groups=tuple(group for place, group in groups if place <= asked.top),
        other=next((_together(group) for place, group in groups if place > asked.top), None),
        currencies=tuple((of, totals[of]) for of in ranked),
    )


def _together(group: Group) -> Group:
    return Group((), "", group.cost, group.before, group.count)


@dataclass(frozen=True)
class Value:
    """A value of a dimension with its cost in the days and under the other filters."""

    value: str
    label: str
    cost: Decimal | None
    """None where it was not asked for."""


def values_of(
    scope: Scope, selection: Selection, name: str, *, find: str = "", limit: int = 100
) -> tuple[Value, ...]:
    """Values of the dimension ``name`` to filter by, the most costly first.

    All other filters of ``selection`` hold; without a currency in it no cost is given. ``find`` is
    a part of the value, in any letter case.
    """
    rest = selection.only(name)
    return _values_of(
        scope,
        period=rest.period,
        filters=(rest.where, rest.without),
        search=rest.search,
        metric=rest.metric,
        currency=rest.currency,
        name=name,
        find=find,
        limit=limit,
    )


@until_changed
def _values_of(
    scope: Scope,
    *,
    period: Period,
    filters: tuple[Filters, Filters],
    search: str,
    metric: Metric,
    currency: str,
    name: str,
    find: str,
    limit: int,
) -> tuple[Value, ...]:
    allowed = every(
        [
            Restriction("day >= ? AND day < ?", (period.start, period.end)),
            *([Restriction("billing_currency = ?", (currency,))] if currency else []),
            selected_by(scope, filters, search),
            *(
                [Restriction(f"contains(lower({GROUPINGS[name]}), lower(?))", (find,))]
                if find
                else []
            ),
        ]
    )
    label = f"any_value({LABELS[name]})" if name in LABELS else "NULL"
    # Sums of several currencies have no order; there the values with the most days come first.
    cost, order = (f"sum({metric})", "c") if currency else ("NULL", "count(*)")
    rows = select(
        f"""
        SELECT coalesce({GROUPINGS[name]}, '') AS value, coalesce({label}, ''), {cost} AS c
        FROM {{files}} WHERE {allowed.sql}
        GROUP BY value ORDER BY {order} DESC, value LIMIT {int(limit)}
        """,
        daily_files(period, facts=needs_facts(filters, search, (name,))),
        allowed.parameters,
    )
    return tuple(Value(*row) for row in rows)  # type: ignore[arg-type]


def complete_through(scope: Scope, as_of: date) -> date | None:
    """The latest day that is complete in every source that still delivers, None before any."""
    sources = bills.freshness(scope, as_of)
    fresh = [one.last_complete_day for one in sources if not one.stale and one.last_complete_day]
    known = [one.last_complete_day for one in sources if one.last_complete_day]
    return min(fresh) if fresh else max(known, default=None)
