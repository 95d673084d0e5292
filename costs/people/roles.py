"""The five roles, kept as Django groups. Each includes what the one before it may do. Pure."""

from typing import Final

VIEWER: Final = "viewer"
REVIEWER: Final = "reviewer"
FINANCE: Final = "finance"
OPERATOR: Final = "operator"
ADMINISTRATOR: Final = "administrator"

ROLES: Final = {
    VIEWER: "reads pages within a scope",
    REVIEWER: "also decides on candidates and anomalies, and signs reviews off",
    FINANCE: "also downloads exports and closes months",
    OPERATOR: "also connects sources, accepts bills, edits rules and bands",
    ADMINISTRATOR: "also invites people and sets their roles and scopes",
}
"""Role by name, lowest first, with what it adds."""


def at_least(role: str) -> frozenset[str]:
    """The roles that include ``role``: itself and every higher one."""
    names = list(ROLES)
    return frozenset(names[names.index(role) :])
