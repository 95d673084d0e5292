"""The files of one version: a folder of Parquet, written in staging and published whole.

``charges-000.parquet`` … one per part, ``keys.parquet``, and per set of allocation rules
``allocation-RULES.parquet``, ``daily_facts-RULES.parquet`` and ``daily_summary-RULES.parquet``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from costs.lake import daily
from costs.lake.engine import quote
from costs.lake.staging import Staged

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

type Table = Literal["allocation", "daily_facts", "daily_summary"]
TABLES: Final[tuple[Table, ...]] = ("allocation", "daily_facts", "daily_summary")
"""The tables that depend on the allocation rules, in the order in which they are written."""
type AllocationSql = Callable[[str], str]
"""From a FROM clause over keys to the SELECT that allocates them."""


def charges_file(part: int) -> str:
    """Name of the charges of part ``part`` in a version's folder."""
    return f"charges-{part:03d}.parquet"


def table_file(table: Table, rule_set: str) -> str:
    """Name of a table that depends on the allocation rules."""
    return f"{table}-{rule_set}.parquet"


@dataclass(frozen=True)
class Share:
    """The part of a staged file that belongs to one bill; ``None`` takes all of it.

    ``where`` holds (provider, billing account, first day of the billing period) triples.
    """

    staged: Staged
    where: Sequence[tuple[str, str, date]] | None


def write_charges(connection: DuckDBPyConnection, folder: Path, shares: Sequence[Share]) -> None:
    """Write the charges of each share. A file that is taken whole is moved, not copied."""
    for part, share in enumerate(shares):
        target = folder / charges_file(part)
        if share.where is None and part == 0:
            share.staged.charges.rename(target)
            continue
        condition = "true"
        if share.where is not None:
            condition = " OR ".join(
                f"(provider_name = {quote(provider)} AND billing_account_id = {quote(account)}"
                f" AND CAST(billing_period_start AS DATE) = DATE '{period.isoformat()}')"
                for provider, account, period in share.where
            )
        connection.execute(
            f"COPY (SELECT * REPLACE (CAST({part} AS SMALLINT) AS source_file)"
            f" FROM read_parquet({quote(str(share.staged.charges))}) WHERE {condition})"
            f" TO {quote(str(target))} (FORMAT parquet, COMPRESSION zstd)"
        )


def write_tables(
    connection: DuckDBPyConnection,
    folder: Path,
    rule_set: str,
    allocation_sql: AllocationSql,
    *,
    spans: bool,
    into: Path | None = None,
) -> None:
    """Write keys (once), allocation and daily tables of the charges in ``folder``.

    The tables go into the same folder, or into ``into``.
    """
    charges = f"read_parquet({quote(str(folder / 'charges-*.parquet'))})"
    keys = folder / daily.KEYS
    if not keys.exists():
        daily.write_keys(connection, charges, keys)
    into = into or folder
    allocation = into / table_file("allocation", rule_set)
    select = allocation_sql(f"read_parquet({quote(str(keys))})")
    connection.execute(
        f"COPY ({select}) TO {quote(str(allocation))} (FORMAT parquet, COMPRESSION zstd)"
    )
    daily.write_daily(
        connection,
        charges,
        keys,
        allocation,
        into / table_file("daily_facts", rule_set),
        into / table_file("daily_summary", rule_set),
        spans=spans,
    )


def spans_days(connection: DuckDBPyConnection, folder: Path) -> bool:
    """Whether any charge in ``folder`` spans days; Parquet's own statistics answer it."""
    charges = quote(str(folder / "charges-*.parquet"))
    row = connection.execute(f"SELECT max(charge_days) FROM read_parquet({charges})").fetchone()
    return bool(row and row[0] is not None and row[0] > 1)
