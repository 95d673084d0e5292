"""Bands, as people set them: every edit is a new row, so the history is the table itself."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from costs.money_field import MoneyField

__all__ = ["AnomalyRecord", "BandChange", "DriverChange", "FindingRecord"]


class AppendOnlyBands(models.QuerySet["BandChange"]):
    """Edits can be added and read, never changed or removed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the history of bands is append-only")

    update = delete = bulk_update = _refuse


class BandChange(models.Model):
    """The band of one environment from a month on, as somebody set it.

    The band of a month is the row with the latest ``valid_from`` up to it, of these the one
    written last.
    """

    environment = models.CharField(max_length=100)
    valid_from = models.DateField(help_text="First day of the first month it holds for.")
    low = MoneyField()
    high = MoneyField()
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    why = models.CharField(max_length=500)
    previous = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    """What held for ``valid_from`` until then; empty for the first."""

    objects = AppendOnlyBands.as_manager()

    class Meta:
        ordering = ("environment", "valid_from", "created_at", "pk")
        indexes = (models.Index(fields=("environment", "valid_from", "created_at")),)

    def __str__(self) -> str:
        return (
            f"{self.environment} from {self.valid_from:%Y-%m}: "
            f"{self.low} to {self.high} {self.currency}"
        )

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the history of bands is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the history of bands is append-only")


class AppendOnlyDrivers(models.QuerySet["DriverChange"]):
    """Edits can be added and read, never changed or removed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the history of traffic drivers is append-only")

    update = delete = bulk_update = _refuse


class DriverChange(models.Model):
    """What the band of an environment scales with, as somebody set it; the last row holds.

    A month's band is then band × (f + (1 − f) × driver ÷ baseline): METHODS.md section 1.
    """

    environment = models.CharField(max_length=100)
    metric = models.CharField(max_length=100, blank=True, help_text="Empty: it scales no more.")
    # The stubs know no nullable field of our own; see queries.Driver for what they hold.
    baseline = MoneyField(  # type: ignore[misc]
        null=True, help_text="The metric's sum in a month for the band as set."
    )
    fixed_share = MoneyField(  # type: ignore[misc]
        null=True, help_text="f, from 0 to 1: what does not scale."
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    why = models.CharField(max_length=500)

    objects = AppendOnlyDrivers.as_manager()

    class Meta:
        ordering = ("environment", "created_at", "pk")
        indexes = (models.Index(fields=("environment", "created_at")),)

    def __str__(self) -> str:
        if not self.metric:
            return f"{self.environment} scales with nothing"
        return f"{self.environment} scales with {self.metric}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the history of traffic drivers is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the history of traffic drivers is append-only")


class FindingRecord(models.Model):
    """What another part of the product has found, from when to when it was true."""

    origin = models.CharField(max_length=60, help_text="Who found it, such as capacity.thresholds.")
    kind = models.CharField(max_length=40)
    environment = models.CharField(max_length=100)
    subject = models.CharField(max_length=500)
    period = models.CharField(max_length=10, blank=True)
    title = models.CharField(max_length=300)
    message = models.TextField()
    action = models.CharField(max_length=20)
    why = models.TextField(blank=True)
    look_at = models.TextField(blank=True)
    link = models.CharField(max_length=500)
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When its origin last said so.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("pk",)
        indexes = (models.Index(fields=("ended_at", "found_at")),)
        constraints = (
            models.UniqueConstraint(
                fields=("origin", "kind", "environment", "subject", "period"),
                condition=models.Q(ended_at__isnull=True),
                name="one_open_finding_each",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.environment} {self.subject}"


class AnomalyRecord(models.Model):
    """Something that stood out, as it was last seen, and what people said of it."""

    class State(models.TextChoices):
        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"
        CLOSED = "closed"

    environment = models.CharField(max_length=100)
    service_name = models.CharField(max_length=300)
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=20, help_text="See costs.budgets.anomalies.Kind.")
    first_day = models.DateField()
    last_day = models.DateField()
    days = models.JSONField(help_text="Those that stood out, as ISO dates.")
    actual = MoneyField()
    expected = MoneyField()
    score = models.FloatField(null=True, help_text="Largest deviation; none for fixed charges.")
    drivers = models.JSONField(
        default=list, help_text="Region, resource, change, share in percent."
    )
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it was last found, or its figures changed.")
    note = models.CharField(max_length=500, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=150, blank=True)
    closed_why = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-last_day", "environment", "service_name", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=("environment", "service_name", "currency", "kind", "first_day"),
                name="one_record_per_anomaly",
            )
        ]
        indexes = (models.Index(fields=("state", "last_day"), name="anomaly_by_state"),)

    def __str__(self) -> str:
        return f"{self.kind} of {self.service_name} in {self.environment} on {self.first_day}"
