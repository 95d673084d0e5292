"""Money: exact sums, one rounding at the edge, parts that add up.

Money is :class:`decimal.Decimal` everywhere. A float never holds money, and amounts of two
currencies are never added: every total is a mapping from currency to amount.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

# Wide enough for DECIMAL(38,18) sums, products of them with a rate, and a quotient to print.
EXACT = Context(prec=76)
CENT = Decimal("0.01")

type Totals = dict[str, Decimal]
"""Amount by ISO 4217 currency code, for example ``{"USD": Decimal("12.30")}``."""


class MixedCurrencies(ValueError):
    """Raised when one number was asked for from amounts in several currencies."""


def cents(amount: Decimal) -> Decimal:
    """Round ``amount`` to the cent, half to even. Only for showing, never before a sum."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN, context=EXACT)


def plain(amount: Decimal) -> str:
    """The amount as digits: no exponent, no trailing zeros (``4E-8`` gives ``0.00000004``)."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts of one currency. Python's own ``sum`` rounds to 28 digits."""
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def total(amounts: Iterable[tuple[str, Decimal]]) -> Totals:
    """Sum ``(currency, amount)`` pairs by currency, exactly."""
    sums: Totals = {}
    for currency, amount in amounts:
        sums[currency] = EXACT.add(sums.get(currency, Decimal(0)), amount)
    return sums


def only(totals: Mapping[str, Decimal], currency: str) -> Decimal:
    """The one amount in ``totals``, which must be in ``currency`` (zero when there is none).

    Raises :class:`MixedCurrencies` when any other currency is present.
    """
    if others := sorted(set(totals) - {currency}):
        raise MixedCurrencies(f"expected only {currency}, found {', '.join(others)}")
    return totals.get(currency, Decimal(0))


def split(whole: Decimal, parts: Sequence[Decimal], unit: Decimal = CENT) -> list[Decimal]:
    """Round ``parts`` to ``unit`` so that they add up to ``whole`` rounded to ``unit``.

    Largest remainder: each part is rounded down, then the parts that lost most get one unit
    more until the sum is right (ties: the earlier part first). ``parts`` must add up to
    ``whole``; raises :class:`ValueError` otherwise.
    """
    if exact_sum(parts) != whole:
        raise ValueError("the parts do not add up to the whole")
    if not parts:
        return []
    scaled = [EXACT.divide(part, unit) for part in parts]
    units = [value.to_integral_value(rounding=ROUND_FLOOR) for value in scaled]
    target = EXACT.divide(whole, unit).to_integral_value(rounding=ROUND_HALF_EVEN)
    missing = int(EXACT.subtract(target, exact_sum(units)))
    remainders = [EXACT.subtract(exact, down) for exact, down in zip(scaled, units, strict=True)]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[:missing]:
        units[i] = EXACT.add(units[i], Decimal(1))
    return [EXACT.multiply(value, unit) for value in units]
