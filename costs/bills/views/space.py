"""How much space the lake takes, and which old versions give up their files next."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.csv_cells import csv_lines
from costs.lake import retiring
from costs.lake.retiring import Space
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR
from costs.stores import open_store

LISTED = 100
"""Leaving versions that the page names; the file names all."""
COLUMNS = ("source", "billing_period", "version", "status", "ended_at", "bytes", "why")


@require_safe
@needs_role(OPERATOR)
def space(request: HttpRequest) -> HttpResponse:
    """Bytes by source, and what would go now."""
    found = _space()
    return render_page(
        request,
        "bills/space.html",
        {
            "space": found,
            "listed": found.leaving[:LISTED],
            "more": max(0, len(found.leaving) - LISTED),
            "leaving_bytes": sum(one.size for one in found.leaving) + found.raw_leaving_bytes,
            "policy": retiring.policy(),
        },
    )


@require_safe
@needs_role(OPERATOR)
def space_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The versions that would go now."""
    rows = (
        (
            *(one.source, f"{one.billing_period:%Y-%m}", one.number, one.status),
            *(one.ended_at.isoformat() if one.ended_at else "", one.size, one.why),
        )
        for one in _space().leaving
    )
    return StreamingHttpResponse(
        csv_lines(COLUMNS, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="leaving-versions.csv"'},
    )


def _space() -> Space:
    store = open_store(settings.LAKE_URL)
    return retiring.space(store, retiring.policy(), now=timezone.now())
