"""One resource: its cost by SKU over time, and all that the bills and the rules say of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from costs.lake.daily import KEYS
from costs.lake.engine import cursor, quote
from costs.lake.queries import live_files, select
from costs.money import EXACT, exact_sum
from costs.people.scope import Scope
from costs.periods import DAY, Period
from costs.spend.explore import Metric
from costs.spend.queries.restriction import Restriction, every, until_changed, visible
from costs.spend.queries.totals import daily_files

PLACES: Final = (
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "region_id",
    "environment",
    "cost_center",
)
"""Where a resource stands: a resource that moved has several values."""


@dataclass(frozen=True)
class Commitment:
    """What a commitment covered of a resource, in effective cost of one currency."""

    commitment_discount_id: str
    cost: Decimal


@dataclass(frozen=True)
class Cover:
    """How much of a resource's usage commitments covered in some days, in effective cost."""

    usage: Decimal
    """All of its usage: covered or not, without taxes, fees and credits."""
    commitments: tuple[Commitment, ...]
    """Those that covered some of it, the largest first."""
    bought: tuple[str, ...]
    """Commitments that it is itself: a reservation is a resource of its own bill."""

    @property
    def covered(self) -> Decimal:
        return exact_sum(one.cost for one in self.commitments)

    @property
    def percent(self) -> Decimal | None:
        """Covered in percent of its usage; None without usage."""
        if self.usage <= 0:
            return None
        return EXACT.divide(EXACT.multiply(self.covered, Decimal(100)), self.usage)


@dataclass(frozen=True)
class Life:
    """What is known of a resource, over all days."""

    resource_id: str
    first_day: date
    last_day: date
    costs: tuple[tuple[str, Decimal], ...]
    """By currency, in the metric asked for, the largest first."""
    places: tuple[tuple[str, tuple[str, ...]], ...]
    """Values of PLACES that it was ever seen with, those of its last days first."""

    def place(self, name: str) -> tuple[str, ...]:
        """The values of one of PLACES."""
        return dict(self.places).get(name, ())

    @property
    def days(self) -> Period:
        return Period(self.first_day, self.last_day + DAY)


def life_of(scope: Scope, resource_id: str, *, metric: Metric) -> Life | None:
    """What ``scope`` may know of a resource; None when that is nothing."""
    return _life_of(scope, resource_id=resource_id, metric=metric)


@until_changed
def _life_of(scope: Scope, *, resource_id: str, metric: Metric) -> Life | None:
    allowed = every([Restriction("resource_id = ?", (resource_id,)), visible(scope)])
    columns = ", ".join(f"coalesce({name}, '')" for name in PLACES)
    rows = select(
        f"SELECT billing_currency, sum({metric}), min(day), max(day), {columns}"
        f" FROM {{files}} WHERE {allowed.sql} GROUP BY ALL ORDER BY max(day) DESC, {columns}",
        daily_files(None, facts=True),
        allowed.parameters,
    )
    if not rows:
        return None
    sums: dict[str, list[Decimal]] = {}
    for row in rows:
        sums.setdefault(str(row[0]), []).append(row[1])  # type: ignore[arg-type]
    costs = {currency: exact_sum(amounts) for currency, amounts in sums.items()}
    return Life(
        resource_id=resource_id,
        first_day=min(row[2] for row in rows),  # type: ignore[type-var, arg-type]
        last_day=max(row[3] for row in rows),  # type: ignore[type-var, arg-type]
        costs=tuple(sorted(costs.items(), key=lambda one: (-abs(one[1]), one[0]))),
        places=tuple(
            (name, tuple(dict.fromkeys(str(row[4 + n]) for row in rows)))
            for n, name in enumerate(PLACES)
        ),
    )


def cover_of(scope: Scope, resource_id: str, *, period: Period, currency: str) -> Cover:
    """How far commitments covered a resource in ``period``."""
    return _cover_of(scope, resource_id=resource_id, period=period, currency=currency)


