"""A form for the style guide."""

from __future__ import annotations

from django import forms


class SpecimenForm(forms.Form):
    """A field of each sort that pages use."""

    name = forms.CharField(label="Name", help_text="Up to 60 letters.", max_length=60)
    low = forms.DecimalField(label="Low", min_value=10)
    high = forms.DecimalField(label="High")
    environment = forms.ChoiceField(
        label="Environment", choices=[("production", "Production"), ("staging", "Staging")]
    )
