"""What the allocation pages may be asked for, and what may be typed there."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from costs.bills.allocation import Rule
from costs.bills.coverage import LACKS, TAG_VALUE
from costs.bills.previews import Subject
from costs.bills.rule_sets import NamedEnvironment, fields_of, keys_of, words_of

TARGETS: Final = (("environment", "environment"), ("cost_center", "cost center"))
LOOKS: Final = (
    ("tag", "a tag"),
    ("resource_group", "the resource group"),
    ("sub_account", "the account"),
    ("service", "the service"),
    ("resource_id", "the resource id"),
)


class RuleForm(forms.Form):
    """One allocation rule."""

    name = forms.CharField(max_length=120, label="Name")
    target = forms.ChoiceField(choices=TARGETS, label="It gives the")
    looks_at = forms.ChoiceField(choices=LOOKS, label="It looks at")
    keys = forms.CharField(
        max_length=500,
        required=False,
        label="Names of the tag",
        help_text="For a tag: one or more names by comma, looked at in this order. Letter case,"
        " hyphens and underscores do not matter.",
    )
    pattern = forms.CharField(
        max_length=200,
        label="Pattern",
        help_text="Fits the whole text. * is anything, {env} any word of an environment, {value}"
        " any text.",
    )
    value = forms.CharField(
        max_length=120,
        required=False,
        label="Value",
        help_text="What it gives, where the pattern has neither {env} nor {value}.",
        widget=forms.TextInput(attrs={"list": "values", "autocomplete": "off"}),
    )

    def as_rule(self) -> Rule:
        """The rule that was typed; still to be checked beside the others."""
        cleaned = self.cleaned_data
        value = cleaned["value"].strip()
        return Rule(
            name=cleaned["name"].strip(),
            target=cleaned["target"],
            looks_at=cleaned["looks_at"],
            pattern=cleaned["pattern"].strip(),
            keys=keys_of(cleaned["keys"]) if cleaned["looks_at"] == "tag" else (),
            value=value.lower() if cleaned["target"] == "environment" else value,
        )

    @staticmethod
    def of(rule: Rule) -> dict[str, str]:
        """What the form shows for ``rule``."""
        return {**fields_of(rule), "target": rule.target, "looks_at": rule.looks_at}


class EnvironmentForm(forms.Form):
    """One environment with the words that mean it."""

    name = forms.CharField(
        max_length=60,
        label="Name",
        help_text="In data, links and files, for example testing. It cannot be changed later.",
    )
    label = forms.CharField(
        max_length=60, required=False, label="Label", help_text="On pages; empty: like the name."
    )
    words = forms.CharField(
        max_length=2000,
        required=False,
        label="Words",
        help_text="Other words in tags and names that mean it, for example test, tst, qa.",
    )

    def __init__(self, *args: Any, fixed_name: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fixed = fixed_name
        if fixed_name:
            self.fields["name"].required = False
            self.fields["name"].disabled = True
            self.initial["name"] = fixed_name

    def as_environment(self, by: str) -> NamedEnvironment:
        """The environment that was typed; still to be checked beside the others."""
        cleaned = self.cleaned_data
        name = self._fixed or cleaned["name"].strip().lower()
        words = tuple(word for word in words_of(cleaned["words"]) if word != name)
        label = cleaned["label"].strip() or name.capitalize()
        return NamedEnvironment(name=name, label=label, words=words, by=by)


class TryForm(forms.Form):
    """The test box: a resource as somebody describes it."""

    resource_id = forms.CharField(max_length=1000, required=False, label="Resource id")
    resource_group = forms.CharField(max_length=300, required=False, label="Resource group")
    account = forms.CharField(max_length=300, required=False, label="Account")
    service = forms.CharField(max_length=300, required=False, label="Service")
    tags = forms.CharField(
        max_length=4000,
        required=False,
        label="Tags",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "environment=prod"}),
    )

    def clean_tags(self) -> tuple[tuple[str, str], ...]:
        """``name=value``, one a line."""
        pairs = []
        for line in self.cleaned_data["tags"].splitlines():
            if not line.strip():
                continue
            name, equals, value = line.partition("=")
            if not equals or not name.strip():
                raise forms.ValidationError("Write one tag a line, like environment=prod.")
            pairs.append((name.strip(), value.strip()))
        return tuple(pairs)

    def as_subject(self) -> Subject:
        cleaned = self.cleaned_data
        return Subject(
            resource_id=cleaned["resource_id"].strip(),
            resource_group=cleaned["resource_group"].strip(),
            sub_account=cleaned["account"].strip(),
            service=cleaned["service"].strip(),
            tags=cleaned["tags"],
        )


class LostForm(forms.Form):
    """The query string of the list of what has no place."""

    lacks = forms.ChoiceField(choices=list(LACKS.items()), required=False)
    environment = forms.CharField(max_length=128, required=False, label="Environment")
    cost_center = forms.CharField(max_length=128, required=False, label="Cost center")
    page = forms.IntegerField(min_value=1, max_value=999_999, required=False)

    def clean_environment(self) -> str:
        return self._tag_value("environment")

    def clean_cost_center(self) -> str:
        return self._tag_value("cost_center")

    def _tag_value(self, name: str) -> str:
        value = str(self.cleaned_data[name]).strip()
        if value and not TAG_VALUE.fullmatch(value):
            raise forms.ValidationError(
                "A tag's value has letters, digits, spaces and . _ : / + @ - only."
            )
        return value


class ApplyForm(forms.Form):
    """Putting a draft in force."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    why = forms.CharField(max_length=500, required=False, label="Why (kept in the history)")
