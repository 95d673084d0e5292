"""Tables with shared costs for a spreadsheet: each group without and with its part. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from costs.spend.currency import Amount, Rates, convert
from costs.spend.tables import Cell, Table


class LineLike(Protocol):
    """A group in one month and billing currency (``queries.exploring_shared.SharedLine``)."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def month(self) -> date: ...
    @property
    def currency(self) -> str: ...
    @property
    def direct(self) -> Decimal: ...
    @property
    def cost(self) -> Decimal: ...


def groups(
    lines: Iterable[LineLike],
    dimensions: Sequence[str],
    metric: str,
    target: str,
    rates: Rates | None,
) -> Table:
    """Every group by month and billing currency; in ``target`` too where sums are converted."""
    lines = list(lines)
    header = (
        *(*dimensions, "month", "billed_currency", "metric", "direct_cost", "with_shared_costs"),
        *(("rate", "currency", "converted_with_shared_costs") if target else ()),
    )
    amounts = [Amount(line.currency, line.month, line.cost) for line in lines]
    found = convert(amounts, target, rates).amounts if target and rates is not None else ()
    rows: list[list[Cell]] = []
    for nth, line in enumerate(lines):
        row: list[Cell] = [*line.keys, f"{line.month:%Y-%m}", line.currency, metric]
        row += [line.direct, line.cost]
        if target and rates is not None:
            factor = rates.factor(line.currency, target, line.month)
            row += [factor.value if factor else "no rate", target, found[nth]]
        rows.append(row)
    return Table(header, rows)


def marked(table: Table) -> Table:
    """The table with a column that says what its costs are."""
    return Table((*table.header, "costs"), [(*row, "with shared costs") for row in table.rows])
