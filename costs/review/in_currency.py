"""The facts of a review in the display currency, each month with its own rates. Pure.

Bands are held in the display currency when every band and every charge in the bands' own currency
has a rate in all the weeks shown; else the review stays as billed and says why. Charges in further
currencies without a rate keep theirs, so that the page names them and leaves them out (METHODS.md
section 1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from costs.budgets.bands import Band
from costs.money import EXACT, exact_sum
from costs.periods import Period
from costs.review.compose import NO_SERVICE, CostRow, WeekFacts, day_of, main_currency, short_name
from costs.review.week import (
    UNALLOCATED,
    BilledDay,
    BilledResource,
    Change,
    Converted,
    ResourceMove,
)
from costs.spend.currency import Amount, Rates, convert, converted

ZERO = Decimal(0)

type ByMonth = tuple[tuple[date, Decimal], ...]
"""As ``spend.queries.ResourceChange`` and ``ResourceCounts`` have it."""


@dataclass(frozen=True)
class Row:
    """A sum in the display currency."""

    keys: tuple[str, ...]
    currency: str
    cost: Decimal


def in_currency(facts: WeekFacts, target: str, rates: Rates) -> tuple[WeekFacts, Converted | None]:
    """``facts`` with all that has a rate in ``target``; None where nothing had to be converted.

    The rows of ``unallocated_after`` and ``unallocated_before`` have the month as a last key, which
    is folded away either way.
    """
    codes = {row.currency for row in facts.costs}
    codes |= {band.currency for month in facts.bands.values() for band in month.values()}
    if codes <= {target}:
        return _as_billed(facts), None
    if refused := _refusal(facts, target, rates):
        return _as_billed(facts), Converted(target, rates, (), refused=refused)
    costs, days, sources, unconverted = _costs(facts.costs, target, rates)
    bands = {
        month: {name: _band(band, month, target, rates) for name, band in held.items()}
        for month, held in facts.bands.items()
    }
    resources = [_resource(row, target, rates) for row in facts.resources]
    return (
        replace(
            facts,
            currency=target,
            costs=costs,
            effective=None
            if facts.effective is None
            else _costs(facts.effective, target, rates)[0],
            billed={
                month: _monthly(rows, month, target, rates) for month, rows in facts.billed.items()
            },
            bands=bands,
            forecast=facts.forecast.in_currency(target, rates),
            resources=[row for row, _ in resources],
            resource_counts=[_count(row, target, rates) for row in facts.resource_counts],
            unallocated_after=_folded(facts.unallocated_after, target, rates),
            unallocated_before=_folded(facts.unallocated_before, target, rates),
        ),
        Converted(
            target=target,
            rates=rates,
            sources=sources,
            unconverted=unconverted,
            days=days,
            resources=tuple(line for _, lines in resources for line in lines),
        ),
    )


def _refusal(facts: WeekFacts, target: str, rates: Rates) -> str:
    """Why the review cannot be in ``target``: a sentence, or nothing."""
    main = main_currency(facts.bands, facts.costs)
    needed = {
        (band.currency, month.start)
        for month, held in facts.bands.items()
        for band in held.values()
    }
    needed |= {
        (row.currency, day_of(row.keys[0]).replace(day=1))
        for row in facts.costs
        if row.currency == main
    }
    lacking = sorted(
        {(month, of) for of, month in needed if rates.factor(of, target, month) is None}
    )
    if not lacking:
        return ""
    month, of = lacking[-1]
    more = f" and of {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"{of} of {month:%B %Y}{more} has no rate into {target}"


def _as_billed(facts: WeekFacts) -> WeekFacts:
    return replace(
        facts,
        unallocated_after=_folded(facts.unallocated_after, "", Rates(())),
        unallocated_before=_folded(facts.unallocated_before, "", Rates(())),
    )


def _costs(
    rows: Sequence[CostRow], target: str, rates: Rates
) -> tuple[list[Row], tuple[BilledDay, ...], tuple[str, ...], tuple[Amount, ...]]:
    """Rows whose first key is a day: converted, as billed by service, currencies, what is left."""
    amounts = [_amount(row) for row in rows]
    found = convert(amounts, target, rates)
    result = []
    sums: dict[tuple[date, str, str], tuple[Decimal, Decimal | None]] = {}
    for row, amount in zip(rows, found.amounts, strict=True):
        result.append(
            Row(row.keys, row.currency, row.cost)
            if amount is None
            else Row(row.keys, target, amount)
        )
        service = (row.keys[2] if len(row.keys) > 2 else "") or NO_SERVICE
        key = day_of(row.keys[0]), service, row.currency
        billed, there = sums.get(key, (ZERO, None if amount is None else ZERO))
        sums[key] = (
            EXACT.add(billed, row.cost),
            None if amount is None or there is None else EXACT.add(there, amount),
        )
    days = tuple(
        BilledDay(service, day, Amount(of, day.replace(day=1), billed), there)
        for (day, service, of), (billed, there) in sorted(sums.items())
    )
    return result, days, found.converted_from, found.unconverted


def _amount(row: CostRow) -> Amount:
    return Amount(row.currency, day_of(row.keys[0]).replace(day=1), row.cost)


def _monthly(rows: Iterable[CostRow], month: Period, target: str, rates: Rates) -> list[Row]:
    """Rows of one month."""
    rows = list(rows)
    found = convert([Amount(row.currency, month.start, row.cost) for row in rows], target, rates)
    return [
        Row(row.keys, row.currency, row.cost) if amount is None else Row(row.keys, target, amount)
        for row, amount in zip(rows, found.amounts, strict=True)
    ]


def _band(band: Band, month: Period, target: str, rates: Rates) -> Band:
    factor = rates.factor(band.currency, target, month.start)
    if factor is None or band.currency == target:
        return band
    return Band(converted(band.low, factor), converted(band.high, factor), target)


def _sum(parts: ByMonth, currency: str, target: str, rates: Rates) -> Decimal | None:
    """The sum of parts by month; None when one that is not zero has no rate."""
    found = convert([Amount(currency, *part) for part in parts if part[1]], target, rates)
    return None if found.unconverted else found.total


def _resource(row: Any, target: str, rates: Rates) -> tuple[Any, list[BilledResource]]:
    """A resource in ``target``, or as it was where a month of it has no rate."""
    before = _sum(row.before_by_month, row.currency, target, rates)
    after = _sum(row.after_by_month, row.currency, target, rates)
    result = row
    if before is not None and after is not None:
        result = replace(row, currency=target, before=before, after=after)
    move = ResourceMove(
        resource_id=row.resource_id,
        resource_name=short_name(row.resource_id),
        provider_name=row.provider_name,
        service_name=row.service_name or NO_SERVICE,
        environment=row.environment or UNALLOCATED,
        week=Change(row.before, row.after),
    )
    befores, afters = dict(row.before_by_month), dict(row.after_by_month)
    lines = []
    for month in sorted({**befores, **afters}):
        was, is_ = (Amount(row.currency, month, of.get(month, ZERO)) for of in (befores, afters))
        there, here = convert([was, is_], target, rates).amounts
        lines.append(BilledResource(move, was, is_, there, here))
    return result, lines


def _count(row: Any, target: str, rates: Rates) -> Any:
    new = _sum(row.new_by_month, row.currency, target, rates)
    gone = _sum(row.gone_by_month, row.currency, target, rates)
    if new is None or gone is None:
        return row
    return replace(row, currency=target, new_cost=new, gone_cost=gone)


def _folded(rows: Sequence[CostRow], target: str, rates: Rates) -> list[Row]:
    """Rows whose last key is a month, by the keys before it; the largest first."""
    found = convert(
        [Amount(row.currency, date.fromisoformat(f"{row.keys[-1]}-01"), row.cost) for row in rows],
        target,
        rates,
    )
    sums: dict[tuple[tuple[str, ...], str], list[Decimal]] = defaultdict(list)
    for row, amount in zip(rows, found.amounts, strict=True):
        if amount is None:
            sums[row.keys[:-1], row.currency].append(row.cost)
        else:
            sums[row.keys[:-1], target].append(amount)
    folded = [Row(keys, currency, exact_sum(costs)) for (keys, currency), costs in sums.items()]
    return sorted(folded, key=lambda row: (-row.cost, row.keys, row.currency))
