"""What the pages of bills may be asked for, and what may be typed into them."""

from __future__ import annotations

from datetime import date
from typing import Self

from django import forms
from django.core.exceptions import BadRequest
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils.http import urlencode

from costs.bills.matrix import Metric
from costs.bills.reconciliation import VERDICTS

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


def _day(label: str | None = None) -> forms.DateField:
    """A day that bills may be of."""
    return forms.DateField(
        required=False,
        label=label,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        validators=[
            MinValueValidator(date(2000, 1, 1), "this is before the year 2000."),
            MaxValueValidator(date(2100, 1, 1), "this is after the year 2100."),
        ],
        error_messages={"invalid": "write the day as 2026-06-30."},
    )


class LedgerForm(QueryForm):
    """Which part of a ledger is shown."""

    show = forms.ChoiceField(
        choices=[("days", "By day"), ("charges", "Charge by charge")],
        required=False,
        error_messages={"invalid_choice": "“%(value)s” is no view: choose days or charges."},
    )
    day = _day()
    service = forms.CharField(max_length=80, required=False)
    resource = forms.CharField(max_length=80, required=False)
    column = forms.CharField(max_length=60, required=False)
    kind = forms.ChoiceField(
        choices=[
            ("", "All"),
            ("changed", "Changed"),
            ("removed", "Removed"),
            ("added", "Added"),
        ],
        required=False,
        error_messages={"invalid_choice": "“%(value)s” is no kind: added, removed or changed."},
    )
    page = PageForm.base_fields["page"]

    @property
    def shown(self) -> str:
        return "charges" if self.cleaned_data["show"] == "charges" else "days"

    @property
    def number(self) -> int:
        """Of the page, 1 where none is given."""
        return int(self.cleaned_data["page"] or 1)

    def query(self, **changes: str) -> str:
        """The query string of what is asked for, without the page, with ``changes``."""
        given = {
            name: str(self.cleaned_data[name] or "")
            for name in ("show", "day", "service", "resource", "column", "kind")
        }
        return urlencode({name: text for name, text in (given | changes).items() if text})


class ChangesForm(QueryForm):
    """Which restatements are listed: days from and to (both included) and a source."""

    since = _day("From")
    until = _day("To")
    source = forms.CharField(max_length=200, required=False)
    page = PageForm.base_fields["page"]

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", f"{until} lies before {since}.")
        return cleaned

    @property
    def number(self) -> int:
        """Of the page, 1 where none is given."""
        return int(self.cleaned_data["page"] or 1)

    @property
    def query(self) -> str:
        """The query string of what is asked for, without the page."""
        given = {name: self.cleaned_data[name] for name in ("since", "until", "source")}
        return urlencode({name: str(value) for name, value in given.items() if value})


class ReconciliationForm(QueryForm):
    """Which months are listed."""

    verdict = forms.ChoiceField(
        choices=[("", "All"), *((name, name) for name in VERDICTS)],
        required=False,
        error_messages={"invalid_choice": "“%(value)s” is no verdict."},
    )
    account = forms.CharField(max_length=80, required=False)
    page = PageForm.base_fields["page"]

    @property
    def number(self) -> int:
        """Of the page, 1 where none is given."""
        return int(self.cleaned_data["page"] or 1)

    @property
    def query(self) -> str:
        """The query string of what is asked for, without the page."""
        given = {name: self.cleaned_data[name] for name in ("verdict", "account")}
        return urlencode({name: text for name, text in given.items() if text})


class TotalForm(forms.Form):
    """A provider's total that somebody types, as it stands on an invoice."""

    provider = forms.CharField(max_length=200, label="Provider")
    account = forms.CharField(max_length=300, label="Billing account")
    month = forms.CharField(
        max_length=10,
        label="Month",
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-06"}),
    )
    currency = forms.CharField(max_length=3, min_length=3)
    billed_cost = forms.DecimalField(
        max_digits=33,
        decimal_places=18,
        label="Total",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text="With tax and credits, as the provider bills it.",
    )
    invoice_id = forms.CharField(
        max_length=200,
        required=False,
        label="Invoice number",
        help_text="Only where the total is of this invoice alone; empty for the whole month.",
    )
    why = forms.CharField(
        max_length=300,
        required=False,
        label="Note",
        help_text="Where it comes from; kept beside your name.",
    )
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def clean_month(self) -> date:
        try:
            return month(self.cleaned_data["month"])
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from None
