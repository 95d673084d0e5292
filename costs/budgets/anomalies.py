"""What stood out: increases of daily cost and odd fixed charges, each with what drove it. Pure.

:mod:`costs.budgets.daily_baseline` judges days, :mod:`costs.budgets.fixed_anomalies` charges that
come once a month; here their findings become things that a person can talk about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Final, Literal, Protocol

import numpy as np

from costs.budgets.daily_baseline import ADOPTED_AFTER, NEEDED_DAYS, judge
from costs.budgets.fixed_anomalies import fixed_anomalies
from costs.money import EXACT, exact_sum
from costs.periods import Period, month_of

type Kind = Literal["spike", "new level", "missing charge", "moved charge", "new price"]

FLOOR: Final = Decimal(2)
"""Least increase a day, in the currency of the charges, that anybody is told of (ours)."""
SAID_ONCE: Final = 7
"""Days between two that stand out, up to which they are one anomaly: until the level is adopted."""
EXPLAINED: Final = Decimal("0.8")
"""Share of the increase that the named drivers make up (METHODS.md section 1)."""
MOST_DRIVERS: Final = 5
HISTORY_DAYS: Final = 395
"""Days that are judged on: thirteen months."""


class ServiceDay(Protocol):
    """The cost of a service in an environment on a day. ``fixed`` charges recur by their bill's
    word; ``key`` tells them apart."""

    @property
    def day(self) -> date: ...
    @property
    def environment(self) -> str: ...
    @property
    def service_name(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def fixed(self) -> bool: ...
    @property
    def key(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...


type SeriesKey = tuple[str, str, str]
"""Environment, service name, currency."""


@dataclass(frozen=True)
class Anomaly:
    """Something that stood out. Money in ``currency``; ``expected`` to the cent.

    ``actual`` and ``expected`` are sums over the days that stood out, not over all between them.
    ``score`` is the largest deviation; None for fixed charges. ``days`` are those that stood out.
    """

    environment: str
    service_name: str
    currency: str
    kind: Kind
    days: tuple[date, ...]
    actual: Decimal
    expected: Decimal
    score: float | None

    @property
    def first_day(self) -> date:
        return self.days[0]

    @property
    def last_day(self) -> date:
        return self.days[-1]

    @property
    def impact(self) -> Decimal:
        """What it cost more than expected; negative for a charge that did not come."""
        return EXACT.subtract(self.actual, self.expected)

    @property
    def series(self) -> SeriesKey:
        return self.environment, self.service_name, self.currency


@dataclass(frozen=True)
class Found:
    """The anomalies, newest first, and the series that are too young to be judged, with the number
    of their days so far."""

    anomalies: tuple[Anomaly, ...]
    too_young: Mapping[SeriesKey, int]


def find_anomalies(
    rows: Iterable[ServiceDay],
    *,
    through: date,
    usual: Mapping[SeriesKey, Set[date]] | None = None,
    floor: Decimal = FLOOR,
) -> Found:
    """Judge every series up to ``through``, the last complete day; later days play no part.

    ``usual`` names days that somebody has called expected: they are no anomaly and teach what is
    normal.
    """
    start = through - timedelta(days=HISTORY_DAYS - 1)
    costs: dict[SeriesKey, dict[date, Decimal]] = defaultdict(dict)
    fixed: dict[tuple[SeriesKey, str], list[tuple[date, Decimal]]] = defaultdict(list)
    for row in rows:
        if not start <= row.day <= through:
            continue
        series = row.environment, row.service_name, row.currency
        if row.fixed:
            fixed[series, row.key].append((row.day, row.cost))
        else:
            days = costs[series]
            days[row.day] = EXACT.add(days.get(row.day, Decimal(0)), row.cost)
    usual = usual or {}
    found = _odd_charges(fixed, start, through, usual)
    found += _increases(costs, start, through, usual, floor)
    young = {
        series: len(days)
        for series, days in costs.items()
        if (through - min(days)).days + 1 < NEEDED_DAYS
    }
    return Found(
        tuple(sorted(found, key=lambda one: (one.last_day, one.impact), reverse=True)), young
    )


def _increases(
    costs: Mapping[SeriesKey, Mapping[date, Decimal]],
    start: date,
    through: date,
    usual: Mapping[SeriesKey, Set[date]],
    floor: Decimal,
) -> list[Anomaly]:
    if not costs:
        return []
    names = sorted(costs)
    length = (through - start).days + 1
    values = np.full((len(names), length), np.nan)
    expected = np.zeros((len(names), length), dtype=bool)
    for nth, series in enumerate(names):
        for day, cost in costs[series].items():
            values[nth, (day - start).days] = float(cost)
        for day in usual.get(series, ()):
            if start <= day <= through:
                expected[nth, (day - start).days] = True
    judged = judge(values, floor=float(floor), usual=expected)
    found = []
    for nth, series in enumerate(names):
        marked = np.flatnonzero(judged.stands_out[nth]).tolist()
        adopted = set(np.flatnonzero(judged.adopted[nth]).tolist())
        for group in _groups(marked):
            days = tuple(start + timedelta(days=day) for day in group)
            own = exact_sum(costs[series][day] for day in days)
            normal = sum(float(judged.expected[nth, day]) for day in group)
            lasts = any(day in adopted for day in range(group[0], group[-1] + ADOPTED_AFTER))
            found.append(
                Anomaly(
                    *series,
                    kind="new level" if lasts else "spike",
                    days=days,
                    actual=own,
                    expected=_cents(normal),
                    score=round(float(judged.score[nth, group].max()), 1),
                )
            )
    return found


def _groups(days: Sequence[int]) -> list[list[int]]:
    """Days that belong to one anomaly."""
    groups = [days[:1]] if days else []
    for before, day in pairwise(days):
        if day - before > SAID_ONCE:
            groups.append([])
        groups[-1] = [*groups[-1], day]
    return [list(group) for group in groups]


def _odd_charges(
    fixed: Mapping[tuple[SeriesKey, str], Sequence[tuple[date, Decimal]]],
    start: date,
    through: date,
    usual: Mapping[SeriesKey, Set[date]],
) -> list[Anomaly]:
    months, month = [], month_of(start)
    while month.start <= through:
        months.append(month)
        month = month_of(month.end)
    return [
        Anomaly(
            *odd.key[0],
            kind=odd.kind,
            days=(odd.day,),
            actual=odd.actual,
            expected=odd.expected,
            score=None,
        )
        for odd in fixed_anomalies(fixed, months, through)
        if odd.day not in usual.get(odd.key[0], ())
    ]


def _cents(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(Decimal("0.01"), ROUND_HALF_EVEN, EXACT)


# -- what drove it ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Driver:
    """A part of an increase: where, and how much of it. ``resource_id`` is empty for a region as a
    whole, or for what belongs to no resource."""

    region_id: str
    resource_id: str
    change: Decimal
    share: Decimal
    """Of the whole increase, in percent; ``change`` is money to six decimals."""


def drivers(
    before: Mapping[tuple[str, str], Decimal], after: Mapping[tuple[str, str], Decimal]
) -> tuple[Driver, ...]:
    """The regions and resources that explain an increase: greedily, down to 80 % of it.

    ``before`` and ``after`` are costs by (region, resource) over equally many days. The region with
    the largest increase is split into its resources, then the next one, until enough is named.
    """
    changes = {
        key: EXACT.subtract(after.get(key, Decimal(0)), before.get(key, Decimal(0)))
        for key in {*before, *after}
    }
    whole = exact_sum(changes.values())
    if whole <= 0:
        return ()
    regions: dict[str, Decimal] = defaultdict(Decimal)
    for (region, _), change in changes.items():
        regions[region] = EXACT.add(regions[region], change)
    named: list[tuple[str, str, Decimal]] = []
    explained = Decimal(0)
    enough = EXACT.multiply(whole, EXPLAINED)
    for region in sorted(regions, key=lambda name: (-regions[name], name)):
        inside = [(key, change) for key, change in changes.items() if key[0] == region]
        for key, change in sorted(inside, key=lambda one: (-one[1], one[0])):
            if explained >= enough or change <= 0 or len(named) == MOST_DRIVERS:
                break
            named.append((*key, change))
            explained = EXACT.add(explained, change)
    return tuple(
        Driver(region, resource, _rounded(change, "0.000001"), _percent(change, whole))
        for region, resource, change in named
    )


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return _rounded(EXACT.divide(EXACT.multiply(part, Decimal(100)), whole), "0.1")


def _rounded(amount: Decimal, unit: str) -> Decimal:
    return amount.quantize(Decimal(unit), ROUND_HALF_EVEN, EXACT)


def compared_days(first_day: date, count: int) -> list[date]:
    """Days before an anomaly that its ``count`` days are held against: whole weeks just before.

    At least as many as there are days, so that a mean of them can be scaled.
    """
    weeks = max(4, -(-count // 7))
    return list(Period(first_day - timedelta(days=7 * weeks), first_day))
