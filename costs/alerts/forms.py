"""What may be asked and typed about alerts."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any, Self

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.http import urlencode

from costs.alerts.kinds import KINDS, Level
from costs.alerts.models import Alert, Recipient

STATES = {"active": "open and acknowledged", **{one.value: one.value for one in Alert.State}}
MUTES = {"1": "a day", "3": "3 days", "7": "a week", "30": "30 days"}


class LogForm(forms.Form):
    """The query string of the log."""

    state = forms.ChoiceField(
        choices=[("", "all"), *((name, name) for name in STATES)], required=False
    )
    kind = forms.ChoiceField(
        choices=[("", "every kind"), *((kind.name, kind.label) for kind in KINDS.values())],
        required=False,
        label="Kind",
    )
    environment = forms.CharField(max_length=100, required=False, label="Environment")
    level = forms.ChoiceField(
        choices=[
            ("", "every level"),
            ("warning", "warnings and urgent"),
            ("urgent", "urgent only"),
        ],
        required=False,
        label="Level",
    )
    text = forms.CharField(max_length=100, required=False, label="Text")
    page = forms.IntegerField(min_value=1, max_value=9_999_999, required=False)

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """The valid form. Raises :class:`BadRequest` that names what is wrong with ``query``."""
        if unknown := sorted(set(query) - set(cls.base_fields)):
            known = ", ".join(cls.base_fields)
            raise BadRequest(f"This page knows no “{unknown[0][:40]}”: only {known}.")
        form = cls(query)
        if not form.is_valid():
            raise BadRequest(
                " ".join(f"{name}: {error}" for name in form.errors for error in form.errors[name])
            )
        return form

    @property
    def filters(self) -> dict[str, Any]:
        """What :func:`costs.alerts.queries.alerts` takes."""
        cleaned = self.cleaned_data
        level = cleaned["level"]
        return {
            "state": cleaned["state"],
            "kind": cleaned["kind"],
            "environment": cleaned["environment"],
            "level": Level[level.upper()] if level else None,
            "text": cleaned["text"],
        }

    def query_with(self, **changed: str) -> str:
        """The query string with some fields changed, without the page."""
        values = {name: self.cleaned_data[name] for name in self.base_fields if name != "page"}
        values |= changed
        return urlencode({name: value for name, value in values.items() if value})


class AcknowledgeForm(forms.Form):
    """Somebody has seen it."""

    note = forms.CharField(max_length=500, required=False, label="Note")


class MuteForm(forms.Form):
    """Nobody shall be told until then."""

    days = forms.ChoiceField(choices=list(MUTES.items()), required=False, label="Mute for")
    until = forms.DateField(required=False, label="or through")
    why = forms.CharField(max_length=500, label="Why")

    def end(self, now: datetime) -> datetime:
        """The moment at which the mute ends."""
        if day := self.cleaned_data["until"]:
            return datetime.combine(day + timedelta(days=1), time(), UTC)
        return now + timedelta(days=int(self.cleaned_data["days"] or 7))


class RuleForm(forms.Form):
    """The rule of one kind, for one environment or all others."""

    mode = forms.ChoiceField(label="This rule", widget=forms.RadioSelect)
    note = forms.DecimalField(required=False, max_digits=18, decimal_places=6)
    warning = forms.DecimalField(required=False, max_digits=18, decimal_places=6)
    urgent = forms.DecimalField(required=False, max_digits=18, decimal_places=6)
    why = forms.CharField(max_length=500, help_text="Kept in the history, beside your name.")
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, own: bool, fixed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        general = "follows the rule of all others" if own else "follows the default"
        modes = [("own", "has levels of its own"), ("off", "is off"), ("follows", general)]
        if fixed:
            modes = [("own", "is on"), ("off", "is off"), ("follows", general)]
            for name in ("note", "warning", "urgent"):
                del self.fields[name]
        self.fields["mode"].choices = modes  # type: ignore[attr-defined]
        for name in ("note", "warning", "urgent"):
            if name in self.fields:
                self.fields[name].widget = forms.TextInput(attrs={"inputmode": "decimal"})


class RecipientForm(forms.Form):
    """Who is told of what."""

    name = forms.CharField(max_length=100, label="Name", help_text="As the outbox calls them.")
    way = forms.ChoiceField(choices=Recipient.Way.choices, label="Told by")
    user = forms.ChoiceField(required=False, label="Person")
    address = forms.CharField(max_length=254, required=False, label="E-mail address")
    channel = forms.ChoiceField(required=False, label="Channel")
    environments = forms.MultipleChoiceField(
        required=False, label="Environments", widget=forms.CheckboxSelectMultiple
    )
    kinds = forms.MultipleChoiceField(
        required=False,
        label="Kinds",
        widget=forms.CheckboxSelectMultiple,
        choices=[(kind.name, kind.label) for kind in KINDS.values()],
    )
    least = forms.TypedChoiceField(
        choices=[(2, "warnings and what is urgent"), (3, "only what is urgent")],
        coerce=int,
        label="Hears at once of",
    )
    digest = forms.BooleanField(required=False, label="Gets the weekly digest")
    on = forms.BooleanField(required=False, label="Is told at all")
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        people: list[tuple[str, str]],
        channels: list[str],
        environments: list[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("user", [("", "–"), *people]),
            ("channel", [("", "–"), *((one, one) for one in channels)]),
            ("environments", environments),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = [(hour, f"{hour:02}:00") for hour in range(24)]


class TimetableForm(forms.Form):
    """When the digest goes out, and when only what is urgent does."""

    digest_on = forms.BooleanField(required=False, label="Send the weekly digest")
    digest_weekday = forms.TypedChoiceField(
        choices=list(enumerate(WEEKDAYS)), coerce=int, label="On"
    )
    digest_hour = forms.TypedChoiceField(choices=HOURS, coerce=int, label="At")
    quiet_from = forms.TypedChoiceField(choices=HOURS, coerce=int, label="Quiet from")
    quiet_to = forms.TypedChoiceField(
        choices=HOURS, coerce=int, label="Quiet until", help_text="The same twice: never."
    )
    quiet_weekends = forms.BooleanField(required=False, label="Saturdays and Sundays are quiet")
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
