"""Icons from heroicons, and the verdict: always colour and word and icon together."""

from __future__ import annotations

from typing import Any

from django import template
from heroicons.templatetags.heroicons import heroicon_micro

from costs.budgets.bands import Verdict

register = template.Library()

VERDICT_ICONS = {
    "over": "x-circle",
    "at risk": "exclamation-triangle",
    "under": "arrow-down-circle",
    "inside": "check-circle",
    "unknown": "question-mark-circle",
}


@register.simple_tag
def icon(name: str) -> str:
    """The 16 px icon ``name``, hidden from screen readers: words stand beside every icon."""
    attributes: dict[str, Any] = {"class": "icon", "focusable": "false"}
    return heroicon_micro(name, **attributes)


@register.inclusion_tag("marks/verdict.html")
def verdict(verdict: Verdict) -> dict[str, object]:
    """A verdict as a chip."""
    return {
        "name": verdict.name,
        "css": verdict.name.replace(" ", "-"),
        "icon": VERDICT_ICONS[verdict.name],
        "urgent": verdict.urgent,
    }
