"""Steering in a browser: a rule for a lost resource, the re-allocation, a band, the audit log."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.roles import OPERATOR
from tests.browser.conftest import NewPage

type Axe = Callable[[Page], list[str]]
LOST = "old-marketing-uploads"


@pytest.fixture
def operator(live_demo: Path, tmp_path: Path, settings: Settings) -> User:
    """Somebody who steers the demo, in a lake of this test alone."""
    lake = tmp_path / "lake"
    shutil.copytree(live_demo / "lake", lake, ignore=shutil.ignore_patterns("raw", "staging"))
    settings.LAKE_URL = str(lake)
    user = User.objects.create_user("operator")
    user.groups.add(Group.objects.get(name=OPERATOR))
    return user


def test_from_a_lost_resource_to_the_audit_log(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/budgets/")
    page.get_by_role("link", name="Allocation", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("has an environment")
    page.get_by_role("link", name=f"Make a rule for {LOST}").click()
    page.get_by_label("Value").fill("production")
    page.get_by_role("button", name="Preview what moves").click()
    preview = page.get_by_role("region", name="What moves")
    expect(preview).to_contain_text(LOST)
    expect(preview.get_by_role("row", name="unallocated").first).to_contain_text("production")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 change to the rules")
    expect(page.get_by_role("region", name="What moves")).to_contain_text(LOST)
    page.get_by_label("Why").fill("Marketing pays no more")
    page.get_by_role("button", name="Apply and re-allocate").click()

    expect(page.get_by_role("heading", name="Putting rules 2 in force")).to_be_visible()
    expect(page.locator("progress")).to_be_visible()
    assert page.get_by_text("has an environment").count()
    jobs.run(JobRun.objects.get(kind="bills.reallocate").pk)
    # The page finds out by itself, and says that the new rules are in force.
    expect(page.get_by_text("in force", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Putting rules 2 in force")).to_have_count(0)
    assert page.get_by_role("link", name=f"Make a rule for {LOST}").count() == 0

    page.get_by_role("link", name="Bands", exact=True).click()
    page.get_by_role("link", name="Edit the band of Staging").click()
    page.get_by_label("High").fill("950")
    page.get_by_label("Why").fill("The load test stays")
    page.get_by_role("button", name="Set the band").click()
    expect(page.locator("main")).to_contain_text("400 – 950")

    page.goto("/audit/")
    for action in ("band.set", "rules.in_force", "rules.applied", "rule.added"):
        expect(page.get_by_role("table")).to_contain_text(action)
    page.get_by_label("To what").fill("staging")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_have_text("1 entry")
    assert "subject=staging" in page.url


def test_rules_are_sorted_removed_and_brought_back_by_keyboard(
    new_page: NewPage, operator: User
) -> None:
    page = new_page(user=operator)
    page.goto("/allocation/")
    page.get_by_role("button", name="Move “workspace tag” up").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="workspace tag").first).to_be_visible()
    expect(page.locator(".rules .rule-name").first).to_contain_text("workspace tag")
    page.get_by_role("button", name="Remove “environment tag”").press("Enter")
    expect(page.locator("main")).to_contain_text("Removed the rule “environment tag”")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.locator("main")).to_contain_text("Taken back")
    page.get_by_role("button", name="Throw the draft away").click()
    expect(page.locator(".rules .rule-name").first).to_contain_text("environment tag")


def test_the_test_box_answers_in_place(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/allocation/")
    page.get_by_label("Tags").fill("env=stg")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#try")).to_contain_text("by “environment tag”")


def test_all_of_it_works_without_javascript(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator, javascript=False)
    page.goto("/allocation/")
    page.get_by_label("Tags").fill("env=stg")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#try")).to_contain_text("by “environment tag”")
    page.get_by_role("link", name=f"Make a rule for {LOST}").click()
    page.get_by_label("Value").fill("staging")
    page.get_by_role("button", name="Preview what moves").click()
    expect(page.get_by_role("region", name="What moves")).to_contain_text(LOST)
    page.get_by_role("button", name="Save in the draft").click()
    page.get_by_role("button", name="Apply and re-allocate").click()
    expect(page.get_by_role("heading", name="Putting rules 2 in force")).to_be_visible()
    jobs.run(JobRun.objects.get(kind="bills.reallocate").pk)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("in force", exact=True)).to_be_visible()


PATHS = (
    "/allocation/",
    "/allocation/rules/new/",
    "/allocation/environments/new/",
    "/allocation/changes/",
    "/allocation/unallocated/?lacks=either&environment=production&cost_center=cc",
    "/budgets/",
    "/budgets/staging/",
    "/budgets/staging/driver/",
    "/audit/",
)


@pytest.mark.parametrize("look", ["light", "dark", "narrow", "narrow-dark"])
def test_every_look_fits_its_width_and_is_accessible(
    new_page: NewPage, axe: Axe, operator: User, look: str
) -> None:
    page = new_page(look, user=operator)
    page.goto(f"/allocation/rules/new/?looks_at=resource_id&pattern={LOST}&name=lost")
    page.get_by_label("Value").fill("staging")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 change to the rules")
    for path in PATHS:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path
