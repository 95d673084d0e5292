"""Nothing in a downloaded file runs in a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costs.csv_cells import cell, csv_lines

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


@given(text=st.text(max_size=20))
def test_no_text_can_be_a_formula(text: str) -> None:
    safe = cell(text)

    # Spreadsheets trim spaces, and some other white space, before they look.
    assert not safe.strip().startswith(("=", "+", "-", "@"))
    assert safe == text or (safe[0] == "'" and safe[1:] == text)


def test_amounts_stay_numbers() -> None:
    assert cell(Decimal("-1.50")) == "-1.5"
    assert cell(Decimal("4E-8")) == "0.00000004"
    assert cell(-3) == "-3"
    assert cell(None) == ""
    assert cell("-3") == "'-3"


@given(rows=st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=2), max_size=4))
def test_lines_are_read_back(rows: list[list[str]]) -> None:
    text = "".join(csv_lines(("a", "b"), rows))

    assert text.startswith("a,b\r\n")
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found == [["a", "b"], *[[cell(value) for value in row] for row in rows]]
