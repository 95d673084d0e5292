"""Each day's cost of every environment, with what recurs kept apart: what a forecast is made of."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from threading import Lock
from typing import Final, Literal, NamedTuple, cast

from django.conf import settings

from costs.lake.queries import LiveFile, select_each
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries.restriction import restricted, until_changed
from costs.spend.queries.totals import Metric, daily_files

type Kind = Literal["usage", "recurring", "once"]

DECLARED: Final = {"Recurring": "recurring", "One-Time": "once"}
"""FOCUS ChargeFrequency of what is no usage; all else, and what says nothing, is."""
DENSE: Final = 7
"""A declared charge that was there on one day in so many is a level like any usage."""
KEPT: Final = 4000
"""Files of which sums are kept; a year of three sources has 39, and a sum takes a few kB."""


@dataclass(frozen=True)
class DailyCost:
    """The cost of one day, environment (``unallocated`` where none) and currency.

    ``kind`` is ``recurring`` for a charge that comes again on some days, ``once`` for one that does
    not, and ``usage`` for all else, also for what recurs or is booked on most days: that is a level
    like any other. ``key`` tells charges of the first two kinds apart.
    """

    day: date
    environment: str
    currency: str
    kind: Kind
    key: str
    cost: Decimal


class _Sum(NamedTuple):
    """A day of one file; ``frequency`` and ``key`` are empty for usage."""

    day: date
    environment: str
    currency: str
    frequency: str
    key: str
    cost: Decimal


def daily_costs(
    scope: Scope,
    *,
    period: Period,
    metric: Metric = "effective_cost",
    as_delivered: datetime | None = None,
) -> tuple[DailyCost, ...]:
    """Every day of ``period`` that cost anything, by day. Days after it play no part.

    A charge that its bill calls one-time or recurring counts as usage once it was there on one day
    in seven since it first came: support, tax and fees whose effective cost is spread over days.
    """
    return _daily_costs(scope, period=period, metric=metric, as_delivered=as_delivered)


@until_changed
def _daily_costs(
    scope: Scope, *, period: Period, metric: Metric, as_delivered: datetime | None
) -> tuple[DailyCost, ...]:
    files = daily_files(period, facts=False, as_delivered=as_delivered)
    usage: dict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
    declared: dict[tuple[str, str, str, str], dict[date, Decimal]] = defaultdict(dict)
    for row in _sums(scope, files, metric):
        if row.day not in period:
            continue
        if row.key:
            days = declared[row.environment, row.currency, row.frequency, row.key]
            days[row.day] = EXACT.add(days.get(row.day, Decimal(0)), row.cost)
        else:
            place = row.day, row.environment, row.currency
            usage[place] = EXACT.add(usage[place], row.cost)
    found = []
    for (environment, currency, frequency, key), days in declared.items():
        there = [day for day, cost in days.items() if cost]
        if len(there) > 1 and len(there) * DENSE >= (period.end - min(there)).days:
            for day, cost in days.items():
                place = day, environment, currency
                usage[place] = EXACT.add(usage[place], cost)
        else:
            kind = cast(Kind, DECLARED[frequency])
            found += [DailyCost(day, environment, currency, kind, key, days[day]) for day in there]
    found += [DailyCost(*place, "usage", "", cost) for place, cost in usage.items() if cost]
    return tuple(sorted(found, key=lambda one: (one.day, one.environment, one.currency, one.key)))


_kept: OrderedDict[tuple[str, str, Scope, Metric], tuple[_Sum, ...]] = OrderedDict()
_lock = Lock()


def _sums(scope: Scope, files: Sequence[LiveFile], metric: Metric) -> Iterable[_Sum]:
    """The sums of every file. A file never changes: after a delivery only its own is read."""
    lake = str(settings.LAKE_URL)
    with _lock:
        known = {
            file.key: sums
            for file in files
            if (sums := _kept.get((lake, file.key, scope, metric))) is not None
        }
    known |= _read(scope, [file for file in files if file.key not in known], metric)
    with _lock:
        for file in files:
            place = lake, file.key, scope, metric
            _kept[place] = known[file.key]
            _kept.move_to_end(place)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return [row for file in files for row in known[file.key]]


def _read(scope: Scope, files: Sequence[LiveFile], metric: Metric) -> dict[str, tuple[_Sum, ...]]:
    allowed = restricted(scope, None)
    names = ", ".join(f"'{name}'" for name in DECLARED)
    said = f"coalesce(charge_frequency, '') IN ({names})"
    key = (
        "concat_ws(' · ', provider_name, billing_account_id, service_name, charge_category,"
        " charge_frequency)"
    )
    found = select_each(
        f"""
        SELECT filename, day, coalesce(environment, 'unallocated'), billing_currency,
            CASE WHEN {said} THEN charge_frequency ELSE '' END,
            CASE WHEN {said} THEN {key} ELSE '' END, sum({metric})
        FROM {{files}} WHERE {allowed.sql} GROUP BY ALL
        """,
        files,
        allowed.parameters,
    )
    return {key: tuple(_Sum(*row) for row in rows) for key, rows in found.items()}  # type: ignore[arg-type]
