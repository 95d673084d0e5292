"""Why a week costs more or less than the one before: steps that add up to the difference. Pure.

This week − last week = new resources + gone resources + price + usage + commitments and credits,
exactly, for each environment and in total, in one currency. Both weeks are read from the same live
versions, so that restated amounts are no part of the difference (docs/adr/0021).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final, Literal, Protocol

from costs.money import CENT, EXACT, exact_sum, split

type Step = Literal["new", "gone", "price", "usage", "commitments"]

STEPS: Final[tuple[Step, ...]] = ("new", "gone", "price", "usage", "commitments")
"""In the order in which they are shown."""
ATTO: Final = Decimal("1e-18")
"""What amounts are stored to, and a price effect is rounded to."""


class Move(Protocol):
    """One price of one resource in one environment in the two weeks, in one currency."""

    @property
    def environment(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def before(self) -> Decimal: ...
    @property
    def after(self) -> Decimal: ...
    @property
    def quantity_before(self) -> Decimal: ...
    @property
    def quantity_after(self) -> Decimal: ...
    @property
    def is_new(self) -> bool: ...
    @property
    def is_gone(self) -> bool: ...
    @property
    def is_commitment(self) -> bool:
        """Whether a commitment covers it, or it is a purchase, credit or adjustment."""
        ...

    @property
    def is_metered(self) -> bool:
        """Whether its quantity has a unit and falls on the days of its cost."""
        ...


@dataclass(frozen=True)
class Bridge:
    """The way from last week's cost to this week's."""

    environment: str
    before: Decimal
    after: Decimal
    steps: tuple[Decimal, ...]
    """The amounts of :data:`STEPS`; they add up to ``difference``."""

    @property
    def difference(self) -> Decimal:
        """This week less last week."""
        return EXACT.subtract(self.after, self.before)


@dataclass(frozen=True)
class Bridges:
    """A bridge for each environment, by name, and that of all of them."""

    environments: tuple[Bridge, ...]
    total: Bridge


def bridges(moves: Iterable[Move], currency: str) -> Bridges:
    """The bridges of ``moves`` in ``currency``; rows in other currencies do not count."""
    held: dict[str, list[Decimal]] = {}
    for move in moves:
        if move.currency != currency:
            continue
        sums = held.setdefault(move.environment, [Decimal(0)] * (2 + len(STEPS)))
        for nth, amount in enumerate((move.before, move.after, *_steps(move))):
            sums[nth] = EXACT.add(sums[nth], amount)
    found = tuple(
        Bridge(name, sums[0], sums[1], tuple(sums[2:])) for name, sums in sorted(held.items())
    )
    return Bridges(found, _total(found))


def in_cents(found: Bridges) -> list[tuple[Decimal, ...]]:
    """The steps of each environment, in cents, in the order of ``found.environments``.

    All of them together are the total's difference rounded to the cent, each amount is within a
    cent of its own, and so is the sum of each environment's steps.
    """
    shares = split(found.total.difference, [one.difference for one in found.environments])
    return [
        _rounded(share, one.steps) for share, one in zip(shares, found.environments, strict=True)
    ]


def _steps(move: Move) -> tuple[Decimal, ...]:
    """One move as amounts of :data:`STEPS`.

    Price effect = Δ unit price × last quantity, usage effect = Δ quantity × this price: the latter
    is taken as the rest, so that no digit is lost to a quotient.
    """
    change = EXACT.subtract(move.after, move.before)
    parts: dict[Step, Decimal] = {}
    if move.is_new:
        parts["new"] = change
    elif move.is_gone:
        parts["gone"] = change
    elif move.is_commitment:
        parts["commitments"] = change
    elif move.is_metered and move.quantity_before > 0 and move.quantity_after > 0:
        at_this_price = EXACT.divide(
            EXACT.multiply(move.after, move.quantity_before), move.quantity_after
        )
        parts["price"] = EXACT.subtract(at_this_price.quantize(ATTO, context=EXACT), move.before)
        parts["usage"] = EXACT.subtract(change, parts["price"])
    else:
        parts["usage"] = change
    return tuple(parts.get(step, Decimal(0)) for step in STEPS)


def _total(found: Sequence[Bridge]) -> Bridge:
    return Bridge(
        "",
        exact_sum(one.before for one in found),
        exact_sum(one.after for one in found),
        tuple(exact_sum(one.steps[nth] for one in found) for nth in range(len(STEPS))),
    )


def _rounded(target: Decimal, parts: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """``parts`` in cents that add up to ``target``, their sum rounded up or down: by largest
    remainder."""
    floors = [part.quantize(CENT, rounding=ROUND_FLOOR, context=EXACT) for part in parts]
    missing = int(EXACT.divide(EXACT.subtract(target, exact_sum(floors)), CENT))
    order = sorted(range(len(parts)), key=lambda i: (EXACT.subtract(floors[i], parts[i]), i))
    for i in order[:missing]:
        floors[i] = EXACT.add(floors[i], CENT)
    return tuple(floors)
