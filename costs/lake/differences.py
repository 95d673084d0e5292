"""What changed between two versions of a bill, charge by charge, written as Parquet.

A charge is compared by all its FOCUS columns: those that stand in both versions equally often are
out, in whatever order or file they come. What is left is paired where it is the same thing with
other values; the rest was added or removed. Environment and cost center take no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Final

from costs.focus import BY_NAME, DECIMAL
from costs.lake.daily import by_day
from costs.lake.engine import quote
from costs.lake.pairing import COMPARED, count, pair, parquet
from costs.lake.staging import ROWS_TOGETHER
from costs.money import plain

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LINES: Final = "lines.parquet"
"""A row per day, service, resource (and account, currency, allocation key) of changed charges."""
CHARGES: Final = "charges.parquet"
"""A row per changed value, and one for each charge that was added or removed."""

MOST_LISTED: Final = 100_000
"""Charges of each kind that are listed one by one, the largest differences first; all of them are
in the lines and sums (ours)."""
COLUMNS_AT_ONCE: Final = 10
LONGEST_VALUE: Final = 2_000
"""Characters of a value that the list of charges keeps (ours)."""


_OF_LINE = (
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "resource_id",
    "billing_currency",
    "allocation_key",
)
_COSTS = ("billed_before", "billed_after", "effective_before", "effective_after")


@dataclass(frozen=True)
class Differences:
    """What was found; the amounts are those of the charges that differ."""

    added: int
    removed: int
    changed: int
    """Charges that stand in both, some column of which differs."""
    sums: Mapping[str, Mapping[str, str]]
    """By currency: ``billed_before``, ``billed_after``, ``effective_before``, ``effective_after``
    as exact text."""
    columns: Mapping[str, int]
    """Changed values by column, most first."""
    listed: int
    """Rows of the list of charges."""


def write_differences(
    connection: DuckDBPyConnection, before: Sequence[Path], after: Sequence[Path], into: Path
) -> Differences:
    """Compare the charges in ``before`` with those in ``after``; write the ledger's two files.

    Both are the Parquet files of a version's charges, one per part. ``into`` is an empty staging
    folder; only :data:`LINES` and :data:`CHARGES` are left in it.
    """
    was, now = into / "was.parquet", into / "now.parquet"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE hashed_before AS {_hashed(before)};
        CREATE OR REPLACE TEMP TABLE hashed_after AS {_hashed(after)};
        CREATE OR REPLACE TEMP TABLE differing AS
        SELECT digest, sum(one) AS surplus FROM (
            SELECT digest, -1 AS one FROM hashed_before
            UNION ALL SELECT digest, 1 AS one FROM hashed_after
        ) GROUP BY digest HAVING sum(one) <> 0
    """)
    _write_left(connection, before, "hashed_before", "-surplus", was)
    _write_left(connection, after, "hashed_after", "surplus", now)
    connection.execute("DROP TABLE hashed_before; DROP TABLE hashed_after; DROP TABLE differing")
    pair(connection, was, now)
    columns = _changed_columns(connection, was, now)
    _write_lines(connection, was, now, into / LINES)
    listed = _write_charges(connection, was, now, into / CHARGES)
    sums = connection.execute(
        f"SELECT billing_currency, {', '.join(f'sum({name})' for name in _COSTS)}"
        f" FROM {parquet(into / LINES)} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    counts = connection.execute(
        "SELECT coalesce(sum(added), 0), coalesce(sum(removed), 0), coalesce(sum(changed), 0)"
        f" FROM {parquet(into / LINES)}"
    ).fetchone() or (0, 0, 0)
    was.unlink()
    now.unlink()
    return Differences(
        added=int(counts[0]),
        removed=int(counts[1]),
        changed=int(counts[2]),
        sums={
            str(row[0]): {
                name: plain(Decimal(amount)) for name, amount in zip(_COSTS, row[1:], strict=True)
            }
            for row in sums
        },
        columns=columns,
        listed=listed,
    )


def _hashed(files: Sequence[Path]) -> str:
    return (
        f"SELECT hash({', '.join(COMPARED)}) AS digest, source_file, file_row_number"
        f" FROM {parquet(*files, numbered=True)}"
    )


