"""Amounts and shares as people read them: ``1,234.56``, ``−12.00``, ``$1.2k``, ``+18.2 %``."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from django import template

from costs.money import CENT, cents, plain

register = template.Library()

MINUS = "\N{MINUS SIGN}"
NOTHING = "–"
"""Shown where there is no number, so that an empty cell is never taken for zero."""
SPACE = "\N{NO-BREAK SPACE}"

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}


def _grouped(number: Decimal) -> str:
    """The number with its decimals kept, commas between thousands and a real minus sign."""
    if number == 0:
        number = abs(number)  # −0.00 would be a riddle
    return f"{number:,f}".replace("-", MINUS)


@register.filter
def symbol(currency: str) -> str:
    """``$`` for USD; the code and a space for a currency without a sign of its own here."""
    return SYMBOLS.get(currency, f"{currency}{SPACE}" if currency else "")


@register.filter
def money(amount: Decimal | None) -> str:
    """``1,234.56``: to the cent, without currency (the column's header names it)."""
    return NOTHING if amount is None else _grouped(cents(amount))


@register.filter
def money_whole(amount: Decimal | None) -> str:
    """``1,235``: to the unit, where cents would claim more than an estimate knows."""
    if amount is None:
        return NOTHING
    return _grouped(amount.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@register.filter
def signed_money(amount: Decimal | None) -> str:
    """``+1,234.56`` or ``−1,234.56``; nothing to round up to a cent is ``0.00``."""
    if amount is None:
        return NOTHING
    rounded = cents(amount)
    return f"{'+' if rounded > 0 else ''}{_grouped(rounded)}"


@register.filter
def money_short(amount: Decimal | None, currency: str = "") -> str:
    """``$1.2k``: for scales and other places where digits would only be noise."""
    if amount is None:
        return NOTHING
    size, sign = abs(amount), MINUS if amount < 0 else ""
    unit, scaled = "", _short(size, whole=size >= 10)
    for larger in ("k", "M", "B"):
        if scaled < 1000:
            break
        size /= 1000
        unit, scaled = larger, _short(size, whole=False)
    digits = plain(scaled) if scaled < 1000 else f"{scaled:,f}"
    return f"{sign if scaled else ''}{symbol(currency)}{digits}{unit}"


def _short(size: Decimal, *, whole: bool) -> Decimal:
    """Rounded to the two or three digits that are worth reading."""
    step = Decimal(1) if whole or size >= 100 else Decimal("0.1") if size >= 1 else CENT
    return size.quantize(step, rounding=ROUND_HALF_EVEN)


@register.filter
def percent(share: Decimal | None) -> str:
    """A number that is already in percent: ``1.9 %``, without decimals from 100 % on."""
    if share is None:
        return NOTHING
    step = Decimal(1) if abs(share) >= 100 else Decimal("0.1")
    return f"{_grouped(share.quantize(step, rounding=ROUND_HALF_EVEN))}{SPACE}%"


@register.filter
def signed_percent(share: Decimal | None) -> str:
    """``+18.2 %`` or ``−3.0 %``."""
    return f"{'+' if share is not None and share > 0 else ''}{percent(share)}"


@register.filter
def count(number: int | None) -> str:
    """``12,345``."""
    return NOTHING if number is None else _grouped(Decimal(number))
