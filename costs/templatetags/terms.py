"""Help on a word, where it stands: its meaning from the glossary, one press away."""

from __future__ import annotations

from itertools import count
from typing import Any

from django import template
from django.template import Context

from costs.glossary import term as find

register = template.Library()


@register.inclusion_tag("marks/term.html", takes_context=True)
def term(context: Context, name: str, text: str = "") -> dict[str, Any]:
    """``{% term "effective cost" %}``: the word as a button that shows its meaning.

    ``text`` is what stands on the page where that is not the term itself. The browser's own
    popover opens it, so it needs no script, and Escape closes it.
    """
    found = find(name)
    request = context.get("request")
    # A part that htmx fetches must not use the ids that the rest of the page has.
    htmx = getattr(request, "htmx", None)
    target = f"-{htmx.target}" if htmx and htmx.target else ""
    if request is None:
        number = ""
    else:
        if not hasattr(request, "term_numbers"):
            request.term_numbers = count(1)
        number = f"-{next(request.term_numbers)}"
    return {"term": found, "text": text or found.name, "id": f"term{target}{number}-{found.slug}"}
