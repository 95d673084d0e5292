"""Reads one raw file into staged Parquet: charges in FOCUS columns, and the rows that were refused.

One pass over the file: every row is written once, with what is wrong with it in ``reject``; rows
without a flaw become charges, the others are listed with row, column, reason and value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from costs.focus import CHARGE_CATEGORIES, CHARGE_FREQUENCIES, COLUMNS
from costs.lake.engine import is_full, name, quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LONGEST_LINE = 4 << 20
"""Bytes of one CSV row. A real row of a bill has a few KB; tags are at most some tens (ours)."""
LONGEST_CHARGE = 1830
"""Days that one charge may span: five years, past the three of the longest commitments (ours)."""
SHOWN = 80
"""Characters of a refused value that are kept."""

ROWS_TOGETHER = 40_960
"""Rows of a row group of charges. Each thread holds one in memory, some 70 columns wide: with
DuckDB's own 122,880, two threads do not fit in 512 MB and write everything to the disk twice."""

CHARGES = "charges.parquet"
REJECTS = "rejects.parquet"

EXTRA = {
    "resource_group": "VARCHAR",
    "allocation_key": "UBIGINT",
    "charge_day": "DATE",
    "charge_days": "INTEGER",
    "source_file": "SMALLINT",
    "source_row": "BIGINT",
}
"""What a stored charge has besides the FOCUS columns."""

KEY = ("billing_account_id", "sub_account_id", "resource_group", "service_name", "resource_id")
"""With the tags: what allocation rules look at, so rows that agree in it share a key."""


BROKEN = {
    "MISSING COLUMNS": "the row has fewer values than the header",
    "TOO MANY COLUMNS": "the row has more values than the header",
    "UNQUOTED VALUE": "a quotation mark stands where none may",
    "LINE SIZE OVER MAXIMUM": f"the row is longer than {LONGEST_LINE >> 20} MB",
    "INVALID ENCODING": "the row is not UTF-8 text",
}
"""Why the CSV parser could not take a row apart, in words."""


_CHARGES_FORMAT = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_TOGETHER}"


class StagingError(ValueError):
    """The file cannot be read as a whole; the message is one sentence."""


class Description(Protocol):
    """What a reader said about the file's columns (see ``costs.bills.description``)."""

    @property
    def readings(self) -> Mapping[str, str]: ...
    @property
    def casts(self) -> Mapping[str, CastLike]: ...


