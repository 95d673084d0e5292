"""A plain run rate: the month goes on as its complete days went.

Pure. This stands in until the forecast of METHODS.md section 1 exists;
:func:`costs.budgets.queries.forecast_method` is the only place that names it.

With the cost of the n complete days x_1 … x_n of a month of N days, and r = N - n days to go::

    mean     m   = (x_1 + … + x_n) / n
    expected     = m N
    deviation    = s sqrt(r N / n),   s² = sum (x_i - m)² / (n - 1)

The deviation is that of the sum of r independent future days (r s²) around an expectation that is
itself estimated from n days (r² s² / n): r s² + r² s² / n = s² r N / n. Intervals and chances are
those of a normal distribution. It knows nothing of weekdays, of growth, or of fixed charges on
day 1, and with few days its intervals are too narrow: a stand-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from statistics import NormalDist
from typing import Final

from costs.budgets.bands import Band, ForecastMethod, Outlook
from costs.money import EXACT, exact_sum
from costs.periods import Period

MINIMUM_DAYS: Final = 3
"""Complete days below which there is no outlook: two days have hardly any variation to speak of."""

Z_80: Final = Decimal("1.2815515655446004")
"""Normal quantile at 0.9: 80 % lie within this many deviations."""
Z_95: Final = Decimal("1.9599639845400540")
"""Normal quantile at 0.975: 95 % lie within this many deviations."""
STORED: Final = Decimal("1e-18")


def outlook(daily: Sequence[Decimal], month: Period, band: Band | None) -> Outlook | None:
    """Where ``month`` ends, from the cost of each of its complete days, first day first.

    None with fewer than :data:`MINIMUM_DAYS` days, unless the month is complete: then every figure
    is its total and each chance is 0 or 1. While no complete day was negative the month cannot end
    below what it has already cost, so intervals and chances stop there. Amounts to 18 decimals.

    Raises :class:`ValueError` when there are more days than the month has.
    """
    count, days = len(daily), month.days
    if count > days:
        raise ValueError(f"{count} complete days in a month of {days}")
    spent = exact_sum(daily)
    if count == days:
        return _certain(spent, band)
    if count < MINIMUM_DAYS:
        return None
    mean = EXACT.divide(spent, Decimal(count))
    expected = EXACT.multiply(mean, Decimal(days))
    squares = (EXACT.power(EXACT.subtract(day, mean), 2) for day in daily)
    variance = EXACT.divide(exact_sum(squares), Decimal(count - 1))
    spread = EXACT.divide(Decimal((days - count) * days), Decimal(count))
    deviation = EXACT.sqrt(EXACT.multiply(variance, spread))
    floor = spent if all(day >= 0 for day in daily) else None

    def at(z: Decimal) -> Decimal:
        value = EXACT.add(expected, EXACT.multiply(z, deviation))
        return _stored(value if floor is None else max(value, floor))

    return Outlook(
        expected=_stored(expected),
        low_80=at(-Z_80),
        high_80=at(Z_80),
        low_95=at(-Z_95),
        high_95=at(Z_95),
        chance_below=None if band is None else _chance_below(band.low, expected, deviation, floor),
        chance_above=None if band is None else _chance_above(band.high, expected, deviation, floor),
    )


def _certain(spent: Decimal, band: Band | None) -> Outlook:
    return Outlook(
        expected=spent,
        low_80=spent,
        high_80=spent,
        low_95=spent,
        high_95=spent,
        chance_below=None if band is None else float(spent < band.low),
        chance_above=None if band is None else float(spent > band.high),
    )


def _chance_below(
    low: Decimal, expected: Decimal, deviation: Decimal, floor: Decimal | None
) -> float:
    if floor is not None and floor >= low:
        return 0.0
    if deviation == 0:
        return float(expected < low)
    return NormalDist().cdf(float(EXACT.divide(EXACT.subtract(low, expected), deviation)))


def _chance_above(
    high: Decimal, expected: Decimal, deviation: Decimal, floor: Decimal | None
) -> float:
    if floor is not None and floor > high:
        return 1.0
    if deviation == 0:
        return float(expected > high)
    # The upper tail as the lower tail of the mirror image: 1 - cdf would lose small chances.
    return NormalDist().cdf(float(EXACT.divide(EXACT.subtract(expected, high), deviation)))


def _stored(amount: Decimal) -> Decimal:
    return amount.quantize(STORED, rounding=ROUND_HALF_EVEN, context=EXACT)


METHOD: Final = ForecastMethod(needed_days=MINIMUM_DAYS, outlook=outlook)
