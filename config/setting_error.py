"""What ends the process where a setting cannot be used."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured


class SettingError(ImproperlyConfigured):
    """An environment variable that cannot be used; its text is one line naming the variable."""
