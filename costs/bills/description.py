"""How a reader describes a bill format: which raw column, read as what, is which FOCUS column.

A description is data for the lake, which runs it over the file as one SQL statement: nothing here
touches a file. Pure.

Column names are found whatever their case and punctuation: ``bill/InvoiceId``, ``bill_invoice_id``
and ``Bill InvoiceId`` are one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from costs.focus import DECIMAL

ABSENT = "NULL"
NO_NUMBER = "is not a number with at most 18 decimals and below 1,000,000,000,000"
NO_TIME = "is not a time between 2000 and 2100"
_ABSENT_WORDS = "('', 'NULL', 'null')"


class UnreadableBill(ValueError):
    """The file as a whole cannot be read. The message is one sentence without the file's name."""


def canonical(column: str) -> str:
    """``lineItem/UsageType`` as ``lineitemusagetype``: what column names are compared by."""
    return re.sub(r"[^a-z0-9]", "", column.lower())


def sql_name(column: str) -> str:
    """A column as a quoted SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def sql_text(text: str) -> str:
    """A text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Cast:
    """A typed reading of a raw column; ``strict`` ones reject the row when they fail."""

    column: str
    raw: str
    given: str
    """SQL that is true where the row has a value in the column at all."""
    sql: str
    reason: str
    strict: bool
    doubt: str = "false"
    """SQL that is true where the cast gave a value that the text does not say."""


