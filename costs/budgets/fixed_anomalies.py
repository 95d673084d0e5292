"""Charges that come once a month, held against the months before: missing, moved, at a new price.

Pure. A charge is expected when it came once in each of the last three months, on the same day of
the month (give or take one) and at the same amount (within 2 %). (METHODS.md section 1: fixed
charges are tested apart.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal

from costs.money import EXACT
from costs.periods import Period, month_before, month_of

type FixedKind = Literal["missing charge", "moved charge", "new price"]

MONTHS: Final = 3
"""Months in a row that make a charge expected (ours)."""
SAME_DAY: Final = 1
"""Days by which its day of the month may differ (ours: months end differently)."""
SAME_AMOUNT: Final = Decimal("0.02")
"""Share by which its amount may differ (METHODS.md section 1)."""
PATIENCE: Final = 3
"""Complete days after its day before a charge counts as missing (ours)."""


@dataclass(frozen=True)
class FixedAnomaly[Key]:
    """What is odd about the charge ``key`` in the month of ``day``.

    ``day`` is when it came, or was due. ``actual`` and ``expected`` are money.
    """

    key: Key
    kind: FixedKind
    day: date
    due: date
    actual: Decimal
    expected: Decimal


def fixed_anomalies[Key](
    charges: Mapping[Key, Iterable[tuple[date, Decimal]]], months: Sequence[Period], through: date
) -> list[FixedAnomaly[Key]]:
    """What is odd in any of ``months``, up to ``through``, the last complete day.

    ``charges`` holds day and amount of every charge of a key; several of one day are one.
    """
    found: list[FixedAnomaly[Key]] = []
    for key, given in charges.items():
        by_month = _by_month(given, through)
        for month in months:
            odd = _odd(key, month, by_month, through)
            if odd is not None:
                found.append(odd)
    return found


def _by_month(
    given: Iterable[tuple[date, Decimal]], through: date
) -> dict[Period, list[tuple[date, Decimal]]]:
    days: dict[date, Decimal] = defaultdict(Decimal)
    for day, amount in given:
        if day <= through:
            days[day] = EXACT.add(days[day], amount)
    months: dict[Period, list[tuple[date, Decimal]]] = defaultdict(list)
    for day, amount in sorted(days.items()):
        if amount:
            months[month_of(day)].append((day, amount))
    return months


def _odd[Key](
    key: Key,
    month: Period,
    by_month: Mapping[Period, Sequence[tuple[date, Decimal]]],
    through: date,
) -> FixedAnomaly[Key] | None:
    before: list[tuple[date, Decimal]] = []
    earlier = month
    for _ in range(MONTHS):
        earlier = month_before(earlier)
        once = by_month.get(earlier, ())
        if len(once) != 1:
            return None
        before.append(once[0])
    last_day, last_amount = before[0]
    if any(abs(day.day - last_day.day) > SAME_DAY for day, _ in before):
        return None
    if any(not _same(amount, last_amount) for _, amount in before):
        return None
    due = month.start + timedelta(days=min(last_day.day, month.days) - 1)
    came = by_month.get(month, ())
    if not came:
        if through < due + timedelta(days=PATIENCE):
            return None
        return FixedAnomaly(key, "missing charge", due, due, Decimal(0), last_amount)
    if len(came) > 1:
        return None  # it is no charge of once a month any more: usage by now
    day, amount = came[0]
    if not _same(amount, last_amount):
        return FixedAnomaly(key, "new price", day, due, amount, last_amount)
    if abs((day - due).days) > SAME_DAY + 1:
        return FixedAnomaly(key, "moved charge", day, due, amount, last_amount)
    return None


def _same(one: Decimal, other: Decimal) -> bool:
    difference = abs(EXACT.subtract(one, other))
    return difference <= EXACT.multiply(SAME_AMOUNT, abs(other))
