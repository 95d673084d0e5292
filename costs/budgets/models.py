"""Bands, as people set them: every edit is a new row, so the history is the table itself."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from costs.money_field import MoneyField

__all__ = ["BandChange", "DriverChange"]


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
