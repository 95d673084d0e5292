"""One walk through the daily tools, by one operator, with a real worker doing the work.

Upload a bill, see it live, explore to the charge behind a number, make a rule for an unallocated
resource with its preview, watch the re-allocation, change a band, find all of it in the audit log.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from costs.bills.defaults import install_defaults
from costs.budgets.operations import install_default_bands
from tests.bills.making import csv_text, focus, write
from tests.browser.conftest import NewPage
from tests.browser.test_bills import drop, operator, worker

__all__ = ["operator", "worker"]

LOST = "urn:example:disk/forgotten-exports"
OCTOBER = {
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
}


def october(folder: Path) -> Path:
    """A database that a tag places in production, and a disk that nothing places."""
    placed = focus(
        **OCTOBER,
        BilledCost="40",
        EffectiveCost="40",
        ChargePeriodStart="2026-10-05T00:00:00Z",
        ChargePeriodEnd="2026-10-06T00:00:00Z",
        ServiceName="Managed PostgreSQL",
        ResourceId="urn:example:database/orders",
        Tags='{"environment": "production"}',
    )
    lost = placed | {
        "BilledCost": "12.34",
        "EffectiveCost": "12.34",
        "ServiceName": "Disks",
        "ResourceId": LOST,
        "Tags": "{}",
    }
    return write(folder / "october.csv", csv_text([placed, lost]))


@pytest.fixture
def steerer(bundle: Path, operator: User) -> User:
    install_defaults()
    install_default_bands()
    return operator


def go(page: Page, name: str) -> None:
    page.locator("#pages").get_by_role("link", name=name, exact=True).click()


def test_a_bill_is_uploaded_explored_placed_and_audited(
    new_page: NewPage, steerer: User, worker: list[threading.Thread], tmp_path: Path
) -> None:
    page = new_page(user=steerer)
    # An empty installation leads to the upload; the bill is dropped, read and live.
    page.goto("/")
    page.get_by_role("link", name=re.compile("[Uu]pload")).first.click()
    drop(page, october(tmp_path))
    page.get_by_role("button", name="Upload 1 file").click()
    page.wait_for_url("**/bills/uploads/*/")
    expect(page.locator("#upload")).to_contain_text("loaded")
    page.get_by_role("link", name="See the bill").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("52.34 USD billed")

    # From a service to its resource, to the charge with file and row.
    go(page, "Explore")
    page.goto("/costs/?range=all&by=service_name")
    groups = page.locator("table.groups")
    expect(groups.locator("tfoot")).to_contain_text("52.34")
    groups.get_by_role("link", name="Disks", exact=True).click()
    expect(page.locator("#by")).to_have_value("sku_id")
    page.locator("#by").select_option("resource_id")
    expect(groups.locator("thead")).to_contain_text("Resource")
    groups.get_by_role("link", name="forgotten-exports").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("forgotten-exports")
    page.get_by_role("link", name="Charges", exact=True).first.click()
    charge = page.locator("table.charges tbody tr").first
    expect(charge).to_contain_text("12.34")
    expect(charge).to_contain_text("october.csv")
    expect(charge).to_contain_text("row 3")

    # A rule for what has no place; its preview says what would move.
    go(page, "Allocation")
    page.get_by_role("link", name="Make a rule for forgotten-exports").click()
    page.get_by_label("Value").fill("staging")
    page.get_by_role("button", name="Preview what moves").click()
    preview = page.get_by_role("region", name="What moves")
    expect(preview).to_contain_text("12.34")
    expect(preview.get_by_role("row", name="unallocated").first).to_contain_text("staging")
    page.get_by_role("button", name="Save in the draft").click()
    page.get_by_label("Why").fill("The exports belong to the test data")
    page.get_by_role("button", name="Apply and re-allocate").click()
    # The page watches the re-allocation and says by itself that it is in force.
    expect(page.get_by_text("in force", exact=True)).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("Make a rule for forgotten-exports")
    page.goto("/costs/?range=all&by=environment")
    expect(groups.locator("tbody tr").filter(has_text="staging")).to_contain_text("12.34")
    expect(groups).not_to_contain_text("unallocated")

    # A band, with its reason.
    go(page, "Bands")
    page.get_by_role("link", name="Edit the band of Staging").click()
    page.get_by_label("High").fill("950")
    page.get_by_label("Why").fill("The exports are part of it now")
    page.get_by_role("button", name="Set the band").click()
    expect(page.locator("main")).to_contain_text("400 – 950")

    # All of it stands in the audit log.
    page.goto("/audit/")
    log = page.get_by_role("table")
    for action in ("bill.loaded", "rule.added", "rules.applied", "rules.in_force", "band.set"):
        expect(log).to_contain_text(action)
    for thread in worker:
        thread.join()
