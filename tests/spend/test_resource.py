"""The page of one resource."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.explore import Selection
from costs.spend.queries import cost_by
from costs.spend.queries.resource import allocations_of, resource_of
from tests.spend.conftest import EVIL, FORMULA

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lake")]
EVERYTHING = Scope.everything()


def test_what_a_resource_costs_and_what_it_is(reader: Client) -> None:
    page = reader.get("/costs/resource/?id=i-1")
    context = page.context
    assert context["result"].total.cost == sum(
        row.cost for row in cost_by(EVERYTHING, by=("sku_id",), where={"resource_id": ["i-1"]})
    )
    assert [row.keys for row in context["result"].rows] == [("sku-a",), ("sku-b",)]
    assert [row.label for row in context["result"].rows] == ["meter of sku-a", "meter of sku-b"]
    life = context["life"]
    assert (life.first_day, life.last_day) == (date(2026, 8, 20), date(2026, 11, 23))
    assert life.place("service_name") == ("Amazon EC2",)
    allocation = context["allocation"]
    assert (allocation.environment, allocation.environment_rule) == (
        "production",
        "environment tag",
    )
    assert (allocation.cost_center, allocation.cost_center_rule) == ("web", "cost center tag")
    assert allocation.tags == (("cost-center", "web"), ("environment", "prod"))
    assert (allocation.since, allocation.until) == (date(2026, 8, 1), date(2026, 11, 1))
    for words in ("by the rule “environment tag”", "meter of sku-a", "/costs/charges/?"):
        assert words in page.text


def test_how_much_commitments_covered(reader: Client) -> None:
    cover = reader.get("/costs/resource/?id=i-1&from=2026-11-01&to=2026-11-10").context["cover"]
    assert cover.covered == Decimal("73.1")
    assert cover.usage == Decimal("673.10000000000000001")
    assert [one.commitment_discount_id for one in cover.commitments] == ["sp-1"]
    none = reader.get("/costs/resource/?id=db-1").context["cover"]
    assert (none.percent, none.commitments) == (0, ())
    fee = reader.get("/costs/resource/?id=ri-1")
    assert fee.context["cover"].percent is None
    assert "It had no usage in these days" in fee.text


def test_other_days_metric_and_step(reader: Client) -> None:
    week = reader.get("/costs/resource/?id=ri-1&range=last_week&metric=billed_cost&step=day")
    assert week.context["result"].total.cost == 0
    later = reader.get("/costs/resource/?id=db-2&range=last_month")
    assert later.status_code == 200
    assert "No cost in these days" in later.text
    euros = reader.get("/costs/resource/?id=eu-1")
    assert euros.context["result"].currency == "EUR"


def test_names_are_only_text(reader: Client) -> None:
    page = reader.get(f"/costs/resource/?id={quote(FORMULA)}")
    assert page.status_code == 200
    assert EVIL not in page.text
    assert "&lt;img src=x" in page.text
    assert reader.get(f"/costs/resource/?id={quote(EVIL)}").status_code == 404


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("", 400, "id: which resource?"),
        ("?id=", 400, "id: which resource?"),
        ("?id=a&id=b", 400, "id: stands there more than once"),
        ("?id=%00", 400, "id: "),
        (f"?id={'x' * 1001}", 400, "id: "),
        ("?id=i-1&step=x", 400, "step: "),
        ("?id=i-1&service_name=x", 400, "id: "),
        ("?id=i-1&by=sku_id", 400, "by: "),
        ("?id=i-1&from=x", 400, "from: "),
        ("?id=none-such", 404, "No cost that you may see is of such a resource."),
    ],
)
def test_nonsense_is_explained(reader: Client, query: str, status: int, says: str) -> None:
    response = reader.get(f"/costs/resource/{query}")
    assert response.status_code == status
    assert says in response.text


def test_a_part_sees_its_part(narrow_reader: Client) -> None:
    assert narrow_reader.get("/costs/resource/?id=i-2").status_code == 200
    assert narrow_reader.get("/costs/resource/?id=i-1").status_code == 404
    scope = Scope(frozenset({"development"}), None)
    selection = Selection(period=Period(date(2026, 8, 1), date(2026, 12, 1)))
    assert resource_of(scope, selection, "i-1", step="day") is None
    assert allocations_of(scope, "i-1") == ()


def test_the_number_of_queries_stands(reader: Client) -> None:
    def queries(query: str) -> int:
        reader.get(f"/costs/resource/{query}")
        with CaptureQueriesContext(connection) as caught:
            reader.get(f"/costs/resource/{query}")
        return len(caught)

    assert queries("?id=i-1&range=all") == queries("?id=db-2&range=last_week")
