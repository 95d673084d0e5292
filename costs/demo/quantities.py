"""How much of a meter is used on a day: rhythm of the week, growth, chance, and the hours seen."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from costs.demo.meters import Behaviour, Meter
from costs.demo.truths import Truths
from costs.periods import Period, month_of

HOURS = 24
# Share of an average day's traffic, Monday first; their mean is 1.
WEEKDAYS = (1.10, 1.14, 1.13, 1.12, 1.06, 0.75, 0.70)
# Instances wanted in each hour (UTC) as a share of the peak: users sit in North America.
DAYTIME = (
    *(0.78, 0.68, 0.58, 0.50, 0.50, 0.50, 0.50, 0.50, 0.50, 0.50, 0.52, 0.60),
    *(0.72, 0.86, 0.96, 1.00, 1.00, 0.98, 1.00, 1.00, 1.00, 0.97, 0.92, 0.86),
)
LEAST, MOST = 2, 20
# Below this price of a unit the units are requests and the like: whole ones.
MICRO_PRICE = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class View:
    """What one delivery can know: its day, and how many hours of the day before have arrived."""

    source: str
    period: Period
    delivered_on: date

    @property
    def end(self) -> date:
        """The first day of which the delivery holds nothing."""
        return min(self.period.end, self.delivered_on)

    def hours(self, day: date) -> int:
        """How many hours of `day` have been metered: yesterday's are never all there."""
        if (self.delivered_on - day).days > 1:
            return HOURS
        return {"aws": 15, "azure": 10, "saas": 8}[self.source]


def growth(planted: Truths, environment: str, day: date) -> float:
    """Traffic of the environment as a multiple of what it was at the start of the open month."""
    for grown in planted.growth:
        if grown.environment == environment:
            months = (day - grown.anchor).days / 30.4375
            return math.pow(1 + grown.percent_per_month / 100, months)
    return 1.0


def peak_of(planted: Truths, environment: str, amount: float, day: date) -> int:
    """Instances at a weekday's peak. Renewed with each month, so that a node group changes its
    size, and a review sees new or gone nodes, once in a while rather than by chance."""
    wanted = round(amount * growth(planted, environment, day.replace(day=1)))
    return max(LEAST, min(MOST, wanted))


def instances(peak: int, day: date, chance: float) -> list[int]:
    """Instances that the autoscaler runs in each hour, of which there are `peak` at most."""
    level = peak * chance * WEEKDAYS[day.weekday()] / max(WEEKDAYS)
    return [max(LEAST, min(peak, round(level * share))) for share in DAYTIME]


def daily_quantities(meter: Meter, planted: Truths, view: View) -> Iterator[tuple[date, Decimal]]:
    """Day and quantity, for each day of the delivery that has any.

    Chance is drawn from a generator seeded by meter and month, one number a day, so that a day has
    the same quantity whichever delivery tells of it.
    """
    if meter.behaviour is Behaviour.MONTHLY:
        yield view.period.start, Decimal(str(meter.amount))
        return
    random = Random(f"{meter.resource_id}|{meter.sku}|{view.period.start}")  # noqa: S311
    places = Decimal(1) if meter.price.usd < MICRO_PRICE else Decimal("0.000001")
    for day in view.period.before(view.end):
        chance = random.uniform(0.955, 1.045)
        seen = view.hours(day)
        used = Decimal(_used(meter, planted, day, chance, seen)).quantize(places)
        used += _spike(meter, planted, day) * seen / HOURS
        yield day, used * _arrived(meter, planted, view, day)


def _used(meter: Meter, planted: Truths, day: date, chance: float, seen: int) -> float:
    if meter.behaviour is Behaviour.RUNNING:
        return meter.amount * seen
    if meter.behaviour is Behaviour.SCALED:
        peak = peak_of(planted, meter.environment, meter.amount, day)
        return sum(instances(peak, day, chance)[:seen])
    used = meter.amount * seen / HOURS
    if meter.behaviour is not Behaviour.TRAFFIC:
        used /= month_of(day).days
    if meter.behaviour is not Behaviour.HELD:
        used *= growth(planted, meter.environment, day)
    if meter.behaviour is Behaviour.TRAFFIC:
        used *= WEEKDAYS[day.weekday()] * chance
    return used


def _spike(meter: Meter, planted: Truths, day: date) -> Decimal:
    spike = planted.spike
    if day not in Period(spike.first_day, spike.end):
        return Decimal(0)
    hit = meter.resource_id == spike.resource_id and meter.sku == spike.sku
    return spike.extra_quantity_per_day if hit else Decimal(0)


def _arrived(meter: Meter, planted: Truths, view: View, day: date) -> Decimal:
    """Share of a day's quantity that had arrived: less than all only before the restatement."""
    late = planted.restatement
    if day < late.first_day or day not in late.billing_period:
        return Decimal(1)
    hit = meter.resource_id == late.resource_id and meter.sku == late.sku
    return late.visible_share if hit and view.delivered_on < late.restated_on else Decimal(1)
