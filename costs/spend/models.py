"""Views of the explore page that people keep; rates and shared costs as people set them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NoReturn

from django.conf import settings
from django.db import models

from costs.money_field import MoneyField

__all__ = ["DisplayCurrencyChange", "RateChange", "SavedView", "SharedCostSet"]


class SavedView(models.Model):
    """One person's name for a state of the explore page.

    Presets are kept as presets: a view of this month shows this month again next month.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True, help_text="Query string of the explore page, without “?”.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=("user", "name"), name="one_saved_view_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class AppendOnlyRates(models.QuerySet["RateChange"]):
    """Edits can be added and read, never changed or removed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the history of exchange rates is append-only")

    update = delete = bulk_update = _refuse

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[RateChange]:
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(*args, **kwargs)


class RateChange(models.Model):
    """One ``base`` in ``quote`` in a month, as somebody set it.

    Of a pair and month the row written last holds, whichever way round it is written.
    """

    month = models.DateField(help_text="First day of the month.")
    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    # The stubs know no nullable field of our own.
    value = MoneyField(  # type: ignore[misc]
        null=True, help_text="What one base is in quote. Empty: there is no rate any more."
    )
    origin = models.CharField(max_length=100, blank=True, help_text="Empty: typed by hand.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    why = models.CharField(max_length=500)
    previous = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    """What held for the pair and month until then; empty for the first."""

    objects = AppendOnlyRates.as_manager()

    class Meta:
        ordering = ("month", "created_at", "pk")
        indexes = (models.Index(fields=("month", "base", "quote")),)

    def __str__(self) -> str:
        value: Decimal | None = self.value
        said = "no rate" if value is None else f"{value:f} {self.quote}"
        return f"{self.month:%Y-%m}: 1 {self.base} is {said}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the history of exchange rates is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the history of exchange rates is append-only")


class AppendOnlyDisplay(models.QuerySet["DisplayCurrencyChange"]):
    """Edits can be added and read, never changed or removed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the history of the display currency is append-only")

    update = delete = bulk_update = _refuse


class DisplayCurrencyChange(models.Model):
    """The currency that pages show sums in, as somebody set it; the last row holds."""

    currency = models.CharField(max_length=3, blank=True, help_text="Empty: as billed.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    why = models.CharField(max_length=500)

    objects = AppendOnlyDisplay.as_manager()

    class Meta:
        ordering = ("created_at", "pk")

    def __str__(self) -> str:
        return self.currency or "as billed"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the history of the display currency is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the history of the display currency is append-only")


class AppendOnlySets(models.QuerySet["SharedCostSet"]):
    """Sets can be added and read, never changed or removed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the history of shared costs is append-only")

    update = delete = bulk_update = _refuse


class SharedCostSet(models.Model):
    """All rules for shared costs as one edit left them, from a month on.

    A month has the set made last of those valid by then. A row that ``undoes`` another one has no
    rules of its own: neither of the two counts.
    """

    number = models.PositiveIntegerField(unique=True)
    valid_from = models.DateField(help_text="First day of the first month it holds for.")
    rules = models.JSONField(default=list, help_text="See costs.spend.shared_costs.to_json.")
    what = models.CharField(max_length=300, help_text="The edit in words.")
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    why = models.CharField(max_length=500, blank=True)

    objects = AppendOnlySets.as_manager()

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"shared costs {self.number} from {self.valid_from:%Y-%m}: {self.what}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the history of shared costs is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the history of shared costs is append-only")
