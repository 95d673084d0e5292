"""One allocation rule: a form that shows what it would move, its place, its removal."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from costs.bills import coverage, drafting, previews
from costs.bills.allocation import Rule
from costs.bills.allocation_forms import RuleForm
from costs.bills.drafting import Changed
from costs.bills.rule_sets import (
    LABELS,
    BadField,
    Document,
    Gone,
    PlacedRule,
    Way,
    fields_of,
    moved,
    with_rule,
    without_rule,
)
from costs.bills.views.draft_edits import Conflict, change_draft, editor, to
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR
from costs.people.scope import Scope

MOST_TYPED = 1000
"""Characters that a link to the form may put into one of its fields."""


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def new_rule(request: HttpRequest) -> HttpResponse:
    """A form for one more rule, perhaps begun for a resource; shows what it would move."""
    actor = editor(request)
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
    actor = editor(request)
    try:
        placed = drafting.read_draft().document.rule(rule)
    except Gone:
        if request.method != "POST":
            raise Http404(
                "This rule has been removed; the list has those that there are."
            ) from None
        placed = None
    return _rule_form(request, actor, placed, RuleForm.of(placed.rule) if placed else {}, id_=rule)


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
            month = coverage.last_month(Scope.everything(), timezone.now().date())
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
    return to(request, "allocation:changes")


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
    editor(request)
    way = request.POST.get("way")
    if way not in ("up", "down"):
        raise BadRequest("A rule goes up or down.")
    direction: Way = "up" if way == "up" else "down"

    def edit(document: Document) -> Document:
        return moved(document, rule, direction)

    name = _name_of(rule)
    change_draft(
        request,
        edit,
        what=f"Moved the rule “{name}” {way}",
        action="rule.moved",
        subject=name,
    )
    return to(request, "allocation:rules", f"#rule-{rule}")


@require_POST
@needs_role(OPERATOR)
def remove_rule(request: HttpRequest, rule: str) -> HttpResponse:
    """Take a rule out of the draft; undo puts it back."""
    name = _name_of(rule)

    def edit(document: Document) -> Document:
        if document.rule(rule).seen != request.POST.get("seen", ""):
            raise Changed("Somebody has changed this rule meanwhile; look at it again.")
        return without_rule(document, rule)

    change_draft(
        request,
        edit,
        what=f"Removed the rule “{name}”",
        action="rule.removed",
        subject=name,
    )
    return to(request, "allocation:rules")


def _name_of(rule: str) -> str:
    try:
        return drafting.read_draft().document.rule(rule).rule.name
    except Gone:
        return rule
