"""Bands and verdicts: is a month inside its budget? (METHODS.md section 1)

Pure. A band is the low and the high of a month's budget for one environment. It is held against
effective cost, tax and credits included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import floor
from typing import Final, Literal, Protocol

from costs.budgets.paths import Past, Step
from costs.money import EXACT, MixedCurrencies, plain
from costs.periods import Period
from costs.spend.currency import Rates

type VerdictName = Literal["over", "at risk", "under", "inside", "unknown"]

AT_RISK: Final = 0.5
"""Chance of ending above the high from which a month is at risk (METHODS.md section 1)."""
URGENT: Final = 0.8
"""Chance of ending above the high from which a risk is urgent (METHODS.md section 1)."""
LIKELY_UNDER: Final = 0.8
"""Chance of ending below the low from which a month is under (METHODS.md section 1)."""

SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}
"""Currencies that a sentence writes as a sign before the figure; the others as a code after it."""


@dataclass(frozen=True)
class Band:
    """Low and high of one month in ``currency``."""

    low: Decimal
    high: Decimal
    currency: str

    @property
    def middle(self) -> Decimal:
        """Half way from the low to the high."""
        return EXACT.divide(EXACT.add(self.low, self.high), Decimal(2))


@dataclass(frozen=True)
class Outlook:
    """Where the month is expected to end, in the band's currency.

    ``chance_below`` and ``chance_above`` are the chances (0 to 1) of ending below the band's low
    and above its high; None where there is no band.
    """

    expected: Decimal
    low_80: Decimal
    high_80: Decimal
    low_95: Decimal
    high_95: Decimal
    chance_below: float | None
    chance_above: float | None


@dataclass(frozen=True)
class Lacking:
    """Why there is no outlook: ``have`` days of history of the ``needed`` ones."""

    have: int
    needed: int

    def __str__(self) -> str:
        return f"Not enough data for a forecast: {self.have} of {self.needed} days."


class Forecasting(Protocol):
    """What says where a month ends (:class:`costs.budgets.forecast.Forecast`)."""

    def outlook(
        self, environment: str, currency: str, month: Period, band: Band | None
    ) -> Outlook | None: ...
    def lacking(self, environment: str, currency: str, month: Period) -> Lacking | None: ...
    def path(self, environment: str, currency: str, month: Period) -> tuple[Step, ...]: ...
    def record(
        self, environment: str, currency: str, months: Sequence[Period], after: Sequence[int]
    ) -> list[Past]: ...
    def in_currency(self, target: str, rates: Rates) -> Forecasting: ...


@dataclass(frozen=True)
class Gauge:
    """What the band gauge draws. ``band`` or ``outlook`` may be missing and then say so."""

    currency: str
    band: Band | None
    month_to_date: Decimal
    pace: Decimal | None
    """Where today's month to date would be if the middle of the band were spent evenly."""
    outlook: Outlook | None
    lacking: Lacking | None = None
    """Why there is no outlook."""


@dataclass(frozen=True)
class Verdict:
    """``name`` and the sentence that gives its reason with figures; ``urgent`` at chance ≥ 0.8."""

    name: VerdictName
    reason: str
    urgent: bool = False


def total_band(bands: Iterable[Band]) -> Band | None:
    """The sum of ``bands``: low to low, high to high; None when there are none.

    Raises :class:`~costs.money.MixedCurrencies` when they are not all in one currency.
    """
    summed: Band | None = None
    for band in bands:
        if summed is None:
            summed = band
        elif summed.currency != band.currency:
            raise MixedCurrencies(f"bands in {summed.currency} and {band.currency} have no sum")
        else:
            summed = Band(
                low=EXACT.add(summed.low, band.low),
                high=EXACT.add(summed.high, band.high),
                currency=band.currency,
            )
    return summed


def pace(band: Band, month: Period, complete_days: int) -> Decimal:
    """Month to date after ``complete_days`` if the middle of ``band`` were spent evenly.

    To 18 decimals, like every amount that is stored.
    """
    share = EXACT.divide(EXACT.multiply(band.middle, Decimal(complete_days)), Decimal(month.days))
    return share.quantize(Decimal("1e-18"), rounding=ROUND_HALF_EVEN, context=EXACT)


