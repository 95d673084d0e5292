"""Who is told of what, and when: recipients, channels, the digest, quiet hours."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from costs.alerts import queries, tasks
from costs.alerts.forms import WEEKDAYS, RecipientForm, TimetableForm
from costs.alerts.kinds import KINDS, Level
from costs.alerts.models import Recipient
from costs.alerts.operations import digesting, setting
from costs.alerts.operations.telling import address_of, is_quiet, unreachable
from costs.alerts.views.rules import environments_of
from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope


def _for_all(request: HttpRequest) -> Scope:
    """Raises PermissionDenied for a restricted scope: recipients hear of every environment."""
    scope = scope_of(request.user)
    if scope != Scope.everything():
        raise PermissionDenied(
            "Recipients hear of every environment; only who sees all of them may look at them."
        )
    return scope


@require_safe
@needs_role(OPERATOR)
def recipients(request: HttpRequest) -> HttpResponse:
    """Everybody who is told of anything, and when."""
    scope, now = _for_all(request), timezone.now()
    found = queries.recipients(scope)
    lost = {one.pk for one in unreachable(found)}
    labels = dict(environments_of(scope))
    table = queries.timetable()
    return render_page(
        request,
        "alerts/recipients.html",
        {
            "now": now,
            "rows": [
                {
                    "recipient": one,
                    "to": one.channel if one.way == "channel" else address_of(one),
                    "lost": one.pk in lost,
                    "environments": None
                    if one.environments is None
                    else [labels.get(name, name) for name in one.environments],
                    "kinds": None
                    if one.kinds is None
                    else [KINDS[name].label for name in one.kinds if name in KINDS],
                    "least": Level(one.least).word,
                }
                for one in found
            ],
            "channels": sorted(settings.CHANNELS),
            "mailer": mailer_words(),
            "table": table,
            "weekday": WEEKDAYS[table.digest_weekday],
            "zone": settings.TEAM_TIME_ZONE,
            "quiet_now": is_quiet(now),
        },
    )


def mailer_words() -> str:
    """Where mail goes, in words, without a password."""
    mailer = settings.MAILERS["default"]
    kind, options = mailer["BACKEND"].rpartition(".")[2], mailer.get("OPTIONS", {})
    if kind == "FolderBackend":
        return f"Mails are written as files to {options['folder']}: EMAIL_URL is not set."
    if kind == "SmtpBackend":
        return f"Mails go through {options['host']}, port {options['port']}."
    service = "SendGrid" if "sendgrid" in mailer["BACKEND"] else "Amazon SES"
    return f"Mails go through {service}." if "anymail" in mailer["BACKEND"] else "Mails go out."


def _form(*args: Any, scope: Scope, now_user: int | None = None, **kwargs: Any) -> RecipientForm:
    people = [
        (str(one.pk), f"{one.get_username()}{f' ({one.email})' if one.email else ', no address'}")
        for one in User.objects.filter(is_active=True).order_by("username")
    ]
    return RecipientForm(
        *args,
        people=people,
        channels=sorted(settings.CHANNELS),
        environments=environments_of(scope),
        **kwargs,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def new_recipient(request: HttpRequest) -> HttpResponse:
    """A form for one more recipient."""
    return _recipient(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def recipient(request: HttpRequest, pk: int) -> HttpResponse:
    """A form for one recipient."""
    found = Recipient.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such recipient any more.")
    return _recipient(request, found)


def _recipient(request: HttpRequest, found: Recipient | None) -> HttpResponse:
    scope, now = _for_all(request), timezone.now()
    context: dict[str, Any] = {"now": now, "recipient": found, "channels": settings.CHANNELS}
    if request.method != "POST":
        context["form"] = _form(initial=_initial(found), scope=scope)
        return render_page(request, "alerts/recipient.html", context)
    form = _form(request.POST, scope=scope)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "alerts/recipient.html", context, status=422)
    cleaned = form.cleaned_data
    try:
        saved = setting.save_recipient(
            found.pk if found else None,
            actor=request.user.get_username(),
            name=cleaned["name"],
            way=cleaned["way"],
            user=int(cleaned["user"]) if cleaned["user"] else None,
            address=cleaned["address"],
            channel=cleaned["channel"],
            environments=cleaned["environments"] or None,
            kinds=cleaned["kinds"] or None,
            least=cleaned["least"],
            digest=cleaned["digest"],
            on=cleaned["on"],
            now=now,
            seen=cleaned["seen"],
            channels=sorted(settings.CHANNELS),
        )
    except setting.Overtaken:
        theirs = Recipient.objects.filter(pk=found.pk if found else 0).first()
        context |= {"theirs": theirs, "seen": theirs.edits if theirs else 0}
        return render_page(request, "alerts/recipient.html", context, status=409)
    except ValueError as error:
        form.add_error(None, str(error))
        return render_page(request, "alerts/recipient.html", context, status=422)
    messages.success(request, f"{saved.name} is saved. Send a test to see that it arrives.")
    return redirect("alerts:recipients")


def _initial(found: Recipient | None) -> dict[str, Any]:
    if found is None:
        return {"way": "mail", "least": 2, "digest": True, "on": True, "seen": 0}
    return {
        "name": found.name,
        "way": found.way,
        "user": str(found.user_id or ""),
        "address": found.address,
        "channel": found.channel,
        "environments": found.environments or [],
        "kinds": found.kinds or [],
        "least": found.least,
        "digest": found.digest,
        "on": found.on,
        "seen": found.edits,
    }


@require_POST
@needs_role(OPERATOR)
def remove_recipient(request: HttpRequest, pk: int) -> HttpResponse:
    """Tells them nothing any more."""
    _for_all(request)
    try:
        setting.remove_recipient(pk, actor=request.user.get_username(), now=timezone.now())
    except LookupError as error:
        raise Http404(str(error)) from None
    messages.success(request, "Removed. They are told of nothing any more.")
    return redirect("alerts:recipients")


@require_POST
@needs_role(OPERATOR)
def try_recipient(request: HttpRequest, pk: int) -> HttpResponse:
    """Sends a test."""
    _for_all(request)
    now = timezone.now()
    try:
        made = digesting.write_test(pk, actor=request.user.get_username(), now=now)
    except LookupError as error:
        raise Http404(str(error)) from None
    tasks.ask_delivery(now)
    messages.success(request, "A test is on its way; this page says what became of it.")
    return redirect("alerts:message", made.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def timetable(request: HttpRequest) -> HttpResponse:
    """A form for the digest's weekday and hour, and the quiet hours."""
    _for_all(request)
    now, table = timezone.now(), queries.timetable()
    fields = [name for name in TimetableForm.base_fields if name != "seen"]
    context: dict[str, Any] = {"now": now, "zone": settings.TEAM_TIME_ZONE}
    if request.method != "POST":
        initial = {name: getattr(table, name) for name in fields} | {"seen": table.edits}
        context["form"] = TimetableForm(initial=initial)
        return render_page(request, "alerts/timetable.html", context)
    form = TimetableForm(request.POST)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "alerts/timetable.html", context, status=422)
    try:
        setting.set_timetable(
            actor=request.user.get_username(),
            now=now,
            **{name: form.cleaned_data[name] for name in [*fields, "seen"]},
        )
    except setting.Overtaken:
        context |= {"theirs": table, "seen": table.edits, "weekday": WEEKDAYS[table.digest_weekday]}
        return render_page(request, "alerts/timetable.html", context, status=409)
    messages.success(request, "The timetable is set.")
    return redirect("alerts:recipients")


@require_safe
@needs_role(OPERATOR)
def recipients_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Everybody who is told of anything, as a file."""
    header = (
        *("name", "told_by", "to", "environments", "kinds", "hears_at_once_of", "digest", "on"),
    )
    rows = (
        (
            one.name,
            one.way,
            one.channel if one.way == "channel" else address_of(one),
            "all" if one.environments is None else " ".join(one.environments),
            "all" if one.kinds is None else " ".join(one.kinds),
            Level(one.least).word,
            "yes" if one.digest else "no",
            "yes" if one.on else "no",
        )
        for one in queries.recipients(_for_all(request))
    )
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="recipients.csv"'},
    )