@until_changed
def _cover_of(scope: Scope, *, resource_id: str, period: Period, currency: str) -> Cover:
    allowed = every(
        [
            Restriction("day >= ? AND day < ?", (period.start, period.end)),
            Restriction("resource_id = ? AND billing_currency = ?", (resource_id, currency)),
            visible(scope),
        ]
    )
    rows = select(
        "SELECT coalesce(commitment_discount_id, ''), coalesce(charge_category, ''),"
        " coalesce(commitment_discount_status, ''), sum(effective_cost)"
        f" FROM {{files}} WHERE {allowed.sql} GROUP BY ALL ORDER BY ALL",
        daily_files(period, facts=True),
        allowed.parameters,
    )
    usage = exact_sum(cost for _, category, _, cost in rows if category == "Usage")  # type: ignore[misc]
    covered: dict[str, list[Decimal]] = {}
    for commitment, category, status, cost in rows:
        if commitment and category == "Usage" and status == "Used":
            covered.setdefault(str(commitment), []).append(cost)  # type: ignore[arg-type]
    commitments = [Commitment(name, exact_sum(costs)) for name, costs in covered.items()]
    return Cover(
        usage=usage,
        commitments=tuple(
            sorted(commitments, key=lambda one: (-one.cost, one.commitment_discount_id))
        ),
        bought=tuple(
            sorted({str(name) for name, category, _, _ in rows if name and category == "Purchase"})
        ),
    )


@dataclass(frozen=True)
class Allocation:
    """One way in which the rules placed a resource, and why."""

    environment: str
    environment_rule: str
    """Name of the rule; empty where none fits."""
    cost_center: str
    cost_center_rule: str
    tags: tuple[tuple[str, str], ...]
    resource_group: str
    sub_account_name: str
    since: date
    until: date
    """First days of the first and the last billing period that say so."""


def allocations_of(scope: Scope, resource_id: str) -> tuple[Allocation, ...]:
    """How the live bills allocate a resource: each different way once, the latest first.

    Charges of one resource may carry different tags, in one month or from month to month.
    """
    return _allocations_of(scope, resource_id=resource_id)


@until_changed
def _allocations_of(scope: Scope, *, resource_id: str) -> tuple[Allocation, ...]:
    selects = []
    for file in live_files("allocation"):
        keys = quote(str(file.path.parent / KEYS))
        selects.append(
            f"SELECT DATE '{file.billing_period}' AS billing_period, a.environment,"
            " a.environment_rule, a.cost_center, a.cost_center_rule, k.tags, k.resource_group,"
            f" k.sub_account_name FROM (SELECT * FROM read_parquet({keys}) WHERE resource_id = ?) k"
            f" JOIN read_parquet({quote(str(file.path))}) a USING (allocation_key, provider_name)"
        )
    if not selects:
        return ()
    allowed = visible(scope)
    with cursor() as connection:
        rows = connection.execute(
            "SELECT environment, environment_rule, cost_center, cost_center_rule, tags,"
            " resource_group, sub_account_name, min(billing_period), max(billing_period)"
            f" FROM ({' UNION ALL '.join(selects)}) WHERE {allowed.sql} GROUP BY ALL"
            " ORDER BY 9 DESC, len(any_value(tags)) DESC NULLS LAST, 1, 2, 3, 4, 5, 6, 7",
            [*[resource_id] * len(selects), *allowed.parameters],
        ).fetchall()
    return tuple(
        Allocation(
            environment=row[0] or "",
            environment_rule=row[1] or "",
            cost_center=row[2] or "",
            cost_center_rule=row[3] or "",
            tags=_tags(row[4]),
            resource_group=row[5] or "",
            sub_account_name=row[6] or "",
            since=row[7],
            until=row[8],
        )
        for row in rows
    )


def _tags(text: object) -> tuple[tuple[str, str], ...]:
    """Tags as pairs, by name; what is no JSON object gives none."""
    try:
        tags = json.loads(str(text)) if text else {}
    except ValueError:
        return ()
    if not isinstance(tags, dict):
        return ()
    return tuple(
        sorted((str(key), "" if value is None else str(value)) for key, value in tags.items())
    )
