"""Currencies and shared costs in a browser: choose, import, split, and see both on the review."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from costs.people.roles import OPERATOR
from tests.browser.conftest import NewPage
from tests.spend.test_ecb import file

type Axe = Callable[[Page], list[str]]


@pytest.fixture
def operator(live_demo: Path, bundle: Path, settings: Settings) -> User:
    """Somebody who steers the demo; nothing here touches its lake."""
    settings.BUNDLE_DIR = bundle
    user = User.objects.create_user("operator")
    user.groups.add(Group.objects.get(name=OPERATOR))
    return user


def test_costs_in_euros_with_shared_ones(
    new_page: NewPage, operator: User, tmp_path: Path, axe: Axe
) -> None:
    page = new_page(user=operator)
    page.goto("/currencies/")
    page.get_by_role("link", name="Choose a currency").first.click()
    page.get_by_label("Show costs in").fill("EUR")
    page.get_by_label("Why").fill("Our accounts are in euros")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("has no rate into EUR")

    rates = tmp_path / "eurofxref-hist.csv"
    rates.write_text(file(date(2025, 9, 30), date(2026, 11, 20)))
    page.get_by_role("link", name="Import a file").click()
    page.get_by_label("CSV of daily reference rates").set_input_files(rates)
    page.get_by_role("button", name="See what it would change").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("would be set")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Every cost can be shown in EUR")
    assert axe(page) == []

    page.get_by_role("link", name="Shared costs", exact=True).click()
    page.get_by_role("link", name="Make the first rule").click()
    page.get_by_label("Name").fill("What nobody placed")
    page.get_by_label("Environment it was placed in").select_option("unallocated")
    page.get_by_role("button", name="Preview what moves").click()
    expect(page.get_by_role("heading", name="would leave its environment")).to_be_visible()
    page.get_by_label("From the month").fill("2026-09")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is shared")
    assert axe(page) == []

    page.goto("/weeks/2026-W47/")
    page.get_by_role("link", name="With shared").click()
    expect(page.locator("#review")).to_contain_text("environments with shared costs")
    expect(page.locator(".environments")).to_contain_text("direct")
    assert "costs=shared" in page.url
    page.get_by_role("link", name="As billed").click()
    expect(page.locator("#review .basis")).to_contain_text("in USD")
    assert "costs=shared" in page.url


@pytest.mark.parametrize("look", ["dark", "narrow"])
def test_pages_fit_and_are_readable(new_page: NewPage, operator: User, look: str, axe: Axe) -> None:
    page = new_page(look, user=operator)
    for path in (
        "/currencies/",
        "/currencies/rate/",
        "/currencies/import/",
        "/shared-costs/",
        "/shared-costs/rules/new/",
    ):
        page.goto(path)
        assert axe(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
