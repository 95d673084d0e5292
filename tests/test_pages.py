"""A page, or the part of it that htmx asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django_htmx.middleware import HtmxMiddleware

from costs.pages import render_page


@pytest.fixture
def rendered(tmp_path: Path, settings: Any) -> Callable[..., str]:
    (tmp_path / "page.html").write_text(
        "whole {% partialdef rows inline %}rows{% endpartialdef %}"
        "{% partialdef secret %}secret{% endpartialdef %}"
    )
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]

    def render(**headers: str) -> str:
        def view(request: HttpRequest) -> HttpResponse:
            return render_page(request, "page.html", {}, partials={"rows"})

        response = HtmxMiddleware(view)(RequestFactory().get("/", headers=headers))
        assert isinstance(response, HttpResponse)
        for name in ("HX-Request", "HX-Target", "HX-Boosted"):
            assert name in response.headers["Vary"]
        return response.content.decode().strip()

    return render


def test_without_htmx_the_whole_page(rendered: Callable[..., str]) -> None:
    assert rendered() == "whole rows"


def test_a_known_part(rendered: Callable[..., str]) -> None:
    assert rendered(**{"HX-Request": "true", "HX-Target": "rows"}) == "rows"


@pytest.mark.parametrize(
    "headers",
    [
        {"HX-Request": "true", "HX-Target": "secret"},
        {"HX-Request": "true", "HX-Target": "../base"},
        {"HX-Request": "true"},
        {"HX-Target": "rows"},
        {"HX-Request": "true", "HX-Target": "rows", "HX-Boosted": "true"},
        {"HX-Request": "true", "HX-Target": "rows", "HX-History-Restore-Request": "true"},
    ],
)
def test_anything_else_gets_the_whole_page(
    rendered: Callable[..., str], headers: dict[str, str]
) -> None:
    assert rendered(**headers) == "whole rows"
