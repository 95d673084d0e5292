"""A year at a glance: what each environment cost in each month, against its band. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Protocol

from costs.budgets.bands import Band, Forecasting, Gauge, Verdict
from costs.budgets.estate import TOTAL
from costs.budgets.judged import band_of_total, judged
from costs.money import EXACT, exact_sum
from costs.periods import Period, complete_days, month_before, month_of, week_name, week_of

MONTHS: Final = 12
UNALLOCATED: Final = "unallocated"
STALE_TOGETHER: Final = timedelta(days=7)
"""As in the review: when all sources are late, those this close to the freshest one count."""


class CostRow(Protocol):
    """A sum of cost by (day, environment)."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def currency(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...


class Freshness(Protocol):
    """How far the bills of one source reach."""

    @property
    def stale(self) -> bool: ...
    @property
    def last_complete_day(self) -> date | None: ...


@dataclass(frozen=True)
class YearCell:
    """One environment's month. ``gauge`` holds its band and what its complete days cost."""

    month: Period
    gauge: Gauge
    verdict: Verdict
    complete: bool
    """Whether every day of the month is."""
    empty: bool
    """No day of it is complete, or nothing was spent before the first bill."""
    week: str
    """Name of the week that ends the month, for a link to its review."""


@dataclass(frozen=True)
class YearRow:
    """``environment`` is a name, ``unallocated`` or ``total``."""

    environment: str
    label: str
    cells: tuple[YearCell, ...]

    @property
    def current(self) -> YearCell:
        """The newest month."""
        return self.cells[-1]

    @property
    def spent(self) -> Decimal:
        """Of all the months shown."""
        return exact_sum(cell.gauge.month_to_date for cell in self.cells)


@dataclass(frozen=True)
class Year:
    """Twelve months, oldest first, in one currency."""

    months: tuple[Period, ...]
    currency: str
    rows: tuple[YearRow, ...]
    through: date | None
    """The last complete day."""
    other_currencies: tuple[str, ...]
    """Currencies of charges that are not in it: nothing is converted here."""


def months_until(day: date) -> tuple[Period, ...]:
    """The twelve months up to that of ``day``, oldest first."""
    months = [month_of(day)]
    while len(months) < MONTHS:
        months.append(month_before(months[-1]))
    return tuple(reversed(months))


def last_complete_day(sources: Iterable[Freshness]) -> date | None:
    """The latest day that is complete in every source that still delivers, as in the review."""
    known = [(one.stale, day) for one in sources if (day := one.last_complete_day) is not None]
    if fresh := [day for stale, day in known if not stale]:
        return min(fresh)
    late = [day for _, day in known]
    return min((day for day in late if max(late) - day <= STALE_TOGETHER), default=None)


def year_of(
    months: Sequence[Period],
    *,
    environments: Sequence[tuple[str, str]],
    sees_unallocated: bool,
    sees_all_cost_centers: bool,
    costs: Sequence[CostRow],
    bands: Mapping[tuple[str, Period], Band],
    forecast: Forecasting,
    through: date | None,
) -> Year:
    """Compose the year. ``costs`` are effective cost by (day, environment) over ``months``."""
    currency = main_currency(bands, costs)
    daily: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for row in costs:
        if row.currency == currency:
            key = row.keys[1] or UNALLOCATED, date.fromisoformat(row.keys[0])
            daily[key] = EXACT.add(daily[key], row.cost)
    first = min((day for _, day in daily), default=None)
    found = {name for name, _ in daily}
    known = {name for name, _ in environments}
    names = [*environments, *((name, name) for name in sorted(found - known - {UNALLOCATED}))]
    if sees_unallocated or UNALLOCATED in found:
        names.append((UNALLOCATED, "Unallocated"))

    def cell(
        name: str, month: Period, members: Sequence[str], band: Band | Verdict | None
    ) -> YearCell:
        days = complete_days(month, through)
        gauge, verdict = judged(
            forecast,
            name,
            currency,
            month,
            complete_days=days.days,
            spent=exact_sum(daily.get((one, day), Decimal(0)) for one in members for day in days),
            band=band,
            sees_all_cost_centers=sees_all_cost_centers,
        )
        if days.days == month.days:
            # A month that is over is its bar and its band.
            gauge = replace(gauge, pace=None, outlook=None)
        return YearCell(
            month=month,
            gauge=gauge,
            verdict=verdict,
            complete=days.days == month.days,
            empty=not days.days or first is None or month.end <= first,
            week=week_name(week_of(days.last if days.days else month.start)),
        )

    rows = [
        YearRow(name, label, tuple(cell(name, m, [name], bands.get((name, m))) for m in months))
        for name, label in names
    ]
    members = [name for name, _ in names]
    totals = []
    for month in months:
        held = {name: band for (name, of), band in bands.items() if of == month}
        totals.append(cell(TOTAL, month, members, band_of_total(held, members)))
    rows.append(YearRow(TOTAL, "Total", tuple(totals)))
    return Year(
        months=tuple(months),
        currency=currency,
        rows=tuple(rows),
        through=through,
        other_currencies=tuple(sorted({row.currency for row in costs} - {currency})),
    )


def main_currency(bands: Mapping[tuple[str, Period], Band], costs: Iterable[CostRow]) -> str:
    """That of most bands, if there is any cost in it; else that of most sums; else USD."""
    sums = Counter(row.currency for row in costs)
    banded = Counter(band.currency for band in bands.values())
    for counted in (banded, sums):
        for currency in sorted(counted, key=lambda code: (-counted[code], code)):
            if currency in sums or not sums:
                return currency
    return "USD"
