"""What every connector can do, and the words it uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from costs.bills.clouds.trouble import CloudTrouble, Denied
from costs.bills.exports import Offer


class Tell(Protocol):
    """Called with what is being done and the share of the delivery that is done (0 to 1)."""

    def __call__(self, what: str, share: float, /) -> None: ...


@dataclass(frozen=True)
class Total:
    """What the provider itself says a month was billed."""

    provider_name: str
    billing_account_id: str
    billing_period: date
    """First day."""
    currency: str
    billed_cost: Decimal
    origin: str


@dataclass(frozen=True)
class Finding:
    """One thing that a test of a connection has found out."""

    permission: str
    """As the provider spells it; empty where it is not about one."""
    resource: str
    good: bool
    said: str
    """A sentence without a full stop."""


class Connector(Protocol):
    """A way to bills. All of it may raise :class:`CloudTrouble`."""

    def offers(self, since: date | None, today: date) -> Sequence[Offer]:
        """The deliveries that there are from the month of ``since`` on, the oldest first."""
        ...

    def bring(self, offer: Offer, into: Path, tell: Tell) -> Sequence[Total]:
        """Have all files of ``offer`` below ``into``; what lies there already is kept.

        Returns the provider's own totals, where it gives them.
        """
        ...

    def check(self, today: date) -> Iterator[Finding]:
        """What works and what does not, up to the first thing that does not."""
        ...


def finding(permission: str, resource: str, trouble: CloudTrouble | None = None) -> Finding:
    """The finding about a permission: granted, or what went wrong."""
    if trouble is None:
        return Finding(permission, resource, True, f"{permission} on {resource} is granted")
    if isinstance(trouble, Denied):
        return Finding(trouble.permission, trouble.resource, False, str(trouble))
    return Finding("", resource, False, str(trouble))
