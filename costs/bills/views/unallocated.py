"""What no rule places, and the commands that would tag it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import BadRequest
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from costs.bills import coverage, drafting
from costs.bills.allocation_forms import LostForm
from costs.bills.coverage import LACKS, Lacks, LostResource
from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope

A_PAGE = 50


@dataclass(frozen=True)
class LostLine:
    """A resource without a place, and the command that gives it one."""

    lost: LostResource
    command: str


@require_safe
def unallocated(request: HttpRequest) -> HttpResponse:
    """What lacks a place in the last complete month, the most costly first."""
    form, lacks = _read(request)
    scope, now = scope_of(request.user), timezone.now()
    month = coverage.last_month(scope, now.date())
    context: dict[str, Any] = {
        "now": now,
        "month": month,
        "form": form,
        "lacks": lacks,
        "choices": [
            (name, label, "?" + _query(request, lacks=name)) for name, label in LACKS.items()
        ],
        "environments": drafting.table_document().environments,
        "may_edit": has_role(request.user, OPERATOR) and scope == Scope.everything(),
        "query": _query(request),
        "tagging": bool(_tags(form)),
        "count": 0,
    }
    if month is not None:
        count, sums = coverage.lost_sums(scope, month, lacks)
        paginator = Paginator(range(count), A_PAGE)
        page: Page[int] = paginator.get_page(form.cleaned_data.get("page") or 1)
        offset = (page.number - 1) * A_PAGE
        found = coverage.lost_resources(scope, month, lacks, limit=A_PAGE, offset=offset)
        tags = _tags(form)
        context |= {
            "page_obj": page,
            "count": count,
            "sums": sums,
            "lines": [LostLine(one, _command(one, tags)) for one in found],
        }
    return render_page(request, "allocation/unallocated.html", context, partials={"lost"})


@require_safe
def unallocated_csv(request: HttpRequest) -> StreamingHttpResponse:
    """All of them as a file."""
    form, lacks = _read(request)
    scope, now = scope_of(request.user), timezone.now()
    month = coverage.last_month(scope, now.date())
    found = coverage.lost_resources(scope, month, lacks) if month else []
    tags = _tags(form)
    header = (
        "resource_id",
        "provider_name",
        "sub_account_id",
        "service_name",
        "environment",
        "cost_center",
        "currency",
        "effective_cost",
        "command",
    )
    rows = (
        (
            one.resource_id,
            one.provider_name,
            one.sub_account_id,
            one.service_name,
            one.environment,
            one.cost_center,
            one.currency,
            one.cost,
            _command(one, tags),
        )
        for one in found
    )
    name = f"unallocated-{month.start:%Y-%m}.csv" if month else "unallocated.csv"
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _read(request: HttpRequest) -> tuple[LostForm, Lacks]:
    if unknown := sorted(set(request.GET) - set(LostForm.base_fields)):
        known = ", ".join(LostForm.base_fields)
        raise BadRequest(f"This page knows no “{unknown[0][:40]}”: only {known}.")
    form = LostForm(request.GET)
    form.is_valid()
    if "lacks" in form.errors or "page" in form.errors:
        raise BadRequest("lacks: environment, cost_center or either; page: a number")
    chosen: Lacks = form.cleaned_data.get("lacks") or "environment"
    return form, chosen


def _tags(form: LostForm) -> list[tuple[str, str]]:
    """The tags to write: those that somebody chose, for a made-up one would be pasted as well."""
    cleaned = form.cleaned_data
    pairs = (
        ("environment", cleaned.get("environment", "")),
        ("cost-center", cleaned.get("cost_center", "")),
    )
    return [(name, value) for name, value in pairs if value]


def _command(lost: LostResource, tags: list[tuple[str, str]]) -> str:
    lacking = dict(tags)
    if lost.environment != "unallocated":
        lacking.pop("environment", None)
    if lost.cost_center:
        lacking.pop("cost-center", None)
    return coverage.tag_command(lost.resource_id, lost.service_name, list(lacking.items()))


def _query(request: HttpRequest, **changed: str) -> str:
    kept = {name: request.GET.get(name, "") for name in LostForm.base_fields if name != "page"}
    return urlencode({name: value for name, value in {**kept, **changed}.items() if value})
