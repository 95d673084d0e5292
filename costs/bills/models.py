"""Environments and the rules that place charges in them."""

from __future__ import annotations

from django.db import models

from costs.bills.allocation import EnvironmentWords, Rule


class Environment(models.Model):
    """A stage of the system, with the words that mean it in tags and names."""

    name = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=60)
    position = models.PositiveIntegerField()
    words = models.JSONField(default=list)

    class Meta:
        ordering = ("position", "name")

    def __str__(self) -> str:
        return self.label

    def as_words(self) -> EnvironmentWords:
        return EnvironmentWords(self.name, tuple(self.words))


class AllocationRule(models.Model):
    """One of the ordered allocation rules; see ``costs.bills.allocation.Rule``."""

    position = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    target = models.CharField(max_length=20)
    looks_at = models.CharField(max_length=20)
    pattern = models.CharField(max_length=200)
    keys = models.JSONField(default=list, blank=True)
    value = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.name

    def as_rule(self) -> Rule:
        return Rule(
            name=self.name,
            target=self.target,  # type: ignore[arg-type]
            looks_at=self.looks_at,  # type: ignore[arg-type]
            pattern=self.pattern,
            keys=tuple(self.keys),
            value=self.value,
        )


class RuleSet(models.Model):
    """All allocation rules and environments as somebody applied them: the history of the rules.

    The tables above hold what is in force; a set enters them when every bill follows it.
    """

    number = models.PositiveIntegerField(unique=True)
    digest = models.CharField(max_length=16, help_text="As in the names of the lake's tables.")
    document = models.JSONField(help_text="See costs.bills.rule_sets.Document.")
    changes = models.JSONField(default=list, help_text="What differs from the set before, in words")
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    why = models.CharField(max_length=500, blank=True)
    in_force_since = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"rules {self.number}"


class AllocationDraft(models.Model):
    """Changes to the rules that nobody has applied yet: one draft that all operators share."""

    version = models.PositiveIntegerField(default=0, help_text="Counts up with every change.")
    document = models.JSONField(null=True, help_text="Empty while there are no changes.")
    undo = models.JSONField(default=list, help_text="What each change was and what was before it.")
    changed_at = models.DateTimeField(null=True)
    changed_by = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return f"draft of the allocation rules, version {self.version}"
