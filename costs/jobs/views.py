"""What goes on in the background, for operators."""

from __future__ import annotations

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.csv_cells import csv_lines
from costs.jobs.models import JobRun
from costs.jobs.queries import runs, standing
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR

RUNS_A_PAGE = 50
COLUMNS = (
    "kind",
    "subject",
    "state",
    "attempt",
    "worker",
    "requested_by",
    "requested_at",
    "started_at",
    "finished_at",
    "error",
)


@require_safe
@needs_role(OPERATOR)
def background(request: HttpRequest) -> HttpResponse:
    """What is at work, what waits, and what became of the rest."""
    now = timezone.now()
    page: Page[JobRun] = Paginator(runs(), RUNS_A_PAGE).get_page(request.GET.get("page"))
    return render_page(
        request,
        "jobs/background.html",
        {"standing": standing(now), "page_obj": page, "now": now},
        partials={"background"},
    )


@require_safe
@needs_role(OPERATOR)
def background_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file, all of it."""
    rows = (
        [getattr(run, name) if getattr(run, name) is not None else "" for name in COLUMNS]
        for run in runs().iterator(chunk_size=2000)
    )
    return StreamingHttpResponse(
        csv_lines(COLUMNS, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="background.csv"'},
    )
