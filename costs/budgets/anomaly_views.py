"""What stood out, and what people say of it."""

from __future__ import annotations

from typing import Any, Self

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from costs.bills import queries as bills
from costs.budgets import anomaly_operations as operations
from costs.budgets import anomaly_queries as queries
from costs.budgets.anomalies import HISTORY_DAYS
from costs.budgets.anomaly_queries import AnomalyRow
from costs.budgets.models import AnomalyRecord
from costs.budgets.year import UNALLOCATED
from costs.csv_cells import csv_lines
from costs.money import plain
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR

STATES = {"open": "Open", "acknowledged": "Acknowledged", "closed": "Closed", "all": "All"}


class AnomaliesForm(forms.Form):
    """The query string of the list."""

    state = forms.ChoiceField(choices=list(STATES.items()), required=False)
    environment = forms.CharField(max_length=100, required=False)
    service = forms.CharField(max_length=300, required=False)

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """The valid form. Raises :class:`BadRequest` that names what is wrong with ``query``."""
        if unknown := sorted(set(query) - set(cls.base_fields)):
            known = ", ".join(cls.base_fields)
            raise BadRequest(f"This page knows no “{unknown[0][:40]}”: only {known}.")
        form = cls(query)
        if not form.is_valid():
            raise BadRequest(
                " ".join(f"{name}: {error}" for name in form.errors for error in form.errors[name])
            )
        return form

    @property
    def state_shown(self) -> str:
        return self.cleaned_data["state"] or "open"

    def query(self, **changes: str) -> str:
        """The query string with other values; empty ones are left out."""
        asked = {name: self.cleaned_data[name] for name in self.base_fields} | changes
        kept = {name: value for name, value in asked.items() if value}
        return f"?{urlencode(kept)}" if kept else ""


@require_safe
def anomalies(request: HttpRequest) -> HttpResponse:
    """What stood out, newest first."""
    form = AnomaliesForm.read(request.GET)
    return render_page(request, "budgets/anomalies.html", _context(request, form), {"anomalies"})


@require_safe
def anomalies_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file, with every digit."""
    form = AnomaliesForm.read(request.GET)
    header = (
        *("environment", "service_name", "currency", "kind", "first_day", "last_day", "days"),
        *("actual", "expected", "impact", "score", "drivers", "state", "note", "decided_by"),
        *("decided_at", "closed_why"),
    )
    rows = (
        (
            *(row.environment, row.service_name, row.currency, row.kind),
            *(row.first_day.isoformat(), row.last_day.isoformat(), str(len(row.days))),
            *(row.actual, row.expected, row.impact),
            "" if row.score is None else str(row.score),
            "; ".join(
                f"{one.resource_id or one.region_id} {plain(one.share)} %" for one in row.drivers
            ),
            *(row.state, row.note, row.decided_by),
            row.decided_at.isoformat() if row.decided_at else "",
            row.closed_why,
        )
        for row in _shown(_rows(request, form), form.state_shown)
    )
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="anomalies-{form.state_shown}.csv"'},
    )


@require_POST
@needs_role(OPERATOR)
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Say why an anomaly is expected; its days teach what is normal."""
    note = request.POST.get("note", "").strip()
    if not note:
        messages.warning(request, "Say in a few words why this is expected: nothing was changed.")
        return _back(request)
    return _decided(request, pk, "acknowledge", note[:500])


@require_POST
@needs_role(OPERATOR)
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an acknowledgement back."""
    return _decided(request, pk, "reopen", "")


def _decided(request: HttpRequest, key: int, what: str, note: str) -> HttpResponse:
    if queries.anomaly(scope_of(request.user), key) is None:
        raise Http404("There is no such anomaly.")
    seen, actor, now = request.POST.get("seen", ""), request.user.get_username(), timezone.now()
    try:
        if what == "acknowledge":
            operations.acknowledge(key, note=note, seen=seen, actor=actor, now=now)
        else:
            operations.reopen(key, seen=seen, actor=actor, now=now)
    except (operations.Overtaken, AnomalyRecord.DoesNotExist) as error:
        messages.warning(request, str(error))
    else:
        done = "Acknowledged; its days are normal from now on." if note else "Open again."
        messages.success(request, done)
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """The list as it was: in place for htmx, else by a redirect."""
    form = AnomaliesForm.read(QueryDict(request.POST.get("back", "")[:600].removeprefix("?")))
    if request.htmx:  # type: ignore[attr-defined]
        context = _context(request, form)
        return render_page(request, "budgets/anomalies.html", context, {"anomalies"})
    return redirect(reverse("budgets:anomalies") + form.query())


def _rows(request: HttpRequest, form: AnomaliesForm) -> list[AnomalyRow]:
    return queries.anomalies(
        scope_of(request.user),
        environment=form.cleaned_data["environment"],
        service_name=form.cleaned_data["service"],
    )


def _shown(rows: list[AnomalyRow], state: str) -> list[AnomalyRow]:
    return [row for row in rows if state in {"all", row.state}]


def _context(request: HttpRequest, form: AnomaliesForm) -> dict[str, Any]:
    scope = scope_of(request.user)
    rows = _rows(request, form)
    counts = {state: len(_shown(rows, state)) for state in STATES}
    labels = {one.name: one.label for one in bills.environments(scope)}
    return {
        "form": form,
        "rows": _shown(rows, form.state_shown),
        "open": _shown(rows, "open"),
        "states": [
            (
                label,
                form.query(state=state) if state != "open" else form.query(state=""),
                counts[state],
                state == form.state_shown,
            )
            for state, label in STATES.items()
        ],
        "any": bool(rows),
        "query": form.query(),
        "environments": [*labels.items(), (UNALLOCATED, "Unallocated")],
        "partly": scope.cost_centers is not None,
        "may_decide": has_role(request.user, OPERATOR),
        "days_judged": HISTORY_DAYS,
        "now": timezone.now(),
    }
