"""What may be chosen about the columns of a mapped CSV, and typed about a charge."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms

from costs.bills.manual import Entry
from costs.bills.mapping import COLUMN_FIELDS, DATE_FORMATS, ColumnMapping
from costs.bills.models import Environment
from costs.bills.sampling import Sample

LABELS = {
    "date": "Day",
    "end": "Last day",
    "cost": "Cost",
    "currency": "Currency",
    "service": "Service",
    "account": "Account",
    "resource": "Resource",
    "description": "Description",
    "quantity": "Quantity",
    "unit": "Unit",
    "region": "Region",
}
SOURCE_HELP = (
    "Up to 100 letters, digits, spaces, dots, underscores and hyphens, for example twilio."
)


class SampleForm(forms.Form):
    """The source of a new mapping, and a file of it."""

    source = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$",
        label="Name of the source",
        help_text=SOURCE_HELP,
        error_messages={"invalid": f"This is no name. {SOURCE_HELP}"},
    )
    sample = forms.FileField(
        label="A file of it",
        help_text="CSV or gzipped CSV. Its header and its first 20 rows are kept.",
    )


class MappingForm(forms.Form):
    """Which column is what."""

    provider = forms.CharField(max_length=100, help_text="Who sends these bills.")
    date_format = forms.ChoiceField(
        label="Days are written like",
        choices=[(name, example) for name, (example, _) in DATE_FORMATS.items()],
    )
    decimal_comma = forms.BooleanField(required=False, label="Decimals stand behind a comma: 12,50")
    negative = forms.BooleanField(required=False, label="Costs have a minus, credits have none")
    fixed_currency = forms.CharField(required=False, max_length=3, label="or always")
    fixed_service = forms.CharField(required=False, max_length=200, label="where empty, or always")
    fixed_account = forms.CharField(
        required=False, max_length=100, label="where empty, or always the account"
    )
    tags = forms.MultipleChoiceField(
        required=False,
        label="Columns that become tags",
        widget=forms.CheckboxSelectMultiple,
        help_text="Allocation rules look at tags: a column called environment places a charge.",
    )
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, sample: Sample, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sample = sample
        columns = [(column, self._shown(column)) for column in sample.columns]
        for name in COLUMN_FIELDS:
            needed = name in ("date", "cost")
            self.fields[name] = forms.ChoiceField(
                label=LABELS[name],
                required=False,
                choices=[("", "Choose a column" if needed else "–"), *columns],
            )
        tags = self.fields["tags"]
        assert isinstance(tags, forms.MultipleChoiceField)  # noqa: S101 - declared above
        tags.choices = [(column, column) for column in sample.columns]

    def _shown(self, column: str) -> str:
        example = next(iter(self.sample.values(column)), "")
        return f"{column[:60]} ({example[:30]})" if example else column[:60]

    def mapping(self) -> ColumnMapping:
        """The mapping that a valid form describes."""
        chosen = {name: value for name, value in self.cleaned_data.items() if name != "seen"}
        chosen["fixed_currency"] = chosen["fixed_currency"].upper()
        chosen["tags"] = tuple(chosen["tags"])
        return ColumnMapping(header=self.sample.columns, delimiter=self.sample.delimiter, **chosen)


class MonthField(forms.CharField):
    """``2026-12``, as browsers write a month; its first day."""

    widget = forms.TextInput(attrs={"type": "month", "placeholder": "2026-12"})

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


class ManualChargeForm(forms.Form):
    """A charge that nobody bills in a file."""

    provider_name = forms.CharField(max_length=100, label="Provider")
    service_name = forms.CharField(max_length=200, label="Service")
    amount = forms.DecimalField(
        max_digits=30,
        decimal_places=18,
        label="Amount a month",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text="Without thousands separators; a credit has a minus.",
    )
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$",
        max_length=3,
        error_messages={"invalid": "Give a three-letter code like EUR."},
    )
    first_month = MonthField(label="From the month")
    last_month = MonthField(
        label="Until the month",
        required=False,
        help_text="The same month for a single charge; empty if it goes on.",
    )
    environment = forms.ChoiceField(required=False)
    cost_center = forms.CharField(required=False, max_length=120, label="Cost center")
    note = forms.CharField(required=False, max_length=500, help_text="For example what it is for.")
    seen = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        environments = Environment.objects.values_list("name", "label")
        field = self.fields["environment"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [("", "–"), *environments]

    def entry(self) -> Entry:
        """The charge that a valid form describes."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "seen"}
        for name, value in given.items():
            if isinstance(value, str):
                given[name] = value.strip()
        return Entry(**{**given, "currency": given["currency"].upper()})
