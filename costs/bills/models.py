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