@dataclass
class Columns:
    """The raw columns of one file, handed to a reader.

    ``types`` maps a column's name in the file to its DuckDB type. A CSV's are all ``TEXT``: text
    in which empty and literal nulls have become NULL already.
    The methods return SQL expressions; each takes alternative names, the first present wins.
    """

    types: Mapping[str, str]
    readings: dict[str, str] = field(default_factory=dict)
    """What several casts and checks of a row look at, so that it is made once: SQL by alias."""
    casts: dict[str, Cast] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._names: dict[str, str] = {}
        for column in self.types:
            self._names.setdefault(canonical(column), column)

    def find(self, *names: str) -> str | None:
        """The first of ``names`` that the file has, in the file's own spelling."""
        return next((self._names[c] for c in map(canonical, names) if c in self._names), None)

    def has(self, *names: str) -> bool:
        """Whether the file has all of ``names``."""
        return all(canonical(name) in self._names for name in names)

    def require(self, *names: str) -> str:
        """Like :meth:`find`, but a file without any of them cannot be read."""
        column = self.find(*names)
        if column is None:
            raise UnreadableBill(f"the column {' or '.join(names)} is missing")
        return column

    def text(self, *names: str) -> str:
        """The column as text, NULL where it is empty or says so."""
        column = self.find(*names)
        return ABSENT if column is None else self._text(column)

    def _text(self, column: str) -> str:
        quoted, kind = sql_name(column), self.types[column]
        if kind == "TEXT":
            return quoted
        if kind == "VARCHAR":
            return f"CASE WHEN {quoted} IN {_ABSENT_WORDS} THEN NULL ELSE {quoted} END"
        if kind.startswith(("MAP", "STRUCT")):
            return f"CAST(to_json({quoted}) AS VARCHAR)"
        return f"CAST({quoted} AS VARCHAR)"

    def member(self, key: str, *names: str) -> str:
        """What a map (MAP or STRUCT in Parquet, a JSON object in CSV) has under ``key``, as text.

        NULL where the map has no such key, or is no map at all.
        """
        column = self.find(*names)
        if column is None:
            return ABSENT
        if self.types[column].startswith("MAP"):
            return f"nullif(CAST({sql_name(column)}[{sql_text(key)}] AS VARCHAR), '')"
        path = sql_text(f'$."{key}"')
        return f"nullif(json_extract_string({self._json(column)}, {path}), '')"

    def members(self, *names: str, strip: str = "") -> str:
        """A map as the text of a JSON object, without empty values; NULL where none is left.

        ``strip`` is a regular expression for what is removed from the beginning of each key. Text
        that is no JSON object is kept as it is.
        """
        column = self.find(*names)
        if column is None:
            return ABSENT
        mapping, otherwise = sql_name(column), ABSENT
        if not self.types[column].startswith("MAP"):
            kind = "MAP(VARCHAR, VARCHAR)"
            mapping = f"TRY_CAST({self._json(column)} AS {kind})"
            otherwise = f"CASE WHEN {mapping} IS NULL THEN {self._text(column)} END"
        key = f"regexp_replace(e.key, {sql_text(strip)}, '')" if strip else "e.key"
        entries = (
            f"list_filter(map_entries({mapping}), lambda e: coalesce(CAST(e.value AS VARCHAR), '')"
            " NOT IN ('', 'null'))"
        )
        texts = (
            f"list_transform({entries}, lambda e: CAST(to_json({key}) AS VARCHAR) || ':'"
            " || CAST(to_json(CAST(e.value AS VARCHAR)) AS VARCHAR))"
        )
        joined = f"'{{' || nullif(array_to_string({texts}, ','), '') || '}}'"
        return joined if otherwise == ABSENT else f"coalesce({joined}, {otherwise})"

    def _json(self, column: str) -> str:
        """The column as JSON, NULL where it is none."""
        if self.types[column] in {"TEXT", "VARCHAR"}:
            return f"TRY_CAST({self._text(column)} AS JSON)"
        return f"to_json({sql_name(column)})"

    def decimal(self, *names: str, strict: bool = True, comma: bool = False) -> str:
        """The column as an exact decimal.

        Not a number: thousands separators, currency signs, more than 18 decimals (trailing zeros
        aside), 1e12 and more. Floats of a Parquet file are read through their shortest decimal,
        which is rounded at the 18th place: the digits beyond are the double's, not the bill's.
        Without ``strict``, as for quantities, more decimals of a text are rounded there too.
        With ``comma``, decimals stand behind a comma, and a point is no number.
        """
        column = self.find(*names)
        if column is None:
            return ABSENT
        kind = self.types[column]
        exact = kind.startswith("DECIMAL")
        raw = self._text(column)
        if kind == "VARCHAR":
            raw = self._once("text", column, raw)
        shown = raw
        if comma:
            raw = self._once("comma", column, f"translate({raw}, ',.', '.,')")
        # 12 digits before the point: what is longer fails the cast. Then as wide as sums need.
        number = sql_name(column) if exact else raw
        sql = f"CAST(TRY_CAST({number} AS DECIMAL(30,18)) AS {DECIMAL})"
        given = self._given(column, raw)
        if kind == "DOUBLE":
            short = self._once("short", column, f"TRY_CAST({sql_name(column)} AS DECIMAL(18,10))")
            near = _is_shortest(sql_name(column), short)
            sql = f"CASE WHEN {near} THEN CAST({short} AS {DECIMAL}) ELSE {sql} END"
        if not strict or exact or kind in {"DOUBLE", "FLOAT"}:
            return self._cast(Cast(column, shown, given, sql, NO_NUMBER, strict))
        # A cast rounds what has more decimals and takes 1_000 for a number. Short plain digits,
        # nearly every number, cannot be either, so only the others are looked at closely.
        plain = f"regexp_full_match(trim({raw}), '[+-]?(\\d+\\.?\\d{{0,18}}0*|\\.\\d{{1,18}}0*)')"
        exponent = (
            f"(regexp_full_match(trim({raw}), '[+-]?\\d*\\.?\\d*[eE][+-]?\\d{{1,3}}')"
            f" AND length(regexp_extract({raw}, '\\.(\\d*?)0*[eE]', 1))"
            # Both sides of an AND may be evaluated: the exponent of 1_000 must be no error.
            f" - TRY_CAST(regexp_extract({raw}, '[eE]([+-]?\\d+)', 1) AS INTEGER) <= 18)"
        )
        # Searching for single characters is many times cheaper than any pattern.
        close = " OR ".join((f"strlen({raw}) > 19", *(f"contains({raw}, '{c}')" for c in "_eE")))
        doubt = f"(({close}) AND NOT {plain} AND NOT {exponent})"
        return self._cast(Cast(column, shown, given, sql, NO_NUMBER, strict, doubt))

    def time(self, *names: str, formats: Sequence[str] = (), strict: bool = True) -> str:
        """The column as a timestamp in UTC; without a zone it is taken as UTC.

        ``formats`` are strptime formats to try instead of ISO 8601.
        """
        column = self.find(*names)
        if column is None:
            return ABSENT
        raw, quoted = self._text(column), sql_name(column)
        if self.types[column].startswith("TIMESTAMP WITH TIME ZONE"):
            moment = f"{quoted} AT TIME ZONE 'UTC'"
        elif self.types[column] not in {"TEXT", "VARCHAR"}:
            moment = f"TRY_CAST({quoted} AS TIMESTAMP)"
        elif formats:
            listed = ", ".join(map(sql_text, formats))
            moment = f"try_strptime({raw}, [{listed}])"
        else:  # a plain cast would drop an offset, so only what has none takes the short way
            moment = (
                f"CASE WHEN strlen({raw}) <= 19 OR suffix({raw}, 'Z')"
                f" THEN TRY_CAST({raw} AS TIMESTAMP)"
                f" ELSE TRY_CAST({raw} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END"
            )
        moment = self._once("time", column, moment)
        known = "BETWEEN TIMESTAMP '2000-01-01' AND TIMESTAMP '2100-01-01'"
        sql = f"CASE WHEN {moment} {known} THEN {moment} END"
        return self._cast(Cast(column, raw, self._given(column, raw), sql, NO_TIME, strict))

    def _once(self, what: str, column: str, sql: str) -> str:
        """An alias for ``sql`` that several expressions may name; a plain column is its own."""
        if sql == sql_name(column):
            return sql
        alias = f"#{what} {column}"
        self.readings[alias] = sql
        return sql_name(alias)

    def _given(self, column: str, raw: str) -> str:
        """Text may say that there is nothing; for other types asking the column is cheaper."""
        is_text = self.types[column] in {"TEXT", "VARCHAR"}
        return f"{raw if is_text else sql_name(column)} IS NOT NULL"

    def _cast(self, cast: Cast) -> str:
        alias = f"#{cast.column}"
        known = self.casts.get(alias)
        if known is None or cast.strict:
            self.casts[alias] = cast
        return sql_name(alias)


def _is_shortest(double: str, short: str) -> str:
    """SQL that is true where ``short``, of 10 decimals, is the shortest decimal of ``double``.

    Below 100,000 it has at most 15 digits. Any two decimals of up to 15 digits are different
    doubles (IEEE 754 binary64), so one that leads back to the same double is the shortest one.
    Asking this costs a fifth of writing the double as text, which is the way for all others.
    """
    return f"coalesce(abs({double}) < 100000 AND CAST({short} AS DOUBLE) = {double}, false)"


class Reader(Protocol):
    """A bill format. To add one, copy a file of ``readers/`` and its test."""

    name: str
    """Format, as commands print it."""
    family: str
    """Part of the derived source name: the same for all versions of a format."""
    version: int
    """Raised when the same file would be read differently: then it is read again."""

    def recognises(self, columns: Columns) -> bool:
        """Whether a file with these columns is in this format."""
        ...

    def charge(self, columns: Columns) -> Mapping[str, str]:
        """SQL expression by FOCUS column in snake_case, and ``resource_group``.

        Columns left out are NULL. Raises :class:`UnreadableBill` when a needed one is missing.
        """
        ...

    def notices(self) -> tuple[str, ...]:
        """What everyone who looks at such a bill should know, in sentences."""
        ...
