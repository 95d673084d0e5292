"""What changed between two versions of a bill, by service, to the last digit. Pure.

The parts of a restatement are those of the two versions' ``daily_summary``: they add up to the
difference of the versions exactly, and what is not listed by name stands in ``others``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costs.money import EXACT, cents, exact_sum, split

LISTED = 6
"""Services named in a restatement; the rest is one line (ours)."""

type Costs = Mapping[tuple[str, str], tuple[Decimal, Decimal]]
"""Billed and effective cost by service name and currency."""


@dataclass(frozen=True)
class Change:
    """One cost before and after, exactly; and in cents such that every line and column adds up."""

    before: Decimal
    after: Decimal
    shown_before: Decimal = Decimal(0)
    shown_after: Decimal = Decimal(0)

    @property
    def difference(self) -> Decimal:
        """After minus before, exactly."""
        return EXACT.subtract(self.after, self.before)

    @property
    def shown(self) -> Decimal:
        """The difference of the two shown amounts."""
        return EXACT.subtract(self.shown_after, self.shown_before)

    @property
    def percent(self) -> Decimal | None:
        """The difference in percent of what was; None where nothing was."""
        if not self.before:
            return None
        return EXACT.divide(EXACT.multiply(self.difference, Decimal(100)), abs(self.before))


@dataclass(frozen=True)
class ServiceChange:
    """What a service cost in both versions."""

    name: str
    billed: Change
    effective: Change


@dataclass(frozen=True)
class Restatement:
    """The difference of two versions in one currency."""

    currency: str
    billed: Change
    effective: Change
    services: tuple[ServiceChange, ...]
    """Those whose cost differs most, the largest difference first."""
    others: ServiceChange | None
    """All other services together, also those whose cost is the same."""
    other_count: int

    @property
    def changed(self) -> bool:
        """Whether any service's cost differs, even where the differences cancel out."""
        return bool(self.services)


def restate(before: Costs, after: Costs, *, listed: int = LISTED) -> tuple[Restatement, ...]:
    """Compare two versions, one restatement for each currency of either, by currency."""
    currencies = sorted({currency for _, currency in (*before, *after)})
    return tuple(_restate(before, after, currency, listed) for currency in currencies)


def _restate(before: Costs, after: Costs, currency: str, listed: int) -> Restatement:
    none = (Decimal(0), Decimal(0))
    names = sorted({name for name, own in (*before, *after) if own == currency})
    found = [
        ServiceChange(name, Change(was[0], now[0]), Change(was[1], now[1]))
        for name in names
        for was, now in [(before.get((name, currency), none), after.get((name, currency), none))]
    ]
    moved = [one for one in found if one.billed.difference or one.effective.difference]
    moved.sort(key=lambda one: -max(abs(one.billed.difference), abs(one.effective.difference)))
    named = moved[:listed]
    rest = [one for one in found if one not in named]
    lines = _in_cents([*named, _sum("", rest)] if rest else named)
    whole = _sum("", found)
    return Restatement(
        currency=currency,
        billed=_rounded(whole.billed),
        effective=_rounded(whole.effective),
        services=tuple(lines[: len(named)]),
        others=lines[-1] if rest else None,
        other_count=len(rest),
    )


def _sum(name: str, services: Iterable[ServiceChange]) -> ServiceChange:
    services = list(services)
    return ServiceChange(
        name, _total([one.billed for one in services]), _total([one.effective for one in services])
    )


def _total(changes: Sequence[Change]) -> Change:
    return Change(exact_sum(one.before for one in changes), exact_sum(one.after for one in changes))


def _rounded(change: Change) -> Change:
    return Change(change.before, change.after, cents(change.before), cents(change.after))


def _in_cents(lines: Sequence[ServiceChange]) -> list[ServiceChange]:
    """The lines with amounts in cents that add up to those of the whole."""
    billed = _split([one.billed for one in lines])
    effective = _split([one.effective for one in lines])
    return [
        ServiceChange(one.name, *both)
        for one, both in zip(lines, zip(billed, effective, strict=True), strict=True)
    ]


def _split(changes: Sequence[Change]) -> list[Change]:
    before, after = [one.before for one in changes], [one.after for one in changes]
    shown = zip(
        changes, split(exact_sum(before), before), split(exact_sum(after), after), strict=True
    )
    return [Change(one.before, one.after, was, now) for one, was, now in shown]
