"""The tables of explore, resource and charges for a spreadsheet: every digit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from costs.charts import DailyCosts
from costs.spend.results import Result

type Cell = str | Decimal | date | int | None


type Row = Sequence[Cell]

ZERO = Decimal(0)


@dataclass(frozen=True)
class Table:
    """Names of columns, and rows with as many cells."""

    header: Sequence[str]
    rows: Sequence[Row]


def groups(result: Result, dimensions: Sequence[str], metric: str, *, compared: bool) -> Table:
    """The table of the explore page: the groups shown, Other, total.

    Amounts are exact where the page rounds to cents; shares and changes are in percent.
    """
    change = ("before", "difference", "change_percent") if compared else ()
    rows: list[Row] = []
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


CHARGE_HEADER = (
    *("day", "days", "provider_name", "service_name", "resource_id", "sku_id", "sku_meter"),
    *("charge_category", "charge_description", "environment", "cost_center"),
    *("quantity", "unit", "currency", "billed_cost", "effective_cost", "cost_in_these_days"),
    *("file", "row"),
)


class ChargeLike(Protocol):
    """A row of a bill (``queries.charges.Charge``)."""

    @property
    def day(self) -> date: ...
    @property
    def days(self) -> int: ...
    @property
    def provider_name(self) -> str: ...
    @property
    def service_name(self) -> str: ...
    @property
    def resource_id(self) -> str: ...
    @property
    def sku_id(self) -> str: ...
    @property
    def sku_meter(self) -> str: ...
    @property
    def charge_category(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def cost_center(self) -> str: ...
    @property
    def quantity(self) -> Decimal | None: ...
    @property
    def unit(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def billed_cost(self) -> Decimal: ...
    @property
    def effective_cost(self) -> Decimal: ...
    @property
    def cost(self) -> Decimal: ...
    @property
    def file(self) -> str: ...
    @property
    def row(self) -> int: ...


def charge(one: ChargeLike) -> Row:
    """A charge with every digit."""
    return (
        *(one.day, one.days, one.provider_name, one.service_name, one.resource_id, one.sku_id),
        *(one.sku_meter, one.charge_category, one.description, one.environment),
        *(one.cost_center, one.quantity, one.unit, one.currency, one.billed_cost),
        *(one.effective_cost, one.cost, one.file, one.row),
    )


def _percent(share: Decimal | None) -> Decimal | None:
    return None if share is None else share.quantize(Decimal("0.0001"))
