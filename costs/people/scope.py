"""Scope: which environments and cost centers someone may see. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """A restriction that every query function takes, without default.

    ``None`` means all. ``unallocated`` is an environment like any other here: who may see only
    production does not see what nobody could place.
    """

    environments: frozenset[str] | None
    cost_centers: frozenset[str] | None

    @classmethod
    def everything(cls) -> Scope:
        """For commands and tasks: whoever runs these owns the data folder."""
        return cls(environments=None, cost_centers=None)
