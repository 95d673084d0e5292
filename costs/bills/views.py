"""Bills: where they come from, how fresh they are, and which rows were refused."""

from __future__ import annotations

from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.bills import queries
from costs.bills.queries import RejectRow
from costs.csv_cells import csv_lines
from costs.lake.models import BillVersion
from costs.pages import render_page
from costs.people.queries import scope_of
from costs.people.scope import Scope

REJECTS_A_PAGE = 100


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """Every source with its bills, and what is held."""
    scope = scope_of(request.user)
    now = timezone.now()
    found = queries.sources_with_bills(scope, now.date())
    return render_page(request, "bills/sources.html", {"sources": found, "now": now})


@require_safe
def rejects(request: HttpRequest, pk: int) -> HttpResponse:
    """The refused rows of one version of a bill."""
    version, scope = _version(request, pk)
    number = request.GET.get("page", "1")
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 8):
        raise BadRequest(f"page: “{number[:20]}” is not the number of a page")
    paginator = Paginator(range(version.rejected), REJECTS_A_PAGE)
    page: Page[int] = paginator.get_page(int(number))
    rows = queries.rejects(
        scope, version, limit=REJECTS_A_PAGE, offset=(page.number - 1) * REJECTS_A_PAGE
    )
    return render_page(
        request, "bills/rejects.html", {"bill": version, "rejects": rows, "page_obj": page}
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
