"""The rules: from which value on each kind is a note, a warning, urgent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from costs.alerts import queries
from costs.alerts.forms import RuleForm
from costs.alerts.kinds import KINDS, TOTAL, Kind, Level, Levels, Rule
from costs.alerts.models import RuleChange
from costs.alerts.operations import setting
from costs.bills import queries as bills
from costs.csv_cells import csv_lines
from costs.money import plain
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope

EDITS_SHOWN = 20
PER_ENVIRONMENT = frozenset(
    {
        "band-share",
        "forecast-over",
        "ending-below",
        "anomaly",
        "new-service",
        "threshold",
        "commitment-expiring",
    }
)
"""Kinds that are measured for each environment; the others are about everything."""


@dataclass(frozen=True)
class Line:
    """A kind with the rule of all environments, and those that differ."""

    kind: Kind
    rule: Rule
    said: str
    by: RuleChange | None
    own: tuple[tuple[str, str, str], ...]
    """Name, label and levels of each environment with a rule of its own."""
    free: tuple[tuple[str, str], ...]
    """Environments that may get one."""


def said(kind: Kind, rule: Rule) -> str:
    """``note from 50 %, warning from 80 %``."""
    if not rule.on or not rule.levels.rising:
        return "off"
    if kind.unit == "fixed":
        return "as loud as its action"
    return ", ".join(f"{level.word} from {kind.said(one)}" for level, one in rule.levels.rising)


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """Every kind with its levels, where they differ, and every edit."""
    scope = scope_of(request.user)
    changes = queries.newest_changes(scope)
    environments = environments_of(scope)
    book = queries.rule_book()
    lines = [
        _line(kind, book.rule(kind.name, ""), changes, environments) for kind in KINDS.values()
    ]
    edits = queries.rule_edits(scope)
    return render_page(
        request,
        "alerts/rules.html",
        {
            "now": timezone.now(),
            "lines": lines,
            "edits": edits[:EDITS_SHOWN],
            "edit_count": len(edits),
            "may_edit": has_role(request.user, OPERATOR),
            "sees_all": scope == Scope.everything(),
        },
    )


def _line(
    kind: Kind,
    rule: Rule,
    changes: dict[tuple[str, str], RuleChange],
    environments: list[tuple[str, str]],
) -> Line:
    own = tuple(
        (name, label, said(kind, change.rule))
        for name, label in environments
        if (change := changes.get((kind.name, name))) and not change.follows
    )
    general = changes.get((kind.name, ""))
    return Line(
        kind=kind,
        rule=rule,
        said=said(kind, rule),
        by=general if general and not general.follows else None,
        own=own,
        free=tuple(one for one in environments if one[0] not in {name for name, *_ in own})
        if kind.name in PER_ENVIRONMENT
        else (),
    )


def environments_of(scope: Scope) -> list[tuple[str, str]]:
    """Name and label of what an alert may be about."""
    found = [(one.name, one.label) for one in bills.environments(scope)]
    if scope.environments is None:
        found += [("unallocated", "Unallocated"), (TOTAL, "Total")]
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def rule(request: HttpRequest, alert_kind: str) -> HttpResponse:
    """A form for the rule of one kind; ``?environment=staging`` for one environment."""
    scope, now, kind = scope_of(request.user), timezone.now(), alert_kind
    if kind not in KINDS:
        raise Http404("There is no such kind of alert.")
    environment, label = _environment(request, scope, kind)
    found, changes = KINDS[kind], queries.newest_changes(scope)
    newest = changes.get((kind, environment))
    held = queries.rule_book().rule(kind, environment)
    context: dict[str, Any] = {
        "now": now,
        "kind": found,
        "environment": environment,
        "label": label,
        "held": said(found, held),
        "default": said(found, Rule(True, found.defaults)),
        "edits": queries.rule_edits(scope, kind, environment),
    }
    options = {"own": bool(environment), "fixed": found.unit == "fixed"}
    if request.method != "POST":
        initial = {
            "mode": "own" if newest and not newest.follows and held.on else "follows",
            **{level.word: plain(one) for level, one in held.levels.rising},
            "seen": newest.pk if newest else 0,
        }
        if not held.on:
            initial["mode"] = "off"
        context["form"] = RuleForm(initial=initial, **options)
        return render_page(request, "alerts/rule.html", context)
    form = RuleForm(request.POST, **options)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "alerts/rule.html", context, status=422)
    cleaned = form.cleaned_data
    try:
        mode = cleaned["mode"]
        levels = (
            found.defaults
            if found.unit == "fixed"
            else Levels(*(cleaned[level.word] for level in Level))
        )
        setting.set_rule(
            actor=request.user.get_username(),
            kind=kind,
            environment=environment,
            follows=mode == "follows",
            on=mode != "off",
            levels=Levels() if mode == "follows" else levels,
            why=cleaned["why"],
            now=now,
            seen=cleaned["seen"],
        )
    except setting.Overtaken:
        theirs = queries.newest_changes(scope)[kind, environment]
        context |= {"theirs": theirs, "seen": theirs.pk}
        return render_page(request, "alerts/rule.html", context, status=409)
    except ValueError as error:
        form.add_error(None, str(error))
        return render_page(request, "alerts/rule.html", context, status=422)
    messages.success(request, "The rule is set. The next evaluation follows it.")
    return redirect("alerts:rules")


def _environment(request: HttpRequest, scope: Scope, kind: str) -> tuple[str, str]:
    if unknown := set(request.GET) - {"environment"}:
        raise BadRequest(f"This page knows no “{min(unknown)[:40]}”: only environment.")
    name = request.GET.get("environment", "")
    if not name:
        if scope != Scope.everything():
            raise PermissionDenied(
                "This rule is for every environment; only who sees all of them may change it."
            )
        return "", "All environments without a rule of their own"
    if kind not in PER_ENVIRONMENT:
        raise Http404("Alerts of this kind are about everything, not about one environment.")
    for one, label in environments_of(scope):
        if one == name:
            return name, label
    raise Http404("There is no such environment, or you may not see it.")


@require_safe
def rules_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every edit of every rule as a file."""
    header = (
        *("kind", "environment", "follows", "on", "note", "warning", "urgent"),
        *("set_at", "set_by", "why"),
    )
    rows = (
        (
            *(one.kind, one.environment, one.follows, one.on, one.note, one.warning, one.urgent),
            *(one.created_at.isoformat(), one.created_by, one.why),
        )
        for one in queries.rule_edits(scope_of(request.user))
    )
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="alert-rules.csv"'},
    )
