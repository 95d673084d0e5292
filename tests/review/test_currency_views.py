"""The review in the display currency over HTTP: figures, links, files, what has no rate."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.money import exact_sum
from costs.review.week import WeekReview
from tests.spend.conftest import filled_lake, lake  # noqa: F401 - fixtures
from tests.spend.test_currencies_page import pin, show_in

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def reader(lake: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:  # noqa: F811
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    client.force_login(get_user_model().objects.create_user("viewer"))
    return client


@pytest.fixture
def pinned(reader: Client) -> Client:
    show_in("EUR")
    for month in (9, 10, 11):
        pin(date(2026, month, 1), "1.25")
    return reader


def shown(client: Client, path: str = "/weeks/2026-W47/") -> WeekReview:
    found: WeekReview = client.get(path).context["review"]
    return found


def close(one: Decimal, other: Decimal) -> bool:
    """The same but for the last digits: a week is a part of the eight that are converted at once,
    and parts of a sum are rounded by largest remainder."""
    return abs(one - other) < Decimal("1e-15")


def test_all_of_the_week_in_one_currency(pinned: Client) -> None:
    page = pinned.get("/weeks/2026-W47/")
    found = page.context["review"]
    billed = shown(pinned, "/weeks/2026-W47/?currency=billed")
    assert (found.currency, billed.currency) == ("EUR", "USD")
    euros = billed.other_currencies["EUR"]
    total, was = found.environments[-1].week.after, billed.environments[-1].week.after
    assert close(total, was / Decimal("1.25") + euros)
    high = next(
        month.gauge.band.high
        for one in found.environments
        for month in one.months[-1:]
        if one.environment == "production" and month.gauge.band
    )
    assert high == Decimal(2400)
    assert "rate of each month" in page.text
    assert "in=EUR" in page.text
    assert found.resources.new_count == billed.resources.new_count
    assert close(found.unallocated.cost, billed.unallocated.cost / Decimal("1.25"))
    assert "As billed" in page.text


def test_a_figure_leads_to_itself(pinned: Client) -> None:
    found = shown(pinned)
    page = pinned.get("/costs/?from=2026-11-16&to=2026-11-22&in=EUR&by=environment")
    assert close(page.context["result"].total.cost, found.environments[-1].week.after)


def test_what_keeps_it_as_billed_is_said(reader: Client) -> None:
    show_in("EUR")
    page = reader.get("/weeks/2026-W47/")
    assert page.context["review"].currency == "USD"
    assert "Shown as billed, not in EUR: USD of November 2026" in page.text
    assert (
        shown(reader).environments == shown(reader, "/weeks/2026-W47/?currency=billed").environments
    )


@pytest.mark.parametrize("file", ["services", "resources", "days"])
def test_files_hold_both_and_the_rate(pinned: Client, file: str) -> None:
    text = b"".join(pinned.get(f"/weeks/2026-W47/{file}.csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["currency"] for row in rows} == {"EUR"}
    assert {row["billed_currency"] for row in rows} == {"EUR", "USD"}
    assert {row["rate"] for row in rows if row["billed_currency"] == "USD"} == {"0.8"}
    if file == "services":
        week = exact_sum(Decimal(row["week"]) for row in rows)
        assert week == shown(pinned).environments[-1].week.after
    billed = b"".join(pinned.get(f"/weeks/2026-W47/{file}.csv?currency=billed")).decode()
    assert "billed_currency" not in billed


def test_nonsense_and_links(pinned: Client) -> None:
    assert pinned.get("/weeks/2026-W47/?currency=EUR").status_code == 400
    page = pinned.get("/weeks/2026-W47/?currency=billed&metric=billed_cost")
    assert "/weeks/2026-W46/?metric=billed_cost&amp;currency=billed" in page.text
    assert 'name="currency" value="billed"' in page.text


def test_queries_stand(pinned: Client) -> None:
    def count() -> int:
        pinned.get("/weeks/2026-W47/")
        with CaptureQueriesContext(connection) as found:
            pinned.get("/weeks/2026-W47/")
        return len(found)

    few = count()
    for month in range(1, 9):
        pin(date(2026, month, 1), "1.3")
        pin(date(2026, month, 1), "1.3", quote="CAD")
    assert count() == few
