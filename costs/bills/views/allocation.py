"""Where cost belongs: the rules, the draft of changes to them, and what has no place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from costs.bills import coverage, drafting, previews
from costs.bills.allocation import Rule
from costs.bills.allocation_forms import ApplyForm, EnvironmentForm, RuleForm, TryForm
from costs.bills.drafting import Changed, Draft
from costs.bills.models import RuleSet
from costs.bills.previews import Decision, Preview
from costs.bills.reallocation import KIND
from costs.bills.rule_sets import (
    LABELS,
    BadField,
    Document,
    Gone,
    NamedEnvironment,
    PlacedRule,
    Way,
    differences,
    fields_of,
    moved,
    with_environment,
    with_rule,
    without_environment,
    without_rule,
)
from costs.jobs.queries import latest_run
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope
from costs.periods import Period

HISTORY_SHOWN = 8
LOST_SHOWN = 8
MOST_TYPED = 1000
"""Characters that a link to the form may put into one of its fields."""


@dataclass(frozen=True)
class RuleLine:
    """A rule as the list shows it."""

    placed: PlacedRule
    number: int
    first: bool
    last: bool
    state: str
    """``new`` or ``changed`` against the rules in force, else empty."""

    @property
    def rule(self) -> Rule:
        return self.placed.rule


def _lines(draft: Draft, target: str) -> list[RuleLine]:
    saved = {one.id: one.rule for one in draft.saved.rules}
    rules = draft.document.of_target(target)
    return [
        RuleLine(
            placed=one,
            number=nth + 1,
            first=nth == 0,
            last=nth == len(rules) - 1,
            state="new" if one.id not in saved else "changed" if saved[one.id] != one.rule else "",
        )
        for nth, one in enumerate(rules)
    ]


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """The rules and environments, how much they place, and what they do not."""
    if request.htmx and request.htmx.target == "progress":  # type: ignore[attr-defined]
        return _progress(request)
    scope, now = scope_of(request.user), timezone.now()
    draft = drafting.read_draft()
    month = _last_month(scope, now)
    months = coverage.coverage(scope, now.date()) if month else []
    context: dict[str, Any] = {
        "now": now,
        "draft": draft,
        "may_edit": has_role(request.user, OPERATOR) and scope == Scope.everything(),
        "targets": [
            ("environment", "Environment", _lines(draft, "environment")),
            ("cost_center", "Cost center", _lines(draft, "cost_center")),
        ],
        "differences": differences(draft.saved, draft.document) if draft.changed else [],
        "run": latest_run(KIND),
        "newest": RuleSet.objects.first(),
        "history": RuleSet.objects.all()[:HISTORY_SHOWN],
        "month": month,
        "coverage": months,
        "chart": _chart(months),
        "last": next((one for one in reversed(months) if month and one.month == month), None),
        "sees_all": scope == Scope.everything(),
        **_lost_context(scope, month),
        **_try_context(request, scope, draft.document, month),
    }
    return render_page(request, "allocation/rules.html", context, partials={"try"})


def _progress(request: HttpRequest) -> HttpResponse:
    """Only how far the run is; the whole page anew once it has ended."""
    run = latest_run(KIND)
    response = render_page(
        request,
        "allocation/rules.html",
        {"run": run, "now": timezone.now(), "newest": RuleSet.objects.first()},
        partials={"progress"},
    )
    if run is None or not run.is_open:
        response["HX-Refresh"] = "true"
    return response


def _last_month(scope: Scope, now: datetime) -> Period | None:
    return previews.last_month(coverage.last_day(scope), now.date())


def _lost_context(scope: Scope, month: Period | None) -> dict[str, Any]:
    if month is None:
        return {"lost": [], "lost_count": 0, "lost_sums": []}
    count, sums = coverage.lost_sums(scope, month, "environment")
    return {
        "lost": coverage.lost_resources(scope, month, "environment", limit=LOST_SHOWN),
        "lost_count": count,
        "lost_sums": sums,
    }


@dataclass(frozen=True)
class CoverageBar:
    """A month in the chart: height and top of its bar from 0 to 100."""

    month: Period
    environment: str
    environment_y: str
    currency: str
    whole: str
    """The share with an environment in whole percent, cut: 99.9 is not all."""


def _chart(months: list[coverage.MonthCoverage]) -> list[CoverageBar]:
    """The currency with the most cost; the table behind the chart has all of them."""
    sums: dict[str, Decimal] = {}
    for one in months:
        sums[one.currency] = sums.get(one.currency, Decimal(0)) + abs(one.total)
    currency = max(sorted(sums), key=lambda code: sums[code], default="")
    shown = [one for one in months if one.currency == currency]

    def height(share: Decimal | None) -> float:
        return min(100.0, max(0.0, float(share or 0)))

    return [
        CoverageBar(
            month=one.month,
            environment=f"{height(one.environment_share):.2f}",
            environment_y=f"{100 - height(one.environment_share):.2f}",
            currency=currency,
            whole="–" if one.environment_share is None else f"{int(one.environment_share)}",
        )
        for one in shown
    ]


# -- the test box ----------------------------------------------------------------------------------


def _try_context(
    request: HttpRequest, scope: Scope, document: Document, month: Period | None
) -> dict[str, Any]:
    asked = any(name in request.GET for name in TryForm.base_fields)
    form = TryForm(
        {name: request.GET.get(name, "") for name in TryForm.base_fields} if asked else None
    )
    decisions: list[Decision] = []
    known = False
    if asked and form.is_valid():
        subject = form.as_subject()
        subjects = [] if subject.is_empty else [subject]
        only_id = subject == previews.Subject(resource_id=subject.resource_id)
        if only_id and subjects and month:
            found = previews.known_resource(scope, subject.resource_id, month)
            known, subjects = bool(found), found or subjects
        decisions = previews.decide(document, subjects)
    return {"try_form": form, "tried": asked, "decisions": decisions, "known": known}


# -- rules -----------------------------------------------------------------------------------------


def _editor(request: HttpRequest) -> str:
    """Who edits. Raises PermissionDenied for a restricted scope."""
    if scope_of(request.user) != Scope.everything():
        raise PermissionDenied(
            "Rules move cost between environments and cost centers; only who sees all of them may"
            " change rules."
        )
    return request.user.get_username()


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def new_rule(request: HttpRequest) -> HttpResponse:
    """A form for one more rule, perhaps begun for a resource; shows what it would move."""
    actor = _editor(request)
    initial = {
        "target": "environment",
        "looks_at": "tag",
        **{
            name: request.GET[name][:MOST_TYPED]
            for name in RuleForm.base_fields
            if name in request.GET
        },
    }
    if len(initial.get("pattern", "")) > RuleForm.base_fields["pattern"].max_length:  # type: ignore[attr-defined]
        initial["pattern"] = f"*/{initial['pattern'].rpartition('/')[2]}"
    return _rule_form(request, actor, None, initial)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def rule(request: HttpRequest, rule: str) -> HttpResponse:
    """A form for one rule of the draft."""
    actor = _editor(request)
    try:
        placed = drafting.read_draft().document.rule(rule)
    except Gone:
        if request.method != "POST":
            raise Http404(
                "This rule has been removed; the list has those that there are."
            ) from None
        placed = None
    return _rule_form(request, actor, placed, RuleForm.of(placed.rule) if placed else {}, id_=rule)


@dataclass(frozen=True)
class Conflict:
    """What somebody else made of the same thing, beside what was typed."""

    by: str
    gone: bool
    fields: tuple[tuple[str, str, str], ...] = ()
    """Label, theirs, yours: those that differ."""


def _rule_form(
    request: HttpRequest,
    actor: str,
    placed: PlacedRule | None,
    initial: dict[str, str],
    id_: str = "",
) -> HttpResponse:
    draft = drafting.read_draft()
    seen = placed.seen if placed else ""
    context: dict[str, Any] = {"draft": draft, "placed": placed, "now": timezone.now()}
    if request.method != "POST":
        context |= {"form": RuleForm(initial=initial), "seen": seen}
        return render_page(request, "allocation/rule.html", context)
    # htmx shows nothing of an answer that is an error, so a preview's is none.
    wrong, overtaken = (200, 200) if request.htmx else (422, 409)  # type: ignore[attr-defined]
    form = RuleForm(request.POST)
    context |= {"form": form, "seen": request.POST.get("seen", "")[:40]}
    if not form.is_valid():
        return render_page(request, "allocation/rule.html", context, {"rule-form"}, status=wrong)
    mine = PlacedRule(id=id_ or uuid4().hex[:8], rule=form.as_rule(), by=actor)
    first = "" if request.POST.get("place") == "first" else None

    def edit(document: Document) -> Document:
        _unchanged(document, id_, request.POST.get("seen", ""))
        return with_rule(document, mine, after=first)

    try:
        if request.POST.get("do") == "preview":
            month = _last_month(Scope.everything(), timezone.now())
            edited = edit(draft.document)
            context["asked_preview"] = True
            context["preview"] = (
                previews.preview(Scope.everything(), edited, month) if month else None
            )
            context["others"] = draft.changed
            return render_page(request, "allocation/rule.html", context, {"rule-form"})
        drafting.change(
            edit,
            what=f"{'Changed' if id_ else 'Added'} the rule “{mine.rule.name}”",
            action="rule.changed" if id_ else "rule.added",
            subject=mine.rule.name,
            actor=actor,
            now=timezone.now(),
            detail={
                "before": fields_of(placed.rule) if placed else None,
                "after": fields_of(mine.rule),
            },
        )
    except BadField as error:
        form.add_error(error.field, str(error))
        return render_page(request, "allocation/rule.html", context, {"rule-form"}, status=wrong)
    except _Overtaken:
        context["conflict"] = _rule_conflict(id_, mine.rule)
        theirs = context["conflict"]
        context["seen"] = "" if theirs.gone else drafting.read_draft().document.rule(id_).seen
        return render_page(
            request, "allocation/rule.html", context, {"rule-form"}, status=overtaken
        )
    messages.success(request, f"The rule “{mine.rule.name}” is in the draft. See what it moves.")
    return _to(request, "allocation:changes")


class _Overtaken(Exception):
    """Somebody else changed or removed what this form was opened for."""


def _unchanged(document: Document, id_: str, seen: str) -> None:
    if not id_:
        return
    try:
        current = document.rule(id_).seen
    except Gone:
        current = ""  # whoever has seen that it is gone may add it anew
    if current != seen:
        raise _Overtaken


def _rule_conflict(id_: str, mine: Rule) -> Conflict:
    draft = drafting.read_draft()
    try:
        theirs = draft.document.rule(id_)
    except Gone:
        return Conflict(by=draft.changed_by, gone=True)
    a, b = fields_of(theirs.rule), fields_of(mine)
    fields = tuple((LABELS[name], a[name], b[name]) for name in LABELS if a[name] != b[name])
    return Conflict(by=theirs.by or draft.changed_by, gone=False, fields=fields)


@require_POST
@needs_role(OPERATOR)
def move_rule(request: HttpRequest, rule: str) -> HttpResponse:
    """One place up or down; rules of the other kind do not matter."""
    _editor(request)
    way = request.POST.get("way")
    if way not in ("up", "down"):
        raise BadRequest("A rule goes up or down.")
    direction: Way = "up" if way == "up" else "down"

    def edit(document: Document) -> Document:
        return moved(document, rule, direction)

    name = _name_of(rule)
    _change(
        request,
        edit,
        what=f"Moved the rule “{name}” {way}",
        action="rule.moved",
        subject=name,
    )
    return _to(request, "allocation:rules", f"#rule-{rule}")


@require_POST
@needs_role(OPERATOR)
def remove_rule(request: HttpRequest, rule: str) -> HttpResponse:
    """Take a rule out of the draft; undo puts it back."""
    name = _name_of(rule)

    def edit(document: Document) -> Document:
        if document.rule(rule).seen != request.POST.get("seen", ""):
            raise Changed("Somebody has changed this rule meanwhile; look at it again.")
        return without_rule(document, rule)

    _change(
        request,
        edit,
        what=f"Removed the rule “{name}”",
        action="rule.removed",
        subject=name,
    )
    return _to(request, "allocation:rules")


def _name_of(rule: str) -> str:
    try:
        return drafting.read_draft().document.rule(rule).rule.name
    except Gone:
        return rule


def _change(
    request: HttpRequest,
    edit: Callable[[Document], Document],
    *,
    what: str,
    action: str,
    subject: str,
) -> None:
    """Change the draft and say so; what cannot be done any more is said as well."""
    actor = _editor(request)
    try:
        drafting.change(
            edit, what=what, action=action, subject=subject, actor=actor, now=timezone.now()
        )
    except (Gone, Changed, BadField) as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"{what}. Nothing moves before you apply the draft.")


# -- environments ----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def new_environment(request: HttpRequest) -> HttpResponse:
    """A form for one more environment."""
    return _environment_form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def environment(request: HttpRequest, environment: str) -> HttpResponse:
    """A form for an environment of the draft."""
    try:
        current = drafting.read_draft().document.environment(environment)
    except Gone as gone:
        raise Http404(str(gone)) from None
    return _environment_form(request, current)


def _environment_form(request: HttpRequest, current: NamedEnvironment | None) -> HttpResponse:
    actor = _editor(request)
    fixed = current.name if current else ""
    context: dict[str, Any] = {"current": current, "seen": current.seen if current else ""}
    if request.method != "POST":
        initial = {"label": current.label, "words": ", ".join(current.words)} if current else {}
        context["form"] = EnvironmentForm(initial=initial, fixed_name=fixed)
        return render_page(request, "allocation/environment.html", context)
    form = EnvironmentForm(request.POST, fixed_name=fixed)
    context["form"] = form
    if form.is_valid():
        mine = form.as_environment(by=actor)
        theirs = current if current and request.POST.get("seen", "") != current.seen else None
        if theirs:
            pairs = (
                ("label", theirs.label, mine.label),
                ("words", ", ".join(theirs.words), ", ".join(mine.words)),
            )
            differing = tuple(pair for pair in pairs if pair[1] != pair[2])
            context["conflict"] = Conflict(by=theirs.by, gone=False, fields=differing)
            return render_page(request, "allocation/environment.html", context, status=409)

        def edit(document: Document) -> Document:
            known = any(one.name == mine.name for one in document.environments)
            if known and not current:
                raise BadField("name", "There is an environment of this name already.")
            return with_environment(document, mine)

        try:
            drafting.change(
                edit,
                what=f"{'Changed' if current else 'Added'} the environment “{mine.label}”",
                action="environment.changed" if current else "environment.added",
                subject=mine.name,
                actor=actor,
                now=timezone.now(),
                detail={"label": mine.label, "words": list(mine.words)},
            )
        except BadField as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(request, f"The environment “{mine.label}” is in the draft.")
            return _to(request, "allocation:changes")
    return render_page(request, "allocation/environment.html", context, status=422)


@require_POST
@needs_role(OPERATOR)
def remove_environment(request: HttpRequest, environment: str) -> HttpResponse:
    """Take an environment out of the draft; undo puts it back."""
    _change(
        request,
        lambda document: without_environment(document, environment),
        what=f"Removed the environment “{environment}”",
        action="environment.removed",
        subject=environment,
    )
    return _to(request, "allocation:rules")


# -- the draft as a whole --------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def changes(request: HttpRequest) -> HttpResponse:
    """What the draft changes and what it would move; a POST applies it."""
    actor, now = _editor(request), timezone.now()
    form = ApplyForm(request.POST if request.method == "POST" else None)
    status = 200
    refusal = ""
    if request.method == "POST" and form.is_valid():
        try:
            drafting.apply(
                version=form.cleaned_data["version"],
                why=form.cleaned_data["why"],
                actor=actor,
                now=now,
            )
        except Changed as changed:
            refusal, status = str(changed), 409
        else:
            return _to(request, "allocation:rules")
    elif request.method == "POST":
        status = 422
    draft = drafting.read_draft()
    month = _last_month(Scope.everything(), now)
    preview: Preview | None = None
    if draft.changed and month:
        preview = previews.preview(Scope.everything(), draft.document, month)
    run = latest_run(KIND)
    return render_page(
        request,
        "allocation/changes.html",
        {
            "now": now,
            "draft": draft,
            "differences": differences(draft.saved, draft.document),
            "asked_preview": True,
            "preview": preview,
            "form": form,
            "refusal": refusal,
            "run": run,
        },
        status=status,
    )


@require_POST
@needs_role(OPERATOR)
def undo(request: HttpRequest) -> HttpResponse:
    """Take the last change of the draft back."""
    actor = _editor(request)
    try:
        what = drafting.undo(version=_version(request), actor=actor, now=timezone.now())
    except Changed as changed:
        messages.warning(request, str(changed))
    else:
        messages.success(request, f"Taken back: {what}.")
    return _to(request, "allocation:rules")


@require_POST
@needs_role(OPERATOR)
def discard(request: HttpRequest) -> HttpResponse:
    """Throw the draft away."""
    actor = _editor(request)
    try:
        drafting.discard(version=_version(request), actor=actor, now=timezone.now())
    except Changed as changed:
        messages.warning(request, str(changed))
    else:
        messages.success(request, "The draft is gone; the rules in force have not changed.")
    return _to(request, "allocation:rules")


@require_POST
@needs_role(OPERATOR)
def retry(request: HttpRequest) -> HttpResponse:
    """Ask for the re-allocation once more."""
    drafting.retry(actor=_editor(request), now=timezone.now())
    return _to(request, "allocation:rules")


@require_POST
@needs_role(OPERATOR)
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an earlier set of rules into the draft; ``pk`` is its number."""
    try:
        drafting.restore(pk, actor=_editor(request), now=timezone.now())
    except RuleSet.DoesNotExist:
        raise Http404("There is no such set of rules.") from None
    return _to(request, "allocation:changes")


def _version(request: HttpRequest) -> int:
    text = request.POST.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("version: that is not the number of a draft")
    return int(text)


def _to(request: HttpRequest, name: str, anchor: str = "") -> HttpResponse:
    """Where a form leads; the same with and without htmx."""
    response = redirect(name)
    response["Location"] += anchor
    return response
