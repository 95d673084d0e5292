"""The browser fixtures: Chromium runs, and what a page complains about fails a test."""

from __future__ import annotations

import pytest

from tests.browser.conftest import LOOKS, Complaints, NewPage


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_opens_in_every_look(new_page: NewPage, complaints: Complaints, look: str) -> None:
    complaints.allow("favicon")
    page = new_page(look)

    answer = page.goto("/healthz")

    assert answer is not None
    assert answer.ok
    assert page.evaluate("innerWidth") == LOOKS[look]["viewport"]["width"]
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark is (LOOKS[look]["color_scheme"] == "dark")


def test_inline_code_is_stopped_by_the_policy_and_noticed(
    new_page: NewPage, complaints: Complaints
) -> None:
    complaints.allow("favicon|script-src|Content Security Policy")
    page = new_page()
    page.goto("/healthz")

    page.evaluate(
        "() => { const s = document.createElement('script'); s.text = 'window.ran = 1';"
        " document.body.append(s); }"
    )

    assert page.evaluate("window.ran") is None
    assert complaints.found
    assert complaints.left == []


def test_a_thrown_error_is_noticed(new_page: NewPage, complaints: Complaints) -> None:
    complaints.allow("favicon|on purpose")
    page = new_page()
    page.goto("/healthz")

    with page.expect_event("pageerror"):
        page.evaluate("() => { setTimeout(() => { throw new Error('on purpose') }, 0); }")

    assert "thrown: on purpose" in complaints.found
