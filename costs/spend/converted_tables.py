"""Tables of converted sums for a spreadsheet: as billed and converted, with the rate. Pure.

Every row is of one month and one billing currency, so that each has one rate and the rows add up.
Rates are to 15 significant digits; sums are converted with the exact quotient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from costs.charts import OTHER
from costs.spend.currency import Amount, Rates
from costs.spend.tables import Cell, Table

AS_BILLED: Final = ("month", "billed_currency", "metric", "cost", "rate", "currency")


class LineLike(Protocol):
    """A part of a group (``queries.converting.Line``)."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def compared(self) -> bool: ...
    @property
    def start(self) -> date | None: ...
    @property
    def amount(self) -> Amount: ...
    @property
    def converted(self) -> Decimal | None: ...


def groups(
    lines: Iterable[LineLike], dimensions: Sequence[str], metric: str, target: str, rates: Rates
) -> Table:
    """Each group of the explore page by month and billing currency; what has no rate is there."""
    return Table(
        ("days", *dimensions, *AS_BILLED, "converted_cost"),
        [
            (
                "compared" if line.compared else "shown",
                *_names(line, dimensions),
                *money_cells(line.amount, line.converted, metric, target, rates),
            )
            for line in lines
        ],
    )


def course(
    lines: Iterable[LineLike],
    dimensions: Sequence[str],
    step: str,
    metric: str,
    target: str,
    rates: Rates,
) -> Table:
    """The bars of the explore page, each by month and billing currency."""
    ordered = sorted(lines, key=lambda line: (line.start or date.min, not line.keys, line.keys))
    return Table(
        (f"{step}_start", *dimensions, *AS_BILLED, "converted_cost"),
        [
            (
                line.start,
                *_names(line, dimensions),
                *money_cells(line.amount, line.converted, metric, target, rates),
            )
            for line in ordered
        ],
    )


def money_cells(
    amount: Amount, converted: Decimal | None, metric: str, target: str, rates: Rates
) -> tuple[Cell, ...]:
    """Month, billed currency, metric, cost, rate, currency and converted cost of one part."""
    factor = rates.factor(amount.currency, target, amount.month)
    return (
        f"{amount.month:%Y-%m}",
        amount.currency,
        metric,
        amount.amount,
        factor.value if factor else "no rate",
        target,
        converted,
    )


def _names(line: LineLike, dimensions: Sequence[str]) -> tuple[str, ...]:
    return line.keys or (OTHER, *[""] * (len(dimensions) - 1))
