"""Alerts in a browser: acknowledged in place, a test's fate, the mail in its frame."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from costs.alerts.operations import outbox
from costs.alerts.operations.evaluating import evaluate
from costs.people.roles import OPERATOR
from tests.browser.conftest import NewPage

type Axe = Callable[[Page], list[str]]
MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def operator(live_demo: Path, tmp_path: Path, settings: Settings) -> User:
    settings.MAILERS = {
        "default": {
            "BACKEND": "costs.alerts.backends.FolderBackend",
            "OPTIONS": {"folder": str(tmp_path / "mail")},
        }
    }
    evaluate(MOMENT, now=MOMENT, as_delivered=True, notify=False)
    user = User.objects.create_user("operator")
    user.groups.add(Group.objects.get(name=OPERATOR))
    return user


def test_from_an_alert_to_a_mail(
    new_page: NewPage, operator: User, axe: Axe, tmp_path: Path, bundle: Path
) -> None:
    page = new_page(user=operator)
    page.goto("/alerts/")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 urgent alerts are open")
    assert axe(page) == []
    first = page.get_by_role("listitem").filter(has_text="Staging is expected to end November")
    first.get_by_text("Acknowledge or mute").click()
    first.get_by_label("Note on").fill("Debug logging was left on.")
    first.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("operator looks after it")).to_contain_text(
        "Debug logging was left on."
    )
    expect(page.get_by_text("Acknowledged. You hear of it again")).to_be_visible()
    # What has just been swapped in answers once htmx has settled it.
    expect(page.locator(".htmx-settling, .htmx-added")).to_have_count(0)
    for label, value in (("Kind", "band-share"), ("Level", "warning")):
        with page.expect_response(lambda answer: "/alerts/?" in answer.url):
            page.get_by_label(label).select_option(value)
        expect(page.locator(".htmx-settling, .htmx-added")).to_have_count(0)
    expect(page.get_by_text("is expected to end November")).to_have_count(0)
    expect(page.get_by_role("heading", name="Staging has spent")).to_be_visible()
    assert "kind=band-share" in page.url
    assert "level=warning" in page.url

    page.get_by_role("link", name="Recipients").click()
    page.get_by_role("link", name="Add a recipient").click()
    page.get_by_label("Name").fill("Platform team")
    page.get_by_label("E-mail address").fill("team@example.com")
    assert axe(page) == []
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test Platform team").click()
    expect(page.get_by_text("queued")).to_be_visible()
    outbox.deliver(lambda: datetime.now(UTC))
    # The page finds out by itself.
    expect(page.get_by_text("sent", exact=True)).to_be_visible()
    assert list((tmp_path / "mail").glob("*.eml"))

    page.goto("/alerts/preview/?mail=digest")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_contain_text("Staging is at risk")
    gauge = frame.get_by_role("img").first
    assert gauge.evaluate("image => image.naturalWidth") > 1000
    assert axe(page) == []


@pytest.mark.parametrize("look", ["narrow-dark", "wide"])
def test_pages_fit(new_page: NewPage, operator: User, look: str, axe: Axe) -> None:
    page = new_page(look, user=operator)
    for address in ("", "rules/", "recipients/", "outbox/", "timetable/", "preview/"):
        page.goto(f"/alerts/{address}")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, address
    page.goto("/alerts/rules/")
    assert axe(page) == []


def test_without_javascript(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator, javascript=False)
    page.goto("/alerts/")
    first = page.get_by_role("listitem").filter(has_text="Staging is expected to end November")
    first.get_by_text("Acknowledge or mute").click()
    first.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("operator looks after it")).to_be_visible()
