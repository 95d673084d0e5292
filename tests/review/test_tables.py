"""The tables as CSV: exact, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.money import exact_sum
from costs.review import tables
from costs.review.compose import week_review
from costs.review.tables import written
from costs.review.week import WeekReview
from tests.review.facts import Resource, facts, row, span, steady


def review() -> WeekReview:
    return week_review(
        facts(
            [
                *steady(span(), production="10.000000000000000001"),
                row(date(2026, 11, 17), "staging", "-3", service="=HYPERLINK(1)"),
            ],
            resources=[Resource("@SUM(A1)", Decimal(1), Decimal(-2))],
        )
    )


def test_services_add_up_and_keep_every_digit() -> None:
    header, *lines = tables.services(review())
    assert header == ["service_name", "currency", "metric", "week_before", "week", "difference"]
    assert [[written(cell) for cell in line] for line in lines] == [
        ["'=HYPERLINK(1)", "USD", "effective_cost", "0", "-3", "-3"],
        ["EC2", "USD", "effective_cost", "70.000000000000000007", "70.000000000000000007", "0"],
    ]


def test_days_add_up_to_the_weeks() -> None:
    shown = review()
    header, *lines = tables.days(shown)
    assert header[-2:] == ["cost", "complete"]
    total = exact_sum(line[4] for line in lines if isinstance(line[4], Decimal))
    assert total == exact_sum(shown.environments[-1].weeks)


def test_resources_name_the_list_they_are_in() -> None:
    _, line = tables.resources(review())
    assert [written(cell) for cell in line] == [
        "moved",
        "'@SUM(A1)",
        "AWS",
        "Amazon EC2",
        "production",
        "USD",
        "effective_cost",
        "1",
        "-2",
        "-3",
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_text_that_a_spreadsheet_would_run(start: str) -> None:
    assert written(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


def test_numbers_dates_and_gaps() -> None:
    assert written(Decimal("-4E-8")) == "-0.00000004"
    assert written(date(2026, 11, 16)) == "2026-11-16"
    assert written(True) == "true"
    assert written(None) == ""


@given(st.text())
def test_every_text_comes_back_from_the_file(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([written(text)])
    read = next(csv.reader(io.StringIO(file.getvalue(), newline="")), [""])
    assert read == [written(text)]
    assert not read[0].startswith(tables.DANGEROUS)
