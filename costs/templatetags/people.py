"""What the person who reads may do."""

from __future__ import annotations

from django import template
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from costs.people import queries

register = template.Library()


@register.filter
def has_role(user: AbstractBaseUser | AnonymousUser | str, role: str) -> bool:
    """``{% if user|has_role:"operator" %}``; error pages have no user and grant nothing."""
    return not isinstance(user, str) and queries.has_role(user, role)
