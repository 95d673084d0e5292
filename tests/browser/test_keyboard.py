"""Keys, skip links, help on words, and the style guide in every look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage

type Axe = Callable[[Page], list[str]]


@pytest.fixture
def operator(bundle: Path, live_demo: Path) -> User:
    user = User.objects.create_user("operator-1")
    user.groups.add(Group.objects.get(name="operator"))
    return user


def test_two_letters_lead_to_a_page(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/glossary/")
    page.keyboard.type("gb")
    page.wait_for_url("**/bills/")
    page.keyboard.type("gr")
    page.wait_for_url(lambda url: url.endswith(("/", "W47/")) and "/bills" not in url)
    page.keyboard.type("gw")
    page.wait_for_url("**/glossary/")
    page.keyboard.type("gx")
    page.keyboard.type("b")
    assert page.url.endswith("/glossary/")


def test_help_opens_with_a_key_and_closes(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/bills/")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_hidden()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Keyboard").click()
    expect(dialog).to_be_visible()
    page.keyboard.type("gw")
    page.wait_for_url("**/glossary/")


def test_letters_typed_into_a_field_stay_there(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/styleguide/")
    field = page.locator("#right-name")
    field.click()
    page.keyboard.type("gb?/")
    expect(field).to_have_value("gb?/")
    assert page.url.endswith("/styleguide/")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_combinations_are_the_browsers(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/glossary/")
    page.keyboard.press("Control+g")
    page.keyboard.press("b")
    assert page.url.endswith("/glossary/")


def test_skip_links_come_first(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/bills/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_focus_is_seen(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/bills/")
    for _ in range(6):
        page.keyboard.press("Tab")
        width = page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 2, page.evaluate("document.activeElement.outerHTML.slice(0, 80)")


def test_nothing_moves_for_who_asked_for_rest(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/styleguide/")
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((one) => {
            const style = getComputedStyle(one);
            return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
        }).length"""
    )
    assert moving == 0


def test_a_word_says_what_it_means(new_page: NewPage, operator: User) -> None:
    page = new_page(user=operator)
    page.goto("/bills/")
    word = page.get_by_role("button", name="held", exact=True)
    meaning = page.get_by_role("note").filter(has_text="Stored but not counted")
    expect(meaning).to_be_hidden()
    word.focus()
    page.keyboard.press("Enter")
    expect(meaning).to_be_visible()
    box, of_word = meaning.bounding_box(), word.bounding_box()
    assert box is not None
    assert of_word is not None
    assert abs(box["y"] - of_word["y"]) < 200
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()


@pytest.mark.parametrize("look", ["light", "dark", "narrow", "narrow-dark"])
def test_the_style_guide_is_accessible(
    new_page: NewPage, axe: Axe, operator: User, look: str
) -> None:
    page = new_page(look, user=operator)
    page.goto("/styleguide/")
    expect(page.locator(".chart svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    page.keyboard.press("?")
    assert axe(page) == []
