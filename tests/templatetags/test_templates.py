"""What no template may hold, and that each one compiles."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template, render_to_string

FOLDER = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html"))

FORBIDDEN = {
    "a style attribute": r"<[^>]*\sstyle\s*=",
    "a style element": r"<style\b",
    "an inline handler": r"<[^>]*\son[a-z]+\s*=",
    "an htmx handler": r"\bhx-on\b|\bhx-vals\s*=\s*.js:",
    "a javascript address": r"javascript:",
    "an inline script": r"<script\b(?![^>]*\bsrc=)",
    "something from elsewhere": r"(?:src|href)\s*=\s*[\"'](?:https?:)?//",
    "unescaped output": r"\|\s*safe\b|autoescape\s+off",
}

OF_MAILS = ("a style attribute", "a style element")
"""Mail programs know no style sheets: mails hold their styles, and are framed where they show."""


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_that_the_policy_forbids(name: str, what: str) -> None:
    if name.startswith("email/") and what in OF_MAILS:
        return
    found = re.search(FORBIDDEN[what], (FOLDER / name).read_text(encoding="utf-8"))
    assert found is None, f"{name} holds {what}: {found[0]}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_compiles(name: str) -> None:
    get_template(name)


@pytest.mark.parametrize("name", ["400.html", "403.html", "404.html", "500.html", "503.html"])
def test_error_pages_need_no_request(name: str) -> None:
    shown = render_to_string(name, {"message": "“<script>” is not a week"})
    assert "&lt;script&gt;" in shown
    assert name.removesuffix(".html") in shown
    assert 'href="/"' in shown
    assert "Sign out" not in shown
    assert render_to_string(name)
