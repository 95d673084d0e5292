"""Links that ask a page for something else and leave the rest of its question as it is."""

from __future__ import annotations

from typing import Protocol

from django import template

register = template.Library()


class Question(Protocol):
    """The form of a page's query string."""

    def query_with(self, **changes: str) -> str: ...


@register.simple_tag
def asking(form: Question | None, **changes: str) -> str:
    """The query string of ``form`` with ``changes``; empty where all is as by default."""
    return form.query_with(**changes) if form else ""
