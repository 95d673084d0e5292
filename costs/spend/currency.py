"""Exchange rates pinned to months, and sums converted with them. Pure.

A rate says what one unit of ``base`` is in ``quote`` in one month. It serves both ways: USD into
EUR divides by a rate of EUR in USD. Where a pair has no rate of its own the two go through EUR, as
the ECB's own cross rates do. The month is that of the charge day.

Nothing is converted twice or rounded on the way: a factor is kept as two numbers, an amount is
multiplied and divided once, to 1e-18, and the parts of a sum are its exact parts by largest
remainder. So however sums are grouped, their converted total is the same to the last digit. What
has no rate is named and never counts as 1.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from costs.money import EXACT, exact_sum, plain, split

PIVOT: Final = "EUR"
"""What pairs without a rate of their own go through: the ECB publishes rates of the euro."""
UNIT: Final = Decimal("1e-18")
"""What converted sums are exact to: the finest amount of a bill."""
MOST_DIGITS: Final = 15
"""Significant digits of a rate, so that an amount times two of them still fits EXACT (ours)."""
LARGEST_RATE: Final = Decimal(10) ** 9
CODE: Final = re.compile("[A-Z]{3}")


@dataclass(frozen=True)
class Rate:
    """In ``month`` (its first day) one ``base`` is ``value`` of ``quote``."""

    month: date
    base: str
    quote: str
    value: Decimal


@dataclass(frozen=True)
class Factor:
    """An amount times ``numerator``, divided by ``denominator``."""

    numerator: Decimal
    denominator: Decimal
    way: tuple[str, ...]
    """The currencies it goes through, the first and the last included."""

    @property
    def value(self) -> Decimal:
        """The quotient to 15 significant digits, to be read; sums use both numbers."""
        quotient = EXACT.divide(self.numerator, self.denominator)
        places = quotient.adjusted() - MOST_DIGITS + 1
        return quotient.quantize(Decimal(1).scaleb(places), context=EXACT)


def check_rate(rate: Rate) -> None:
    """Raise :class:`ValueError` with one sentence when ``rate`` cannot be one."""
    for code in (rate.base, rate.quote):
        if not CODE.fullmatch(code):
            raise ValueError(f"“{code[:20]}” is not a currency code; write it like USD.")
    if rate.base == rate.quote:
        raise ValueError(f"{rate.base} in {rate.quote} is always 1; choose two currencies.")
    if rate.month.day != 1:
        raise ValueError(f"A rate holds for a month: {rate.month} is not its first day.")
    if not rate.value.is_finite() or not 0 < rate.value < LARGEST_RATE:
        raise ValueError(f"A rate is a number above 0 and below {LARGEST_RATE:,f}.")
    digits = plain(rate.value).replace(".", "").strip("0")
    if len(digits) > MOST_DIGITS or int(rate.value.as_tuple().exponent) < -MOST_DIGITS:
        raise ValueError(f"A rate has at most {MOST_DIGITS} digits.")


class Rates:
    """The rates in force, one for each pair of currencies and month."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._rates: dict[tuple[date, str, str], Rate] = {}
        for rate in rates:
            self._rates.pop((rate.month, rate.quote, rate.base), None)
            self._rates[rate.month, rate.base, rate.quote] = rate
        self._factors: dict[tuple[str, str, date], Factor | None] = {}

    def __bool__(self) -> bool:
        return bool(self._rates)

    def factor(self, source: str, target: str, month: date) -> Factor | None:
        """How ``source`` becomes ``target`` in ``month``; None where no rate says so."""
        key = source, target, month
        if key not in self._factors:
            self._factors[key] = self._found(source, target, month)
        return self._factors[key]

    def _found(self, source: str, target: str, month: date) -> Factor | None:
        if source == target:
            return Factor(Decimal(1), Decimal(1), (source,))
        if direct := self._direct(source, target, month):
            return direct
        into, out = self._direct(source, PIVOT, month), self._direct(PIVOT, target, month)
        if into is None or out is None:
            return None
        return Factor(
            EXACT.multiply(into.numerator, out.numerator),
            EXACT.multiply(into.denominator, out.denominator),
            (source, PIVOT, target),
        )

    def _direct(self, source: str, target: str, month: date) -> Factor | None:
        if rate := self._rates.get((month, source, target)):
            return Factor(rate.value, Decimal(1), (source, target))
        if rate := self._rates.get((month, target, source)):
            return Factor(Decimal(1), rate.value, (source, target))
        return None


