"""The first rows of a CSV, kept with the mapping that is made from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from costs.bills.description import UnreadableBill
from costs.bills.sniff import LARGEST_HEADER, first_bytes, sniff

ROWS_KEPT = 20
LONGEST_CELL = 200
"""Characters of a value that are kept: a longer one is cut, and would be wrong as a number."""


@dataclass(frozen=True)
class Sample:
    """The header and the first rows of a file, as text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str

    def as_json(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "delimiter": self.delimiter,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Sample:
        """From :meth:`as_json`."""
        rows = tuple(tuple(row) for row in document["rows"])
        return cls(tuple(document["columns"]), rows, document["delimiter"])

    def as_csv(self) -> bytes:
        """The sample as the file that it is the beginning of."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator="\n")
        writer.writerows((self.columns, *self.rows))
        return out.getvalue().encode()

    def values(self, column: str, most: int = 3) -> Sequence[str]:
        """A few different values of a column, to know it by."""
        nth = self.columns.index(column)
        found = (row[nth] for row in self.rows if nth < len(row) and row[nth].strip())
        return list(dict.fromkeys(found))[:most]


def take_sample(file: BinaryIO) -> Sample:
    """The first rows of an open CSV or CSV.gz. Raises :class:`UnreadableBill`."""
    sniffed = sniff(file)
    if sniffed.container == "parquet":
        raise UnreadableBill("a mapping is for CSV files; this is Parquet")
    file.seek(0)
    head = first_bytes(file, sniffed, LARGEST_HEADER)
    whole = len(head) < LARGEST_HEADER
    text = head.decode("utf-8-sig", errors="replace")
    lines = list(csv.reader(io.StringIO(text), delimiter=sniffed.delimiter))[1:]
    if not whole and len(lines) <= ROWS_KEPT:
        lines = lines[:-1]  # the last one is perhaps cut off
    rows = [tuple(cell[:LONGEST_CELL] for cell in row) for row in lines if any(map(str.strip, row))]
    if not rows:
        raise UnreadableBill("there are no rows below the header")
    return Sample(sniffed.columns, tuple(rows[:ROWS_KEPT]), sniffed.delimiter)
