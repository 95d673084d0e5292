"""What a weekly review may be asked for."""

from __future__ import annotations

from typing import Self

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from costs.review.week import Metric

METRICS: dict[Metric, str] = {
    "effective_cost": "Effective cost",
    "billed_cost": "Billed cost",
}


class WeekForm(forms.Form):
    """The query string of a review."""

    metric = forms.ChoiceField(
        choices=list(METRICS.items()),
        required=False,
        label="Cost",
        error_messages={
            "invalid_choice": "“%(value)s” is not a cost: choose effective_cost or billed_cost."
        },
    )

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """The valid form. Raises :class:`BadRequest` that names what is wrong with ``query``."""
        if unknown := sorted(set(query) - set(cls.base_fields)):
            raise BadRequest(
                f"This page knows no “{unknown[0][:40]}”: only {', '.join(cls.base_fields)}."
            )
        if repeated := sorted(name for name in query if len(query.getlist(name)) > 1):
            raise BadRequest(f"“{repeated[0]}” stands there more than once.")
        form = cls({name: query.get(name, "")[:80] for name in cls.base_fields})
        if not form.is_valid():
            raise BadRequest(
                " ".join(f"{name}: {error}" for name in form.errors for error in form.errors[name])
            )
        return form

    @property
    def as_query(self) -> str:
        """The query string that asks for the same; empty for the default."""
        return "?metric=billed_cost" if self.chosen == "billed_cost" else ""

    @property
    def chosen(self) -> Metric:
        """The metric asked for, effective cost by default."""
        return "billed_cost" if self.cleaned_data["metric"] == "billed_cost" else "effective_cost"


class CurrentForm(WeekForm):
    """The query string of the front page: its picker may name another week."""

    week = forms.CharField(required=False, label="Week")