@dataclass(frozen=True)
class Amount:
    """A sum of one currency and one month of charge days, named by its first day."""

    currency: str
    month: date
    amount: Decimal


@dataclass(frozen=True)
class Conversion:
    """What became of amounts, in their order."""

    target: str
    amounts: tuple[Decimal | None, ...]
    """In ``target``; None where there is no rate."""
    unconverted: tuple[Amount, ...]
    """Sums without a rate, by currency and month."""
    converted_from: tuple[str, ...]
    """Currencies of which something was converted."""

    @property
    def total(self) -> Decimal:
        """All that is in ``target``; what has no rate is in ``unconverted`` instead."""
        return exact_sum(amount for amount in self.amounts if amount is not None)


def convert(amounts: Sequence[Amount], target: str, rates: Rates) -> Conversion:
    """Each of ``amounts`` in ``target``, so that all of a currency and month add up to their sum.

    Amounts in ``target`` stay as they are. The others are exact to 1e-18: the sum of each currency
    and month is converted, and its parts are rounded by largest remainder.
    """
    places: dict[tuple[str, date], list[int]] = defaultdict(list)
    for nth, one in enumerate(amounts):
        places[one.currency, one.month].append(nth)
    result: list[Decimal | None] = [None] * len(amounts)
    unconverted = []
    for (currency, month), here in sorted(places.items()):
        own = [amounts[nth].amount for nth in here]
        factor = rates.factor(currency, target, month)
        if factor is None:
            unconverted.append(Amount(currency, month, exact_sum(own)))
            continue
        parts = own if currency == target else _parts(own, factor)
        for nth, part in zip(here, parts, strict=True):
            result[nth] = part
    missing = {(one.currency, one.month) for one in unconverted}
    return Conversion(
        target=target,
        amounts=tuple(result),
        unconverted=tuple(unconverted),
        converted_from=tuple(sorted({of for of, _ in places.keys() - missing} - {target})),
    )


def _parts(amounts: Sequence[Decimal], factor: Factor) -> list[Decimal]:
    """The amounts times the factor, in units of 1e-18 that add up."""
    scaled = [EXACT.multiply(amount, factor.numerator) for amount in amounts]
    # Splitting before dividing: the quotient may have no end, what is split is exact.
    unit = EXACT.multiply(factor.denominator, UNIT)
    shares = split(exact_sum(scaled), scaled, unit)
    return [EXACT.divide(share, factor.denominator) for share in shares]


def converted(amount: Decimal, factor: Factor) -> Decimal:
    """One amount on its own, to 1e-18, half to even: what its sum would be."""
    quotient = EXACT.divide(EXACT.multiply(amount, factor.numerator), factor.denominator)
    return quotient.quantize(UNIT, rounding=ROUND_HALF_EVEN, context=EXACT)


def total_of(amounts: Iterable[Amount]) -> tuple[Amount, ...]:
    """Sums by currency and month, in their order."""
    sums: dict[tuple[str, date], Decimal] = {}
    for one in amounts:
        key = one.currency, one.month
        sums[key] = EXACT.add(sums.get(key, Decimal(0)), one.amount)
    return tuple(Amount(*key, sums[key]) for key in sorted(sums))


def said(one: Amount) -> str:
    """``CAD 120.00 of May 2026 has no rate``: in whole cents, all digits below one."""
    cent = Decimal("0.01")
    rounded = one.amount if abs(one.amount) < cent else one.amount.quantize(cent, context=EXACT)
    digits = plain(rounded) if abs(one.amount) < cent else f"{rounded:,f}"
    return f"{one.currency} {digits.replace('-', '−')} of {one.month:%B %Y} has no rate"


def weights(
    pairs: Iterable[tuple[str, date]], target: str, rates: Rates
) -> Mapping[tuple[str, date], float]:
    """About what one unit of each currency and month is worth: to rank by, never to add up.

    What has no rate weighs nothing.
    """
    found = {}
    for currency, month in pairs:
        factor = rates.factor(currency, target, month)
        found[currency, month] = float(factor.value) if factor else 0.0
    return found
