"""The draft of the rules as a whole: what it changes, what it moves, applying and undoing it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from costs.bills import coverage, drafting, previews
from costs.bills.allocation_forms import ApplyForm
from costs.bills.drafting import Changed
from costs.bills.models import RuleSet
from costs.bills.previews import Preview
from costs.bills.reallocation import KIND
from costs.bills.rule_sets import differences
from costs.bills.views.draft_edits import editor, to
from costs.jobs.queries import latest_run
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR
from costs.people.scope import Scope


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def changes(request: HttpRequest) -> HttpResponse:
    """What the draft changes and what it would move; a POST applies it."""
    actor, now = editor(request), timezone.now()
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
            return to(request, "allocation:rules")
    elif request.method == "POST":
        status = 422
    draft = drafting.read_draft()
    month = coverage.last_month(Scope.everything(), now.date())
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
    actor = editor(request)
    try:
        what = drafting.undo(version=_version(request), actor=actor, now=timezone.now())
    except Changed as changed:
        messages.warning(request, str(changed))
    else:
        messages.success(request, f"Taken back: {what}.")
    return to(request, "allocation:rules")


@require_POST
@needs_role(OPERATOR)
def discard(request: HttpRequest) -> HttpResponse:
    """Throw the draft away."""
    actor = editor(request)
    try:
        drafting.discard(version=_version(request), actor=actor, now=timezone.now())
    except Changed as changed:
        messages.warning(request, str(changed))
    else:
        messages.success(request, "The draft is gone; the rules in force have not changed.")
    return to(request, "allocation:rules")


@require_POST
@needs_role(OPERATOR)
def retry(request: HttpRequest) -> HttpResponse:
    """Ask for the re-allocation once more."""
    drafting.retry(actor=editor(request), now=timezone.now())
    return to(request, "allocation:rules")


@require_POST
@needs_role(OPERATOR)
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an earlier set of rules into the draft; ``pk`` is its number."""
    try:
        drafting.restore(pk, actor=editor(request), now=timezone.now())
    except RuleSet.DoesNotExist:
        raise Http404("There is no such set of rules.") from None
    return to(request, "allocation:changes")


def _version(request: HttpRequest) -> int:
    text = request.POST.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("version: that is not the number of a draft")
    return int(text)