class CastLike(Protocol):
    @property
    def column(self) -> str: ...
    @property
    def raw(self) -> str: ...
    @property
    def given(self) -> str: ...
    @property
    def sql(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def strict(self) -> bool: ...
    @property
    def doubt(self) -> str: ...


@dataclass(frozen=True)
class Slice:
    """The charges of one provider, account, billing period and currency in a staged file."""

    provider_name: str
    billing_account_id: str
    billing_period: date
    billing_period_end: date
    currency: str
    rows: int
    billed_cost: Decimal
    effective_cost: Decimal
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    least_day: date
    greatest_day: date
    committed: int
    """Rows that a commitment covers or that buy one."""

    @property
    def of(self) -> tuple[str, str, date, str]:
        """What its charges have in common."""
        return self.provider_name, self.billing_account_id, self.billing_period, self.currency


@dataclass(frozen=True)
class Reject:
    """A row that is not a charge. ``row`` counts as editors do: a CSV's header is row 1."""

    row: int
    column: str
    reason: str
    value: str


@dataclass(frozen=True)
class Staged:
    """A file in the staging folder: ``charges.parquet`` and ``rejects.parquet``."""

    folder: Path
    rows: int
    """Rows that are charges."""
    rejected: int
    first_rejects: tuple[Reject, ...]
    slices: tuple[Slice, ...]
    spans: bool
    """Whether any charge spans days."""
    unread: Mapping[str, int]
    """Unreadable values that do not matter enough to refuse the row, counted by column."""
    number: int = 0
    """What its charges carry as ``source_file``."""

    @property
    def charges(self) -> Path:
        return self.folder / CHARGES

    @property
    def rejects(self) -> Path:
        return self.folder / REJECTS


def scan(
    raw: Path, container: str, columns: tuple[str, ...], delimiter: str = ","
) -> tuple[str, str]:
    """FROM clause over the raw file, and the expression of its row number."""
    if container == "parquet":
        return f"read_parquet({quote(str(raw))}, file_row_number = true)", "file_row_number + 1"
    listed = ", ".join(f"{quote(column)}: 'VARCHAR'" for column in columns)
    compression = "gzip" if container == "csv.gz" else "none"
    source = (
        f"read_csv({quote(str(raw))}, header = true, auto_detect = false,"
        f" delim = {quote(delimiter)},"
        " quote = '\"', escape = '\"', nullstr = ['', 'NULL', 'null'], store_rejects = true,"
        f" max_line_size = {LONGEST_LINE}, compression = '{compression}',"
        f" columns = {{{listed}}})"
    )
    return source, "row_number() OVER () + 1"


def parquet_types(connection: DuckDBPyConnection, raw: Path) -> dict[str, str]:
    """Column name to DuckDB type of a Parquet file."""
    import duckdb

    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({quote(str(raw))})")
        return {row[0]: row[1] for row in found.fetchall()}
    except duckdb.Error as error:
        raise StagingError(f"the Parquet file is damaged: {_first_line(error)}") from None


def stage(
    connection: DuckDBPyConnection,
    raw: Path,
    container: str,
    columns: tuple[str, ...],
    description: Description,
    expressions: Mapping[str, str],
    into: Path,
    number: int,
    delimiter: str = ",",
) -> Staged:
    """Run a reader's description over ``raw`` and write charges and rejects in folder ``into``.

    ``number`` is the file's number within its version. Raises :class:`StagingError` when nothing
    of the file can be trusted.
    """
    import duckdb

    source, row = scan(raw, container, columns, delimiter)
    staged = into / CHARGES
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    try:
        connection.execute(
            f"COPY ({_select(source, row, description, expressions, number)})"
            f" TO {quote(str(staged))} ({_CHARGES_FORMAT})"
        )
        if container != "parquet":
            _refuse_unclosed_quote(connection)
        refused, lost = _write_rejects(connection, staged, into / REJECTS, container)
    except duckdb.Error as error:
        if is_full(error):  # the file is not to blame
            raise
        raise StagingError(f"it cannot be read to its end: {_first_line(error)}") from None
    if refused:
        _keep_charges_only(connection, staged, lost=lost)
    return _summary(connection, into, number)


def _select(
    source: str,
    row: str,
    description: Description,
    expressions: Mapping[str, str],
    number: int,
) -> str:
    casts = description.casts
    readings = "".join(f"{sql} AS {name(alias)}, " for alias, sql in description.readings.items())
    typed = "".join(f"{cast.sql} AS {name(alias)}, " for alias, cast in casts.items())
    charge = ",\n".join(f"{_conform(c.name, c.sql_type, expressions)} AS {c.name}" for c in COLUMNS)
    group = expressions.get("resource_group", "NULL")
    hashed = ", ".join((*KEY[:2], "lower(resource_group)", *KEY[3:], "tags"))
    return f"""
    SELECT * EXCLUDE (refused),
        hash({hashed}) AS allocation_key,
        CAST(charge_period_start AS DATE) AS charge_day,
        CAST(CASE WHEN charge_period_end <= charge_period_start THEN 1
             ELSE date_diff('day', charge_period_start,
                            charge_period_end - INTERVAL 1 MICROSECOND) + 1 END AS INTEGER)
            AS charge_days,
        CAST({number} AS SMALLINT) AS source_file,
        {_reject()} AS reject
    FROM (
        SELECT {charge},
            CAST({group} AS VARCHAR) AS resource_group,
            CAST(file_row AS BIGINT) AS source_row,
            {_refused(casts)} AS refused,
            {_unread(casts)} AS unread
        -- Ours come first: of two columns with one name the first keeps it.
        FROM (SELECT {typed}* FROM (SELECT {row} AS file_row, {readings}* FROM {source}))
    )"""


def _conform(column: str, sql_type: str, expressions: Mapping[str, str]) -> str:
    """The reader's expression in the column's type, allowed values in the specified spelling."""
    expression = expressions.get(column, "NULL")
    if column in {"charge_category", "charge_frequency"}:
        allowed = CHARGE_CATEGORIES if column == "charge_category" else CHARGE_FREQUENCIES
        cases = " ".join(f"WHEN {quote(value.lower())} THEN {quote(value)}" for value in allowed)
        specified = ", ".join(map(quote, allowed))
        return (
            f"CASE WHEN {expression} IN ({specified}) THEN {expression}"
            f" ELSE CASE lower(trim({expression})) {cases} ELSE {expression} END END"
        )
    if column == "billing_currency":
        return f"upper(trim({expression}))"
    if column in {"billing_period_start", "billing_period_end"}:
        return _month_near(f"CAST({expression} AS {sql_type})")
    if column in {"provider_name", "billing_account_id", "service_name"}:
        return f"trim({expression})"
    return f"CAST({expression} AS {sql_type})"


def _month_near(moment: str) -> str:
    """A moment that is the turn of a month on some clock of the world as that turn in UTC.

    Billing periods are days. One that an export writes in its own zone, or moves from there into
    UTC, begins up to 14 hours before or after; it is still that month's bill.
    """
    turn = f"date_trunc('month', {moment} + INTERVAL 14 HOUR)"
    return f"CASE WHEN {moment} <= {turn} + INTERVAL 14 HOUR THEN {turn} ELSE {moment} END"


def _refused(casts: Mapping[str, CastLike]) -> str:
    """The first raw column whose strict reading failed, with reason and value, as a struct."""
    cases = [
        f"WHEN {cast.given} AND ({name(alias)} IS NULL OR {cast.doubt})"
        f" THEN {{'column': {quote(cast.column)}, 'reason': {quote(cast.reason)},"
        f" 'value': {cast.raw}}}"
        for alias, cast in casts.items()
        if cast.strict
    ]
    return f"CASE {' '.join(cases)} END" if cases else "NULL"


def _unread(casts: Mapping[str, CastLike]) -> str:
    """The names of the raw columns whose lenient reading failed, NULL where none did."""
    failed = {
        cast.column: f"({cast.given} AND {name(alias)} IS NULL)"
        for alias, cast in casts.items()
        if not cast.strict
    }
    if not failed:
        return "NULL"
    # Nearly always nothing failed: only then is anything put together.
    names = ", ".join(f"CASE WHEN {sql} THEN {quote(column)} END" for column, sql in failed.items())
    return f"CASE WHEN {' OR '.join(failed.values())} THEN concat_ws(chr(31), {names}) END"


def _reject() -> str:
    """What makes a row no charge: an unreadable value, or one that is missing or impossible."""

    def because(condition: str, column: str, reason: str, value: str = "NULL") -> str:
        struct = f"{{'column': {quote(column)}, 'reason': {quote(reason)}, 'value': {value}}}"
        return f"WHEN {condition} THEN {struct}"

    categories = ", ".join(map(quote, CHARGE_CATEGORIES))
    missing = [
        because(f"{column} IS NULL", column, "is missing")
        for column in (
            "billed_cost",
            "effective_cost",
            "billing_account_id",
            "billing_currency",
            "billing_period_start",
            "billing_period_end",
            "charge_period_start",
            "charge_period_end",
            "charge_category",
            "provider_name",
            "service_name",
        )
    ]
    return " ".join(
        (
            "CASE WHEN refused IS NOT NULL THEN refused",
            *missing,
            because(
                "NOT regexp_full_match(billing_currency, '[A-Z]{3}')",
                "billing_currency",
                "is not a three-letter currency code",
                "billing_currency",
            ),
            because(
                f"charge_category NOT IN ({categories})",
                "charge_category",
                "is not Usage, Purchase, Tax, Credit or Adjustment",
                "charge_category",
            ),
            because(
                "billing_period_end <= billing_period_start",
                "billing_period_end",
                "does not lie after the start of the billing period",
                "CAST(billing_period_end AS VARCHAR)",
            ),
            because(
                "charge_period_end < charge_period_start",
                "charge_period_end",
                "lies before the start of the charge",
                "CAST(charge_period_end AS VARCHAR)",
            ),
            because(
                f"charge_period_end > charge_period_start + INTERVAL {LONGEST_CHARGE} DAY",
                "charge_period_end",
                "lies more than five years after the start of the charge",
                "CAST(charge_period_end AS VARCHAR)",
            ),
            "END",
        )
    )


def _refuse_unclosed_quote(connection: DuckDBPyConnection) -> None:
    """A quotation mark that swallowed line ends took good rows with it: nothing is kept then."""
    found = connection.execute(
        "SELECT line, column_name FROM reject_errors"
        " WHERE error_type = 'UNQUOTED VALUE'"
        # With CRLF the text that is given begins with the line feed of the line before.
        " AND contains(trim(csv_line, chr(13) || chr(10)), chr(10)) LIMIT 1"
    ).fetchone()
    if found:
        raise StagingError(
            f"row {found[0]}, column {found[1]}: a quotation mark is never closed,"
            " so the rest of the file cannot be trusted"
        )


def _write_rejects(
    connection: DuckDBPyConnection, staged: Path, into: Path, container: str
) -> tuple[int, int]:
    """Write every rejected row; return how many there are and how many the parser itself lost."""
    reasons = " ".join(f"WHEN {quote(kind)} THEN {quote(text)}" for kind, text in BROKEN.items())
    broken = (
        # A UBIGINT beside a BIGINT makes a HUGEINT, which Parquet keeps as a double.
        "SELECT CAST(line AS BIGINT) AS line, any_value(column_name) AS column_name,"
        " any_value(error_type) AS kind,"
        f" any_value(csv_line[1:{SHOWN}]) AS text FROM reject_errors GROUP BY line"
        if container != "parquet"
        else "SELECT 1::BIGINT AS line, '' AS column_name, '' AS kind, '' AS text LIMIT 0"
    )
    # Rows are counted among those that were read. The n-th lost line (of n) shifts all behind it.
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE broken AS
        SELECT *, row_number() OVER (ORDER BY line) AS nth,
            CAST(line - row_number() OVER (ORDER BY line) + 1 AS BIGINT) AS shifts
        FROM ({broken})
    """)
    # Lost lines that follow each other shift from the same row on: the last of them counts.
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE shifted AS
        SELECT shifts, max(nth) AS nth FROM broken GROUP BY shifts
    """)
    connection.execute(f"""
        COPY (
            SELECT r.source_row + coalesce(b.nth, 0) AS row, r.reject.column AS column_name,
                r.reject.reason AS reason, r.reject.value[1:{SHOWN}] AS value
            FROM (SELECT * FROM read_parquet({quote(str(staged))}) WHERE reject IS NOT NULL) r
            ASOF LEFT JOIN shifted b ON r.source_row >= b.shifts
            UNION ALL
            SELECT line, column_name,
                CASE kind {reasons} ELSE 'the row cannot be taken apart' END, text
            FROM broken ORDER BY 1
        ) TO {quote(str(into))} (FORMAT parquet, COMPRESSION zstd)
    """)
    return (
        _count(connection, f"read_parquet({quote(str(into))})"),
        _count(connection, "broken"),
    )


