"""What the pages of bills may be asked for, and what may be typed into them."""

from __future__ import annotations

from datetime import date
from typing import Self

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from costs.bills.matrix import Metric

METRICS: dict[Metric, str] = {"billed_cost": "Billed cost", "effective_cost": "Effective cost"}


def month(text: str) -> date:
    """Parse ``2026-06`` or ``2026-06-15``. Raises :class:`ValueError` with a sentence."""
    try:
        return date.fromisoformat(text if len(text) > 7 else f"{text}-01")
    except ValueError:
        raise ValueError(f"“{text[:20]}” is not a month; write it as 2026-06") from None


class QueryForm(forms.Form):
    """A query string: nothing unknown, nothing twice, and a sentence for what is wrong."""

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """The valid form. Raises :class:`BadRequest` that names what is wrong with ``query``."""
        if unknown := sorted(set(query) - set(cls.base_fields)):
            known = ", ".join(cls.base_fields)
            raise BadRequest(f"This page knows no “{unknown[0][:40]}”: only {known}.")
        if repeated := sorted(name for name in query if len(query.getlist(name)) > 1):
            raise BadRequest(f"“{repeated[0]}” stands there more than once.")
        form = cls({name: query.get(name, "")[:80] for name in cls.base_fields})
        if not form.is_valid():
            raise BadRequest(
                " ".join(f"{name}: {error}" for name in form.errors for error in form.errors[name])
            )
        return form


class MatrixForm(QueryForm):
    """The query string of the matrix: which cost, and the newest month that it shows."""

    metric = forms.ChoiceField(
        choices=list(METRICS.items()),
        required=False,
        error_messages={
            "invalid_choice": "“%(value)s” is not a cost: choose billed_cost or effective_cost."
        },
    )
    until = forms.CharField(required=False, strip=False)

    def clean_until(self) -> date | None:
        text = self.cleaned_data["until"]
        if not text:
            return None
        try:
            return month(text).replace(day=1)
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from None

    @property
    def chosen(self) -> Metric:
        """The metric asked for, billed cost by default: bills are about invoices."""
        return (
            "effective_cost" if self.cleaned_data["metric"] == "effective_cost" else "billed_cost"
        )


class PageForm(QueryForm):
    """The number of a page, 1 the first."""

    page = forms.RegexField(
        r"\A[1-9][0-9]{0,6}\Z",
        required=False,
        strip=False,
        error_messages={"invalid": "this is not the number of a page."},
    )

    @property
    def number(self) -> int:
        """1 where none is given."""
        return int(self.cleaned_data["page"] or 1)


class DecisionForm(forms.Form):
    """Accept or refuse one held delivery."""

    version = forms.IntegerField(min_value=1, max_value=2**62)
    compared_with = forms.IntegerField(min_value=1, max_value=2**62, required=False)
    decision = forms.ChoiceField(choices=[("accept", "Accept"), ("refuse", "Refuse")])
    why = forms.CharField(required=False, max_length=300)
