"""Bills that no cloud exports: a vendor's CSV gets its columns, a charge is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from costs.bills.models import ManualCharge, SourceMapping
from costs.jobs import operations as jobs
from costs.people.operations import install_roles
from tests.bills.making import ingest, write
from tests.bills.test_mapping import SENDGRID
from tests.browser.conftest import Complaints, NewPage

type Axe = Callable[[Page], list[str]]


@pytest.fixture
def operator(transactional_db: None, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)
    install_roles()
    user = User.objects.create_user("operator-1")
    user.groups.add(Group.objects.get(name="operator"))
    return user


@pytest.mark.parametrize("look", ["light", "narrow-dark"])
def test_from_a_vendors_csv_to_a_mapping(
    new_page: NewPage,
    axe: Axe,
    complaints: Complaints,
    operator: User,
    tmp_path: Path,
    look: str,
) -> None:
    def looks_right() -> None:
        # The page itself, for the bar above it belongs to all pages.
        assert page.evaluate(
            "document.querySelector('#main').getBoundingClientRect().right <= innerWidth"
        )
        assert axe(page) == []

    file = write(tmp_path / "invoice.csv", SENDGRID + "31.01.2026;Odd;1.234,00;EUR;1\n")
    page = new_page(look, user=operator)
    page.goto("/bills/")
    page.get_by_role("link", name="read any other CSV").click()
    looks_right()
    page.get_by_role("link", name="New mapping").click()
    looks_right()
    page.get_by_label("Name of the source").fill("sendgrid")
    page.get_by_label("A file of it").set_input_files(file)
    page.get_by_role("button", name="Look at its columns").click()

    expect(page.get_by_label("Days are written like")).to_have_value("dotted")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Dedicated IP")
    expect(preview).to_contain_text("row 5, column Amount: 1.234,00 is not a number")
    looks_right()
    page.get_by_label("Decimals stand behind a comma").uncheck()
    page.get_by_role("button", name="Preview").click()
    expect(preview).to_contain_text("No row of the sample is a charge")
    page.get_by_label("Decimals stand behind a comma").check()
    page.get_by_label("Provider").fill("SendGrid")
    page.get_by_label("Units", exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messages")).to_contain_text("read like this from now on")
    assert SourceMapping.objects.get().version == 1

    page.goto("/bills/mappings/")
    expect(page.get_by_role("row", name="sendgrid")).to_contain_text("SendGrid")
    looks_right()
    (bill,) = ingest(write(tmp_path / "in/b.csv", SENDGRID))
    assert bill.source == "sendgrid"


def test_a_charge_is_typed_without_scripts(
    new_page: NewPage, complaints: Complaints, operator: User
) -> None:
    complaints.allow("422")
    page = new_page("narrow", user=operator, javascript=False)
    page.goto("/bills/entered/")
    page.get_by_role("link", name="Enter a charge").click()
    page.get_by_label("Provider").fill("Example")
    page.get_by_label("Service").fill("Support")
    page.get_by_label("Amount a month").fill("1,000")
    page.get_by_label("From the month").fill("2026-01")
    page.get_by_role("button", name="Enter it").click()
    expect(page.locator(".field-error")).to_have_text("Enter a number.")
    page.get_by_label("Amount a month").fill("1000")
    page.get_by_role("button", name="Enter it").click()
    expect(page.locator(".messages")).to_contain_text("is entered")
    expect(page.get_by_role("row", name="Support")).to_contain_text("1,000.00 USD")
    page.get_by_role("link", name="Support").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No charge is entered by hand")
    assert ManualCharge.objects.get().removed_at is not None


def test_forms_of_charges_are_accessible(new_page: NewPage, axe: Axe, operator: User) -> None:
    page = new_page("dark", user=operator)
    for path in ("/bills/entered/", "/bills/entered/new/"):
        page.goto(path)
        assert axe(page) == [], path
