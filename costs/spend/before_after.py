"""Sums without and with shared costs, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from costs.money import EXACT, exact_sum, split


class Summed(Protocol):
    """A sum by keys (``queries.CostRow``)."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def currency(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...


@dataclass(frozen=True)
class Pair:
    """One group: its own cost, and with its part of the shared ones."""

    name: str
    before: Decimal
    after: Decimal
    before_cents: Decimal
    after_cents: Decimal
    """As shown: the cents of all groups add up to the total's."""

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.after, self.before)

    @property
    def shown_difference(self) -> Decimal:
        return EXACT.subtract(self.after_cents, self.before_cents)


@dataclass(frozen=True)
class BeforeAfter:
    """All groups of one currency. The total is the same before and after."""

    currency: str
    pairs: tuple[Pair, ...]
    total: Decimal
    total_cents: Decimal
    moved: Decimal
    """What left the groups that have less now."""


def before_after(
    before: Iterable[Summed], after: Iterable[Summed], order: Sequence[str] = ()
) -> tuple[BeforeAfter, ...]:
    """A table for each currency; groups in ``order`` first, the rest by name.

    Rows are summed by their first key.
    """
    sums: dict[str, dict[str, list[Decimal]]] = {}
    for nth, rows in enumerate((before, after)):
        for row in rows:
            pair = sums.setdefault(row.currency, {}).setdefault(row.keys[0], [Decimal(0)] * 2)
            pair[nth] = EXACT.add(pair[nth], row.cost)
    found = []
    for currency, groups in sorted(sums.items()):
        names = [name for name in order if name in groups]
        names += sorted(set(groups) - set(names))
        befores = [groups[name][0] for name in names]
        afters = [groups[name][1] for name in names]
        total = exact_sum(befores)
        shown = split(total, befores), split(exact_sum(afters), afters)
        pairs = tuple(
            Pair(name, *groups[name], *cents) for name, *cents in zip(names, *shown, strict=True)
        )
        lost = exact_sum(min(Decimal(0), pair.difference) for pair in pairs)
        found.append(BeforeAfter(currency, pairs, total, exact_sum(shown[0]), abs(lost)))
    return tuple(found)
