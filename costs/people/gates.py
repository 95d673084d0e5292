"""Doors in front of views: who has not the role gets a 403 that says whom to ask."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from costs.people.queries import has_role


def needs_role[R: HttpResponseBase](
    role: str,
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let a view be called by ``role`` or a higher one only; asked before the body is read."""

    def gate(view: Callable[..., R]) -> Callable[..., R]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> R:
            if not has_role(request.user, role):
                article = "an" if role[0] in "aeiou" else "a"
                raise PermissionDenied(f"This takes {article} {role}; ask one to do it.")
            return view(request, *args, **kwargs)

        return guarded

    return gate
