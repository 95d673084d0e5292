"""The charges behind a figure: their sum is the figure, each with its file and row."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.explore import Selection
from costs.spend.queries import cost_by
from costs.spend.queries.charges import charge_sums, charges, every_charge
from costs.spend.queries.exploring import explored
from tests.spend.conftest import COLUMNS, EVIL, FORMULA
from tests.spend.test_explore import questions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lake")]
EVERYTHING = Scope.everything()


@given(state=questions())
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_charges_add_up_to_the_figure(state: Selection) -> None:
    selection = replace(state.selection, currency="USD")  # type: ignore[attr-defined]
    groups = explored(EVERYTHING, selection, keys=("environment",), top=50, step="day").groups
    found = {one.currency: one for one in charge_sums(EVERYTHING, selection)}
    of_days = found["USD"].cost if "USD" in found else Decimal(0)
    assert of_days == groups.cost
    listed = list(every_charge(EVERYTHING, selection))
    assert len(listed) == (found["USD"].count if "USD" in found else 0)
    assert sum(one.cost for one in listed) == of_days


@given(start=st.integers(0, 100), days=st.integers(1, 40))
@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_a_charge_of_many_days_counts_with_its_share(start: int, days: int) -> None:
    first = date(2026, 8, 20) + timedelta(days=start)
    period = Period(first, first + timedelta(days=days))
    selection = Selection(period=period, where=(("resource_id", ("ri-1",)),), currency="USD")
    spread = cost_by(EVERYTHING, by=(), period=period, where={"resource_id": ["ri-1"]})
    sums = charge_sums(EVERYTHING, selection)
    assert [(one.currency, one.cost) for one in sums] == [
        (row.currency, row.cost) for row in spread
    ]


def test_a_charge_shows_the_file_and_row_it_stands_in(
    reader: Client, filled_lake: tuple[Path, str]
) -> None:
    response = reader.get("/costs/charges/?resource_id=db-2&from=2026-11-20&to=2026-11-20")
    (one,) = response.context["charges"]
    assert (one.file, one.service_name, one.cost) == ("bill-11.csv", "Amazon RDS", 30)
    lines = (filled_lake[0] / one.file).read_text().splitlines()
    assert lines[0] == COLUMNS
    assert '"db-2"' in lines[one.row - 1]
    assert "2026-11-20T00:00:00Z" in lines[one.row - 1]
    assert "bill-11.csv" in response.text
    assert f"row {one.row}" in response.text


def test_pages_of_a_hundred(reader: Client) -> None:
    first = reader.get("/costs/charges/?range=all")
    total = first.context["sum"].count
    assert total > 400
    assert len(first.context["charges"]) == 100
    last = reader.get(f"/costs/charges/?range=all&page={-(-total // 100)}")
    assert len(last.context["charges"]) == (total % 100 or 100)
    costs = [one.cost for one in (*first.context["charges"], *last.context["charges"])]
    assert costs == sorted(costs, reverse=True)
    assert "page=2" in first.text


def test_the_file_holds_all_of_them(reader: Client) -> None:
    page = reader.get("/costs/charges/?range=last_month&environment=unallocated")
    response = reader.get("/costs/charges.csv?range=last_month&environment=unallocated")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert len(rows) == page.context["sum"].count
    assert sum(Decimal(row["cost_in_these_days"]) for row in rows) == page.context["sum"].cost
    assert {row["resource_id"] for row in rows} >= {f"'{FORMULA}"}
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row.values())
    assert EVIL not in page.text


def test_billed_charges_count_on_their_first_day(reader: Client) -> None:
    billed = "/costs/charges/?metric=billed_cost&resource_id=ri-1"
    on = reader.get(f"{billed}&from=2026-11-01&to=2026-11-01")
    assert on.context["sum"].cost == 100
    after = reader.get(f"{billed}&from=2026-11-02&to=2026-11-09")
    assert after.context["sum"].count == 0
    assert "No charge fits" in after.text


def test_a_part_sees_its_part(narrow_reader: Client) -> None:
    page = narrow_reader.get("/costs/charges/?range=all")
    assert {one.environment for one in page.context["charges"]} == {"development"}
    restricted = Scope(frozenset({"development"}), frozenset({""}))
    selection = Selection(period=Period(date(2026, 8, 1), date(2026, 12, 1)), currency="USD")
    assert {one.cost_center for one in charges(restricted, selection, limit=500)} == {""}
    nobody = Scope(frozenset(), frozenset())
    assert charges(nobody, selection, limit=5) == ()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?page=0", "page: "),
        ("?page=x", "page: "),
        ("?page=99999999999", "page: "),
        ("?by=service_name", "by: is nothing this page knows"),
        ("?nonsense=", "nonsense: "),
        ("?from=1", "from: "),
        ("?not.x=", "not.x: "),
        ("?currency=%27", "currency: "),
        ("?metric=x", "metric: "),
    ],
)
def test_nonsense_is_explained(reader: Client, query: str, says: str) -> None:
    response = reader.get(f"/costs/charges/{query}")
    assert response.status_code == 400
    assert says in response.text


def test_a_page_too_far_is_the_last(reader: Client) -> None:
    page = reader.get("/costs/charges/?range=last_week&page=900")
    assert page.status_code == 200
    assert page.context["page_obj"].number == page.context["page_obj"].paginator.num_pages


def test_the_number_of_queries_stands(reader: Client) -> None:
    def queries(query: str) -> int:
        reader.get(f"/costs/charges/{query}")
        with CaptureQueriesContext(connection) as caught:
            reader.get(f"/costs/charges/{query}")
        return len(caught)

    assert queries("?range=all") == queries("?range=this_week")
