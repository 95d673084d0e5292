"""Cost by any one or two dimensions: the largest groups, all others as one, and their course.

Everything is summed, ranked and cut in SQL: however many resources there are, a page reads as many
rows as it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from costs.bills import queries as bills
from costs.lake.daily import ONLY_FACTS
from costs.lake.queries import select
from costs.money import exact_sum
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.explore import Filters, Metric, Selection
from costs.spend.queries.restriction import (
    GROUPINGS,
    Restriction,
    among,
    every,
    restricted,
    until_changed,
)
from costs.spend.queries.totals import daily_files

LABELS: Final = {
    "sku_id": "sku_meter",
    "resource_id": "service_name",
}
"""What a group whose own name says little is called by in addition, and its column."""
BUCKETS: Final = {
    "day": "day",
    "week": "CAST(date_trunc('week', day) AS DATE)",
    "month": "CAST(date_trunc('month', day) AS DATE)",
}


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


def cost_groups(
    scope: Scope,
    selection: Selection,
    *,
    keys: tuple[str, ...],
    top: int,
    compared: Period | None = None,
    by_change: bool = False,
) -> Groups:
    """The ``top`` groups of ``keys`` by cost, or by how much they changed since ``compared``.

    Without a currency in ``selection`` the one with the largest cost is taken. Groups with a cost
    in either period count. An empty lake gives no group and the currency ``""``.
    """
    return _cost_groups(
        scope,
        period=selection.period,
        filters=(selection.where, selection.without),
        search=selection.search,
        metric=selection.metric,
        currency=selection.currency,
        keys=keys,
        top=top,
        compared=compared,
        by_change=by_change,
    )


@until_changed
def _cost_groups(
    scope: Scope,
    *,
    period: Period,
    filters: tuple[Filters, Filters],
    search: str,
    metric: Metric,
    currency: str,
    keys: tuple[str, ...],
    top: int,
    compared: Period | None,
    by_change: bool,
) -> Groups:
    facts = _needs_facts(filters, search, keys)
    files = {file.path: file for file in daily_files(period, facts=facts)}
    if compared:
        files |= {file.path: file for file in daily_files(compared, facts=facts)}
    days = _days(period, compared)
    allowed = every([days, _selected(scope, filters, search)])
    columns = ", ".join(f"coalesce({GROUPINGS[name]}, '') AS k{n}" for n, name in enumerate(keys))
    names = ", ".join(f"k{n}" for n in range(len(keys)))
    label = f"any_value({LABELS[keys[-1]]})" if keys[-1] in LABELS else "NULL"
    # Only where there are two periods do their rows have to be told apart.
    cost, before = f"sum({metric})", "CAST(0 AS DECIMAL(38,18))"
    parameters: tuple[object, ...] = allowed.parameters
    if compared:
        cost = f"coalesce(sum({metric}) FILTER (day >= ? AND day < ?), 0)"
        before = f"coalesce(sum({metric}) FILTER (day >= ? AND day < ?), 0)"
        ends = (period.start, period.end, compared.start, compared.end)
        parameters = (*ends, *parameters)
    order = "abs(cost - before)" if by_change else "cost"
    rows = select(
        f"""
        WITH sums AS (
            SELECT {columns}, billing_currency AS currency, {label} AS label,
                {cost} AS cost, {before} AS before
            FROM {{files}} WHERE {allowed.sql} GROUP BY {names}, currency
        ), ranked AS (
            SELECT *, least(
                row_number() OVER (PARTITION BY currency ORDER BY {order} DESC, {names}), {top + 1}
            ) AS place FROM sums
        )
        SELECT currency, place, sum(cost), sum(before), count(*), any_value(label),
            {", ".join(f"min(k{n})" for n in range(len(keys)))}
        FROM ranked GROUP BY currency, place ORDER BY currency, place
        """,
        list(files.values()),
        parameters,
    )
    found: dict[str, list[tuple[int, Group]]] = {}
    for of, place, cost_sum, before_sum, count, said, *values in rows:
        group = Group(tuple(map(str, values)), str(said or ""), cost_sum, before_sum, count)  # type: ignore[arg-type]
        found.setdefault(str(of), []).append((place, group))  # type: ignore[arg-type]
    totals = {of: exact_sum(group.cost for _, group in groups) for of, groups in found.items()}
    ranked = sorted(totals, key=lambda of: (-abs(totals[of]), of))
    chosen = currency or (ranked[0] if ranked else "")
    groups = found.get(chosen, [])
    return Groups(
        currency=chosen,
        groups=tuple(group for place, group in groups if place <= top),
        other=next((_together(group) for place, group in groups if place > top), None),
        currencies=tuple((of, totals[of]) for of in ranked),
    )


def _together(group: Group) -> Group:
    return Group((), "", group.cost, group.before, group.count)


def _days(period: Period, compared: Period | None) -> Restriction:
    """The days of both periods; rows in both count in both."""
    own = Restriction("day >= ? AND day < ?", (period.start, period.end))
    if compared is None:
        return own
    return Restriction(f"({own.sql} OR {own.sql})", (*own.parameters, compared.start, compared.end))


def _needs_facts(filters: tuple[Filters, Filters], search: str, keys: tuple[str, ...]) -> bool:
    asked = {*keys, *(name for some in filters for name, _ in some)}
    return bool(search or asked & ONLY_FACTS)


def _selected(scope: Scope, filters: tuple[Filters, Filters], search: str) -> Restriction:
    """What scope, filters and the search word leave, in any table with the daily columns."""
    where, without = filters
    return every(
        [
            restricted(scope, None, dict(where)),
            *(among(GROUPINGS[name], values, excluded=True) for name, values in without),
            *([searched(search)] if search else []),
        ]
    )


def selected(scope: Scope, selection: Selection) -> Restriction:
    """What ``scope`` and the filters of ``selection`` leave; its days are not in it."""
    return _selected(scope, (selection.where, selection.without), selection.search)


def searched(word: str) -> Restriction:
    """``word`` stands in the name of the resource, the service or the SKU, in any letter case."""
    columns = ("resource_id", "service_name", "sku_id", "sku_meter")
    terms = " OR ".join(f"contains(lower({column}), lower(?))" for column in columns)
    return Restriction(f"({terms})", (word,) * len(columns))


@dataclass(frozen=True)
class Part:
    """The cost of one group in one bucket: ``group`` is its place in what was asked, or None."""

    start: date
    group: int | None
    cost: Decimal


def cost_over_time(
    scope: Scope,
    selection: Selection,
    *,
    keys: tuple[str, ...],
    groups: tuple[tuple[str, ...], ...],
    step: str,
) -> tuple[Part, ...]:
    """Cost by bucket (``day``, ``week``, ``month``) of the given groups, all others as None.

    ``selection`` must name its currency. Buckets begin on their first day, which may lie before
    the period; only days of the period are in them.
    """
    return _cost_over_time(
        scope,
        period=selection.period,
        filters=(selection.where, selection.without),
        search=selection.search,
        metric=selection.metric,
        currency=selection.currency,
        keys=keys,
        groups=groups,
        step=step,
    )


@until_changed
def _cost_over_time(
    scope: Scope,
    *,
    period: Period,
    filters: tuple[Filters, Filters],
    search: str,
    metric: Metric,
    currency: str,
    keys: tuple[str, ...],
    groups: tuple[tuple[str, ...], ...],
    step: str,
) -> tuple[Part, ...]:
    if not groups:
        return ()
    allowed = every(
        [
            Restriction("day >= ? AND day < ?", (period.start, period.end)),
            Restriction("billing_currency = ?", (currency,)),
            _selected(scope, filters, search),
        ]
    )
    names = [f"k{n}" for n in range(len(keys))]
    row = f"({', '.join('?' * len(keys))}, CAST(? AS INTEGER))"
    matched = " AND ".join(
        f"coalesce({GROUPINGS[name]}, '') = {column}"
        for name, column in zip(keys, names, strict=True)
    )
    rows = select(
        f"""
        SELECT {BUCKETS[step]} AS start, place, sum({metric}) FROM {{files}}
        LEFT JOIN (VALUES {", ".join([row] * len(groups))}) AS asked({", ".join(names)}, place)
            ON {matched}
        WHERE {allowed.sql} GROUP BY ALL ORDER BY ALL
        """,
        daily_files(period, facts=_needs_facts(filters, search, keys)),
        (
            *(value for place, group in enumerate(groups) for value in (*group, place)),
            *allowed.parameters,
        ),
    )
    return tuple(Part(*row) for row in rows)  # type: ignore[arg-type]


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

    All other filters of ``selection`` hold; ``find`` is a part of the value, in any letter case.
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
            Restriction("billing_currency = ?", (currency,)),
            _selected(scope, filters, search),
            *(
                [Restriction(f"contains(lower({GROUPINGS[name]}), lower(?))", (find,))]
                if find
                else []
            ),
        ]
    )
    label = f"any_value({LABELS[name]})" if name in LABELS else "NULL"
    rows = select(
        f"""
        SELECT coalesce({GROUPINGS[name]}, '') AS value, coalesce({label}, ''), sum({metric}) AS c
        FROM {{files}} WHERE {allowed.sql} GROUP BY value ORDER BY c DESC, value LIMIT {int(limit)}
        """,
        daily_files(period, facts=_needs_facts(filters, search, (name,))),
        allowed.parameters,
    )
    return tuple(Value(*row) for row in rows)  # type: ignore[arg-type]


def complete_through(scope: Scope, as_of: date) -> date | None:
    """The latest day that is complete in every source that still delivers, None before any."""
    sources = bills.freshness(scope, as_of)
    fresh = [one.last_complete_day for one in sources if not one.stale and one.last_complete_day]
    known = [one.last_complete_day for one in sources if one.last_complete_day]
    return min(fresh) if fresh else max(known, default=None)
