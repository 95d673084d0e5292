"""One way to answer with a page, or with the part of it that htmx asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


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
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    name = template
    if htmx and not htmx.boosted and not htmx.history_restore_request and htmx.target in partials:
        name = f"{template}#{htmx.target}"
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ("HX-Request", "HX-Target", "HX-Boosted"))
    return response
