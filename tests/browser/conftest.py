"""A real browser: Debian's Chromium, driven by Playwright against a live server.

`new_page` opens a page in one of LOOKS. Whatever a page says on its console as an error, throws,
or tries against the content security policy fails the test, unless the test allowed it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from costs import charts
from tests.bills.clouds.conftest import aws, moto_port

__all__ = ["aws", "moto_port"]  # fixtures of theirs that are ours as well

# Playwright's synchronous API keeps an event loop in this thread; Django would take every query
# here for one made inside a coroutine.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

FLAGS = [
    # As root, as in a container, Chromium runs only without its sandbox; it sees our pages alone.
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    "narrow-dark": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
    "wide": {"color_scheme": "light", "viewport": {"width": 2560, "height": 1440}},
}

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI}`);
});
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The script that draws charts, as `serve` writes it."""
    folder: Path = settings.BUNDLE_DIR
    charts.write_bundle(folder / charts.BUNDLE_NAME)
    return folder


@dataclass
class Complaints:
    """What pages said that no page should say."""

    found: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """Let pass what matches the regular expression `pattern` in this test."""
        self.allowed.append(pattern)

    def watch(self, page: Page) -> None:
        page.on(
            "console",
            lambda message: (
                self._add(f"console: {message.text} ({message.location['url']})")
                if message.type == "error"
                else None
            ),
        )
        page.on("pageerror", lambda error: self._add(f"thrown: {error}"))

    def _add(self, text: str) -> None:
        self.found.append(text)

    @property
    def left(self) -> list[str]:
        return [
            text
            for text in self.found
            if not any(re.search(pattern, text) for pattern in self.allowed)
        ]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Fails the test when a page complained; `complaints.allow(pattern)` lets something pass."""
    kept = Complaints()
    yield kept
    assert not kept.left, "\n".join(kept.left)


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(
    browser: Browser, live_server: LiveServer, complaints: Complaints
) -> Iterator[NewPage]:
    """`new_page(look="light", user=None, javascript=True)`: a page in a browser context of its own.

    Addresses are relative to the live server (`page.goto("/")`). With `user` it is signed in.
    """
    contexts: list[BrowserContext] = []

    def open_page(
        look: str = "light", *, user: AbstractBaseUser | None = None, javascript: bool = True
    ) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            java_script_enabled=javascript,
            reduced_motion="reduce",
            locale="en-US",
            timezone_id="UTC",
            **LOOKS[look],
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.add_init_script(_REPORT_VIOLATIONS)
        if user is not None:
            client = Client()
            client.force_login(user)  # type: ignore[arg-type]  # AUTH_USER_MODEL is Django's
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies(
                [{"name": name, "value": client.cookies[name].value, "url": live_server.url}]
            )
        page = context.new_page()
        complaints.watch(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """`axe(page)`: what axe-core finds serious or critical on it, a line each; none is good."""

    def violations(page: Page) -> list[str]:
        results = Axe().run(page)
        return [
            f"{found['impact']}: {found['id']}: {found['help']}: "
            + "; ".join(" ".join(node["target"]) for node in found["nodes"][:5])
            for found in results.response["violations"]
            if found["impact"] in ("serious", "critical")
        ]

    return violations
