"""What a meter is: one thing that one resource is billed for, and how its use behaves."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Behaviour(Enum):
    """How the quantity of a day follows from a meter's `amount`."""

    RUNNING = "amount is a number of units that run all 24 hours"
    SCALED = "amount is the weekday peak of instances that an autoscaler runs, two at least"
    HELD = "amount is units for a whole month, such as secrets: a day is its share of the month"
    STORED = "as HELD, and grows with traffic"
    TRAFFIC = "amount is units on an average day; follows weekdays, growth and chance"
    MONTHLY = "amount is units bought on the first day of the month"


@dataclass(frozen=True, slots=True)
class Price:
    """List price in USD per `unit`."""

    usd: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Meter:
    """One line of a bill, repeated every day. `environment` is the truth, not what a tag says;
    empty where nothing says it."""

    source: str
    service: str
    sku: str
    price: Price
    behaviour: Behaviour
    amount: float
    account: str
    environment: str = ""
    cost_center: str = ""
    group: str = ""
    resource_id: str = ""
    resource_name: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A row of an estate table: the same meter in up to three environments, amounts beside each
    other (0: not there)."""

    service: str
    name: str
    sku: str
    behaviour: Behaviour
    cost_center: str
    development: float
    staging: float
    production: float

    def amounts(self) -> tuple[tuple[str, float], ...]:
        """Environment and amount, for those where the meter exists."""
        columns = (
            ("development", self.development),
            ("staging", self.staging),
            ("production", self.production),
        )
        return tuple((environment, amount) for environment, amount in columns if amount)


def lines(table: str) -> tuple[Line, ...]:
    """An estate table: a heading, then a meter a row; columns are two or more spaces apart, and
    "-" is nothing. Raises `ValueError` or `KeyError` for a row that is not one."""
    found = []
    for row in table.strip().splitlines()[1:]:
        service, name, sku, how, paid_by, *amounts = re.split(r"\s{2,}", row.strip())
        development, staging, production = (float(a.replace("-", "0")) for a in amounts)
        found.append(
            Line(
                service=service,
                name="" if name == "-" else name,
                sku=sku,
                behaviour=Behaviour[how.upper()],
                cost_center=f"cc-{paid_by}",
                development=development,
                staging=staging,
                production=production,
            )
        )
    return tuple(found)


def prices(table: dict[str, tuple[str, str]]) -> dict[str, Price]:
    """A price list from (USD, unit) by SKU."""
    return {sku: Price(Decimal(usd), unit) for sku, (usd, unit) in table.items()}
