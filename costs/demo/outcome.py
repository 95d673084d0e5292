"""What the delivered bills come to: the sums that any reader of them must arrive at."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from costs.demo.charges import ZERO, Charge, Kind
from costs.demo.quantities import View
from costs.demo.truths import Truths
from costs.periods import Period

# The project's own default bands of a month, USD.
BANDS = {
    "development": (Decimal(200), Decimal(400)),
    "staging": (Decimal(400), Decimal(800)),
    "production": (Decimal(1000), Decimal(3000)),
}
FEES = (Kind.RESERVATION_FEE, Kind.PLAN_FEE)


@dataclass(frozen=True, slots=True)
class Cost:
    """USD."""

    billed: Decimal = ZERO
    effective: Decimal = ZERO

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.billed + other.billed, self.effective + other.effective)


@dataclass(frozen=True, slots=True)
class Part:
    """Where a cost belongs; environment and cost center are empty where nothing says."""

    source: str
    period: Period
    environment: str
    cost_center: str


@dataclass(frozen=True, slots=True)
class Pace:
    """Where the open month of one environment is heading at a plain run rate, effective USD.

    `run_rate` is the complete days' cost a day, times the days of the month; the last delivered
    day is not complete. None, and the verdict "unknown", before there is a complete day.
    """

    environment: str
    month_to_date: Decimal
    complete_days: int
    run_rate: Decimal | None
    verdict: str


@dataclass(frozen=True)
class Outcome:
    """Sums over the latest delivery of every source and month."""

    costs: Mapping[Part, Cost]
    restated_from: Cost
    restated_to: Cost
    new_resources: frozenset[str]
    gone_resources: frozenset[str]
    paces: tuple[Pace, ...]

    def total(
        self,
        source: str | None = None,
        period: Period | None = None,
        environment: str | None = None,
        cost_center: str | None = None,
    ) -> Cost:
        """The sum of all parts that agree with what is given; "" asks for the unallocated."""
        wanted = (source, period, environment, cost_center)
        found = Cost()
        for part, cost in self.costs.items():
            own = (part.source, part.period, part.environment, part.cost_center)
            if all(want is None or want == have for want, have in zip(wanted, own, strict=True)):
                found += cost
        return found


def outcome_of(planted: Truths, bills: Mapping[View, list[Charge]]) -> Outcome:
    """Add up bills, of which later deliveries replace earlier ones of a source and month."""
    live: dict[tuple[str, Period], list[Charge]] = {}
    for view in sorted(bills, key=lambda view: view.delivered_on):
        live[view.source, view.period] = bills[view]
    costs: dict[Part, Cost] = defaultdict(Cost)
    for (source, period), charges in live.items():
        for charge in charges:
            part = Part(source, period, charge.meter.environment, charge.meter.cost_center)
            costs[part] += Cost(charge.billed, charge.effective)
    late = planted.restatement
    before, after = (
        _sum(bills[View(late.source, late.billing_period, day)])
        for day in (late.delivered_on, late.restated_on)
    )
    this_week = _resources(live, planted.last_week.week)
    week_before = _resources(live, planted.last_week.week.shifted(-7))
    return Outcome(
        costs=dict(costs),
        restated_from=before,
        restated_to=after,
        new_resources=this_week - week_before,
        gone_resources=week_before - this_week,
        paces=tuple(_pace(planted, live, environment) for environment in BANDS),
    )


def _sum(charges: list[Charge]) -> Cost:
    return sum((Cost(charge.billed, charge.effective) for charge in charges), Cost())


def _resources(live: Mapping[tuple[str, Period], list[Charge]], week: Period) -> frozenset[str]:
    """Ids of what was used in the week, in one letter case."""
    return frozenset(
        charge.meter.resource_id.casefold()
        for (_, period), charges in live.items()
        if period.start < week.end and week.start < period.end
        for charge in charges
        if charge.days.start < week.end and week.start < charge.days.end
        if charge.meter.resource_id and charge.kind not in FEES
    )


def _pace(
    planted: Truths, live: Mapping[tuple[str, Period], list[Charge]], environment: str
) -> Pace:
    month = planted.open_month
    complete = month.before(planted.as_of - timedelta(days=1))
    spent = to_date = ZERO
    for (_, period), charges in live.items():
        for charge in charges if period == month else []:
            if charge.meter.environment == environment:
                spent += _share(charge, complete)
                to_date += _share(charge, month.before(planted.as_of))
    if not complete.days:
        return Pace(environment, to_date, 0, None, "unknown")
    run_rate = spent / complete.days * month.days
    low, high = BANDS[environment]
    verdict = "inside"
    if to_date > high:
        verdict = "over"
    elif run_rate > high:
        verdict = "at risk"
    elif run_rate < low:
        verdict = "under"
    return Pace(environment, to_date, complete.days, run_rate, verdict)


def _share(charge: Charge, days: Period) -> Decimal:
    """The effective cost that falls into the days: that of a longer charge is spread evenly."""
    overlap = min(charge.days.end, days.end) - max(charge.days.start, days.start)
    return charge.effective * max(0, overlap.days) / charge.days.days
