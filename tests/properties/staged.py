"""A FOCUS file read into staged Parquet, without a manifest: for properties of the reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from costs.bills.description import Columns
from costs.bills.readers.focus import Focus
from costs.bills.sniff import sniff
from costs.lake import staging
from costs.lake.engine import open_connection

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def lake() -> Iterator[tuple[DuckDBPyConnection, Path]]:
    """A connection, and the folder that it may touch."""
    with TemporaryDirectory() as folder:
        connection = open_connection(Path(folder), memory="256MB", threads=1, ordered=True)
        try:
            yield connection, Path(folder)
        finally:
            connection.close()


def stage(connection: DuckDBPyConnection, file: Path) -> staging.Staged:
    """``file`` as the FOCUS reader and the lake take it in."""
    with file.open("rb") as opened:
        sniffed = sniff(opened)
    types = dict.fromkeys(sniffed.columns, "TEXT") or staging.parquet_types(connection, file)
    columns = Columns(types)
    reader = Focus()
    assert reader.recognises(columns)
    into = file.with_name(f"{file.name}-staged")
    into.mkdir()
    return staging.stage(
        connection,
        file,
        sniffed.container,
        sniffed.columns,
        columns,
        reader.charge(columns),
        into,
        0,
    )
