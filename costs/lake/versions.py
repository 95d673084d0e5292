"""The files of one version: a folder of Parquet, written in staging and published whole.

``charges-000.parquet`` … one per part, ``keys.parquet``, and per set of allocation rules
``allocation-RULES.parquet``, ``daily_facts-RULES.parquet`` and ``daily_summary-RULES.parquet``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from costs.focus import COLUMNS
from costs.lake import daily
from costs.lake.engine import quote
from costs.lake.staging import Staged

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

REPEATS_COUNT: Final = 20
"""Different charges that two parts must share before it means anything (ours)."""

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


def table_key(version: str, table: Table, rule_set: str) -> str:
    """Key of a table of the version whose folder has the key ``version``."""
    return f"{version}/{table_file(table, rule_set)}"


def keys_key(version: str) -> str:
    """Key of the allocation keys of a version."""
    return f"{version}/{daily.KEYS}"


def charges_keys(version: str, parts: int) -> list[str]:
    """Keys of the charges of a version: one for each part that its row names.

    Not a listing: a file that is missing is an error, never a sum without it.
    """
    return [f"{version}/{charges_file(part)}" for part in range(parts)]


def from_files(paths: Iterable[Path], *, named: bool = False) -> str:
    """FROM clause over Parquet files; ``named`` adds the column ``filename``."""
    listed = ", ".join(quote(str(path)) for path in paths)
    return f"read_parquet([{listed}]{', filename = true' if named else ''})"


@dataclass(frozen=True)
class Share:
    """The part of a staged file that belongs to one bill; ``None`` takes all of it.

    ``where`` holds (provider, billing account, first day of the billing period) triples.
    """

    staged: Staged
    where: Sequence[tuple[str, str, date]] | None
    replaced: str = ""
    """Columns that are other than staged, as in ``SELECT * REPLACE``."""


def write_charges(
    connection: DuckDBPyConnection, folder: Path, shares: Sequence[Share]
) -> list[Path]:
    """Write the charges of each share; give a file for each.

    A file that is taken whole costs nothing: it gets a second name.
    """
    written = []
    for part, share in enumerate(shares):
        target = folder / charges_file(part)
        written.append(target)
        if share.where is None and part == share.staged.number and not share.replaced:
            have_too(share.staged.charges, target)
            continue
        replaced = f"{share.replaced}, " if share.replaced else ""
        condition = "true"
        if share.where is not None:
            condition = " OR ".join(
                f"(provider_name = {quote(provider)} AND billing_account_id = {quote(account)}"
                f" AND CAST(billing_period_start AS DATE) = DATE '{period.isoformat()}')"
                for provider, account, period in share.where
            )
        connection.execute(
            f"COPY (SELECT * REPLACE ({replaced}CAST({part} AS SMALLINT) AS source_file)"
            f" FROM read_parquet({quote(str(share.staged.charges))}) WHERE {condition})"
            f" TO {quote(str(target))} (FORMAT parquet, COMPRESSION zstd)"
        )
    return written


def have_too(file: Path, name: Path) -> None:
    """Have a file under another name as well, which costs nothing on the same disk."""
    try:
        name.hardlink_to(file)
    except OSError:  # a disk without such links
        shutil.copyfile(file, name)


def repeated_share(connection: DuckDBPyConnection, charges: Sequence[Path]) -> Decimal:
    """The largest share (0 to 1) of one part's charges that stand in another part as well.

    Parts of one delivery share next to none; two deliveries of a month taken for one share nearly
    all. Fewer than REPEATS_COUNT shared charges count as none.
    """
    columns = ", ".join(column.name for column in COLUMNS)
    row = connection.execute(f"""
        WITH hashed AS (
            SELECT DISTINCT source_file, hash({columns}) AS digest
            FROM {from_files(charges)}
        ),
        sizes AS (SELECT source_file, count(*) AS size FROM hashed GROUP BY ALL),
        pairs AS (
            SELECT a.source_file AS one, b.source_file AS other, count(*) AS shared
            FROM hashed a JOIN hashed b USING (digest) WHERE a.source_file <> b.source_file
            GROUP BY ALL
        )
        SELECT shared, size FROM pairs JOIN sizes ON one = source_file
        WHERE shared >= {REPEATS_COUNT}
        ORDER BY shared / size DESC LIMIT 1
    """).fetchone()
    return Decimal(row[0]) / row[1] if row else Decimal(0)


def write_tables(
    connection: DuckDBPyConnection,
    charges: Sequence[Path],
    keys: Path,
    rule_set: str,
    allocation_sql: AllocationSql,
    *,
    spans: bool,
    into: Path,
) -> None:
    """Write allocation and daily tables of a version's ``charges`` and ``keys`` into a folder."""
    allocation = into / table_file("allocation", rule_set)
    select = allocation_sql(from_files([keys]))
    connection.execute(
        f"COPY ({select}) TO {quote(str(allocation))} (FORMAT parquet, COMPRESSION zstd)"
    )
    daily.write_daily(
        connection,
        from_files(charges),
        keys,
        allocation,
        into / table_file("daily_facts", rule_set),
        into / table_file("daily_summary", rule_set),
        spans=spans,
    )


def spans_days(connection: DuckDBPyConnection, charges: Sequence[Path]) -> bool:
    """Whether any of ``charges`` spans days; Parquet's own statistics answer it."""
    row = connection.execute(f"SELECT max(charge_days) FROM {from_files(charges)}").fetchone()
    return bool(row and row[0] is not None and row[0] > 1)
