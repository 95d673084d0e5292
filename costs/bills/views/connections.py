"""Connections to clouds: how they are, adding, testing and changing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from costs.bills import connected, connecting
from costs.bills.connection_forms import ConnectionForm
from costs.bills.connections import KINDS, BadParameter, ConnectionKind, kind_of
from costs.bills.models import Connection
from costs.csv_cells import csv_lines
from costs.jobs.models import JobRun
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR

RUNS_SHOWN = 8


@require_safe
@needs_role(OPERATOR)
def connections(request: HttpRequest) -> HttpResponse:
    """Every connection: state, schedule, last and next run, freshness, errors in words."""
    now = timezone.now()
    rows = connected.shown(now)
    return render_page(
        request,
        "bills/connections.html",
        {
            "rows": rows,
            "failing": [row for row in rows if row.mood == "failing"],
            "running": any(row.running for row in rows),
            "now": now,
        },
        partials={"connections"},
    )


@require_safe
@needs_role(OPERATOR)
def connections_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file."""
    header = (
        *("name", "kind", "target", "state", "schedule", "last_run", "last_success", "next_run"),
        *("deliveries", "sources", "costs_until", "error"),
    )
    rows = (
        (
            *(row.connection.name, row.kind.name, row.target, row.mood, row.schedule),
            *(
                moment.isoformat() if moment else ""
                for moment in (
                    row.connection.last_run_at,
                    row.connection.last_success_at,
                    row.next_run,
                )
            ),
            *(row.deliveries, " ".join(row.sources), row.last_day or "", row.error),
        )
        for row in connected.shown(timezone.now())
    )
    return _csv("connections", header, rows)


@require_safe
@needs_role(OPERATOR)
def connection(request: HttpRequest, pk: int) -> HttpResponse:
    """One connection: what it has brought, its runs, and what may be done with it."""
    known, now = _known(pk), timezone.now()
    return render_page(
        request,
        "bills/connection.html",
        {
            "row": connected.shown_one(known, now),
            "fetched": known.fetched.all(),
            "runs": connected.runs_of(known, RUNS_SHOWN),
            "now": now,
        },
        partials={"connection"},
    )


@require_safe
@needs_role(OPERATOR)
def deliveries_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """What a connection has brought, as a file: a row per delivery and bill."""
    known = _known(pk)
    header = (
        *("delivery", "billing_period", "state", "error", "bytes", "fetched_at"),
        *("source", "version", "status", "rows", "rejected", "currency", "billed_cost"),
    )
    last = ("source", "version", "status", "rows", "rejected", "currency", "billed_cost")
    rows = (
        (
            *(one.name, f"{one.billing_period:%Y-%m}" if one.billing_period else "", one.state),
            *(one.error, one.size, one.fetched_at.isoformat()),
            *(bill.get(name, "") for name in last),
        )
        for one in known.fetched.all()
        for bill in (one.bills or [{}])
    )
    return _csv(f"deliveries-{known.name}", header, rows)


