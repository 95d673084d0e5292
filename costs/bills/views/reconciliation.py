"""Our totals against the provider's own, and typing one in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from costs.bills import totals
from costs.bills.forms import ReconciliationForm, TotalForm
from costs.bills.reconciliation import ABSOLUTE, RELATIVE
from costs.bills.reconciling import ENTERED, INVOICE, Overtaken, record_provider_total
from costs.bills.totals import Reconciliation
from costs.csv_cells import csv_lines
from costs.money import plain
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope

MONTHS_A_PAGE = 60
COLUMNS = (
    "billing_period",
    "provider_name",
    "billing_account_id",
    "currency",
    "imported",
    "origin",
    "invoice_id",
    "provider_total",
    "difference",
    "verdict",
    "reason",
    "provider_total_of",
)


@require_safe
def reconciliation(request: HttpRequest) -> HttpResponse:
    """Months × accounts: the imported total, the provider's, the difference and what it means."""
    form = ReconciliationForm.read(request.GET)
    scope, now = _everything(request), timezone.now()
    every = totals.reconciliations(scope, as_of=_today(now))
    found = _chosen(every, form)
    page: Page[Reconciliation] = Paginator(found, MONTHS_A_PAGE).get_page(form.number)
    return render_page(
        request,
        "bills/reconciliation.html",
        {
            "form": form,
            "page_obj": page,
            "any": bool(every),
            "differing": sum(one.verdict.name == "differs" for one in every),
            "told": sum(one.verdict.name in {"differs", "matches"} for one in every),
            "absolute": ABSOLUTE,
            "relative": plain(RELATIVE * 100),
            "query": form.query,
            "operator": has_role(request.user, OPERATOR),
            "now": now,
        },
        partials={"months"},
    )


@require_safe
def reconciliation_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file: a row for each origin of each month."""
    form = ReconciliationForm.read(request.GET)
    scope = _everything(request)
    found = _chosen(totals.reconciliations(scope, as_of=_today(timezone.now())), form)
    return StreamingHttpResponse(
        csv_lines(COLUMNS, _rows(found)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="reconciliation.csv"'},
    )


def _chosen(every: list[Reconciliation], form: ReconciliationForm) -> list[Reconciliation]:
    verdict, account = form.cleaned_data["verdict"], form.cleaned_data["account"].lower()
    return [
        one
        for one in every
        if (not verdict or one.verdict.name == verdict)
        and account in f"{one.provider_name} {one.billing_account_id}".lower()
    ]


def _rows(found: list[Reconciliation]) -> Iterator[tuple[object, ...]]:
    for one in found:
        start = (one.month, one.provider_name, one.billing_account_id, one.currency)
        if not one.origins:
            reason = (one.verdict.name, one.verdict.reason, None)
            yield (*start, one.imported, None, None, None, None, *reason)
        for origin in one.origins:
            verdict = origin.verdict
            yield (
                *(*start, origin.imported, origin.origin, origin.invoice_id, origin.billed_cost),
                *(verdict.difference, verdict.name, verdict.reason),
                origin.confirmed_at.isoformat(),
            )


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def total(request: HttpRequest) -> HttpResponse:
    """A form for a total as it stands on an invoice; 409 with theirs when somebody was quicker."""
    scope, now = _everything(request), timezone.now()
    context: dict[str, Any] = {"now": now, "accounts": totals.accounts(scope)}
    if request.method != "POST":
        start = {
            name: request.GET.get(name, "")[:300]
            for name in ("provider", "account", "month", "currency")
        }
        form = TotalForm(initial=start | {"currency": start["currency"] or "USD", "seen": 0})
        given = _given(scope, start["provider"], start["account"], start["month"])
        form.initial["seen"] = given[0].pk if given else 0
        return render_page(request, "bills/total.html", context | {"form": form, "given": given})
    form = TotalForm(request.POST)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "bills/total.html", context, status=422)
    cleaned = form.cleaned_data
    try:
        written = record_provider_total(
            provider_name=cleaned["provider"],
            billing_account_id=cleaned["account"],
            billing_period=cleaned["month"],
            currency=cleaned["currency"],
            billed_cost=cleaned["billed_cost"],
            origin=INVOICE if cleaned["invoice_id"] else ENTERED,
            invoice_id=cleaned["invoice_id"],
            why=cleaned["why"],
            seen=cleaned["seen"],
            actor=request.user.get_username(),
            now=now,
        )
    except Overtaken:
        given = totals.given(
            scope,
            provider_name=cleaned["provider"],
            billing_account_id=cleaned["account"],
            billing_period=cleaned["month"],
        )
        context |= {"theirs": given[0], "given": given, "seen": given[0].pk}
        return render_page(request, "bills/total.html", context, status=409)
    except ValueError as error:
        form.add_error(None, str(error))
        return render_page(request, "bills/total.html", context, status=422)
    messages.success(request, f"The total of {written} is kept.")
    return redirect("bills:reconciliation")


def _given(scope: Scope, provider: str, account: str, text: str) -> list[Any]:
    try:
        period = date.fromisoformat(text if len(text) > 7 else f"{text}-01")
    except ValueError:
        return []
    return totals.given(
        scope, provider_name=provider, billing_account_id=account, billing_period=period
    )


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _everything(request: HttpRequest) -> Scope:
    scope = scope_of(request.user)
    if scope != Scope.everything():
        raise PermissionDenied(
            "The total of a whole account belongs to no single environment; ask someone who sees"
            " all."
        )
    return scope
