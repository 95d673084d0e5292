"""Months against sources: which bill is live, which is held, which should be there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final, Literal

from costs.money import Totals, total
from costs.periods import month_of

AWAITED_DAYS = 3
"""Days into a month during which its bill is not missed yet: the first arrives after one or two
(ours)."""

type Metric = Literal["billed_cost", "effective_cost"]
type CellState = Literal["bills", "missing", "awaited", "none"]


@dataclass(frozen=True)
class Version:
    """A live or held version of a bill, as lists of bills show it."""

    pk: int
    source: str
    billing_period: date
    number: int
    status: str
    rows: int
    rejected: int
    sums: tuple[tuple[str, Decimal, Decimal], ...]
    """Currency, billed cost, effective cost; empty for who may not see whole bills."""
    delivered_at: datetime
    delivered_by: str
    held_reason: str
    notices: tuple[str, ...]

    @property
    def month(self) -> str:
        """How addresses name its billing period: see :func:`month_text`."""
        return month_text(self.billing_period)

    def costs(self, metric: Metric) -> tuple[tuple[str, Decimal], ...]:
        """Cost by currency."""
        return tuple(
            (currency, billed if metric == "billed_cost" else effective)
            for currency, billed, effective in self.sums
        )


@dataclass(frozen=True)
class Bill:
    """A version in a cell, with its cost by currency in the metric that is shown."""

    version: Version
    costs: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True)
class Cell:
    """One source in one month."""

    source: str
    month: date
    state: CellState
    bills: tuple[Bill, ...] = ()


@dataclass(frozen=True)
class MonthRow:
    """One month: a cell for each source, in their order, and what is live together."""

    month: date
    cells: tuple[Cell, ...]
    totals: Totals


def month_text(period: date) -> str:
    """``2026-06``; the whole day where a billing period does not begin with its month."""
    return f"{period:%Y-%m}" if period.day == 1 else period.isoformat()


def missing_months(versions: Iterable[Version], today: date) -> list[date]:
    """Months without a bill from a source's first bill to now (or to its last, if later).

    The current month counts from its fourth day on.
    """
    there = {version.billing_period.replace(day=1) for version in versions}
    if not there:
        return []
    expected = today if today.day > AWAITED_DAYS else before(today)
    last = max(max(there), expected.replace(day=1))
    return [month for month in months(min(there), last) if month not in there]


def months_of(starts: Collection[date]) -> list[date]:
    """The first days of every month from the earliest to the latest of ``starts``."""
    return months(min(starts), max(starts)) if starts else []


MONTHLY: Final = 31
"""Days between two deliveries of a source that delivers months when they have ended."""
RHYTHM: Final = 3
"""How many of the last gaps say how often a source delivers (ours)."""


def usual_gap(arrivals: Iterable[tuple[date, date]]) -> int:
    """Days that usually lie between two deliveries: the median of the last three gaps.

    ``arrivals`` are the day on which a version arrived and the end of its billing period. With
    fewer gaps it is a month where only ended months have ever come, else a day.
    """
    pairs = list(arrivals)
    days = sorted({day for day, _ in pairs})
    gaps = [(later - earlier).days for earlier, later in pairwise(days)][-RHYTHM:]
    if len(gaps) < RHYTHM:
        return MONTHLY if pairs and all(day >= end for day, end in pairs) else 1
    return max(1, sorted(gaps)[len(gaps) // 2])


def months(first: date, last: date) -> list[date]:
    """The first days of the months from that of ``first`` to that of ``last``."""
    found = []
    month = month_of(first).start
    while month <= last:
        found.append(month)
        month = month_of(month).end
    return found


def before(month: date) -> date:
    """The first day of the month before."""
    first = month.replace(day=1)
    return (
        first.replace(year=first.year - 1, month=12)
        if first.month == 1
        else first.replace(month=first.month - 1)
    )


def arrange(
    sources: Sequence[str],
    versions: Mapping[str, Sequence[Version]],
    shown: Sequence[date],
    *,
    metric: Metric,
    today: date,
) -> list[MonthRow]:
    """A row for each month of ``shown`` (first days), with a cell for each of ``sources``."""
    by_cell: dict[tuple[str, date], list[Version]] = {}
    for name in sources:
        for version in versions.get(name, ()):
            month = version.billing_period.replace(day=1)
            by_cell.setdefault((name, month), []).append(version)
    missing = {name: set(missing_months(versions.get(name, ()), today)) for name in sources}
    rows = []
    for month in shown:
        cells = []
        for name in sources:
            own = by_cell.get((name, month), [])
            state: CellState = "none"
            if own:
                state = "bills"
            elif month in missing[name]:
                state = "missing"
            elif month == today.replace(day=1) and versions.get(name):
                state = "awaited"
            bills = tuple(Bill(version, version.costs(metric)) for version in own)
            cells.append(Cell(name, month, state, bills))
        live = [
            cost
            for cell in cells
            for bill in cell.bills
            if bill.version.status == "live"
            for cost in bill.costs
        ]
        rows.append(MonthRow(month, tuple(cells), total(live)))
    return rows
