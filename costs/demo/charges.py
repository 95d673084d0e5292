"""A charge of the demo estate, and the charges of one delivery whatever format tells of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

from costs.demo.meters import Behaviour, Meter
from costs.demo.quantities import View, daily_quantities
from costs.demo.truths import Truths
from costs.periods import Period, month_of

CENT = Decimal("0.01")
ZERO = Decimal(0)
# AWS prints costs with ten decimals; the other two formats get the same.
PLACES = Decimal("0.0000000001")


class Kind(Enum):
    """What a charge is, in the order in which a bill tells of them."""

    USAGE = "usage"
    PURCHASE = "purchase"
    RESERVED = "usage that a reservation covers"
    RESERVATION_FEE = "reservation fee"
    PLAN_COVERED = "usage that a savings plan covers"
    PLAN_NEGATION = "takes covered usage back"
    PLAN_FEE = "savings plan fee"
    TAX = "tax"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of a bill. `price` and the costs are USD; `days` is what it spans."""

    kind: Kind
    meter: Meter
    days: Period
    quantity: Decimal
    price: Decimal
    billed: Decimal
    effective: Decimal
    description: str = ""


def day_of(day: date) -> Period:
    """The period of one day."""
    return Period(day, day + timedelta(days=1))


def unit_price(meter: Meter, planted: Truths, day: date) -> Decimal:
    """USD per unit on that day: the list price, times the planted change from its day on."""
    change = planted.price_change
    changed = (meter.source, meter.sku) == (change.source, change.sku) and day >= change.first_day
    return (meter.price.usd * change.factor if changed else meter.price.usd).normalize()


def metered(meters: list[Meter], planted: Truths, view: View) -> Iterator[Charge]:
    """Usage and purchases: one charge per meter and day, in that order."""
    for meter in meters:
        for day, quantity in daily_quantities(meter, planted, view):
            price = unit_price(meter, planted, day)
            cost = (quantity * price).quantize(PLACES)
            if meter.behaviour is Behaviour.MONTHLY:
                days = month_of(day) if meter.source == "saas" else day_of(day)
                yield Charge(Kind.PURCHASE, meter, days, quantity, price, cost, cost)
            else:
                yield Charge(Kind.USAGE, meter, day_of(day), quantity, price, cost, cost)
