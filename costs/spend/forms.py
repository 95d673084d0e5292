"""Reading what pages of spend are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django import forms
from django.core.exceptions import BadRequest, ValidationError
from django.http import QueryDict

from costs.periods import Period
from costs.spend.explore import (
    LONGEST_VALUE,
    Explore,
    Nonsense,
    Selection,
    checked_step,
    read_explore,
    read_selection,
)

LONGEST_QUERY = 4000
"""Characters of a saved view's query string: what every server takes as an address (ours)."""


def explore_state(query: QueryDict, *, today: date, known: Period | None) -> Explore:
    """The state of the explore page. Raises :class:`BadRequest` that names what is wrong."""
    try:
        return read_explore(dict(query.lists()), today=today, known=known)
    except Nonsense as nonsense:
        raise BadRequest(f"{nonsense}.") from None


def selection(
    query: QueryDict, *, today: date, known: Period | None, also: Sequence[str] = ()
) -> tuple[Selection, dict[str, str]]:
    """Which charges, and the parameters ``also``. Raises :class:`BadRequest`."""
    try:
        return read_selection(dict(query.lists()), today=today, known=known, also=also)
    except Nonsense as nonsense:
        raise BadRequest(f"{nonsense}.") from None


def page_number(text: str) -> int:
    """A page, from 1; 1 for none. Raises :class:`BadRequest`."""
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) > 0):
        raise BadRequest(f"page: “{text[:20]}” is not the number of a page.")
    return int(text)


def resource_id(text: str) -> str:
    """The id of a resource. Raises :class:`BadRequest` when there is none."""
    if not text:
        raise BadRequest("id: which resource? Its id has to stand in the address.")
    if len(text) > LONGEST_VALUE or "\0" in text:
        raise BadRequest(f"id: no resource has such an id ({len(text)} characters).")
    return text


def step(text: str, period: Period) -> str:
    """A step, or nothing for the one that fits. Raises :class:`BadRequest`."""
    try:
        return checked_step(text, period)
    except Nonsense as nonsense:
        raise BadRequest(f"{nonsense}.") from None


class ViewName(forms.Form):
    """A name for a saved view."""

    name = forms.CharField(
        max_length=80,
        error_messages={
            "required": "name: a view needs a name.",
            "max_length": "name: a view's name has at most 80 characters.",
        },
    )

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).split())
        if not name.isprintable():
            raise ValidationError("name: it holds a character that cannot be shown.")
        return name


class ViewForm(ViewName):
    """A view to save: its name, and the query string of the page."""

    query = forms.CharField(
        required=False,
        max_length=LONGEST_QUERY,
        error_messages={"max_length": "query: this view has too many filters to be saved."},
    )
