"""The review with shared costs: the same total, direct costs beside, links that keep the choice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.money import exact_sum
from costs.people.models import Visibility
from costs.people.roles import OPERATOR
from costs.periods import Period
from costs.review.shared_days import moved_days
from costs.review.week import WeekReview
from costs.spend.queries import CostRow
from tests.spend.conftest import filled_lake, lake  # noqa: F401 - fixtures
from tests.spend.test_currencies_page import pin, show_in
from tests.spend.test_shared_costs_page import NOW, add, signed_in

WEEK = "/weeks/2026-W47/"


@pytest.fixture
def ruled(lake: None, monkeypatch: pytest.MonkeyPatch) -> Client:  # noqa: F811
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    client = signed_in(OPERATOR)
    add(client)
    return client


def shown(client: Client, path: str = WEEK) -> WeekReview:
    found: WeekReview = client.get(path).context["review"]
    return found


def test_environments_with_shared_costs_and_direct_ones_beside(ruled: Client) -> None:
    direct, shared = shown(ruled), shown(ruled, f"{WEEK}?costs=shared")
    assert (direct.is_shared, shared.is_shared) == (False, True)
    own = {row.environment: row for row in direct.environments}
    for row in shared.environments:
        assert row.direct == own[row.environment].week
        assert row.months[-1].direct_to_date == own[row.environment].months[-1].gauge.month_to_date
    rows = {row.environment: row for row in shared.environments}
    assert rows["unallocated"].week.after == 0
    assert rows["unallocated"].months[-1].gauge.month_to_date == 0
    assert rows["production"].week.after > own["production"].week.after
    assert rows["total"].week == own["total"].week
    assert (
        rows["total"].months[-1].gauge.month_to_date == own["total"].months[-1].gauge.month_to_date
    )
    assert exact_sum(row.week.after for row in shared.environments[:-1]) == rows["total"].week.after
    assert shared.services == direct.services
    assert shared.days == direct.days
    assert shared.unallocated == direct.unallocated


def test_expected_ends_go_with_it(ruled: Client) -> None:
    direct, shared = shown(ruled), shown(ruled, f"{WEEK}?costs=shared")

    def expected(review: WeekReview) -> dict[str, Decimal]:
        return {
            row.environment: outlook.expected
            for row in review.environments
            if (outlook := row.months[-1].gauge.outlook)
        }

    was, is_ = expected(direct), expected(shared)
    for row in shared.environments:
        if row.environment in is_:
            assert is_[row.environment] >= row.months[-1].gauge.month_to_date - Decimal("0.01")
    if "total" in was:
        assert abs(is_["total"] - was["total"]) < was["total"] / 20


def test_in_the_display_currency_too(ruled: Client) -> None:
    show_in("EUR")
    for month in (9, 10, 11):
        pin(date(2026, month, 1), "1.25")
    direct, shared = shown(ruled), shown(ruled, f"{WEEK}?costs=shared")
    assert direct.currency == shared.currency == "EUR"
    total, was = shared.environments[-1].week.after, direct.environments[-1].week.after
    assert abs(total - was) < Decimal("1e-15")
    page = ruled.get(f"{WEEK}?costs=shared&currency=billed")
    assert page.context["review"].currency == "USD"
    assert "costs=shared" in page.text


def test_a_figure_leads_to_itself(ruled: Client) -> None:
    page = ruled.get(f"{WEEK}?costs=shared")
    production = next(
        row for row in page.context["review"].environments if row.environment == "production"
    )
    assert "environment=production&amp;from=2026-11-16&amp;to=2026-11-22" in page.text
    explore = ruled.get(
        "/costs/?environment=production&from=2026-11-16&to=2026-11-22&currency=USD&costs=shared"
        "&by=environment"
    )
    assert abs(explore.context["result"].total.cost - production.week.after) < Decimal("1e-14")
    assert "direct " in page.text
    assert ruled.get(f"{WEEK}?costs=x").status_code == 400


def test_without_rules_or_with_a_narrow_scope_all_is_direct(
    lake: None,  # noqa: F811
    ruled: Client,
) -> None:
    narrow = signed_in(OPERATOR, "narrow")
    Visibility.objects.create(user=User.objects.get(username="narrow"), environments=["production"])
    found = shown(narrow, f"{WEEK}?costs=shared")
    assert not found.is_shared
    assert not found.may_share
    assert "With shared" not in narrow.get(WEEK).text
    assert ruled.post("/shared-costs/undo/", {"seen": "1"}).status_code == 302
    assert not shown(ruled, f"{WEEK}?costs=shared").is_shared


def test_queries_stand(ruled: Client) -> None:
    def count() -> int:
        ruled.get(f"{WEEK}?costs=shared")
        with CaptureQueriesContext(connection) as found:
            ruled.get(f"{WEEK}?costs=shared")
        return len(found)

    few = count()
    for nth in range(5):
        add(ruled, name=f"rule {nth}", service=f"*{nth}*")
    assert count() == few


def test_a_fixed_charge_stays_one_wherever_it_is_counted() -> None:
    def row(day: str, environment: str, frequency: str, cost: str) -> CostRow:
        return CostRow((day, environment, frequency, "Support"), "USD", Decimal(cost))

    before = [row("2026-11-01", "", "Recurring", "90"), row("2026-11-02", "dev", "", "5")]
    after = [
        row("2026-11-01", "prod", "Recurring", "60"),
        row("2026-11-01", "dev", "Recurring", "30"),
        row("2026-11-02", "dev", "", "5"),
    ]
    found = moved_days(before, after, Period(date(2026, 11, 1), date(2026, 12, 1)))
    moved = {one.environment: (one.kind, one.cost) for one in found}
    assert moved == {
        "unallocated": ("recurring", Decimal(-90)),
        "prod": ("recurring", Decimal(60)),
        "dev": ("recurring", Decimal(30)),
    }
    daily = [row(f"2026-11-{day:02}", "", "Recurring", "1") for day in range(1, 30)]
    assert {
        one.kind for one in moved_days(daily, [], Period(date(2026, 11, 1), date(2026, 12, 1)))
    } == {"usage"}
