"""What may be typed about bands."""

from __future__ import annotations

from datetime import date

from django import forms

METRICS = (
    "requests",
    "network_in_bytes",
    "network_out_bytes",
    "packets",
    "connections",
    "reads",
    "stored_bytes",
)
"""Metrics that usually say how much traffic there is; any other name may be typed."""


class MonthField(forms.CharField):
    """``2026-12``, as browsers write a month; its first day."""

    def to_python(self, value: object) -> date | None:  # type: ignore[override]
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError:
            raise forms.ValidationError("Write a month like 2026-12.") from None

    def run_validators(self, value: object) -> None:
        """Those of a text do not fit a day."""


class BandForm(forms.Form):
    """One edit of a band."""

    valid_from = MonthField(
        label="From the month",
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-12"}),
        help_text="It holds until a later one replaces it. Earlier months keep theirs.",
    )
    low = forms.DecimalField(
        max_digits=33, decimal_places=18, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    high = forms.DecimalField(
        max_digits=33, decimal_places=18, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    currency = forms.CharField(max_length=3, min_length=3)
    why = forms.CharField(max_length=500, help_text="Kept in the history, beside your name.")
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()


class DriverForm(forms.Form):
    """What a band scales with."""

    metric = forms.CharField(
        max_length=100,
        required=False,
        label="Metric",
        widget=forms.TextInput(attrs={"list": "metrics", "autocomplete": "off"}),
        help_text="A utilization metric, summed over the month. Empty: the band does not scale.",
    )
    baseline = forms.DecimalField(
        max_digits=33,
        decimal_places=18,
        required=False,
        label="Baseline in a month",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text="The metric's sum in a month for which the band is right as it is.",
    )
    fixed_share = forms.DecimalField(
        max_digits=20,
        decimal_places=18,
        required=False,
        label="Fixed share, 0 to 1",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text="How much of the band does not scale: 0.4 is 40 %.",
    )
    why = forms.CharField(max_length=500, help_text="Kept in the history, beside your name.")
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
