"""What pages that edit the draft of the rules share: who may, what is said, where it leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from costs.bills import drafting
from costs.bills.drafting import Changed
from costs.bills.rule_sets import BadField, Document, Gone
from costs.people.queries import scope_of
from costs.people.scope import Scope


def editor(request: HttpRequest) -> str:
    """Who edits. Raises PermissionDenied for a restricted scope."""
    if scope_of(request.user) != Scope.everything():
        raise PermissionDenied(
            "Rules move cost between environments and cost centers; only who sees all of them may"
            " change rules."
        )
    return request.user.get_username()


@dataclass(frozen=True)
class Conflict:
    """What somebody else made of the same thing, beside what was typed."""

    by: str
    gone: bool
    fields: tuple[tuple[str, str, str], ...] = ()
    """Label, theirs, yours: those that differ."""


def change_draft(
    request: HttpRequest,
    edit: Callable[[Document], Document],
    *,
    what: str,
    action: str,
    subject: str,
) -> None:
    """Change the draft and say so; what cannot be done any more is said as well."""
    actor = editor(request)
    try:
        drafting.change(
            edit, what=what, action=action, subject=subject, actor=actor, now=timezone.now()
        )
    except (Gone, Changed, BadField) as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"{what}. Nothing moves before you apply the draft.")


def to(request: HttpRequest, name: str, anchor: str = "") -> HttpResponse:
    """Where a form leads; the same with and without htmx."""
    response = redirect(name)
    response["Location"] += anchor
    return response
