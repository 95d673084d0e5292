"""The autoscaled EC2 nodes, and what the reservation and the savings plan cover of them."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from random import Random

from costs.demo.aws_estate import PRICES, meter
from costs.demo.charges import PLACES, ZERO, Charge, Kind, day_of
from costs.demo.identifiers import PAYER
from costs.demo.meters import Behaviour, Meter, Price
from costs.demo.quantities import HOURS, View, instances, peak_of
from costs.demo.truths import Truths
from costs.periods import month_of

# Weekday peak of nodes at the start of the open month. Development runs two fixed ones instead.
PEAKS = {"staging": 3.2, "production": 11.7}
NODE, DISK = "BoxUsage:t3.medium", "EBS:VolumeUsage.gp3"
DISK_GB = 50


class Node:
    """One place in a node group: its instance and the root disk that lives as long."""

    def __init__(self, environment: str, place: int) -> None:
        self.place = place
        name = f"node-{place:02}"
        scaled = Behaviour.SCALED
        self.instance = meter("ec2", environment, name, NODE, scaled, 1, "cc-product")
        self.disk = meter("ebs", environment, name, DISK, scaled, DISK_GB, "cc-platform")


NODES = {environment: [Node(environment, place) for place in range(1, 21)] for environment in PEAKS}


def _fee_meter(sku: str, price: Decimal, commitment_id: str) -> Meter:
    hourly = Price(price, "Hrs")
    return Meter("aws", "ec2", sku, hourly, Behaviour.RUNNING, 1, PAYER, resource_id=commitment_id)


def node_charges(planted: Truths, view: View) -> Iterator[Charge]:
    """Instances and disks of every day, then the fees of both commitments."""
    used: dict[date, tuple[int, int]] = {}
    for environment, amount in PEAKS.items():
        random = Random(f"nodes|{environment}|{view.period.start}")  # noqa: S311
        for day in view.period.before(view.end):
            peak = peak_of(planted, environment, amount, day)
            wanted = instances(peak, day, random.uniform(0.97, 1.03))[: view.hours(day)]
            reserved = _units(planted, environment, day)
            yield from _day(planted, environment, day, wanted, reserved)
            if environment == "production":
                units, planned = reserved
                used[day] = (
                    sum(min(n, units) for n in wanted),
                    sum(min(max(n - units, 0), planned) for n in wanted),
                )
    yield from _reservation_fee(planted, view, used)
    yield from _plan_fees(planted, view, used)


def _units(planted: Truths, environment: str, day: date) -> tuple[int, int]:
    """Instances that the reservation and that the savings plan can cover in each hour."""
    if environment != "production":
        return 0, 0
    bought, plan = planted.reservation, planted.savings_plan
    units = bought.units if bought.start <= day < bought.end else 0
    planned = int(plan.hourly_commitment / plan.price) if plan.start <= day < plan.end else 0
    return units, planned


def _day(
    planted: Truths, environment: str, day: date, wanted: list[int], cover: tuple[int, int]
) -> Iterator[Charge]:
    reserved, planned = cover
    for node in NODES[environment]:
        hours = Decimal(sum(n >= node.place for n in wanted))
        if not hours:
            break
        span, price = day_of(day), PRICES[NODE].usd
        on_demand = (hours * price).quantize(PLACES)
        if node.place <= reserved:
            cost = (hours * planted.reservation.price).quantize(PLACES)
            yield Charge(Kind.RESERVED, node.instance, span, hours, price, ZERO, cost)
        elif node.place <= reserved + planned:
            cost = (hours * planted.savings_plan.price).quantize(PLACES)
            args = (node.instance, span, hours, price)
            yield Charge(Kind.PLAN_COVERED, *args, on_demand, cost)
            yield Charge(Kind.PLAN_NEGATION, *args, -on_demand, ZERO)
        else:
            yield Charge(Kind.USAGE, node.instance, span, hours, price, on_demand, on_demand)
        held = (hours / HOURS * DISK_GB / month_of(day).days).quantize(Decimal("0.000001"))
        cost = (held * PRICES[DISK].usd).quantize(PLACES)
        yield Charge(Kind.USAGE, node.disk, span, held, PRICES[DISK].usd, cost, cost)


def _reservation_fee(
    planted: Truths, view: View, used: dict[date, tuple[int, int]]
) -> Iterator[Charge]:
    """One fee a month, billed in full at once; effective is what nothing has used so far."""
    bought = planted.reservation
    if not bought.start <= view.period.start < bought.end:
        return
    sku = f"HeavyUsage:{bought.instance_type}"
    fee = _fee_meter(sku, bought.price, bought.commitment_id)
    hours = Decimal(view.period.days * HOURS * bought.units)
    seen = sum(view.hours(day) for day in used) * bought.units
    unused = seen - sum(reserved for reserved, _ in used.values())
    billed = (hours * bought.price).quantize(PLACES)
    effective = (unused * bought.price).quantize(PLACES)
    yield Charge(Kind.RESERVATION_FEE, fee, view.period, hours, bought.price, billed, effective)


def _plan_fees(planted: Truths, view: View, used: dict[date, tuple[int, int]]) -> Iterator[Charge]:
    """One fee a day: billed is the commitment, effective what nothing has used of it."""
    plan = planted.savings_plan
    if not plan.start <= view.period.start < plan.end:
        return
    price = plan.hourly_commitment
    fee = _fee_meter("ComputeSP:1yrNoUpfront", price, plan.commitment_id)
    for day, (_, covered) in used.items():
        hours = Decimal(view.hours(day))
        billed = (hours * price).quantize(PLACES)
        effective = billed - (covered * plan.price).quantize(PLACES)
        yield Charge(Kind.PLAN_FEE, fee, day_of(day), hours, price, billed, effective)
