"""What a weekly review may be asked for."""

from __future__ import annotations

from typing import Final, Self
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from costs.review.week import TOTAL, Metric

METRICS: dict[Metric, str] = {
    "effective_cost": "Effective cost",
    "billed_cost": "Billed cost",
}
_DEFAULTS: Final = frozenset({"", "effective_cost", "direct"})


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
    currency = forms.ChoiceField(
        choices=[("billed", "As billed")],
        required=False,
        label="Currency",
        error_messages={"invalid_choice": "“%(value)s” says nothing here: only billed does."},
    )
    costs = forms.ChoiceField(
        choices=[("direct", "Direct"), ("shared", "With shared costs")],
        required=False,
        label="Shared costs",
        error_messages={"invalid_choice": "“%(value)s” says nothing here: direct or shared does."},
    )
    forecast = forms.CharField(required=False, label="Forecast of")

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
        return self.query_with()

    def query_with(self, **changes: str) -> str:
        """The query string that asks for the same with other values; defaults stay unsaid."""
        asked = dict(self.pairs) | changes
        pairs = [(name, value) for name, value in asked.items() if value not in _DEFAULTS]
        return f"?{urlencode(pairs)}" if pairs else ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What is asked for and not the default: names and values of a query string."""
        asked = [(name, str(self.cleaned_data[name])) for name in WeekForm.base_fields]
        return [(name, value) for name, value in asked if value not in _DEFAULTS]

    @property
    def as_billed(self) -> bool:
        """Whether amounts are wanted in the currency of most bills, converted or not."""
        return str(self.cleaned_data["currency"]) == "billed"

    @property
    def with_shared(self) -> bool:
        """Whether shared costs are wanted where rules split them."""
        return str(self.cleaned_data["costs"]) == "shared"

    @property
    def ending(self) -> str:
        """The environment whose month is shown up to its expected end."""
        return str(self.cleaned_data["forecast"]) or TOTAL

    @property
    def chosen(self) -> Metric:
        """The metric asked for, effective cost by default."""
        return "billed_cost" if self.cleaned_data["metric"] == "billed_cost" else "effective_cost"


class CurrentForm(WeekForm):
    """The query string of the front page: its picker may name another week."""

    week = forms.CharField(required=False, label="Week")
