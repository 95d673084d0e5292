"""One environment of the draft: its label and its words."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from costs.bills import drafting
from costs.bills.allocation_forms import EnvironmentForm
from costs.bills.rule_sets import (
    BadField,
    Document,
    Gone,
    NamedEnvironment,
    with_environment,
    without_environment,
)
from costs.bills.views.draft_edits import Conflict, change_draft, editor, to
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR


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
    actor = editor(request)
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
            return to(request, "allocation:changes")
    return render_page(request, "allocation/environment.html", context, status=422)


@require_POST
@needs_role(OPERATOR)
def remove_environment(request: HttpRequest, environment: str) -> HttpResponse:
    """Take an environment out of the draft; undo puts it back."""
    change_draft(
        request,
        lambda document: without_environment(document, environment),
        what=f"Removed the environment “{environment}”",
        action="environment.removed",
        subject=environment,
    )
    return to(request, "allocation:rules")
