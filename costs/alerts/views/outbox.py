"""The outbox: what is to be sent, was sent, could not be, and what nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from costs.alerts import queries, tasks
from costs.alerts.mail import link_of
from costs.alerts.models import OutboxMessage
from costs.alerts.operations import outbox as operations
from costs.alerts.plain_text import channel_text, mail_text
from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope

MESSAGES_A_PAGE = 50
STATES = [one.value for one in OutboxMessage.State]


def _scope(request: HttpRequest) -> Scope:
    scope = scope_of(request.user)
    if scope != Scope.everything():
        raise PermissionDenied(
            "Messages are about every environment; only who sees all reads them."
        )
    return scope


def _state(request: HttpRequest) -> str:
    if unknown := set(request.GET) - {"state", "page"}:
        raise BadRequest(f"This page knows no “{min(unknown)[:40]}”: only state, page.")
    state = request.GET.get("state", "")
    if state and state not in STATES:
        raise BadRequest(f"state: “{state[:40]}” is none of {', '.join(STATES)}.")
    return state


@require_safe
@needs_role(OPERATOR)
def outbox(request: HttpRequest) -> HttpResponse:
    """Messages, newest first; failed and uncertain ones first of all in the headline."""
    scope, state = _scope(request), _state(request)
    page = Paginator(queries.messages(scope, state), MESSAGES_A_PAGE).get_page(
        request.GET.get("page")
    )
    counts = queries.message_counts(scope)
    return render_page(
        request,
        "alerts/outbox.html",
        {
            "now": timezone.now(),
            "page_obj": page,
            "state": state,
            "counts": counts,
            "total": sum(counts.values()),
            "tabs": [(one, counts[one]) for one in STATES if counts[one] or one == state],
            "query": urlencode({"state": state}) if state else "",
        },
        partials={"messages"},
    )


@require_safe
@needs_role(OPERATOR)
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """One message: what it says, what became of it, what can be done."""
    found = queries.messages(_scope(request)).filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such message.")
    link = link_of(found.about, found.payload)
    text = (
        channel_text(found.about, found.payload | {"url": link})
        if found.way == "channel"
        else mail_text(found.about, found.payload, link)
    )
    waits = found.state in {"queued", "sending"}
    return render_page(
        request,
        "alerts/message.html",
        {"now": timezone.now(), "message": found, "text": text, "waits": waits},
        partials={"fate"},
    )


@require_POST
@needs_role(OPERATOR)
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Sends a failed or uncertain message again, under the same Message-ID."""
    return _settle(request, pk, operations.send_again, "It goes out again.", ring=True)


@require_POST
@needs_role(OPERATOR)
def it_arrived(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody has seen that an uncertain message arrived."""
    return _settle(request, pk, operations.it_arrived, "Good: it counts as sent.")


@require_POST
@needs_role(OPERATOR)
def drop(request: HttpRequest, pk: int) -> HttpResponse:
    """Does not send it any more."""
    return _settle(request, pk, operations.drop, "It is not sent.")


def _settle(
    request: HttpRequest, pk: int, act: Callable[..., Any], said: str, *, ring: bool = False
) -> HttpResponse:
    _scope(request)
    now = timezone.now()
    try:
        act(pk, actor=request.user.get_username(), now=now)
    except LookupError as error:
        raise Http404(str(error)) from None
    except operations.Overtaken as error:
        messages.error(request, str(error))
    else:
        if ring:
            tasks.ask_delivery(now)
        messages.success(request, said)
    return redirect("alerts:message", pk)


@require_safe
@needs_role(OPERATOR)
def outbox_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file, all of it."""
    header = (
        *("message", "state", "about", "way", "to", "name", "subject", "attempts", "said"),
        *("created_at", "sent_at", "message_id"),
    )
    rows = (
        (
            *(one.pk, one.state, one.about, one.way, one.to, one.to_name, one.subject),
            *(one.attempts, one.said, one.created_at.isoformat()),
            one.sent_at.isoformat() if one.sent_at else None,
            one.message_id,
        )
        for one in queries.messages(_scope(request), _state(request)).iterator(chunk_size=1000)
    )
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="outbox.csv"'},
    )
