"""What people may see, and what they did."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models


class Visibility(models.Model):
    """Restricts one user to some environments and cost centers; without a row all are seen."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="visibility"
    )
    environments = models.JSONField(null=True, blank=True, help_text="List of names; empty is all.")
    cost_centers = models.JSONField(null=True, blank=True, help_text="List of names; empty is all.")

    class Meta:
        verbose_name_plural = "visibilities"

    def __str__(self) -> str:
        return f"visibility of {self.user}"


class AppendOnly(models.QuerySet["AuditEntry"]):
    """Entries can be added and read, never changed or removed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the audit log is append-only")

    update = delete = bulk_update = _refuse

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[AuditEntry]:
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(*args, **kwargs)


class AuditEntry(models.Model):
    """One thing that somebody did: who, what, to what, with which values."""

    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=150, help_text="User name, or the command that ran.")
    action = models.CharField(max_length=60, help_text="For example band.set or bill.accepted.")
    subject = models.CharField(max_length=300)
    detail = models.JSONField(default=dict)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ("-at", "-pk")
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit log is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the audit log is append-only")
