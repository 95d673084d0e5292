"""Installs environments and allocation rules where there are none yet."""

from __future__ import annotations

from costs.bills.allocation import DEFAULT_ENVIRONMENTS, DEFAULT_RULES
from costs.bills.models import AllocationRule, Environment


def install_defaults() -> None:
    """Write the default environments and rules; does nothing where some exist."""
    if not Environment.objects.exists():
        Environment.objects.bulk_create(
            Environment(name=e.name, label=e.name.capitalize(), position=n, words=list(e.words))
            for n, e in enumerate(DEFAULT_ENVIRONMENTS)
        )
    if not AllocationRule.objects.exists():
        AllocationRule.objects.bulk_create(
            AllocationRule(
                position=n,
                name=rule.name,
                target=rule.target,
                looks_at=rule.looks_at,
                pattern=rule.pattern,
                keys=list(rule.keys),
                value=rule.value,
            )
            for n, rule in enumerate(DEFAULT_RULES)
        )
