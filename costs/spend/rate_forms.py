"""What may be typed about exchange rates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from costs.spend.currency import CODE
from costs.spend.ecb import LARGEST_FILE


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


class CodeField(forms.CharField):
    """The code of a currency, in capital letters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=3,
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            **kwargs,
        )

    def clean(self, value: Any) -> str:
        code = str(super().clean(value) or "").upper()
        if code and not CODE.fullmatch(code):
            raise forms.ValidationError("A currency has three letters, like USD.")
        return code


class RateForm(forms.Form):
    """One edit of a rate."""

    month = MonthField(
        label="Month",
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-12"}),
    )
    base = CodeField(label="One")
    quote = CodeField(label="is, in")
    value = forms.CharField(
        max_length=40,
        required=False,
        label="Rate",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="For example 1.0842. Empty takes the rate away.",
    )
    why = forms.CharField(max_length=500, help_text="Kept in the history, beside your name.")
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def clean_value(self) -> Decimal | None:
        text = str(self.cleaned_data["value"]).strip()
        if not text:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise forms.ValidationError(
                "A rate is a number with a dot, like 1.0842; no comma, no sign."
            ) from None
        return value


class DisplayForm(forms.Form):
    """One edit of the display currency."""

    currency = CodeField(
        required=False,
        label="Show costs in",
        help_text="A code like EUR. Empty shows every cost as it was billed.",
    )
    why = forms.CharField(max_length=500, help_text="Kept in the history, beside your name.")
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class FileForm(forms.Form):
    """A file of reference rates."""

    file = forms.FileField(
        label="CSV of daily reference rates",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
        help_text="eurofxref-hist.csv out of the ECB's zip, or any part of it.",
        error_messages={"empty": "The file is empty.", "required": "Choose a file."},
    )
    every = forms.BooleanField(
        required=False, label="Take every currency and month of it, not only those you need"
    )

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(
                f"{file.name}: larger than {LARGEST_FILE // 1_000_000} MB; that is no file of"
                " reference rates."
            )
        self.name = str(file.name)[:100]
        content = file.read()
        if content[:4] == b"PK\x03\x04":
            raise forms.ValidationError(
                f"{self.name}: this is a zip archive. Unpack it and choose the CSV in it."
            )
        try:
            return str(content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError(
                f"{self.name}: it is no UTF-8 text (byte {error.start})."
            ) from None


class ImportForm(forms.Form):
    """A preview that somebody agrees to."""

    found = forms.CharField(widget=forms.HiddenInput, max_length=2_000_000)
    why = forms.CharField(max_length=500, label="Why", help_text="Kept in the history.")
