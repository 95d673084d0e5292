"""Views of the explore page that people keep."""

from __future__ import annotations

from django.conf import settings
from django.db import models


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
