"""Our total of an account's month against the provider's own: what to make of the two. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from costs.money import EXACT

ABSOLUTE: Final = Decimal("0.50")
"""Units of the currency that two totals may differ by: invoices round each of their lines to the
cent, and a hundred lines make half a unit at worst (ours)."""
RELATIVE: Final = Decimal("0.0001")
"""Share of the provider's total that they may differ by where that is more (ours)."""

type VerdictName = Literal["differs", "not yet comparable", "no total known", "matches"]
VERDICTS: Final[tuple[VerdictName, ...]] = (
    "differs",
    "not yet comparable",
    "no total known",
    "matches",
)
"""What needs a look first."""

FINAL_ORIGINS: Final = frozenset({"invoice", "entered"})
"""What stands on paper does not grow old: it is compared with any later delivery."""


@dataclass(frozen=True)
class Imported:
    """What the live bills say of an account's month in one currency."""

    billed_cost: Decimal
    delivered_at: datetime
    """When the newest of them came."""


@dataclass(frozen=True)
class Stated:
    """What the provider says, from one origin."""

    origin: str
    invoice_id: str
    """Not empty: of this invoice alone."""
    billed_cost: Decimal
    confirmed_at: datetime
    """When it was last seen to hold."""


@dataclass(frozen=True)
class Verdict:
    """Whether two totals agree, and why that is said."""

    name: VerdictName
    reason: str
    difference: Decimal | None = None
    """Ours minus theirs; None where there are not two of them."""


def allowed(stated: Decimal) -> Decimal:
    """How much ours may differ from ``stated``, in units of the currency."""
    return max(ABSOLUTE, EXACT.multiply(RELATIVE, abs(stated)))


def compare(imported: Imported | None, stated: Stated, *, end: date, as_of: date) -> Verdict:
    """Ours against theirs. ``end`` is the first day after the billing period."""
    if imported is None:
        if abs(stated.billed_cost) <= allowed(stated.billed_cost):
            return Verdict(
                "matches", "No bill is live, and the provider has billed next to nothing."
            )
        return Verdict("differs", "No bill of this account and month is live.")
    difference = EXACT.subtract(imported.billed_cost, stated.billed_cost)
    if as_of < end:
        return Verdict(
            "not yet comparable", "The month is still open: both totals grow.", difference
        )
    if imported.delivered_at.date() < end:
        return Verdict(
            "not yet comparable",
            f"The latest delivery came on {_day(imported.delivered_at)}, before the month ended.",
            difference,
        )
    final = stated.origin in FINAL_ORIGINS or bool(stated.invoice_id)
    if not final and stated.confirmed_at < imported.delivered_at:
        return Verdict(
            "not yet comparable",
            f"The provider's total is of {_day(stated.confirmed_at)}, older than the delivery of"
            f" {_day(imported.delivered_at)}.",
            difference,
        )
    if abs(difference) <= allowed(stated.billed_cost):
        return Verdict("matches", "", difference)
    side = "more" if difference > 0 else "less"
    return Verdict("differs", f"The bills hold {side} than the provider says.", difference)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a month from those of its origins: what needs a look first counts.

    A total that can be compared outranks one that cannot be yet.
    """
    found = list(verdicts)
    if not found:
        return Verdict("no total known", "The provider has not told a total of this month.")
    comparable = [one for one in found if one.name in {"differs", "matches"}]
    return min(comparable or found, key=lambda one: VERDICTS.index(one.name))


def newest(stated: Sequence[Stated]) -> list[Stated]:
    """Of each origin and invoice the last one given; ``stated`` is in the order of giving."""
    last = {(one.origin, one.invoice_id): one for one in stated}
    return [last[key] for key in sorted(last)]


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
