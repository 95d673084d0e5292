"""From the review down to the row of a bill; explore in every look, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from costs.people.scope import Scope
from costs.spend.models import SavedView
from costs.spend.queries import cost_by
from tests.browser.conftest import LOOKS, Complaints, NewPage

type Axe = Callable[[Page], list[str]]
WEEK = "/weeks/2026-W46/"


@pytest.fixture
def reader(live_demo: Path, bundle: Path) -> User:
    """Somebody who may see everything."""
    return User.objects.create_user("reader", password="read the bill")


def charted(page: Page) -> None:
    """Wait until the chart is drawn."""
    expect(page.locator(".chart svg").first).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_from_the_review_to_the_row_of_a_bill(
    new_page: NewPage, reader: User, javascript: bool
) -> None:
    page = new_page(user=reader, javascript=javascript)
    page.goto(WEEK)
    services = page.locator("section[aria-labelledby=services-heading]")
    row = services.get_by_role("row").filter(has_text="Amazon Relational Database Service")
    spent = row.locator("td.number:not(.was)").first.inner_text()
    row.get_by_role("link").click()
    # Explore shows the same figure, by SKU.
    total = page.locator("table.groups tfoot")
    expect(total).to_contain_text(spent)
    expect(page.locator("#by")).to_have_value("sku_id")
    page.locator("table.groups tbody a.clip").first.click()
    expect(page.locator("#by")).to_have_value("resource_id")
    resource = page.locator("table.groups tbody a.clip").first
    name = resource.inner_text()
    resource.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.locator("main")).to_contain_text("by the rule")
    page.get_by_role("link", name="Charges", exact=True).first.click()
    charge = page.locator("table.charges tbody tr").first
    expect(charge).to_contain_text("costs-2026-")
    expect(charge).to_contain_text("row ")


@pytest.mark.parametrize("look", LOOKS)
def test_every_look_fits_its_width_and_is_accessible(
    new_page: NewPage, axe: Axe, reader: User, look: str
) -> None:
    page = new_page(look, user=reader)
    costly = cost_by(Scope.everything(), by=("resource_id",))
    resource = next(row.keys[0] for row in costly if row.keys[0])
    SavedView.objects.create(user=reader, name="Compute", query="", created_at=reader.date_joined)
    for path, chart in (
        ("/costs/?range=all", True),
        ("/costs/?range=all&by=environment&then=service_name&compare=before&top=20", True),
        ("/costs/?range=all&pick=service_name&not.service_name=AmazonCloudWatch", True),
        ("/costs/?range=all&search=nothing+has+this+name", False),
        (f"/costs/resource/?range=all&id={resource}", True),
        ("/costs/charges/?from=2026-11-10&to=2026-11-10", False),
    ):
        page.goto(path)
        if chart:
            charted(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path
    page.goto("/costs/?range=all")
    for menu in ("Views", "Add a filter"):
        page.locator("summary").filter(has_text=menu).click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), menu
        box = page.locator("details.menu[open] .menu-body").bounding_box()
        assert box is not None
        assert box["x"] >= 0, menu
        assert box["x"] + box["width"] <= LOOKS[look]["viewport"]["width"], menu
        assert axe(page) == [], menu
        page.keyboard.press("Escape")


def test_a_change_is_shown_in_place_and_is_a_link(new_page: NewPage, reader: User) -> None:
    page = new_page(user=reader)
    page.goto("/costs/?range=all")
    charted(page)
    page.locator("#by").focus()
    page.locator("#by").select_option("environment")
    expect(page.locator("table.groups thead")).to_contain_text("Environment")
    assert page.url.endswith("/costs/?by=environment&range=all")
    expect(page.locator("#by")).to_be_focused()
    page.locator("#compare").select_option("before")
    expect(page.locator("table.groups thead")).to_contain_text("Change")
    charted(page)
    page.get_by_role("link", name="Billed").click()
    expect(page.get_by_role("link", name="Billed")).to_have_attribute("aria-current", "true")
    page.locator("#search").fill("postgres")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_contain_text("postgres")
    address = page.url
    assert "metric=billed_cost" in address
    assert "search=postgres" in address
    page.reload()
    expect(page.locator("#search")).to_have_value("postgres")
    page.locator(".chip").click()
    expect(page.locator(".chip")).to_have_count(0)
    page.go_back()
    expect(page.locator(".chip")).to_contain_text("postgres")


@pytest.mark.parametrize("javascript", [True, False])
def test_values_are_picked_as_filters(new_page: NewPage, reader: User, javascript: bool) -> None:
    page = new_page(user=reader, javascript=javascript)
    page.goto("/costs/?range=all")
    page.locator("summary").filter(has_text="Add a filter").click()
    page.get_by_role("link", name="Environment", exact=True).click()
    page.get_by_label("Only staging").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".chip")).to_contain_text("staging")
    assert page.url.count("environment=staging") == 1


@pytest.mark.parametrize("javascript", [True, False])
def test_a_view_is_kept_and_brought_back(new_page: NewPage, reader: User, javascript: bool) -> None:
    page = new_page(user=reader, javascript=javascript)
    page.goto("/costs/?by=environment&range=all")
    page.locator("summary").filter(has_text="Views").click()
    page.get_by_label("Save this view as").fill("By stage")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("Saved as “By stage”.")
    page.locator("summary").filter(has_text="Views").click()
    page.locator("summary[title^='Rename or delete']").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".messages")).to_contain_text("Deleted “By stage”.")
    page.get_by_role("button", name="Undo").click()
    page.locator("summary").filter(has_text="Views").click()
    page.get_by_role("link", name="By stage").click()
    assert page.url.endswith("/costs/?by=environment&range=all")


def test_nonsense_is_explained(new_page: NewPage, complaints: Complaints, reader: User) -> None:
    complaints.allow("400")
    page = new_page("narrow", user=reader)
    answer = page.goto("/costs/?by=<script>alert(1)</script>")
    assert answer is not None
    assert answer.status == 400
    expect(page.locator("main")).to_contain_text("by: “<script>alert(1)</script>” is not one of")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
