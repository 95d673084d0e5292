"""The first page of bills: months × sources, what is held, what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.bills import queries
from costs.bills.forms import MatrixForm
from costs.bills.queries import Matrix
from costs.bills.tasks import INGEST
from costs.csv_cells import csv_lines
from costs.jobs.queries import latest_runs
from costs.pages import render_page
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR

UPLOADS_SHOWN = 5
COLUMNS = (
    "billing_period",
    "source",
    "provider_name",
    "format",
    "state",
    "version",
    "rows",
    "rejected",
    "currency",
    "billed_cost",
    "effective_cost",
    "delivered_at",
    "why",
)


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """Every bill of every source, what waits for a decision first."""
    form = MatrixForm.read(request.GET)
    now = timezone.now()
    matrix = queries.matrix(
        scope_of(request.user), now.date(), form.chosen, form.cleaned_data["until"]
    )
    operator = has_role(request.user, OPERATOR)
    return render_page(
        request,
        "bills/sources.html",
        {
            "matrix": matrix,
            "metric": form.chosen,
            "operator": operator,
            "uploads": latest_runs(INGEST, UPLOADS_SHOWN) if operator else [],
            "now": now,
        },
        partials={"bills"},
    )


@require_safe
def sources_csv(request: HttpRequest) -> StreamingHttpResponse:
    """All months of the matrix: a row per bill and currency, and one for each missing month."""
    MatrixForm.read(request.GET)
    matrix = queries.matrix(scope_of(request.user), timezone.now().date(), "billed_cost")
    return StreamingHttpResponse(
        csv_lines(COLUMNS, _rows(matrix)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="bills.csv"'},
    )


def _rows(matrix: Matrix) -> Iterator[tuple[object, ...]]:
    by_name = {source.name: source for source in matrix.sources}
    for one in matrix.versions:
        source = by_name[one.source]
        for currency, billed, effective in one.sums or (("", None, None),):
            yield (
                *(one.month, one.source, source.provider_name, source.format, one.status),
                *(one.number, one.rows, one.rejected, currency, billed, effective),
                *(one.delivered_at.isoformat(), one.held_reason),
            )
    for name, month in matrix.missing:
        source = by_name[name]
        start = (f"{month:%Y-%m}", name, source.provider_name, source.format, "missing")
        yield (*start, *[None] * 8)
