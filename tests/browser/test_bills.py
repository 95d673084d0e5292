"""Bills as people meet them: dropped into the browser, read, compared, decided on."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Page, expect
from pytest_django import Settings

from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion
from costs.people.operations import install_roles
from tests.bills.making import csv_text, focus, ingest, write
from tests.browser.conftest import Complaints, NewPage

type Axe = Callable[[Page], list[str]]
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
SOURCE = "example-cloud-account-1-focus"


@pytest.fixture
def operator(transactional_db: None, data_dir: Path) -> User:
    install_roles()
    user = User.objects.create_user("operator-1")
    user.groups.add(Group.objects.get(name="operator"))
    return user


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Does background work in a thread as soon as somebody rings for it."""
    threads: list[threading.Thread] = []

    def work(run: JobRun) -> None:
        try:
            jobs.run(run.pk)
        finally:
            connection.close()

    def ring(run: JobRun, *, now: datetime) -> None:
        threads.append(threading.Thread(target=work, args=(run,)))
        threads[-1].start()

    monkeypatch.setattr(jobs, "ring", ring)
    return threads


def drop(page: Page, *files: Path) -> None:
    """Drop files on the box, as a file manager does."""
    given = [
        {"name": one.name, "content": base64.b64encode(one.read_bytes()).decode()} for one in files
    ]
    data = page.evaluate_handle(
        """(files) => {
            const data = new DataTransfer();
            for (const one of files) {
                const bytes = Uint8Array.from(atob(one.content), (c) => c.charCodeAt(0));
                data.items.add(new File([bytes], one.name));
            }
            return data;
        }""",
        given,
    )
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event("[data-drop]", kind, {"dataTransfer": data})


def a_bill(folder: Path, name: str = "november.csv", cost: str = "2.5", rows: int = 4) -> Path:
    row = focus(
        BilledCost=cost,
        BillingPeriodStart="2026-11-01T00:00:00Z",
        BillingPeriodEnd="2026-12-01T00:00:00Z",
        ChargePeriodStart="2026-11-05T00:00:00Z",
        ChargePeriodEnd="2026-11-06T00:00:00Z",
    )
    return write(folder / name, csv_text([row] * rows))


def test_a_bill_is_dropped_read_and_live(
    new_page: NewPage, operator: User, worker: list[threading.Thread], tmp_path: Path
) -> None:
    page = new_page(user=operator)
    page.goto("/bills/")
    page.get_by_role("link", name="Upload bills").click()
    drop(page, a_bill(tmp_path), a_bill(tmp_path, "more.csv", "7", 2))
    expect(page.locator("[data-files] li")).to_have_count(2)
    button = page.get_by_role("button", name="Upload 2 files")
    expect(button).to_be_enabled()
    button.click()
    page.wait_for_url("**/bills/uploads/*/")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 files read")
    expect(page.locator("#upload")).to_contain_text("loaded")
    assert page.locator("#upload").get_attribute("hx-trigger") is None
    page.get_by_role("link", name="See the bill").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("24.00 USD billed")
    page.get_by_role("link", name="Bills", exact=True).first.click()
    expect(page.locator(".matrix")).to_contain_text("24.00")
    for thread in worker:
        thread.join()


def test_progress_is_shown_while_it_is_sent_and_read(
    new_page: NewPage, operator: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)
    page = new_page(user=operator)
    page.goto("/bills/upload/")
    page.locator("input[type=file]").set_input_files(
        [a_bill(tmp_path, "large.csv", rows=60_000), a_bill(tmp_path, "small.csv")]
    )
    with page.expect_navigation(wait_until="commit"):
        page.get_by_role("button", name="Upload 2 files").click()
        expect(page.locator(".upload-files progress").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reading 2 files")
    expect(page.get_by_role("status")).to_have_text("Waiting for a worker to take it.")
    JobRun.objects.update(state="running", progress=0.4, message="reading large.csv")
    expect(page.get_by_role("status")).to_have_text("Reading large.csv…")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "0.400")
    JobRun.objects.update(state="failed", error="large.csv: row 7, column BilledCost: “x”")
    expect(page.get_by_role("alert")).to_contain_text("row 7, column BilledCost")


