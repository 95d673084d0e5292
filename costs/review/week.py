"""What one weekly review shows, as frozen plain values: the view model of ``templates/review``.

Pure. Amounts are exact ``Decimal``; rounding happens in the template filters.
Percentages are numbers in percent (1.92 means 1.92 %), chances are 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from costs.budgets.bands import Gauge, Verdict
from costs.money import EXACT
from costs.periods import Period
from costs.spend.currency import Amount, Rates, said

if TYPE_CHECKING:
    from costs.review.ending import MonthEnding

type Metric = Literal["billed_cost", "effective_cost"]

UNALLOCATED: Final = "unallocated"
"""Name of the row of what no allocation rule matched."""
TOTAL: Final = "total"
"""Name of the row that is the sum of the others."""


@dataclass(frozen=True)
class Change:
    """An amount of this week beside the same amount of the week before."""

    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.after, self.before)

    @property
    def percent(self) -> Decimal | None:
        """Growth in percent; None when there was nothing before."""
        if self.before <= 0:
            return None
        return EXACT.divide(EXACT.multiply(self.difference, Decimal(100)), self.before)


@dataclass(frozen=True)
class MonthGauge:
    """One environment's month: where it stands against its band, in effective cost."""

    month: Period
    complete_days: int
    """Days of the month that count: the complete ones up to the end of the week shown."""
    gauge: Gauge
    verdict: Verdict
    billed_month_to_date: Decimal
    direct_to_date: Decimal | None = None
    """Month to date without shared costs, where the gauge is with them."""


@dataclass(frozen=True)
class EnvironmentWeek:
    """A row of the review's head: ``environment`` is a name, ``unallocated`` or ``total``."""

    environment: str
    label: str
    months: tuple[MonthGauge, ...]
    """One, or two when the week straddles months (the older first)."""
    week: Change
    weeks: tuple[Decimal, ...]
    """Cost of each of the last eight weeks, for a sparkline; this one last, its complete days."""
    direct: Change | None = None
    """The week without shared costs, where ``week`` is with them."""


@dataclass(frozen=True)
class ServiceMove:
    service_name: str
    week: Change


@dataclass(frozen=True)
class ResourceMove:
    resource_id: str
    resource_name: str
    """Short: the last part of the id."""
    provider_name: str
    service_name: str
    environment: str
    week: Change


@dataclass(frozen=True)
class ResourceMoves:
    """Resources by how much they moved; the lists are cut, the counts and sums are not."""

    movers: tuple[ResourceMove, ...]
    """Those in neither of the other lists."""
    new: tuple[ResourceMove, ...]
    new_count: int
    new_cost: Decimal
    gone: tuple[ResourceMove, ...]
    gone_count: int
    gone_cost: Decimal


@dataclass(frozen=True)
class Unallocated:
    """What no allocation rule matched this week."""

    cost: Decimal
    share: Decimal | None
    """Percent of the week's total; None when the week has no cost."""
    resources: tuple[ResourceMove, ...]
    resource_count: int


@dataclass(frozen=True)
class SourceState:
    """Freshness of one source of bills."""

    name: str
    provider_name: str
    format: str
    delivered_at: datetime | None
    last_day: date | None
    """Latest day with a charge."""
    last_complete_day: date | None
    stale: bool
    rejected: int
    """Rejected rows in its live versions."""
    held: int
    """Deliveries waiting for someone's yes."""
    notices: tuple[str, ...]


@dataclass(frozen=True)
class DayCost:
    """One bar segment of the daily chart."""

    day: date
    service_name: str
    """A service, or ``Other``."""
    cost: Decimal
    complete: bool


@dataclass(frozen=True)
class BilledDay:
    """What a service cost on a day in one billing currency, and the same in the review's."""

    service_name: str
    day: date
    amount: Amount
    converted: Decimal | None


@dataclass(frozen=True)
class BilledResource:
    """A resource's amounts of one month in one billing currency, and the same in the review's."""

    move: ResourceMove
    """What it is; its change is that of the whole."""
    before: Amount
    after: Amount
    converted_before: Decimal | None
    converted_after: Decimal | None


@dataclass(frozen=True)
class Converted:
    """Amounts in a currency that not all of them were billed in."""

    target: str
    rates: Rates
    sources: tuple[str, ...]
    """Currencies that were converted."""
    refused: str = ""
    """Why all is as billed after all; else empty."""
    unconverted: tuple[Amount, ...] = ()
    """Of the days shown, what has no rate: in no figure."""
    days: tuple[BilledDay, ...] = ()
    resources: tuple[BilledResource, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """``CAD 120.00 of May 2026 has no rate``."""
        return tuple(map(said, self.unconverted))


@dataclass(frozen=True)
class WeekReview:
    """Everything on the page of one ISO week in one currency."""

    week: Period
    name: str
    """``2026-W47``."""
    previous: str
    next: str | None
    """Name of the next week, None when it lies in the future."""
    currency: str
    metric: Metric
    """What every table and the chart hold; the gauges always hold effective cost."""
    last_complete_day: date | None
    """Up to here all counts: the week's last day, or the latest complete one where that is
    earlier; None before anything is complete."""
    compared_days: int
    """How many complete days this week has. Below 7 every change compares these days with the
    same weekdays of the week before, so that like stands beside like."""
    finding: str
    """The headline: what to know first, one sentence."""
    environments: tuple[EnvironmentWeek, ...]
    """Each environment, then ``unallocated`` (for who may see it), then ``total``."""
    services: tuple[ServiceMove, ...]
    """Services of either week by how much they moved, cut after the largest for a page; uncut
    they add up to the total."""
    resources: ResourceMoves
    unallocated: Unallocated
    sources: tuple[SourceState, ...]
    days: tuple[DayCost, ...]
    """Eight weeks of days up to the week's end, by service (seven largest and ``Other``)."""
    other_currencies: dict[str, Decimal]
    """This week's total in every other currency, by name, never added."""
    may_share: bool = False
    """Whether there are rules for shared costs that the reader may see at work."""
    is_shared: bool = False
    """Whether its environments are with shared costs."""
    ending: MonthEnding | None = None
    """Where the newest month is going, of the total or of the environment that was asked for; None
    where there is no such environment."""
    display: str = ""
    """The display currency, where one is set."""
    converted: Converted | None = None
    """How its amounts came into one currency; None where they are as billed."""

    @property
    def costs_in_link(self) -> str | None:
        """How a link says that costs are with shared ones; None where they are direct."""
        return "shared" if self.is_shared else None

    @property
    def billed_in(self) -> str | None:
        """The currency that its figures were billed in; None where it is none alone."""
        return None if self.shown_in else self.currency

    @property
    def shown_in(self) -> str | None:
        """The currency that its figures were converted into; None where they are as billed."""
        return self.currency if self.converted and not self.converted.refused else None
