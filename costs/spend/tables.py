"""The tables of explore, resource and charges for a spreadsheet: every digit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.charts import DailyCosts
from costs.spend.results import Result

type Cell = str | Decimal | date | int | None


@dataclass(frozen=True)
class Table:
    """Names of columns, and rows with as many cells."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def groups(result: Result, dimensions: Sequence[str], metric: str, *, compared: bool) -> Table:
    """The table of the explore page: the groups shown, Other, total.

    Amounts are exact where the page rounds to cents; shares and changes are in percent.
    """
    change = ("before", "difference", "change_percent") if compared else ()
    rows: list[Sequence[Cell]] = []
    for row in (*result.rows, result.total):
        names = row.keys or (row.names[0], *[""] * (len(dimensions) - 1))
        cells: list[Cell] = [*names, result.currency, metric, row.cost, _percent(row.share)]
        if compared:
            cells += [row.before, row.difference, _percent(row.percent)]
        rows.append(cells)
    return Table((*dimensions, "currency", "metric", "cost", "share_percent", *change), rows)


def over_time(bars: DailyCosts, step: str, metric: str) -> Table:
    """What the chart shows: cents by bucket and group."""
    return Table(
        (f"{step}_start", "group", "currency", "metric", "cost", "complete"),
        [
            (day.day, one.name, bars.currency, metric, cost, "yes" if day.complete else "no")
            for day in bars.days
            for one, cost in zip(bars.series, day.costs, strict=True)
        ],
    )


def _percent(share: Decimal | None) -> Decimal | None:
    return None if share is None else share.quantize(Decimal("0.0001"))
