"""The weekly review as people meet it: signed in, narrow, dark, printed, without scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Dialog, Page, expect
from pytest_django import Settings

from costs.bills.operations import ingest_bill
from tests.browser.conftest import LOOKS, Complaints, NewPage

WEEK = "/weeks/2026-W47/"
type Axe = Callable[[Page], list[str]]


@pytest.fixture
def reader(live_demo: Path, bundle: Path) -> User:
    """Somebody who may see everything."""
    return User.objects.create_user("reader", password="read the bill")


def charted(page: Page) -> None:
    """Wait until the chart is drawn."""
    expect(page.locator("[data-chart] svg, .chart svg").first).to_be_visible()


def test_signing_in_leads_to_the_page_one_asked_for(new_page: NewPage, reader: User) -> None:
    page = new_page()
    page.goto(WEEK)
    assert "/sign-in/" in page.url
    page.get_by_label("Username").fill("reader")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password").fill("read the bill")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Staging")
    assert page.url.endswith(WEEK)
    charted(page)


@pytest.mark.parametrize("look", LOOKS)
def test_every_look_fits_its_width_and_is_accessible(
    new_page: NewPage, axe: Axe, reader: User, look: str
) -> None:
    page = new_page(look, user=reader)
    for path in (WEEK, "/weeks/2026-W46/bridge/", "/anomalies/?state=all", "/bills/"):
        page.goto(path)
        if path == WEEK:
            charted(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == []


def test_the_metric_changes_in_place_and_stays_a_link(new_page: NewPage, reader: User) -> None:
    page = new_page(user=reader)
    page.goto(WEEK)
    charted(page)
    page.get_by_role("link", name="Billed").click()
    expect(page.get_by_role("link", name="Billed")).to_have_attribute("aria-current", "true")
    assert page.url.endswith("?metric=billed_cost")
    charted(page)
    page.reload()
    expect(page.get_by_role("link", name="Billed")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(page.get_by_role("link", name="Effective")).to_have_attribute("aria-current", "true")


def test_it_reads_without_javascript(new_page: NewPage, reader: User) -> None:
    page = new_page(user=reader, javascript=False)
    page.goto(WEEK)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Staging")
    expect(page.get_by_role("img").first).to_be_visible()
    page.get_by_role("link", name="Billed").click()
    assert "metric=billed_cost" in page.url
    page.get_by_role("link", name="2026-W46").click()
    assert "/weeks/2026-W46/" in page.url


def test_nonsense_in_the_query_is_explained(
    new_page: NewPage, complaints: Complaints, reader: User
) -> None:
    complaints.allow("400")
    page = new_page(user=reader)
    answer = page.goto(f"{WEEK}?metric=<script>alert(1)</script>")
    assert answer is not None
    assert answer.status == 400
    expect(page.locator("main")).to_contain_text("metric")
    answer = page.goto("/weeks/2026-W99/")
    assert answer is not None
    assert answer.status == 400
    expect(page.locator("main")).to_contain_text("2026 has no week 99")


@pytest.fixture
def hostile(transactional_db: None, tmp_path: Path, settings: Settings, bundle: Path) -> User:
    """A bill whose every name tries something."""
    settings.LAKE_URL = str(tmp_path / "lake")
    evil = "<img src=x onerror=alert(1)>"
    header = (
        "BilledCost,EffectiveCost,BillingAccountId,BillingCurrency,BillingPeriodStart,"
        "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,"
        "ServiceName,ResourceId,Tags"
    )
    rows = [
        f"{nth}.5,{nth}.5,{evil},USD,2026-11-01,2026-12-01,2026-11-{nth:02},2026-11-{nth + 1:02},"
        f'Usage,"=cmd()|{evil}","</script><script>alert(2)</script>",'
        f'"{evil}{{{{7*7}}}}","{{""environment"": ""prod""}}"'
        for nth in range(10, 23)
    ]
    bill = tmp_path / "evil.csv"
    bill.write_text("\n".join([header, *rows, f"{evil},,,,,,,,,,,,"]) + "\n")
    now = datetime(2026, 11, 24, tzinfo=UTC)
    ingest_bill([bill], actor=evil, now=now, accept=True)
    return User.objects.create_user("reader")


def test_hostile_names_are_only_text(new_page: NewPage, hostile: User) -> None:
    page = new_page(user=hostile)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    page.goto(WEEK)
    charted(page)
    assert page.locator("main img").count() == 0
    page.goto("/bills/")
    page.get_by_role("link", name="1 reject", exact=True).first.click()
    expect(page.locator("main")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main img").count() == 0
    assert dialogs == []


def test_it_prints_without_navigation(new_page: NewPage, reader: User) -> None:
    page = new_page(user=reader)
    page.goto(WEEK)
    charted(page)
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation").first).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert len(page.pdf(format="A4")) > 20_000
