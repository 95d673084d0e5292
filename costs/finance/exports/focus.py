"""Charges as a FOCUS 1.2 file: what the specification asks for, read back without any loss.

Source: FinOps Open Cost and Usage Specification 1.2. Column names and their order are the
specification's; the resource group, which it does not know, follows as ``x_ResourceGroupName``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from costs.focus import COLUMNS, Column
from costs.lake.engine import name, quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

type Container = Literal["csv", "csv.gz", "parquet"]

_COPY = {
    "csv": "FORMAT csv, HEADER, FORCE_QUOTE *",
    "csv.gz": "FORMAT csv, HEADER, FORCE_QUOTE *, COMPRESSION gzip",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}


def write_focus(
    connection: DuckDBPyConnection, charges: str, path: Path, container: Container
) -> None:
    """Write ``charges`` (a FROM clause over stored charges) to ``path``, in the bills' order.

    CSV holds UTC times as ISO 8601 with ``Z`` and decimals without trailing zeros; Parquet holds
    timestamps in UTC and exact decimals. ``path`` must lie where ``connection`` may write.
    """
    as_text = container != "parquet"
    listed = ", ".join(
        f"{_text(column) if as_text else _typed(column)} AS {name(column.focus_name)}"
        for column in COLUMNS
    )
    connection.execute(
        f"COPY (SELECT {listed}, resource_group AS {name('x_ResourceGroupName')}"
        f" FROM {charges} ORDER BY billing_account_id, source_file, source_row)"
        f" TO {quote(str(path))} ({_COPY[container]})"
    )


def _typed(column: Column) -> str:
    return f"{column.name} AT TIME ZONE 'UTC'" if column.kind == "time" else column.name


def _text(column: Column) -> str:
    if column.kind == "decimal":
        # Stored decimals always have a point, so no zero before it can go.
        return f"rtrim(rtrim(CAST({column.name} AS VARCHAR), '0'), '.')"
    if column.kind == "time":
        whole = f"strftime({column.name}, '%Y-%m-%dT%H:%M:%S')"
        fraction = f"strftime({column.name}, '.%f')"
        return (
            f"{whole} || CASE WHEN date_trunc('second', {column.name}) = {column.name} THEN ''"
            f" ELSE {fraction} END || 'Z'"
        )
    return column.name
