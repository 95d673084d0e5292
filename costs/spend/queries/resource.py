"""One resource: its cost by SKU over time, and all that the bills and the rules say of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from django.conf import settings

from costs.lake.engine import cursor, quote
from costs.lake.queries import live_files, select
from costs.lake.versions import keys_key
from costs.money import EXACT, exact_sum
from costs.people.scope import Scope
from costs.periods import DAY, Period
from costs.spend.explore import Metric, Selection
from costs.spend.queries.asking import BUCKETS
from costs.spend.queries.exploring import Group, Groups, Part
from costs.spend.queries.restriction import Restriction, every, until_changed, visible
from costs.spend.queries.totals import daily_files
from costs.spend.results import CHARTED
from costs.stores import open_store

SKUS: Final = 20
"""SKUs of a resource that are listed by name; the rest is one row."""
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


@dataclass(frozen=True)
class Resource:
    """All that the daily tables say of a resource."""

    life: Life
    cover: Cover
    """In the days asked for."""
    skus: Groups
    """Its cost in the days asked for, by SKU."""
    parts: tuple[Part, ...]
    """The course of the first of them."""


def resource_of(
    scope: Scope, selection: Selection, resource_id: str, *, step: str
) -> Resource | None:
    """What ``scope`` may know of a resource; None when that is nothing.

    Of ``selection`` its days, metric and currency count; without a currency the one in which the
    resource cost most over all days.
    """
    return _resource_of(
        scope,
        resource_id=resource_id,
        period=selection.period,
        metric=selection.metric,
        currency=selection.currency,
        step=step,
    )


_KINDS: Final = (
    *("billing_currency", "sku_id", "sku_meter", "charge_category"),
    *("commitment_discount_id", "commitment_discount_status"),
)


@until_changed
def _resource_of(
    scope: Scope, *, resource_id: str, period: Period, metric: Metric, currency: str, step: str
) -> Resource | None:
    # One scan: one resource has few rows, and Python can add them up in every way.
    allowed = every([Restriction("resource_id = ?", (resource_id,)), visible(scope)])
    columns = ", ".join(f"coalesce({name}, '')" for name in (*PLACES, *_KINDS))
    rows = [
        _Row(
            start=row[0],  # type: ignore[arg-type]
            cost=row[1],  # type: ignore[arg-type]
            effective=row[2],  # type: ignore[arg-type]
            first=row[3],  # type: ignore[arg-type]
            last=row[4],  # type: ignore[arg-type]
            values=dict(zip((*PLACES, *_KINDS), map(str, row[5:]), strict=True)),
        )
        for row in select(
            f"SELECT CASE WHEN day >= ? AND day < ? THEN {BUCKETS[step]} END AS start,"
            f" sum({metric}), sum(effective_cost), min(day), max(day), {columns}"
            f" FROM {{files}} WHERE {allowed.sql} GROUP BY ALL"
            f" ORDER BY max(day) DESC, start, {columns}",
            daily_files(None, facts=True),
            (period.start, period.end, *allowed.parameters),
        )
    ]
    if not rows:
        return None
    costs = _sums((row.values["billing_currency"], row.cost) for row in rows)
    currencies = sorted(costs.items(), key=lambda one: (-abs(one[1]), one[0]))
    currency = currency or currencies[0][0]
    life = Life(
        resource_id=resource_id,
        first_day=min(row.first for row in rows),
        last_day=max(row.last for row in rows),
        costs=tuple(currencies),
        places=tuple(
            (name, tuple(dict.fromkeys(row.values[name] for row in rows))) for name in PLACES
        ),
    )
    own = [row for row in rows if row.start and row.values["billing_currency"] == currency]
    skus = _skus(own, currency)
    places = {group.keys[0]: nth for nth, group in enumerate(skus.groups[:CHARTED])}
    course = _sums(((row.start, places.get(row.values["sku_id"])), row.cost) for row in own)
    return Resource(
        life=life,
        cover=_cover(own),
        skus=skus,
        parts=tuple(
            Part(start, place, cost) for (start, place), cost in course.items() if start is not None
        ),
    )


@dataclass(frozen=True)
class _Row:
    """What a resource cost in one bucket (None: on other days), in one way."""

    start: date | None
    cost: Decimal
    effective: Decimal
    first: date
    last: date
    values: dict[str, str]


def _sums[K](costs: Iterable[tuple[K, Decimal]]) -> dict[K, Decimal]:
    sums: dict[K, list[Decimal]] = {}
    for key, cost in costs:
        sums.setdefault(key, []).append(cost)
    return {key: exact_sum(some) for key, some in sums.items()}


def _skus(rows: Sequence[_Row], currency: str) -> Groups:
    costs = _sums((row.values["sku_id"], row.cost) for row in rows)
    meters = {row.values["sku_id"]: row.values["sku_meter"] for row in rows}
    ranked = sorted(costs.items(), key=lambda one: (-one[1], one[0]))
    groups = [Group((sku,), meters[sku], cost, Decimal(0), 1) for sku, cost in ranked]
    rest = groups[SKUS:]
    other = Group((), "", exact_sum(one.cost for one in rest), Decimal(0), len(rest))
    return Groups(currency, tuple(groups[:SKUS]), other if rest else None, ())


def _cover(rows: Sequence[_Row]) -> Cover:
    usage = [row for row in rows if row.values["charge_category"] == "Usage"]
    covered = _sums(
        (row.values["commitment_discount_id"], row.effective)
        for row in usage
        if row.values["commitment_discount_id"]
        and row.values["commitment_discount_status"] == "Used"
    )
    ranked = sorted(covered.items(), key=lambda one: (-one[1], one[0]))
    return Cover(
        usage=exact_sum(row.effective for row in usage),
        commitments=tuple(Commitment(name, cost) for name, cost in ranked),
        bought=tuple(
            sorted(
                {
                    row.values["commitment_discount_id"]
                    for row in rows
                    if row.values["charge_category"] == "Purchase"
                }
                - {""}
            )
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
    tables = live_files("allocation")
    if not tables:
        return ()
    # One scan of all keys and one of all allocations; both lie in the folder of their version.
    keys = [keys_key(table.key.rpartition("/")[0]) for table in tables]
    rules = [table.key for table in tables]
    allowed = visible(scope)
    store = open_store(settings.LAKE_URL)
    with store.reading([*keys, *rules]) as paths, cursor() as connection:
        of_keys = ", ".join(quote(str(paths[key])) for key in keys)
        of_rules = ", ".join(quote(str(paths[key])) for key in rules)
        months = ", ".join(
            f"({quote(str(paths[table.key].parent))}, DATE '{table.billing_period}')"
            for table in tables
        )
        rows = connection.execute(
            "SELECT environment, environment_rule, cost_center, cost_center_rule, tags,"
            " resource_group, sub_account_name, min(billing_period), max(billing_period)"
            f" FROM (SELECT *, parse_dirpath(filename) AS folder"
            f" FROM read_parquet([{of_keys}], filename = true) WHERE resource_id = ?)"
            f" JOIN (SELECT *, parse_dirpath(filename) AS folder"
            f" FROM read_parquet([{of_rules}], filename = true))"
            " USING (allocation_key, provider_name, folder)"
            f" JOIN (VALUES {months}) AS months(folder, billing_period) USING (folder)"
            f" WHERE {allowed.sql} GROUP BY 1, 2, 3, 4, 5, 6, 7"
            " ORDER BY 9 DESC, len(any_value(tags)) DESC NULLS LAST, 1, 2, 3, 4, 5, 6, 7",
            [resource_id, *allowed.parameters],
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