def test_what_is_refused_is_said_beside_the_form(
    new_page: NewPage, complaints: Complaints, operator: User, tmp_path: Path, settings: Settings
) -> None:
    complaints.allow("400|413")
    page = new_page(user=operator)
    page.goto("/bills/upload/")
    drop(page, write(tmp_path / "all.zip", b"PK\x03\x04 and more"))
    page.get_by_role("button", name="Upload 1 file").click()
    expect(page.locator("[data-error]")).to_contain_text("zip archive")
    expect(page.get_by_role("button", name="Upload 1 file")).to_be_enabled()
    page.reload()
    drop(page, *(write(tmp_path / f"{n}.csv", "x") for n in range(101)))
    expect(page.locator("[data-error]")).to_contain_text("100 can go at once")
    expect(page.locator("[data-send]")).to_be_disabled()
    settings.UPLOAD_LIMIT = 100
    page.reload()
    drop(page, a_bill(tmp_path))
    expect(page.locator("[data-error]")).to_contain_text("can go at once")


def test_uploading_without_scripts(
    new_page: NewPage, operator: User, worker: list[threading.Thread], tmp_path: Path
) -> None:
    page = new_page(user=operator, javascript=False)
    page.goto("/bills/upload/")
    page.get_by_label("Choose files").set_input_files([a_bill(tmp_path)])
    page.get_by_role("button", name="Upload").click()
    # The page asks again by itself, every two seconds.
    expect(page.get_by_role("heading", level=1)).to_have_text("1 file read")
    for thread in worker:
        thread.join()
    page.get_by_role("link", name="See the bill").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("10.00 USD billed")


def test_what_is_held_is_compared_and_accepted(
    new_page: NewPage, axe: Axe, complaints: Complaints, operator: User, tmp_path: Path
) -> None:
    ingest(a_bill(tmp_path), now=NOW)
    ingest(a_bill(tmp_path, "less.csv", "1"), now=NOW)
    first, second = new_page(user=operator), new_page("narrow", user=operator)
    for page in (first, second):
        page.goto("/bills/")
        expect(page.get_by_role("heading", level=1)).to_have_text("1 delivery waits for a decision")
        page.get_by_role("link", name="Compare and decide").click()
        expect(page.locator(".compare")).to_contain_text("−6.00")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert axe(page) == []
    first.get_by_role("button", name="Accept").click()
    expect(first.locator(".messages")).to_contain_text("Version 2 is live now")
    complaints.allow("409")
    second.get_by_role("button", name="Refuse").click()
    expect(second.get_by_role("alert")).to_contain_text("somebody decided before you")
    assert BillVersion.objects.get(number=2).status == "live"


@pytest.fixture
def demo_operator(live_demo: Path) -> User:
    user = User.objects.create_user("operator-1")
    user.groups.add(Group.objects.get(name="operator"))
    return user


@pytest.mark.parametrize("look", ["light", "dark", "narrow", "narrow-dark"])
def test_every_look_fits_its_width_and_is_accessible(
    new_page: NewPage, axe: Axe, demo_operator: User, look: str
) -> None:
    page = new_page(look, user=demo_operator)
    version = BillVersion.objects.filter(number=2).first()
    assert version is not None
    bill = f"/bills/{version.source.name}/{version.billing_period:%Y-%m}/"
    ledger = f"{bill}changes/2/"
    for path in (
        *("/bills/", bill, "/bills/upload/", "/glossary/"),
        *("/bills/changes/", ledger, f"{ledger}?show=charges"),
        *("/bills/reconciliation/", "/bills/reconciliation/total/", "/bills/space/"),
        *("/bills/connections/", "/bills/connections/new/aws-s3/", "/background/"),
    ):
        answer = page.goto(path)
        assert answer, path
        assert answer.ok, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path


def test_it_reads_without_scripts(new_page: NewPage, demo_operator: User) -> None:
    page = new_page(user=demo_operator, javascript=False)
    page.goto("/bills/")
    page.get_by_role("link", name="Effective").click()
    assert "metric=effective_cost" in page.url
    page.locator(".matrix-cost").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("USD billed")
    page.get_by_role("button", name="versions").click()
    expect(page.get_by_role("note").first).to_be_visible()
