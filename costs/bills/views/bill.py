"""One bill: its versions, what changed between them, its files, and deciding on what is held."""

from __future__ import annotations

from datetime import UTC, date

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from costs.bills import queries
from costs.bills.decisions import Overtaken, decide
from costs.bills.forms import DecisionForm, PageForm
from costs.bills.forms import month as parse_month
from costs.bills.matrix import month_text
from costs.bills.queries import VERSIONS_A_PAGE
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope


@require_safe
def bill(request: HttpRequest, source: str, month: str) -> HttpResponse:
    """A source's bill of one month."""
    period = _month(month)
    number = PageForm.read(request.GET).number
    if len(month) == len("2026-06"):
        # A billing period may begin within a month, and lists of months lead here all the same.
        begins = queries.billing_period_in(scope_of(request.user), source, period)
        if begins and begins != period:
            return redirect("bills:bill", source, month_text(begins))
    return _page(request, source, period, number)


def _page(
    request: HttpRequest,
    source: str,
    period: date,
    number: int = 1,
    *,
    overtaken: str = "",
    status: int = 200,
) -> HttpResponse:
    scope = scope_of(request.user)
    if scope != Scope.everything():
        raise PermissionDenied(
            "A whole bill belongs to no single environment; ask someone who sees all."
        )
    offset = (number - 1) * VERSIONS_A_PAGE
    now = timezone.now()
    found = queries.bill_page(
        scope, source, period, as_of=now.astimezone(UTC).date(), offset=offset
    )
    if found is None:
        raise Http404(f"{source[:100]} has no bill of {period:%B %Y}.")
    if not found.versions:
        raise Http404(f"This bill has only {found.count} versions: there is no page {number}.")
    versions: Page[int] = Paginator(range(found.count), VERSIONS_A_PAGE).get_page(number)
    return render_page(
        request,
        "bills/bill.html",
        {
            "bill": found,
            "operator": has_role(request.user, OPERATOR),
            "overtaken": overtaken,
            "page_obj": versions,
            "now": now,
        },
        status=status,
    )


def _month(text: str) -> date:
    try:
        return parse_month(text)
    except ValueError as error:
        raise BadRequest(f"{error}.") from None


@require_POST
@needs_role(OPERATOR)
def decision(request: HttpRequest, source: str, month: str) -> HttpResponse:
    """Accept or refuse a held version; 409 with the page as it is now when it is too late."""
    period = _month(month)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        raise BadRequest("Choose accept or refuse on the bill's own page.")
    scope = scope_of(request.user)
    version = queries.bill(scope, form.cleaned_data["version"])
    if version is None or (version.source.name, version.billing_period) != (source, period):
        raise Http404("There is no such delivery of this bill.")
    accepted = form.cleaned_data["decision"] == "accept"
    try:
        decide(
            version.pk,
            accepted=accepted,
            compared_with=form.cleaned_data["compared_with"],
            why=form.cleaned_data["why"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except Overtaken as overtaken:
        return _page(request, source, period, overtaken=str(overtaken), status=409)
    what = "is live now" if accepted else "is refused and will never count"
    messages.success(request, f"Version {version.number} {what}.")
    return redirect("bills:bill", source, month)


@require_safe
@needs_role(OPERATOR)
def raw(request: HttpRequest, pk: int) -> FileResponse:
    """A delivered file as it came, byte for byte."""
    found = queries.raw_file(scope_of(request.user), pk)
    if found is None:
        raise Http404("There is no such file, or it is no longer kept.")
    delivery, path = found
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=delivery.file_name,
        content_type="application/octet-stream",
    )
