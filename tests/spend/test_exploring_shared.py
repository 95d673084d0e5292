"""Explore with shared costs: the same totals as direct, filters by where cost is afterwards."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.money import exact_sum
from costs.people.roles import OPERATOR
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.currency import Rate, Rates
from costs.spend.explore import Selection, ordered
from costs.spend.queries.exploring import explored
from costs.spend.queries.exploring_shared import explored_shared
from costs.spend.queries.sharing import rule_spans
from tests.spend.test_currencies_page import pin, show_in
from tests.spend.test_shared_costs_page import NOW, add, signed_in

ALL = Scope.everything()
DAYS = Period(date(2026, 8, 20), date(2026, 12, 1))
MONTHS = [date(2026, month, 1) for month in (8, 9, 10, 11)]


@pytest.fixture
def ruled(lake: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    client = signed_in(OPERATOR)
    add(client)
    add(
        client, name="data", environment="", service="*RDS", over="cost_center", targets="data\nweb"
    )
    return client


@pytest.mark.parametrize(
    "keys", [("environment",), ("cost_center",), ("service_name", "environment"), ("region_id",)]
)
@pytest.mark.parametrize("step", ["day", "week", "month"])
def test_the_total_is_that_of_direct_costs(ruled: Client, keys: tuple[str, ...], step: str) -> None:
    direct = explored(ALL, Selection(DAYS), keys=keys, top=2, step=step)
    found = explored_shared(ALL, Selection(DAYS), held=rule_spans(ALL), keys=keys, top=2, step=step)
    groups = found.explored.groups
    assert (groups.currency, groups.cost) == (direct.groups.currency, direct.groups.cost)
    assert exact_sum(part.cost for part in found.explored.parts) == groups.cost
    by_start = {part.start for part in direct.parts}
    assert {part.start for part in found.explored.parts} == by_start
    assert found.beside is not None
    assert exact_sum(pair.before for pair in found.beside.pairs) == groups.cost
    assert exact_sum(pair.after for pair in found.beside.pairs) == groups.cost


def test_a_filter_looks_at_where_cost_is_afterwards(ruled: Client) -> None:
    every = explored_shared(
        ALL, Selection(DAYS), held=rule_spans(ALL), keys=("environment",), top=9, step="month"
    )
    own = {group.keys[0]: group.cost for group in every.explored.groups.groups}
    assert "unallocated" not in own
    for name, cost in own.items():
        narrow = explored_shared(
            ALL,
            Selection(DAYS, where=ordered({"environment": [name]})),
            held=rule_spans(ALL),
            keys=("service_name",),
            top=9,
            step="month",
        )
        # Each sum is split by itself, so the parts of finer ones differ in the last digits.
        assert abs(narrow.explored.groups.cost - cost) < Decimal("1e-14")
    rest = explored_shared(
        ALL,
        Selection(DAYS, without=ordered({"environment": ["production"]})),
        held=rule_spans(ALL),
        keys=("environment",),
        top=9,
        step="month",
    )
    assert rest.explored.groups.cost == every.explored.groups.cost - own["production"]


def test_in_one_currency_as_well(ruled: Client) -> None:
    rates = Rates(Rate(month, "EUR", "USD", Decimal("1.25")) for month in MONTHS)
    found = explored_shared(
        ALL,
        Selection(DAYS),
        held=rule_spans(ALL),
        keys=("environment",),
        top=9,
        step="month",
        target="EUR",
        rates=rates,
    )
    billed = {}
    for currency in ("USD", "EUR"):
        billed[currency] = explored(
            ALL, Selection(DAYS, currency=currency), keys=("environment",), top=9, step="month"
        ).groups.cost
    expected = billed["USD"] / Decimal("1.25") + billed["EUR"]
    assert abs(found.explored.groups.cost - expected) < Decimal("1e-15")


def test_the_page_shows_both_and_links_keep_the_choice(ruled: Client) -> None:
    direct = ruled.get("/costs/?range=all&by=environment")
    assert "With shared" in direct.text
    page = ruled.get("/costs/?range=all&by=environment&costs=shared")
    assert "Direct beside with shared costs" in page.text
    assert page.context["result"].total.cost == direct.context["result"].total.cost
    assert "costs=shared" in page.context["state"].query
    compared = ruled.get("/costs/?range=this_month&by=environment&costs=shared&compare=before")
    assert compared.context["result"].total.before > 0
    resources = ruled.get("/costs/?range=all&by=resource_id&costs=shared")
    assert "not over resources or SKUs" in resources.text
    assert ruled.get("/costs/?costs=x").status_code == 400


def test_who_sees_a_part_sees_direct_costs(ruled: Client, narrow_reader: Client) -> None:
    page = narrow_reader.get("/costs/?range=all&by=environment&costs=shared")
    assert page.context["answer"].shared is None
    assert {row.keys for row in page.context["result"].groups} == {("development",)}
    assert "no rules for shared costs that you may see" in page.text


def test_files_say_which(ruled: Client) -> None:
    text = b"".join(ruled.get("/costs/groups.csv?range=all&by=environment&costs=shared")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    for code in ("USD", "EUR"):
        own = [row for row in rows if row["billed_currency"] == code]
        assert exact_sum(Decimal(row["direct_cost"]) for row in own) == exact_sum(
            Decimal(row["with_shared_costs"]) for row in own
        )
    assert {row["environment"] for row in rows if row["with_shared_costs"] == "0"} == {
        "unallocated"
    }
    over = b"".join(ruled.get("/costs/over-time.csv?range=all&by=environment&costs=shared"))
    assert {row["costs"] for row in csv.DictReader(io.StringIO(over.decode()))} == {
        "with shared costs"
    }
    show_in("EUR")
    for month in MONTHS[1:]:
        pin(month, "1.25")
    text = b"".join(
        ruled.get("/costs/groups.csv?range=all&by=environment&costs=shared&in=EUR")
    ).decode()
    rates = {row["rate"] for row in csv.DictReader(io.StringIO(text))}
    assert rates <= {"0.8", "1", "no rate"}


def test_queries_do_not_grow(ruled: Client) -> None:
    def count(query: str) -> int:
        ruled.get(f"/costs/?{query}")
        with CaptureQueriesContext(connection) as found:
            ruled.get(f"/costs/?{query}")
        return len(found)

    few = count("range=this_week&by=environment&costs=shared&compare=before")
    assert count("range=all&by=service_name&then=environment&costs=shared&compare=before") == few
