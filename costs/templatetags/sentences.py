"""Messages as sentences on a page."""

from __future__ import annotations

import re

from django import template

register = template.Library()


@register.filter
def sentence(text: object) -> str:
    """The text with a capital and a full stop; names such as ``s3:ListBucket`` keep their case."""
    said = str(text or "").strip()
    if not said:
        return ""
    first = said.split(maxsplit=1)[0]
    if re.fullmatch(r"[a-z][a-z’'-]*,?", first):
        said = said[0].upper() + said[1:]
    return said if said[-1] in ".!?…" else f"{said}."