@require_safe
@needs_role(OPERATOR)
def new_connection(request: HttpRequest) -> HttpResponse:
    """Which kind of connection?"""
    return render_page(request, "bills/new_connection.html", {"kinds": KINDS})


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def add_connection(request: HttpRequest, kind: str) -> HttpResponse:
    """A form for a new connection: test it, then save it."""
    known_kind = _kind(kind)
    here = reverse("bills:add_connection", args=[kind])
    if request.method != "POST":
        return _form(request, known_kind, _before(request, known_kind), here)
    form = ConnectionForm(known_kind, request.POST)
    if not form.is_valid():
        return _form(request, known_kind, form, here, status=422)
    actor, now = request.user.get_username(), timezone.now()
    if "test" in request.POST:
        return _tested(request, form, here)
    try:
        known = connecting.add_connection(
            actor=actor,
            name=form.cleaned_data["name"],
            kind=kind,
            parameters=form.parameters,
            schedule=form.cleaned_data["schedule"],
            hour=form.cleaned_data["hour"],
            now=now,
        )
    except BadParameter as wrong:
        form.add_error(wrong.name, str(wrong))
        return _form(request, known_kind, form, here, status=422)
    connecting.request_run(known, actor=actor, now=now)
    messages.success(request, f"{known.name} is connected, and its first run has been asked for.")
    return redirect("bills:connection", known.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def edit_connection(request: HttpRequest, pk: int) -> HttpResponse:
    """A form for what a connection reads, and when."""
    known = _known(pk)
    kind = _kind(known.kind)
    here = reverse("bills:edit_connection", args=[pk])
    if request.method != "POST":
        return _form(request, kind, _before(request, kind, known), here, known)
    form = ConnectionForm(kind, request.POST, named=True)
    if not form.is_valid():
        return _form(request, kind, form, here, known, status=422)
    if "test" in request.POST:
        return _tested(request, form, here)
    try:
        connecting.change_connection(
            pk,
            actor=request.user.get_username(),
            parameters=form.parameters,
            schedule=form.cleaned_data["schedule"],
            hour=form.cleaned_data["hour"],
            seen=form.cleaned_data["seen"],
            now=timezone.now(),
        )
    except BadParameter as wrong:
        form.add_error(wrong.name, str(wrong))
        return _form(request, kind, form, here, known, status=422)
    except connecting.Overtaken:
        theirs = _known(pk)
        more = {"theirs": theirs, "pairs": _pairs(theirs, form), "seen": theirs.version}
        return _form(request, kind, form, here, theirs, status=409, **more)
    messages.success(request, f"{known.name} is changed; its next run follows it.")
    return redirect("bills:connection", pk)


@require_POST
@needs_role(OPERATOR)
def run_connection(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a run now."""
    known = _known(pk)
    _, new = connecting.request_run(known, actor=request.user.get_username(), now=timezone.now())
    if not new:
        messages.info(request, f"{known.name} is being fetched already.")
    return redirect("bills:connection", pk)


@require_POST
@needs_role(OPERATOR)
def pause_connection(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause a connection, or with ``resume`` let it go on."""
    enabled = "resume" in request.POST
    known = _known(pk)
    connecting.set_enabled(
        known.pk, actor=request.user.get_username(), enabled=enabled, now=timezone.now()
    )
    said = "follows its schedule again" if enabled else "is paused; its bills stay"
    messages.success(request, f"{known.name} {said}.")
    return redirect("bills:connection", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def remove_connection(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether a connection is to go, and let it go. Its bills stay."""
    known, now = _known(pk), timezone.now()
    context: dict[str, Any] = {"row": connected.shown_one(known, now), "now": now}
    if request.method != "POST":
        return render_page(request, "bills/remove_connection.html", context)
    try:
        connecting.remove_connection(pk, actor=request.user.get_username(), now=now)
    except connecting.Fetching:
        context["error"] = (
            f"{known.name} is being fetched right now. Wait until that is over, then remove it."
        )
        return render_page(request, "bills/remove_connection.html", context, status=409)
    messages.success(request, f"{known.name} is removed. Its bills stay.")
    return redirect("bills:connections")


def _known(pk: int) -> Connection:
    return get_object_or_404(Connection, pk=pk)


def _kind(name: str) -> ConnectionKind:
    try:
        return kind_of(name)
    except LookupError:
        raise Http404("There is no such kind of connection.") from None


def _before(
    request: HttpRequest, kind: ConnectionKind, known: Connection | None = None
) -> ConnectionForm:
    """The form as it stands in the address, in a test, or in the connection; in this order."""
    initial: dict[str, Any] = {}
    if known is not None:
        initial = {
            **known.parameters,
            "schedule": known.schedule,
            "hour": known.hour,
            "seen": known.version,
        }
    if run := _check(request):
        # All of them: what was emptied for the test is empty here.
        typed = {one.name: "" for one in kind.parameters} | dict(run.arguments["parameters"])
        initial |= typed
    names = {"name", "schedule", "hour", "seen"}
    initial |= {name: request.GET[name][:200] for name in names if name in request.GET}
    return ConnectionForm(kind, initial=initial, named=known is not None)


def _check(request: HttpRequest) -> JobRun | None:
    """The test that the address names."""
    text = request.GET.get("check", "")
    return connected.check_run(int(text)) if text.isdecimal() and len(text) < 18 else None


def _tested(request: HttpRequest, form: ConnectionForm, here: str) -> HttpResponse:
    """Ask a worker for a test, and lead to the form with its outcome beside it."""
    run = connecting.request_check(
        form.kind.name,
        form.parameters,
        name=str(form.cleaned_data.get("name", "")),
        actor=request.user.get_username(),
        now=timezone.now(),
    )
    kept: dict[str, str] = {
        name: str(form.cleaned_data[name])
        for name in ("name", "schedule", "hour", "seen")
        if name in form.cleaned_data
    }
    return redirect(f"{here}?{urlencode({'check': str(run.pk), **kept})}")


def _form(
    request: HttpRequest,
    kind: ConnectionKind,
    form: ConnectionForm,
    here: str,
    known: Connection | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    run = _check(request)
    findings = ((run.result or {}).get("findings", [])) if run else []
    return render_page(
        request,
        "bills/edit_connection.html" if known else "bills/add_connection.html",
        {
            "kind": kind,
            "form": form,
            "here": here,
            "known": known,
            "run": run,
            "findings": findings,
            "good": bool(findings) and all(one["good"] for one in findings),
            "now": timezone.now(),
            **more,
        },
        partials={"check"},
        status=status,
    )


def _pairs(theirs: Connection, form: ConnectionForm) -> list[tuple[str, str, str]]:
    cleaned = form.cleaned_data
    saved = _texts(theirs.parameters, theirs.schedule, theirs.hour)
    mine = _texts(form.parameters, cleaned["schedule"], cleaned["hour"])
    return [
        (name.replace("_", " "), saved.get(name, ""), value)
        for name, value in mine.items()
        if saved.get(name, "") != value
    ]


def _texts(parameters: Mapping[str, str], schedule: str, hour: int) -> dict[str, str]:
    return {**parameters, "schedule": schedule, "hour": str(hour)}


def _csv(name: str, header: tuple[str, ...], rows: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
