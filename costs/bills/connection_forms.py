"""What may be typed about a connection: a field for each parameter of its kind."""

from __future__ import annotations

from typing import Any

from django import forms

from costs.bills.connections import SCHEDULES, BadParameter, ConnectionKind, Parameter

HOURS = [(hour, f"{hour:02}:00 UTC") for hour in range(24)]


class ConnectionForm(forms.Form):
    """A new connection, or with ``named`` a change of one whose name stays."""

    def __init__(
        self, kind: ConnectionKind, data: Any = None, *, named: bool = False, **more: Any
    ) -> None:
        super().__init__(data, **more)
        self.kind = kind
        if not named:
            self.fields["name"] = forms.SlugField(
                max_length=60,
                label="Name",
                help_text="Small letters, digits and dashes, such as aws-main. It stays.",
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            )
        for parameter in kind.parameters:
            self.fields[parameter.name] = _field(parameter)
        self.fields["schedule"] = forms.ChoiceField(
            choices=list(SCHEDULES.items()),
            label="Schedule",
            help_text="Providers write exports up to three times a day.",
        )
        self.fields["hour"] = forms.TypedChoiceField(
            choices=HOURS,
            coerce=int,
            initial=6,
            label="At",
            help_text="Of every day; with every 6 hours, the first of the four.",
        )
        if named:
            self.fields["seen"] = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    @property
    def parameters(self) -> dict[str, str]:
        """What was typed for the parameters of the kind."""
        return {one.name: str(self.cleaned_data.get(one.name, "")) for one in self.kind.parameters}

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """The fields that most need."""
        return [
            self[name] for name in self.fields if name not in _RARE and name not in {"seen", *_WHEN}
        ]

    @property
    def rare_fields(self) -> list[forms.BoundField]:
        """The fields that few need."""
        return [self[name] for name in self.fields if name in _RARE]

    @property
    def rare_open(self) -> bool:
        """Whether one of these has something in it, or something wrong with it."""
        return any(field.value() or field.errors for field in self.rare_fields)

    @property
    def when_fields(self) -> list[forms.BoundField]:
        """The schedule."""
        return [self[name] for name in _WHEN]

    def clean(self) -> dict[str, Any]:
        """Say of each parameter what is wrong with it."""
        cleaned = super().clean() or {}
        for one in self.kind.parameters:
            if one.name in self.errors:
                continue
            try:
                ConnectionKind("", "", self.kind.cloud, "", (one,)).clean(
                    {one.name: str(cleaned.get(one.name, ""))}
                )
            except BadParameter as wrong:
                self.add_error(wrong.name, str(wrong))
        return cleaned


_RARE = ("source", "profile", "role", "external_id", "identity", "region")
_WHEN = ("schedule", "hour")


def _field(parameter: Parameter) -> forms.Field:
    if parameter.choices:
        return forms.ChoiceField(
            choices=parameter.choices, label=parameter.label, help_text=parameter.help
        )
    return forms.CharField(
        max_length=2000,
        required=parameter.required,
        label=parameter.label,
        help_text=parameter.help,
        widget=forms.TextInput(
            attrs={
                "placeholder": parameter.example,
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
