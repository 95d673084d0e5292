"""Rows that could not be read."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from costs.bills import queries
from costs.bills.forms import PageForm
from costs.bills.matrix import month_text
from costs.bills.queries import RejectRow
from costs.csv_cells import csv_lines
from costs.lake.models import BillVersion
from costs.pages import render_page
from costs.people.queries import scope_of
from costs.people.scope import Scope

REJECTS_A_PAGE = 100


@require_safe
def rejects(request: HttpRequest, pk: int) -> HttpResponse:
    """The refused rows of one version of a bill."""
    version, scope = _version(request, pk)
    number = PageForm.read(request.GET).number
    paginator = Paginator(range(version.rejected), REJECTS_A_PAGE)
    page: Page[int] = paginator.get_page(number)
    rows = queries.rejects(
        scope, version, limit=REJECTS_A_PAGE, offset=(page.number - 1) * REJECTS_A_PAGE
    )
    return render_page(
        request,
        "bills/rejects.html",
        {
            "bill": version,
            "month": month_text(version.billing_period),
            "rejects": rows,
            "page_obj": page,
        },
    )


@require_safe
def rejects_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The same rows as a file."""
    version, scope = _version(request, pk)
    rows = queries.rejects(scope, version)
    lines = csv_lines(("file", "row", "column", "reason", "value"), map(_cells, rows))
    name = f"rejects-{version.source.name}-{version.billing_period:%Y-%m}-v{version.number}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _cells(row: RejectRow) -> tuple[object, ...]:
    return row.file, row.row, row.column, row.reason, row.value


def _version(request: HttpRequest, pk: int) -> tuple[BillVersion, Scope]:
    scope = scope_of(request.user)
    if scope != Scope.everything():
        raise PermissionDenied("Refused rows belong to no environment; ask someone who sees all.")
    version = queries.bill(scope, pk)
    if version is None:
        raise Http404("There is no such bill.")
    return version, scope
