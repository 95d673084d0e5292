"""How much of a day's cost is on the bill how many days later, learned from each source. Pure.

Providers add to a day for days after it. Every version that came says how much of each day was
there when it came; the version of a day that has settled says how much it was in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from costs.money import EXACT

DEFAULT_DAYS: Final = 2
"""A day is taken for complete this many days before a delivery until its source's own curve is
learned: AWS and Azure update bills several times a day and finish a day within 24 to 48 hours."""
COMPLETE: Final = Decimal("0.99")
"""Share of its final cost from which a day counts as complete (ours)."""
SETTLED: Final = 14
"""Days after which what a day cost is taken for final (ours; providers restate for some days)."""
NEEDED: Final = 7
"""Days that must have been watched at an age for its share to be believed: a week, so that no
single day of the week decides (ours)."""
OLDEST: Final = 10
"""Days of age that a curve goes to; what comes later is a restatement (ours)."""

ONE, ZERO = Decimal(1), Decimal(0)


@dataclass(frozen=True)
class Seen:
    """What one delivery said each day had cost."""

    delivered: date
    """UTC."""
    costs: Mapping[date, Decimal]
    """By day, in one currency."""


@dataclass(frozen=True)
class Curve:
    """Share of a day's final cost that is there after 0, 1, 2 … days, never falling."""

    shares: tuple[Decimal, ...]
    """0 to 1, by days of age; empty until it is learned."""
    watched: int
    """Days that it was learned from."""

    @property
    def learned(self) -> bool:
        return bool(self.shares)

    @property
    def complete_after(self) -> int:
        """Days before a delivery from which on a day is complete."""
        for age, share in enumerate(self.shares):
            if share >= COMPLETE:
                return age
        return max(DEFAULT_DAYS, len(self.shares))

    @property
    def reason(self) -> str:
        """Why a day is taken for complete, in a sentence."""
        if not self.learned:
            return (
                f"Until it is known how this source's days fill up, a day is complete"
                f" {DEFAULT_DAYS} days before the latest delivery."
            )
        age = self.complete_after
        if age >= len(self.shares):
            return f"Even {len(self.shares) - 1} days later a day still lacks more than 1 %."
        days = "on the day itself" if not age else f"{age} day{'' if age == 1 else 's'} later"
        return (
            f"Of {self.watched} days, {days} {int(self.shares[age] * 100)} % of the cost was there."
        )

    def share(self, age: int) -> Decimal | None:
        """Share of the final cost that is there ``age`` days after the day; None if unknown."""
        if age < 0:
            return ZERO
        if not self.learned:
            return ONE if age >= DEFAULT_DAYS else None
        return self.shares[age] if age < len(self.shares) else ONE


DEFAULT: Final = Curve((), 0)
"""Before anything is known."""


def learn(seen: Sequence[Seen]) -> Curve:
    """The curve of one source from what its deliveries said, in any order.

    A day's final cost is what the latest delivery says that came at least :data:`SETTLED` days
    after it. Days that cost nothing or less (credits) say nothing. The share at an age is the
    median over the days, each clipped to 0 … 1, and no less than at the age before.
    """
    final: dict[date, tuple[date, Decimal]] = {}
    for one in seen:
        for day, cost in one.costs.items():
            if (one.delivered - day).days >= SETTLED and (
                day not in final or one.delivered >= final[day][0]
            ):
                final[day] = (one.delivered, cost)
    shares: dict[int, dict[date, Decimal]] = {}
    for one in sorted(seen, key=lambda delivery: delivery.delivered):
        covered = _covered(one)
        for age in range(OLDEST + 1):
            day = one.delivered - timedelta(days=age)
            total = final.get(day, (day, ZERO))[1]
            if day in covered and total > 0:
                share = EXACT.divide(one.costs.get(day, ZERO), total)
                shares.setdefault(age, {})[day] = min(max(share, ZERO), ONE)
    watched = {age: days for age, days in shares.items() if len(days) >= NEEDED}
    if not watched:
        return DEFAULT
    curve, last = list[Decimal](), ZERO
    for age in range(max(watched) + 1):
        if age in watched:
            last = max(last, Decimal(median(watched[age].values())))
        curve.append(last)
    return Curve(tuple(curve), len({day for days in watched.values() for day in days}))


def _covered(one: Seen) -> frozenset[date]:
    """The days that a delivery could have told of: of the months that it has days of."""
    months = {(day.year, day.month) for day in one.costs}
    return frozenset(
        day
        for age in range(OLDEST + 1)
        for day in [one.delivered - timedelta(days=age)]
        if (day.year, day.month) in months
    )
