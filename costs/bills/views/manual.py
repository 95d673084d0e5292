"""Charges that people type: the list of them, and a form for one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from costs.bills import manual_charges as operations
from costs.bills.manual import source_of
from costs.bills.mapping_forms import ManualChargeForm
from costs.bills.models import ManualCharge
from costs.csv_cells import csv_lines
from costs.jobs.queries import latest_runs
from costs.money import plain
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import audit_entries
from costs.people.roles import OPERATOR

EDITS_SHOWN = 10


@require_safe
@needs_role(OPERATOR)
def charges(request: HttpRequest) -> HttpResponse:
    """All charges that are entered, and a form for one more."""
    rows = operations.entered()
    return render_page(
        request,
        "bills/manual_charges.html",
        {
            "charges": [(row, source_of(row.provider_name)) for row in rows],
            "now": timezone.now(),
            "runs": [run for run in latest_runs(operations.KIND, 5) if run.state != "done"],
        },
    )


@require_safe
@needs_role(OPERATOR)
def charges_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file."""
    header = (
        *("provider", "service", "amount", "currency", "first_month", "last_month"),
        *("environment", "cost_center", "note", "changed_at", "changed_by"),
    )
    rows = (
        (
            row.provider_name,
            row.service_name,
            row.amount,
            row.currency,
            f"{row.first_month:%Y-%m}",
            f"{row.last_month:%Y-%m}" if row.last_month else "",
            row.environment,
            row.cost_center,
            row.note,
            row.changed_at.isoformat(),
            row.changed_by,
        )
        for row in operations.entered()
    )
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="entered-charges.csv"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def new_charge(request: HttpRequest) -> HttpResponse:
    """A form for one more charge."""
    now = timezone.now()
    month = f"{now:%Y-%m}"
    form = ManualChargeForm(
        request.POST or None, initial={"first_month": month, "currency": "USD", "seen": 0}
    )
    if request.method == "POST" and form.is_valid():
        try:
            row = operations.enter(form.entry(), actor=request.user.get_username(), now=now)
        except ValueError as error:
            form.add_error(_field_of(str(error)), str(error))
        else:
            messages.success(request, f"{row} is entered; its bills are being made.")
            return redirect("bills:manual_charges")
    return _page(request, form, None, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def charge(request: HttpRequest, pk: int) -> HttpResponse:
    """A form for a charge that is entered."""
    row = _row(pk)
    if request.method != "POST":
        return _page(request, ManualChargeForm(initial=_initial(row)), row)
    form = ManualChargeForm(request.POST)
    if not form.is_valid():
        return _page(request, form, row, status=422)
    try:
        operations.change(
            pk,
            form.entry(),
            seen=form.cleaned_data["seen"] or 0,
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except operations.Overtaken:
        row.refresh_from_db()
        return _page(request, form, row, status=409, overtaken=True)
    except ValueError as error:
        form.add_error(_field_of(str(error)), str(error))
        return _page(request, form, row, status=422)
    messages.success(request, f"{row} is changed; its bills are being made anew.")
    return redirect("bills:manual_charges")


@require_POST
@needs_role(OPERATOR)
def remove_charge(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a charge out of all its months."""
    row = _row(pk)
    try:
        operations.remove(
            pk,
            seen=int(request.POST.get("seen") or -1),
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except (operations.Overtaken, ValueError):
        messages.error(request, "Somebody has changed this charge meanwhile; look at it first.")
        return redirect("bills:manual_charge", pk)
    messages.success(request, f"{row} is removed; its bills are being made anew.")
    return redirect("bills:manual_charges")


def _page(
    request: HttpRequest,
    form: ManualChargeForm,
    row: ManualCharge | None,
    *,
    status: int = 200,
    overtaken: bool = False,
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "row": row, "now": timezone.now()}
    if row is not None:
        context["edits"] = audit_entries(action="charge.", subject=str(row))[:EDITS_SHOWN]
        context["seen"] = row.version if overtaken else form["seen"].value()
        context["source"] = source_of(row.provider_name)
    if row is not None and overtaken:
        theirs = _initial(row)
        context["pairs"] = [
            (form[name].label, theirs[name], str(form[name].value() or ""))
            for name in theirs
            if name != "seen" and str(theirs[name]) != str(form[name].value() or "")
        ]
        context["overtaken"] = True
    return render_page(request, "bills/manual_charge.html", context, status=status)


def _initial(row: ManualCharge) -> dict[str, Any]:
    return {
        "provider_name": row.provider_name,
        "service_name": row.service_name,
        "amount": plain(row.amount),
        "currency": row.currency,
        "first_month": f"{row.first_month:%Y-%m}",
        "last_month": f"{row.last_month:%Y-%m}" if row.last_month else "",
        "environment": row.environment,
        "cost_center": row.cost_center,
        "note": row.note,
        "seen": row.version,
    }


def _field_of(message: str) -> str | None:
    """The field that a message of the operations is about."""
    for start, field in (
        ("The amount", "amount"),
        ("The last", "last_month"),
        ("The first", "first_month"),
        ("The provider", "provider_name"),
    ):
        if message.startswith(start):
            return field
    return None


def _row(pk: int) -> ManualCharge:
    row = ManualCharge.objects.filter(pk=pk, removed_at=None).first()
    if row is None:
        raise Http404("There is no such charge, or it has been removed.")
    return row
