"""What may be typed about shared costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms

from costs.money import plain
from costs.spend.rate_forms import MonthField
from costs.spend.shared_costs import (
    CATEGORIES,
    NO_COST_CENTER,
    OVERS,
    UNALLOCATED,
    WAYS,
    BadRule,
    SharedRule,
    targets_of,
)

ANY: Final = ("", "any")


class SharedRuleForm(forms.Form):
    """One rule, and from which month on the rules hold with it."""

    name = forms.CharField(max_length=120, label="Name")
    category = forms.ChoiceField(
        choices=[ANY, *((name, name) for name in CATEGORIES)],
        required=False,
        label="Charge category",
    )
    service = forms.CharField(
        max_length=200,
        required=False,
        label="Service",
        help_text="The whole name; * is anything: *Support*.",
    )
    resource = forms.CharField(
        max_length=200, required=False, label="Resource id", help_text="Likewise: */shared-nat-*."
    )
    environment = forms.ChoiceField(required=False, label="Environment it was placed in")
    cost_center = forms.CharField(
        max_length=100,
        required=False,
        label="Cost center it was placed in",
        help_text=f"“{NO_COST_CENTER}” means without one.",
    )
    over = forms.ChoiceField(choices=list(OVERS.items()), label="Split over")
    way = forms.ChoiceField(choices=list(WAYS.items()), label="How")
    targets = forms.CharField(
        max_length=5000,
        label="Targets",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One a line; with fixed percentages like “production 60”, 100 together.",
    )
    valid_from = MonthField(
        label="From the month",
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-12"}),
        help_text="Earlier months keep the rules they had.",
    )
    why = forms.CharField(
        max_length=500, required=False, help_text="Kept in the history, beside your name."
    )
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, environments: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = [name for name, _ in environments]
        field = self.fields["environment"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [ANY, *environments, (UNALLOCATED, "Unallocated")]

    def as_rule(self, id_: str) -> SharedRule:
        """The rule that was typed; still to be checked beside the others. Raises BadRule."""
        cleaned = self.cleaned_data
        targets, percentages = targets_of(cleaned["targets"], cleaned["way"])
        if cleaned["over"] == "environment":
            targets = tuple(target.lower() for target in targets)
            if unknown := [target for target in targets if target not in self.names]:
                raise BadRule(
                    "targets",
                    f"There is no environment “{unknown[0]}”; there are {', '.join(self.names)}.",
                )
        return SharedRule(
            id=id_,
            name=cleaned["name"].strip(),
            over=cleaned["over"],
            way=cleaned["way"],
            targets=targets,
            service=cleaned["service"].strip(),
            category=cleaned["category"],
            resource=cleaned["resource"].strip(),
            environment=cleaned["environment"],
            cost_center=cleaned["cost_center"].strip(),
            percentages=percentages,
        )

    @staticmethod
    def of(rule: SharedRule) -> dict[str, str]:
        """What the form shows for ``rule``."""
        return {
            "name": rule.name,
            "category": rule.category,
            "service": rule.service,
            "resource": rule.resource,
            "environment": rule.environment,
            "cost_center": rule.cost_center,
            "over": rule.over,
            "way": rule.way,
            "targets": "\n".join(
                target if part is None else f"{target} {plain(part)}"
                for target, part in rule.shares
            ),
        }
