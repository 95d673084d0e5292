"""Sums by month folded into sums of other groups, in one currency beside those they were billed in.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from costs.money import EXACT
from costs.spend.currency import Amount, Rates, convert

ZERO = Decimal(0)


class Summed(Protocol):
    """A sum of cost (``queries.CostRow``)."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def currency(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...


@dataclass(frozen=True)
class Folded:
    """Converted sums by the keys of a group and the currency it was billed in."""

    target: str
    sums: dict[tuple[tuple[str, ...], str], tuple[Decimal, Decimal]]
    total: Decimal
    unconverted: tuple[Amount, ...]

    def of(self, keys: tuple[str, ...], currency: str) -> tuple[Decimal, Decimal]:
        """What has a rate, in ``target``; what has none, in ``currency``."""
        return self.sums.get((keys, currency), (ZERO, ZERO))


def folded(rows: Sequence[Summed], target: str, rates: Rates) -> Folded:
    """Convert ``rows``, whose last key is the month of their charge days (``2026-05``)."""
    found = convert([amount_of(row) for row in rows], target, rates)
    sums: dict[tuple[tuple[str, ...], str], tuple[Decimal, Decimal]] = {}
    for row, amount in zip(rows, found.amounts, strict=True):
        key = row.keys[:-1], row.currency
        there, left = sums.get(key, (ZERO, ZERO))
        if amount is None:
            left = EXACT.add(left, row.cost)
        else:
            there = EXACT.add(there, amount)
        sums[key] = there, left
    return Folded(target, sums, found.total, found.unconverted)


def amount_of(row: Summed) -> Amount:
    """The sum of a row whose last key is a month or a day."""
    return Amount(row.currency, date.fromisoformat(f"{row.keys[-1][:7]}-01"), row.cost)
