"""One way to answer with a page, or with the part of it that htmx asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    partials: Collection[str] = (),
    status: int = 200,
) -> HttpResponse:
    """Render ``template``, or only its partial when htmx targets one of ``partials``.

    A partial's name is its DOM id and the ``hx-target``. Boosted and history-restore requests get
    the whole page.
    """
    htmx = getattr(request, "htmx", None)
    whole = not htmx or htmx.boosted or htmx.history_restore_request
    name = template
    if not whole and htmx.target in partials:
        name = f"{template}#{htmx.target}"
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ("HX-Request", "HX-Target", "HX-Boosted"))
    return response
