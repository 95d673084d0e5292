"""Findings: what another part of the product has found and people should be alerted of. Pure.

Capacity finds thresholds broken (METHODS.md section 5) and commitments that end soon; it hands them
to :func:`costs.budgets.operations.record_findings`, and the next evaluation of the alerts raises
them like anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

type FindingKind = Literal["threshold", "commitment-expiring"]
type Action = Literal["page", "investigate", "scale", "urgent", "roll back"]

ACTIONS: Final[tuple[str, ...]] = get_args(Action.__value__)
URGENT_ACTIONS: Final = frozenset({"page", "urgent", "roll back"})
"""Actions that cannot wait until quiet hours are over; the others are warnings (ours)."""


@dataclass(frozen=True)
class Finding:
    """One thing found. ``subject`` tells findings of one kind and environment apart."""

    kind: FindingKind
    environment: str
    """A name, ``unallocated``, or ``total`` for what is about everything."""
    subject: str
    """For example a resource id, or a resource id and the threshold's name."""
    title: str
    """One line without a full stop: ``Memory of cache-1 is above 90 %``."""
    message: str
    """What was measured, with figures and since when."""
    action: Action
    period: str = ""
    """Empty, a month ``2026-11`` or a day ``2026-11-16``."""
    why: str = ""
    look_at: str = ""
    link: str = "/"
    """Path of the page that shows it; begins with one slash."""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"“{self.action}” is no action; known are {', '.join(ACTIONS)}.")
        if not self.title.strip() or not self.subject.strip():
            raise ValueError("A finding has a title and a subject.")
        if not self.link.startswith("/") or self.link.startswith("//"):
            raise ValueError(f"A finding links to a page of ours: {self.link[:80]!r} is none.")

    @property
    def is_urgent(self) -> bool:
        """Whether its action cannot wait until quiet hours are over."""
        return self.action in URGENT_ACTIONS