def _write_left(
    connection: DuckDBPyConnection, files: Sequence[Path], hashed: str, wanted: str, into: Path
) -> None:
    """Write the charges of one version that the other has not, or less often."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE left_over AS
        SELECT source_file, file_row_number FROM (
            SELECT source_file, file_row_number, {wanted} AS wanted, row_number() OVER (
                PARTITION BY digest ORDER BY source_file, file_row_number) AS nth
            FROM {hashed} JOIN differing USING (digest) WHERE {wanted} > 0
        ) WHERE nth <= wanted;
        COPY (
            -- A number of its own: the part in the upper bits, its row in the lower.
            SELECT (CAST(source_file AS BIGINT) << 40) + file_row_number AS id,
                {", ".join(COMPARED)},
                allocation_key, charge_day, charge_days, source_file, source_row
            FROM {parquet(*files, numbered=True)}
            SEMI JOIN left_over USING (source_file, file_row_number)
        ) TO {quote(str(into))}
            (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_TOGETHER});
        DROP TABLE left_over
    """)


def _changed_columns(connection: DuckDBPyConnection, was: Path, now: Path) -> dict[str, int]:
    """How many pairs differ in each column."""
    found: dict[str, int] = {}
    # A few columns at a time, as hashes: all of them side by side would not fit in memory.
    for names in batched(COMPARED, COLUMNS_AT_ONCE):
        hashes = ", ".join(f"hash({name}) AS {name}" for name in names)
        counts = ", ".join(f"count(*) FILTER (w.{name} <> n.{name})" for name in names)
        row = (
            connection.execute(f"""
            SELECT {counts} FROM pairs
            JOIN (SELECT id, {hashes} FROM {parquet(was)}) w ON w.id = was_id
            JOIN (SELECT id, {hashes} FROM {parquet(now)}) n ON n.id = now_id
        """).fetchone()
            or ()
        )
        found |= {name: int(count) for name, count in zip(names, row, strict=True) if count}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _paired(was: Path, now: Path, pairs: str) -> str:
    return f"{pairs} JOIN {parquet(was)} w ON w.id = was_id JOIN {parquet(now)} n ON n.id = now_id"


def _resource(name: str) -> str:
    """As in the daily tables: Azure spells one resource id in several ways."""
    return f"CASE WHEN starts_with({name}, '/') THEN lower({name}) ELSE {name} END"


def _write_lines(connection: DuckDBPyConnection, was: Path, now: Path, into: Path) -> None:
    """Add the differing charges up by day, as the daily tables do.

    A charge that stands in both counts where it is now. It also keeps the allocation key that it
    has now: of what was merely tagged anew nothing moves from one environment to another.
    """
    columns = ", ".join(_OF_LINE)
    # The daily tables ask for these of any charge; here they are not needed.
    measures = "billed_cost, effective_cost, list_cost, contracted_cost, pricing_quantity"
    kept = f"id, {columns}, charge_day, charge_days, billing_period_start, {measures}"
    before = f"""(
        SELECT w.* REPLACE (
            {_resource("resource_id")} AS resource_id,
            coalesce(p.allocation_key, w.allocation_key) AS allocation_key)
        FROM (SELECT {kept} FROM {parquet(was)}) w
        LEFT JOIN (
            SELECT was_id, n.allocation_key FROM pairs
            JOIN (SELECT id, allocation_key FROM {parquet(now)}) n ON n.id = now_id
        ) p ON p.was_id = w.id)"""
    after = f"""(
        SELECT * REPLACE ({_resource("resource_id")} AS resource_id)
        FROM (SELECT {kept} FROM {parquet(now)}))"""
    none = f"CAST(0 AS {DECIMAL})"
    paired = "CASE WHEN pairs.{0} IS NULL THEN {1} ELSE {2} END"
    connection.execute(f"""
        COPY (
            SELECT day, {columns},
                {", ".join(f"sum({name}) AS {name}" for name in _COSTS)},
                CAST(sum(added) AS BIGINT) AS added, CAST(sum(removed) AS BIGINT) AS removed,
                CAST(sum(changed) AS BIGINT) AS changed
            FROM (
                SELECT day, {columns}, billed_cost, {none}, effective_cost, {none}, 0, 0, 0
                FROM ({by_day(before, columns, spans=True)})
                UNION ALL
                SELECT day, {columns}, {none}, billed_cost, {none}, effective_cost, 0, 0, 0
                FROM ({by_day(after, columns, spans=True)})
                UNION ALL
                SELECT charge_day, {columns}, {none}, {none}, {none}, {none},
                    0, {paired.format("was_id", 1, 0)}, 0
                FROM {before} LEFT JOIN pairs ON was_id = id
                UNION ALL
                SELECT charge_day, {columns}, {none}, {none}, {none}, {none},
                    {paired.format("now_id", 1, 0)}, 0, {paired.format("now_id", 0, 1)}
                FROM {after} LEFT JOIN pairs ON now_id = id
            ) AS every(day, {columns}, {", ".join(_COSTS)}, added, removed, changed)
            GROUP BY ALL ORDER BY day
        ) TO {quote(str(into))} (FORMAT parquet, COMPRESSION zstd)
    """)


