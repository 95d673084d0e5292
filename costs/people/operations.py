"""Writing down who did what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import Group

from costs.people.models import AuditEntry
from costs.people.roles import ROLES


def install_roles() -> None:
    """Make the group of each role; does nothing for those that exist."""
    for role in ROLES:
        Group.objects.get_or_create(name=role)


def record(
    *, actor: str, action: str, subject: str, detail: Mapping[str, object], now: datetime
) -> None:
    """Append one entry to the audit log. Call it in the transaction of the change itself.

    ``detail`` must be JSON: amounts as strings, never secrets.
    """
    AuditEntry.objects.create(
        at=now, actor=actor, action=action, subject=subject[:300], detail=dict(detail)
    )
