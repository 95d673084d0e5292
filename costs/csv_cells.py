"""CSV that a spreadsheet opens without running anything in it. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from io import StringIO

from costs.money import plain

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """A value as the text of a cell. Text that a spreadsheet would compute gets a ``'`` before."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    text = str(value)
    if isinstance(value, str) and text.lstrip(" ").startswith(_DANGEROUS):
        return f"'{text}"
    return text


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a CSV file, header first, each ending in CRLF (RFC 4180)."""
    for row in (header, *([cell(value) for value in row] for row in rows)):
        line = StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()
