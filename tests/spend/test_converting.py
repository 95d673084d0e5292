"""Explore in one currency: all groupings have the same exact total; what is left is named."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from costs.money import exact_sum
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.currency import Rate, Rates, convert
from costs.spend.explore import DIMENSIONS, Selection, ordered
from costs.spend.queries import charges_by_month
from costs.spend.queries.converting import explored_in
from tests.spend.test_currencies_page import pin, show_in

ALL = Scope.everything()
DAYS = Period(date(2026, 8, 20), date(2026, 12, 1))
MONTHS = [date(2026, month, 1) for month in (8, 9, 10, 11)]
RATES = Rates(
    Rate(month, "EUR", "USD", Decimal("1.07") + Decimal(month.month) / 1000) for month in MONTHS
)

pytestmark = pytest.mark.django_db


def total(rates: Rates = RATES, target: str = "EUR") -> Decimal:
    return convert(charges_by_month(ALL), target, rates).total


@pytest.mark.parametrize("by", [*DIMENSIONS])
def test_every_grouping_adds_up_to_the_same_total(lake: None, by: str) -> None:
    for step in ("day", "week", "month"):
        found = explored_in(
            ALL, Selection(DAYS), target="EUR", rates=RATES, keys=(by,), top=2, step=step
        )
        assert found.explored.groups.cost == total()
        assert exact_sum(part.cost for part in found.explored.parts) == total()
        assert exact_sum(line.converted or Decimal(0) for line in found.groups) == total()
        own = {group.keys: group.cost for group in found.explored.groups.groups}
        for nth, (keys, cost) in enumerate(own.items()):
            parts = [part.cost for part in found.explored.parts if part.group == nth]
            # Rounded among the groups here and among the bars there: at most 1e-18 for each part.
            assert abs(exact_sum(parts) - cost) <= Decimal("1e-18") * len(parts), keys


def test_groups_are_ranked_by_what_they_are_worth(lake: None) -> None:
    dear = Rates(Rate(month, "EUR", "USD", Decimal("0.001")) for month in MONTHS)
    cheap = Rates(Rate(month, "EUR", "USD", Decimal(1000)) for month in MONTHS)
    firsts = []
    for rates in (dear, cheap):
        found = explored_in(
            ALL,
            Selection(DAYS),
            target="EUR",
            rates=rates,
            keys=("resource_id",),
            top=1,
            step="month",
        )
        costs = [group.cost for group in found.explored.groups.groups]
        assert costs == sorted(costs, reverse=True)
        firsts.append(found.explored.groups.groups[0].keys)
    assert firsts == [("i-1",), ("eu-1",)]


def test_what_has_no_rate_is_named_and_in_no_figure(lake: None) -> None:
    some = Rates([Rate(MONTHS[0], "EUR", "USD", Decimal(2))])
    found = explored_in(
        ALL, Selection(DAYS), target="EUR", rates=some, keys=("service_name",), top=8, step="day"
    )
    left = {(one.currency, one.month): one.amount for one in found.conversion.unconverted}
    expected = {
        (one.currency, one.month): one.amount
        for one in charges_by_month(ALL)
        if one.currency == "USD" and one.month != MONTHS[0]
    }
    assert left == expected
    assert found.explored.groups.cost == total(some)
    assert exact_sum(part.cost for part in found.explored.parts) == total(some)


def test_changes_are_converted_with_the_rates_of_their_own_months(lake: None) -> None:
    october, november = Period(MONTHS[2], MONTHS[3]), Period(MONTHS[3], date(2026, 12, 1))
    found = explored_in(
        ALL,
        Selection(november),
        target="EUR",
        rates=RATES,
        keys=("environment",),
        top=8,
        step="month",
        compared=october,
        by_change=True,
    )
    amounts = charges_by_month(ALL)
    for period, sum_ in (
        (november, found.explored.groups.cost),
        (october, found.explored.groups.before),
    ):
        own = [one for one in amounts if one.month == period.start]
        assert sum_ == convert(own, "EUR", RATES).total
    changes = [abs(group.cost - group.before) for group in found.explored.groups.groups]
    assert changes == sorted(changes, reverse=True)


def test_scope_filters_and_a_currency_restrict(lake: None) -> None:
    only = Scope(environments=frozenset({"development"}), cost_centers=None)
    narrow = explored_in(
        only, Selection(DAYS), target="EUR", rates=RATES, keys=("environment",), top=8, step="week"
    )
    assert [group.keys for group in narrow.explored.groups.groups] == [("development",)]
    filtered = explored_in(
        ALL,
        Selection(DAYS, where=ordered({"environment": ["development"]})),
        target="EUR",
        rates=RATES,
        keys=("service_name",),
        top=8,
        step="week",
    )
    assert filtered.explored.groups.cost == narrow.explored.groups.cost
    euros = explored_in(
        ALL,
        Selection(DAYS, currency="EUR"),
        target="EUR",
        rates=RATES,
        keys=("service_name",),
        top=8,
        step="week",
    )
    billed = [one for one in charges_by_month(ALL) if one.currency == "EUR"]
    assert euros.explored.groups.cost == exact_sum(one.amount for one in billed)
    assert not euros.conversion.converted_from


def test_an_empty_answer(lake: None) -> None:
    found = explored_in(
        ALL,
        Selection(Period(date(2020, 1, 1), date(2020, 2, 1))),
        target="EUR",
        rates=RATES,
        keys=("environment",),
        top=8,
        step="week",
    )
    assert not found.explored.groups.all
    assert not found.explored.parts


# -- the page --------------------------------------------------------------------------------------


@pytest.fixture
def pinned(lake: None) -> None:
    show_in("EUR")
    for month in MONTHS[1:]:
        pin(month, "1.1")


def test_the_page_offers_it_and_names_what_is_missing(pinned: None, reader: Client) -> None:
    billed = reader.get("/costs/?range=all")
    assert "all in EUR" in billed.text
    assert billed.context["result"].currency == "USD"
    page = reader.get("/costs/?range=all&in=EUR&by=environment")
    assert page.context["result"].currency == "EUR"
    august = next(
        one for one in charges_by_month(ALL) if one.currency == "USD" and one.month == MONTHS[0]
    )
    assert f"USD {august.amount:,.2f} of August 2026 has no rate" in page.text
    assert "rate of each month" in page.text
    # Every link of the page keeps the choice; the way to the charges shows them as billed.
    assert "in=EUR" in reader.get("/costs/?range=all&in=EUR").text
    assert "/costs/charges/?range=all&amp;environment=production" in page.text


def test_no_currency_is_offered_where_there_is_nothing_to_convert(
    lake: None, narrow_reader: Client
) -> None:
    assert "all in" not in narrow_reader.get("/costs/?range=all").text
    show_in("USD")
    assert "all in" not in narrow_reader.get("/costs/?range=all").text


@pytest.mark.parametrize("query", ["in=euro", "in=<b>", "in=EUR&in=USD"])
def test_nonsense_is_refused(pinned: None, reader: Client, query: str) -> None:
    response = reader.get(f"/costs/?{query}")
    assert response.status_code == 400
    assert "in: " in response.text


@pytest.mark.parametrize("file", ["groups", "over-time"])
def test_files_hold_both_and_the_rate(pinned: None, reader: Client, file: str) -> None:
    text = b"".join(reader.get(f"/costs/{file}.csv?range=all&in=EUR&by=environment")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["currency"] for row in rows} == {"EUR"}
    for code in ("USD", "EUR"):
        billed = [one for one in charges_by_month(ALL) if one.currency == code]
        own = [row for row in rows if row["billed_currency"] == code]
        assert exact_sum(Decimal(row["cost"]) for row in own) == exact_sum(
            one.amount for one in billed
        )
    assert {row["rate"] for row in rows if row["month"] == "2026-08"} <= {"no rate", "1"}
    rates = Rates(Rate(month, "EUR", "USD", Decimal("1.1")) for month in MONTHS[1:])
    expected = convert(charges_by_month(ALL), "EUR", rates).total
    assert exact_sum(Decimal(row["converted_cost"] or 0) for row in rows) == expected


def test_the_values_of_a_filter_are_offered(pinned: None, reader: Client) -> None:
    page = reader.get("/costs/?range=all&in=EUR&pick=environment")
    assert {one.value for one in page.context["values"]} >= {"production", "development"}


def test_queries_do_not_grow(pinned: None, reader: Client) -> None:
    def count(query: str) -> int:
        reader.get(f"/costs/?{query}")
        with CaptureQueriesContext(connection) as found:
            reader.get(f"/costs/?{query}")
        return len(found)

    few = count("range=this_week&in=EUR&by=environment")
    assert count("range=all&in=EUR&by=resource_id&top=50&compare=before&step=day") == few
