"""Who may see what."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

from costs.people.models import AuditEntry, Visibility
from costs.people.roles import at_least
from costs.people.scope import Scope


def scope_of(user: AbstractBaseUser | AnonymousUser) -> Scope:
    """The scope of a signed-in user. Nobody signed in sees nothing."""
    if not user.is_authenticated:
        return Scope(environments=frozenset(), cost_centers=frozenset())
    row = Visibility.objects.filter(user_id=user.pk).first()
    return Scope.everything() if row is None else _scope(row)


def scopes_of(users: Collection[int]) -> dict[int, Scope]:
    """The scope of each user, by primary key, in one query."""
    restricted = {row.user_id: _scope(row) for row in Visibility.objects.filter(user__in=users)}
    return {user: restricted.get(user, Scope.everything()) for user in users}


def _scope(row: Visibility) -> Scope:
    return Scope(
        environments=None if row.environments is None else frozenset(row.environments),
        cost_centers=None if row.cost_centers is None else frozenset(row.cost_centers),
    )


def has_role(user: AbstractBaseUser | AnonymousUser, role: str) -> bool:
    """Whether ``user`` is in ``role`` or a higher one. Superusers are in every role."""
    if not isinstance(user, PermissionsMixin):
        return False
    return user.is_superuser or any(group.name in at_least(role) for group in user.groups.all())


def audit_entries(*, actor: str = "", action: str = "", subject: str = "") -> QuerySet[AuditEntry]:
    """The audit log, newest first; each text is a part of what is looked for, case aside."""
    entries: QuerySet[AuditEntry] = AuditEntry.objects.all()
    for field, text in (("actor", actor), ("action", action), ("subject", subject)):
        if text:
            entries = entries.filter(**{f"{field}__icontains": text})
    return entries
