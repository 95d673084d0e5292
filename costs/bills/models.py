"""Environments and allocation rules, what providers say they billed, connections to clouds."""

from __future__ import annotations

from django.db import models

from costs.bills.allocation import EnvironmentWords, Rule
from costs.money_field import MoneyField


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


class ProviderTotal(models.Model):
    """What a provider itself says that an account's month was billed: every figure ever given.

    Of each origin (and invoice) the newest counts; see :mod:`costs.bills.reconciling`.
    """

    provider_name = models.CharField(max_length=200)
    billing_account_id = models.CharField(max_length=300)
    billing_period = models.DateField(help_text="First day.")
    currency = models.CharField(max_length=3)
    billed_cost = MoneyField()
    origin = models.CharField(max_length=60, help_text="For example AWS Cost Explorer or invoice.")
    invoice_id = models.CharField(
        max_length=200, blank=True, help_text="Empty: of the whole month, not of one invoice."
    )
    stated_at = models.DateTimeField(help_text="When it was first given as this amount.")
    confirmed_at = models.DateTimeField(help_text="When it was last given as this amount.")
    stated_by = models.CharField(max_length=150)
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("billing_period", "provider_name", "billing_account_id", "pk")
        indexes = [
            models.Index(
                fields=("billing_period", "provider_name", "billing_account_id"),
                name="provider_total_of_month",
            )
        ]

    def __str__(self) -> str:
        return (
            f"{self.provider_name} {self.billing_account_id} {self.billing_period:%Y-%m}"
            f" {self.currency}, {self.origin}{f' {self.invoice_id}' if self.invoice_id else ''}"
        )


class Connection(models.Model):
    """A way to bills that Headroom goes by itself, on a schedule. Names only: nothing secret."""

    name = models.SlugField(max_length=60, unique=True, help_text="Stays: scripts name it.")
    kind = models.CharField(max_length=40, help_text="See costs.bills.connections.KINDS.")
    parameters = models.JSONField(default=dict, help_text="Checked by its kind.")
    schedule = models.CharField(max_length=20, default="daily")
    hour = models.PositiveSmallIntegerField(default=6, help_text="UTC; of daily and six-hourly.")
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, help_text="Counts up with every change.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)
    last_run_at = models.DateTimeField(null=True, help_text="When the last run began.")
    last_success_at = models.DateTimeField(null=True, help_text="When a run last lacked nothing.")
    last_error = models.CharField(max_length=1000, blank=True, help_text="Empty: it went well.")
    passes = models.BooleanField(default=False, help_text="The error may pass by itself.")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class FetchedDelivery(models.Model):
    """What became of a delivery that a connection has fetched, and how to know it again."""

    class State(models.TextChoices):
        LOADED = "loaded"
        FAILED = "failed"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="fetched")
    name = models.CharField(max_length=600, help_text="See costs.bills.exports.Offer.name.")
    billing_period = models.DateField(null=True, help_text="First day, where the layout tells it.")
    etags = models.JSONField(default=dict, help_text="By key; empty for answers of an API.")
    size = models.BigIntegerField(default=0, help_text="Bytes.")
    state = models.CharField(max_length=10, choices=State)
    error = models.CharField(max_length=1000, blank=True)
    fetched_at = models.DateTimeField()
    bills = models.JSONField(default=list, help_text="Source, billing period, version, status.")

    class Meta:
        ordering = ("-billing_period", "name")
        verbose_name_plural = "fetched deliveries"
        constraints = [
            models.UniqueConstraint(fields=("connection", "name"), name="fetched_delivery_name")
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.connection}"

    @property
    def outcomes(self) -> list[dict[str, object]]:
        """Its bills, each once: ``bills`` has an entry for every file."""
        keys = ("source", "billing_period", "status")
        return list({tuple(bill.get(key) for key in keys): bill for bill in self.bills}.values())


class SourceMapping(models.Model):
    """How the CSV files of one source are read; see ``costs.bills.mapping.ColumnMapping``."""

    source = models.CharField(max_length=100, unique=True, help_text="Name of the source.")
    sample = models.JSONField(help_text="Header and first rows; see costs.bills.sampling.Sample.")
    document = models.JSONField(null=True, help_text="Empty until somebody has saved it.")
    version = models.PositiveIntegerField(default=0, help_text="Counts up with every change.")
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        ordering = ("source",)

    def __str__(self) -> str:
        return f"mapping of {self.source}"


class ManualCharge(models.Model):
    """A cost that somebody types, once or every month; months become bills of ``manual-…``."""

    provider_name = models.CharField(max_length=100)
    service_name = models.CharField(max_length=200)
    amount = MoneyField(help_text="In each month.")
    currency = models.CharField(max_length=3)
    first_month = models.DateField(help_text="First day of the first month.")
    last_month = models.DateField(null=True, help_text="First day of the last; empty: goes on.")
    environment = models.CharField(max_length=120, blank=True)
    cost_center = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=1, help_text="Counts up with every change.")
    removed_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        ordering = ("provider_name", "service_name", "first_month", "pk")

    def __str__(self) -> str:
        return f"{self.service_name} of {self.provider_name}"
