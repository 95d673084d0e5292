"""Help on a word, where it stands: its meaning from the glossary, one press away."""

from __future__ import annotations

from itertools import count

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from costs.glossary import term as find

register = template.Library()


@register.simple_tag(takes_context=True)
def term(context: Context, name: str, text: str = "") -> SafeString:
    """``{% term "effective cost" %}``: the word as a button that shows its meaning.

    ``text`` is what stands on the page where that is not the term itself. The browser's own
    popover opens it, so it needs no script, and Escape closes it.
    """
    found = find(name)
    # No template of its own: the line end of one would stand between a word and its full stop.
    return format_html(
        '<button class="term" type="button" popovertarget="{id}">{text}</button>'
        '<span class="term-meaning" id="{id}" popover role="note"><b>{name}</b>{meaning}</span>',
        id=_id(context, found.slug),
        text=text or found.name,
        name=found.name,
        meaning=found.meaning,
    )


def _id(context: Context, slug: str) -> str:
    """An id that nothing else on the page has, also after htmx has replaced a part of it."""
    request = context.get("request")
    if request is None:
        return f"term-{slug}"
    if not hasattr(request, "term_numbers"):
        request.term_numbers = count(1)
    htmx = getattr(request, "htmx", None)
    part = f"{htmx.target}-" if htmx and htmx.target else ""
    return f"term-{part}{next(request.term_numbers)}-{slug}"