def verdict(gauge: Gauge, month: Period, *, complete_days: int) -> Verdict:
    """Judge a month by the table of METHODS.md section 1: the first that holds, in its order.

    ``gauge.month_to_date`` is the effective cost of the ``complete_days`` of ``month``.

    What is spent is spent, so ``over`` needs no forecast. A complete month needs none either: it is
    over, under or inside. Between those, a month whose outlook is missing is ``unknown``, and the
    gauge says what is lacking. Without a band in the gauge's currency nothing can be judged.
    """
    band, spent, outlook = gauge.band, gauge.month_to_date, gauge.outlook
    if band is None:
        return Verdict("unknown", "No band is set.")
    if band.currency != gauge.currency:
        return Verdict(
            "unknown",
            f"The band is in {band.currency}, these charges are in {gauge.currency},"
            " and no exchange rate is known.",
        )
    if spent > band.high:
        so_far, high = figures(gauge.currency, spent, band.high)
        return Verdict("over", f"Spent {so_far}, above the high of {high}.")
    if complete_days >= month.days:
        so_far, low, high = figures(gauge.currency, spent, band.low, band.high)
        if spent < band.low:
            return Verdict("under", f"The month ended at {so_far}, below the low of {low}.")
        return Verdict("inside", f"The month ended at {so_far}, inside {low} to {high}.")
    if outlook is None or outlook.chance_above is None or outlook.chance_below is None:
        return Verdict("unknown", str(gauge.lacking or "There is no forecast of this month."))
    # On its own: an expectation may well round to the figure that it is held against.
    (expected,) = figures(gauge.currency, outlook.expected)
    low, high = figures(gauge.currency, band.low, band.high)
    if outlook.chance_above >= AT_RISK:
        return Verdict(
            "at risk",
            f"Expected {expected}, {chance(outlook.chance_above)} chance of passing {high}.",
            urgent=outlook.chance_above >= URGENT,
        )
    if outlook.chance_below >= LIKELY_UNDER:
        return Verdict(
            "under",
            f"Expected {expected}, {chance(outlook.chance_below)} chance of ending below {low}.",
        )
    return Verdict("inside", _why_inside(outlook, expected, low, high))


def _why_inside(outlook: Outlook, expected: str, low: str, high: str) -> str:
    """The larger of the two chances, since that is the side to watch."""
    above, below = outlook.chance_above or 0.0, outlook.chance_below or 0.0
    if below > above:
        return f"Expected {expected}, {chance(below)} chance of ending below {low}."
    return f"Expected {expected}, {chance(above)} chance of passing {high}."


def chance(value: float) -> str:
    """A chance as people say it, cut and not rounded so that 49.9 % does not read as 50 %."""
    if 0 < value < 0.01:
        return "less than 1 %"
    if 0.99 < value < 1:
        return "more than 99 %"
    # The inner rounding undoes binary noise: 0.29 * 100 is 28.999999999999996.
    return f"{floor(round(value * 100, 9))} %"


def figures(currency: str, *amounts: Decimal) -> list[str]:
    """Amounts as a sentence says them: whole units, and cents only where they matter.

    Cents matter below 10, and where two amounts that differ would read the same ("spent $800,
    above $800"); amounts that differ by less than a cent are written in full.
    """
    cents_matter = any(Decimal(0) < abs(amount) < 10 for amount in amounts)
    distinct = len(set(amounts))
    if not cents_matter:
        whole = [amount.quantize(Decimal(1), ROUND_HALF_EVEN, EXACT) for amount in amounts]
        if len(set(whole)) == distinct:
            return [_written(currency, amount, f"{abs(amount):,f}") for amount in whole]
    rounded = [amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN, EXACT) for amount in amounts]
    if len(set(rounded)) == distinct and all(map(bool, rounded)) == all(map(bool, amounts)):
        return [_written(currency, amount, _cents_if_any(amount)) for amount in rounded]
    return [_written(currency, amount, plain(abs(amount))) for amount in amounts]


def _cents_if_any(amount: Decimal) -> str:
    text = f"{abs(amount):,f}"
    return text.removesuffix(".00")


def _written(currency: str, amount: Decimal, digits: str) -> str:
    minus = "−" if amount < 0 else ""
    if sign := SYMBOLS.get(currency):
        return f"{minus}{sign}{digits}"
    return f"{minus}{digits} {currency}"
