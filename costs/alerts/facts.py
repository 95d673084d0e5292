"""What the rules look at: one frozen type for each thing an evaluation reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.budgets.bands import Gauge
from costs.budgets.findings import Finding
from costs.periods import Period


@dataclass(frozen=True)
class Move:
    """A service's cost in the month to date and in the same days of the month before."""

    service: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True)
class BandFact:
    """One environment's month against its band; ``total`` is all of them."""

    environment: str
    label: str
    month: Period
    complete_days: int
    gauge: Gauge
    moves: Sequence[Move] = ()
    """What moved against the month before, the largest first."""
    latest: bool = True
    """Whether it is the month of the last complete day; an earlier one only closes alerts."""

    @property
    def is_complete(self) -> bool:
        return self.complete_days >= self.month.days


@dataclass(frozen=True)
class AnomalyFact:
    """A service that stood out from ``day`` on, as the detector found it.

    ``actual`` and ``expected`` are sums over ``days`` days. A charge that did not come cost less.
    """

    environment: str
    label: str
    service: str
    day: date
    currency: str
    actual: Decimal
    expected: Decimal
    days: int = 1
    drivers: Sequence[str] = ()
    """What drove it, in words, the largest first."""
    link: str = "/"
    expected_by_people: bool = False
    """Somebody has acknowledged it as expected."""


@dataclass(frozen=True)
class SourceFact:
    """How far the bills of one source reach."""

    name: str
    last_complete_day: date | None
    delivered_on: date | None
    usual_gap: int
    """Days that usually lie between two deliveries."""
    missing: Sequence[date] = ()
    """First days of months without a bill."""
    held: Sequence[str] = ()
    """Why each held delivery is held."""


@dataclass(frozen=True)
class DifferenceFact:
    """Our total of one bill beside the provider's own."""

    source: str
    billing_period: date
    currency: str
    ours: Decimal
    theirs: Decimal
    why: str = ""


@dataclass(frozen=True)
class UnallocatedFact:
    """What no rule places, of the month to date."""

    month: Period
    currency: str
    unallocated: Decimal
    total: Decimal


@dataclass(frozen=True)
class NewcomerFact:
    """A service of an environment, or an unallocated resource, that has not been there before."""

    environment: str
    label: str
    name: str
    """The service, or the resource's id."""
    service: str
    """The resource's service; empty where the name is a service itself."""
    first_day: date
    currency: str
    week_cost: Decimal
    """Cost of the last seven complete days."""


@dataclass(frozen=True)
class Facts:
    """All that one evaluation sees. None: that kind was not looked at."""

    as_of: date
    through: date | None
    """The last complete day."""
    bands: Sequence[BandFact] = ()
    sources: Sequence[SourceFact] = ()
    unallocated: UnallocatedFact | None = None
    new_services: Sequence[NewcomerFact] = ()
    new_resources: Sequence[NewcomerFact] = ()
    anomalies: Sequence[AnomalyFact] | None = None
    differences: Sequence[DifferenceFact] | None = None
    findings: Sequence[Finding] | None = None
    labels: Mapping[str, str] | None = None
    """Label of each environment by its name."""
