"""Rates by month and pair, beside the charges that need one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from costs.spend.currency import PIVOT, Amount, Rates, said

MONTHS_SHOWN: Final = 36


class HeldRate(Protocol):
    """An edit that is in force (``queries.rates.RateEdit``)."""

    @property
    def key(self) -> int: ...
    @property
    def month(self) -> date: ...
    @property
    def base(self) -> str: ...
    @property
    def quote(self) -> str: ...
    @property
    def value(self) -> Decimal | None: ...
    @property
    def origin(self) -> str: ...
    @property
    def created_by(self) -> str: ...


@dataclass(frozen=True)
class Missing:
    """Charges of a month that no rate brings into the display currency."""

    amount: Amount
    base: str
    quote: str
    """The pair that would, or the first of two that are needed."""

    @property
    def said(self) -> str:
        return said(self.amount)


@dataclass(frozen=True)
class Cell:
    """One pair in one month."""

    month: date
    base: str
    quote: str
    held: HeldRate | None
    needed: bool
    """Charges of the month wait for this rate."""

    @property
    def so_far(self) -> bool:
        """Whether the rate is that of a month that was not over when it was read."""
        return self.held is not None and "so far" in self.held.origin


@dataclass(frozen=True)
class RateTable:
    """Months, the newest first, by pairs."""

    target: str
    pairs: tuple[tuple[str, str], ...]
    """Base and quote of each column."""
    rows: tuple[tuple[date, tuple[Cell, ...]], ...]
    missing: tuple[Missing, ...]
    """The newest first."""

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those that lack a rate."""
        return tuple(sorted({one.amount.currency for one in self.missing}))


def rate_table(
    target: str, charges: Sequence[Amount], held: Iterable[HeldRate], rates: Rates
) -> RateTable:
    """Arrange ``held`` and what ``charges`` need to be shown in ``target`` (empty: as billed)."""
    held = list(held)
    own = {(one.month, frozenset((one.base, one.quote))): one for one in held}
    ways: dict[frozenset[str], tuple[str, str]] = {}
    for one in held:
        ways.setdefault(frozenset((one.base, one.quote)), (one.base, one.quote))
    missing, needed = [], set()
    for amount in charges:
        if not target or rates.factor(amount.currency, target, amount.month):
            continue
        wanted = _wanted(amount, target, set(own), ways)
        needed |= {(amount.month, pair) for pair in wanted}
        for pair in wanted:
            ways.setdefault(pair, _way(pair))
        missing.append(Missing(amount, *ways[wanted[0]]))
    pairs = sorted(ways.values(), key=lambda way: (way[0] != PIVOT, way))
    months = sorted(
        {one.month for one in held}
        | {month for month, _ in needed}
        | {one.month for one in charges if target and one.currency != target},
        reverse=True,
    )
    rows = tuple(
        (
            month,
            tuple(
                Cell(
                    month=month,
                    base=base,
                    quote=quote,
                    held=own.get((month, pair := frozenset((base, quote)))),
                    needed=(month, pair) in needed,
                )
                for base, quote in pairs
            ),
        )
        for month in months
    )
    newest = sorted(missing, key=lambda one: one.amount.currency)
    newest.sort(key=lambda one: one.amount.month, reverse=True)
    return RateTable(target, tuple(pairs), rows, tuple(newest))


def _wanted(
    amount: Amount,
    target: str,
    own: set[tuple[date, frozenset[str]]],
    ways: dict[frozenset[str], tuple[str, str]],
) -> list[frozenset[str]]:
    """The pair that would help: one that other months have, else those through EUR."""
    direct = frozenset((amount.currency, target))
    if PIVOT in direct or direct in ways:
        return [direct]
    through = [frozenset((PIVOT, code)) for code in (amount.currency, target)]
    return [pair for pair in through if (amount.month, pair) not in own]


def _way(pair: frozenset[str]) -> tuple[str, str]:
    """As the ECB writes it where the euro is in it."""
    first, second = sorted(pair, key=lambda code: (code != PIVOT, code))
    return first, second