def _write_charges(connection: DuckDBPyConnection, was: Path, now: Path, into: Path) -> int:
    """Write the list: each changed value with what it was, each charge that came or went."""
    cells = ", ".join(
        f"CASE WHEN w.{name} IS DISTINCT FROM n.{name} THEN {{'column': {quote(name)},"
        f" 'before': {_text('w', name)}, 'after': {_text('n', name)}}} END"
        for name in COMPARED
    )
    of_now = _of_entry("n")
    difference = "abs(n.billed_cost - w.billed_cost) + abs(n.effective_cost - w.effective_cost)"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE shown AS
        SELECT was_id, now_id, row_number() OVER (ORDER BY difference DESC, now_id) AS charge
        FROM (
            SELECT was_id, now_id, {difference} AS difference
            FROM pairs JOIN (SELECT id, billed_cost, effective_cost FROM {parquet(was)}) w
                ON w.id = was_id
            JOIN (SELECT id, billed_cost, effective_cost FROM {parquet(now)}) n ON n.id = now_id
        ) QUALIFY charge <= {MOST_LISTED}
    """)

    def alone(side: str, file: Path, kind: str, values: str) -> str:
        """The charges of one side that are in no pair."""
        return f"""
            SELECT {quote(kind)}, row_number() OVER (
                ORDER BY abs(billed_cost) + abs(effective_cost) DESC, id) AS charge,
                {_of_entry("c")}, NULL, NULL, NULL, {values}
            FROM {parquet(file)} c ANTI JOIN (SELECT {side}_id AS id FROM pairs) USING (id)
            QUALIFY charge <= {MOST_LISTED}"""

    came = "NULL, billed_cost, NULL, effective_cost, NULL, NULL, source_file, source_row"
    went = "billed_cost, NULL, effective_cost, NULL, source_file, source_row, NULL, NULL"
    connection.execute(f"""
        COPY (
            SELECT * FROM (
                SELECT 'changed', charge, {of_now}, cell.column, cell.before, cell.after,
                    was_billed, now_billed, was_effective, now_effective,
                    was_file, was_row, source_file, source_row
                FROM (
                    SELECT charge, n.*, w.billed_cost AS was_billed, n.billed_cost AS now_billed,
                        w.effective_cost AS was_effective, n.effective_cost AS now_effective,
                        w.source_file AS was_file, w.source_row AS was_row,
                        unnest(list_filter([{cells}], lambda one: one IS NOT NULL)) AS cell
                    FROM {_paired(was, now, "shown")}
                ) n
                UNION ALL {alone("now", now, "added", came)}
                UNION ALL {alone("was", was, "removed", went)}
            ) AS entries(kind, charge, day, provider_name, sub_account_id, service_name,
                resource_id, charge_category, charge_description, billing_currency, changed_column,
                before, after, {", ".join(_COSTS)}, file_before, row_before, file_after, row_after)
            ORDER BY kind DESC, charge, changed_column
        ) TO {quote(str(into))} (FORMAT parquet, COMPRESSION zstd)
    """)
    return count(connection, parquet(into))


def _of_entry(alias: str) -> str:
    resource = _resource(f"{alias}.resource_id")
    return (
        f"{alias}.charge_day, {alias}.provider_name, {alias}.sub_account_id,"
        f" {alias}.service_name, {resource}, {alias}.charge_category,"
        f" {alias}.charge_description, {alias}.billing_currency"
    )


def _text(alias: str, name: str) -> str:
    text = f"CAST({alias}.{name} AS VARCHAR)"
    if name in BY_NAME and BY_NAME[name].kind == "decimal":
        return f"rtrim(rtrim({text}, '0'), '.')"
    return f"left({text}, {LONGEST_VALUE})"
