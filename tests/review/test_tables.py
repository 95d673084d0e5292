"""The tables for a spreadsheet keep every digit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from costs.csv_cells import csv_lines
from costs.money import exact_sum
from costs.review import tables
from costs.review.compose import week_review
from costs.review.tables import Table
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


def lines(table: Table) -> list[str]:
    assert all(len(cells) == len(table.header) for cells in table.rows)
    return [line.rstrip("\r\n") for line in csv_lines(table.header, table.rows)]


def test_services() -> None:
    assert lines(tables.services(review())) == [
        "service_name,currency,metric,week_before,week,difference",
        "'=HYPERLINK(1),USD,effective_cost,0,-3,-3",
        "EC2,USD,effective_cost,70.000000000000000007,70.000000000000000007,0",
    ]


def test_resources_name_the_list_they_are_in() -> None:
    assert lines(tables.resources(review()))[1:] == [
        "moved,'@SUM(A1),AWS,Amazon EC2,production,USD,effective_cost,1,-2,-3"
    ]


def test_days_add_up_to_the_weeks() -> None:
    shown = review()
    table = tables.days(shown)
    assert lines(table)[1] == "2026-09-28,EC2,USD,effective_cost,10.000000000000000001,yes"
    costs = [cells[4] for cells in table.rows]
    assert exact_sum(cost for cost in costs if isinstance(cost, Decimal)) == exact_sum(
        shown.environments[-1].weeks
    )