def _keep_charges_only(connection: DuckDBPyConnection, staged: Path, *, lost: int) -> None:
    """Rewrite the staged Parquet without its rejects and with row numbers as in the file."""
    whole = staged.with_name("all-rows.parquet")
    staged.rename(whole)
    row = "r.source_row + coalesce(b.nth, 0)" if lost else "r.source_row"
    join = "ASOF LEFT JOIN shifted b ON r.source_row >= b.shifts" if lost else ""
    connection.execute(f"""
        COPY (SELECT r.* REPLACE ({row} AS source_row)
              FROM read_parquet({quote(str(whole))}) r {join} WHERE r.reject IS NULL)
        TO {quote(str(staged))} ({_CHARGES_FORMAT})
    """)
    whole.unlink()


def _count(connection: DuckDBPyConnection, source: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {source}").fetchone()
    return int(row[0]) if row else 0


def _summary(connection: DuckDBPyConnection, folder: Path, number: int) -> Staged:
    source = f"read_parquet({quote(str(folder / CHARGES))})"
    rejects = f"read_parquet({quote(str(folder / REJECTS))})"
    first = connection.execute(
        f"SELECT row, column_name, reason, coalesce(value, '') FROM {rejects} ORDER BY row LIMIT 20"
    ).fetchall()
    found = connection.execute(f"""
        SELECT provider_name, billing_account_id, CAST(billing_period_start AS DATE),
            CAST(billing_period_end AS DATE), billing_currency, count(*),
            sum(billed_cost), sum(effective_cost), sum(list_cost), sum(contracted_cost),
            min(charge_day), max(charge_day), count(commitment_discount_id),
            max(charge_days)
        FROM {source} GROUP BY ALL ORDER BY ALL
    """).fetchall()
    unread: dict[str, int] = dict(
        connection.execute(
            "SELECT name, count(*) FROM (SELECT unnest(string_split(unread, chr(31))) AS name"
            f" FROM {source} WHERE unread IS NOT NULL) GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    )
    slices = tuple(Slice(*row[:13]) for row in found)
    return Staged(
        folder=folder,
        rows=sum(part.rows for part in slices),
        rejected=_count(connection, rejects),
        first_rejects=tuple(Reject(*row) for row in first),
        slices=slices,
        spans=any(row[13] > 1 for row in found),
        unread=unread,
        number=number,
    )


def _first_line(error: object) -> str:
    line = str(error).strip().splitlines()[0] if str(error).strip() else "unknown error"
    return re.sub(r"\s*[\"'(]?/\S+", " the file", line)[:200]
