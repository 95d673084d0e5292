"""The log: what is open, what somebody takes care of, what has closed and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from costs.alerts import queries
from costs.alerts.forms import AcknowledgeForm, LogForm, MuteForm
from costs.alerts.kinds import KINDS
from costs.alerts.models import Alert
from costs.alerts.operations import log as operations
from costs.alerts.operations.telling import environment_labels
from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR, REVIEWER
from costs.people.scope import Scope

ALERTS_A_PAGE = 50


@require_safe
def log(request: HttpRequest) -> HttpResponse:
    """The alerts that the reader may see, what is open first unless they ask otherwise."""
    query = request.GET.copy()
    if not query:
        query["state"] = "active"
    return _page(request, query)


@require_safe
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    """One alert with its life."""
    scope, now = scope_of(request.user), timezone.now()
    found = queries.alert(scope, pk)
    if found is None:
        raise Http404("There is no such alert, or you may not see it.")
    return render_page(
        request,
        "alerts/alert.html",
        {
            "now": now,
            "alert": found,
            "kind": KINDS[found.kind],
            "label": environment_labels().get(found.environment, found.environment),
            "events": queries.events(scope, found),
            "mute": queries.muted(
                queries.mutes_at(now), found.kind, found.environment, found.subject
            ),
            "mute_form": MuteForm(initial={"days": "7"}),
            "may_decide": has_role(request.user, REVIEWER),
        },
    )


@require_POST
@needs_role(REVIEWER)
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody has seen it; with a note if there is one."""
    form = AcknowledgeForm(request.POST)
    if not form.is_valid():
        raise BadRequest(f"note: {form.errors['note'][0]}")
    return _done(
        request,
        pk,
        lambda scope, actor, now: operations.acknowledge(
            scope, pk, note=form.cleaned_data["note"], actor=actor, now=now
        ),
        "Acknowledged. You hear of it again only if it gets worse.",
    )


@require_POST
@needs_role(REVIEWER)
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes an acknowledgement back."""
    return _done(
        request,
        pk,
        lambda scope, actor, now: operations.reopen(scope, pk, actor=actor, now=now),
        "It is open again.",
    )


@require_POST
@needs_role(REVIEWER)
def mute(request: HttpRequest, pk: int) -> HttpResponse:
    """Nobody is told of it, and of its like, until then."""
    form = MuteForm(request.POST)
    if not form.is_valid():
        said = " ".join(f"{name}: {form.errors[name][0]}" for name in form.errors)
        return _refused(request, pk, said)
    return _done(
        request,
        pk,
        lambda scope, actor, now: operations.mute(
            scope, pk, until=form.end(now), why=form.cleaned_data["why"], actor=actor, now=now
        ),
        "Muted. It stays in the log.",
    )


@require_POST
@needs_role(REVIEWER)
def unmute(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends a mute early."""
    return _done(
        request,
        pk,
        lambda scope, actor, now: operations.end_mute(scope, pk, actor=actor, now=now),
        "It is told again.",
    )


@require_safe
def log_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same alerts as a file, all of them."""
    form = LogForm.read(request.GET)
    header = (
        *("alert", "state", "level", "kind", "environment", "subject", "period", "threshold"),
        *("value", "currency", "title", "message", "raised_at", "closed_at", "closed_reason"),
        *("acknowledged_by", "acknowledged_at", "note"),
    )
    rows = (
        (
            *(one.pk, one.state, one.level_word, one.kind, one.environment, one.subject),
            *(one.period, one.threshold, one.value, one.currency, one.title, one.message),
            one.raised_at.isoformat(),
            one.closed_at.isoformat() if one.closed_at else None,
            one.closed_reason,
            one.acknowledged_by,
            one.acknowledged_at.isoformat() if one.acknowledged_at else None,
            one.note,
        )
        for one in queries.alerts(scope_of(request.user), **form.filters).iterator(chunk_size=2000)
    )
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="alerts.csv"'},
    )


def _page(request: HttpRequest, query: QueryDict, status: int = 200) -> HttpResponse:
    form = LogForm.read(query)
    scope, now = scope_of(request.user), timezone.now()
    paginator = Paginator(queries.alerts(scope, **form.filters), ALERTS_A_PAGE)
    page = paginator.get_page(form.cleaned_data["page"] or 1)
    labels = environment_labels()
    mutes = queries.mutes_at(now)
    counts = queries.counts(scope)
    return render_page(
        request,
        "alerts/log.html",
        {
            "now": now,
            "form": form,
            "page_obj": page,
            "rows": [
                {
                    "alert": one,
                    "label": labels.get(one.environment, one.environment),
                    "mute": queries.muted(mutes, one.kind, one.environment, one.subject),
                }
                for one in page
            ],
            "states": _states(form, counts),
            "counts": counts,
            "environments": [
                (name, labels.get(name, name)) for name in queries.environments_of_alerts(scope)
            ],
            "query": form.query_with(),
            "last": queries.last_evaluation(),
            "partly": scope.cost_centers is not None,
            "may_decide": has_role(request.user, REVIEWER),
            "may_set": has_role(request.user, OPERATOR),
            "urgent": _urgent(scope),
        },
        partials={"log"},
        status=status,
    )


def _urgent(scope: Scope) -> int:
    return queries.alerts(scope, state=Alert.State.OPEN, level=3).count()


def _states(form: LogForm, counts: dict[str, int]) -> list[tuple[str, str, int, bool]]:
    """Word, query string, number and whether it is chosen, of each tab."""
    active = counts["open"] + counts["acknowledged"]
    tabs = [
        ("To look at", "active", active),
        ("Open", "open", counts["open"]),
        ("Acknowledged", "acknowledged", counts["acknowledged"]),
        ("Closed", "closed", counts["closed"]),
        ("All", "", active + counts["closed"]),
    ]
    chosen = form.cleaned_data["state"]
    return [
        (word, form.query_with(state=state) or "state=", number, state == chosen)
        for word, state, number in tabs
    ]


def _done(
    request: HttpRequest,
    pk: int,
    act: Callable[[Scope, str, datetime], object],
    said: str,
) -> HttpResponse:
    try:
        act(scope_of(request.user), request.user.get_username(), timezone.now())
    except LookupError as error:
        raise Http404(str(error)) from None
    except (operations.Overtaken, ValueError) as error:
        return _refused(request, pk, str(error))
    messages.success(request, said)
    return _back(request, pk)


def _refused(request: HttpRequest, pk: int, said: str) -> HttpResponse:
    messages.error(request, said)
    return _back(request, pk)


def _back(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the form stood: the log as it was filtered, or the alert's own page."""
    if "back" not in request.POST:
        return redirect("alerts:alert", pk)
    query = QueryDict(request.POST["back"][:1000])
    if request.htmx:  # type: ignore[attr-defined]
        return _page(request, query)
    return redirect(f"{reverse('alerts:log')}?{query.urlencode() or 'state='}")
