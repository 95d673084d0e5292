"""What other rules would do: to last month's cost, and to one resource. Nothing is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from django.conf import settings

from costs.bills.allocation import FIELDS, allocation_sql
from costs.bills.rule_sets import Document
from costs.lake.daily import key_costs_sql
from costs.lake.engine import cursor
from costs.lake.operations import under_rules
from costs.lake.queries import part_counts
from costs.lake.versions import charges_keys, from_files, keys_key, table_key
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import Period, month_before, month_of
from costs.stores import open_store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from costs.lake.models import BillVersion

LISTED: Final = 12
"""Resources that a preview names; the sums are of all of them."""
FOUND: Final = 10
"""Placements of one resource id that the test box shows."""


@dataclass(frozen=True)
class Place:
    """Where a cost belongs: ``environment`` may be ``unallocated``, ``cost_center`` empty."""

    environment: str
    cost_center: str


@dataclass(frozen=True)
class Move:
    """What would go from one place to another, effective cost in one currency."""

    source: Place
    target: Place
    currency: str
    cost: Decimal
    resources: int


@dataclass(frozen=True)
class MovedResource:
    """A resource whose cost would go elsewhere."""

    resource_id: str
    provider_name: str
    service_name: str
    source: Place
    target: Place
    currency: str
    cost: Decimal


@dataclass(frozen=True)
class Preview:
    """How one month would change; sums before and after are the same in total."""

    month: Period
    moves: tuple[Move, ...]
    """Largest first; only what goes elsewhere."""
    resources: tuple[MovedResource, ...]
    """The most costly ones that go elsewhere."""
    moved: Mapping[str, Decimal]
    """By currency: what goes elsewhere."""
    total: Mapping[str, Decimal]
    """By currency: all of the month."""
    after: Mapping[tuple[Place, str], Decimal]
    """What each place would have, by place and currency: as pages will show it."""

    @property
    def shares(self) -> list[tuple[str, Decimal, Decimal, Decimal | None]]:
        """Currency, what moves, the month's total, and the share in percent."""
        return [
            (
                currency,
                self.moved.get(currency, Decimal(0)),
                total,
                _share(self.moved, currency, total),
            )
            for currency, total in sorted(self.total.items())
        ]

    def environments(self) -> list[tuple[str, str, Decimal, Decimal]]:
        """Environment, currency, cost before and after, of those that change."""
        change: dict[tuple[str, str], Decimal] = {}
        after: dict[tuple[str, str], Decimal] = {}
        for (place, currency), cost in self.after.items():
            key = place.environment, currency
            after[key] = EXACT.add(after.get(key, Decimal(0)), cost)
        for move in self.moves:
            for place, sign in ((move.source, -1), (move.target, 1)):
                key = place.environment, move.currency
                signed = EXACT.multiply(move.cost, Decimal(sign))
                change[key] = EXACT.add(change.get(key, Decimal(0)), signed)
        return [
            (
                name,
                currency,
                EXACT.subtract(after.get((name, currency), Decimal(0)), moved),
                after.get((name, currency), Decimal(0)),
            )
            for (name, currency), moved in sorted(change.items())
            if moved
        ]


def _share(moved: Mapping[str, Decimal], currency: str, total: Decimal) -> Decimal | None:
    if total <= 0:
        return None
    part = EXACT.multiply(moved.get(currency, Decimal(0)), Decimal(100))
    return EXACT.divide(part, total)


def last_month(days: Period | None, today: date) -> Period | None:
    """The month to judge rules by, where there are charges on ``days`` (from first to last).

    The last one that is over and has charges up to its end; the one that has only begun where
    nothing is older.
    """
    if days is None:
        return None
    newest = month_of(min(days.last, today))
    over = newest.last <= days.last and newest.end <= today
    return newest if over or days.start >= newest.start else month_before(newest)


def preview(scope: Scope, document: Document, month: Period) -> Preview:
    """What ``document`` would do to the effective cost of ``month``, exactly.

    Reads the live bills' charges by what rules look at. Raises :class:`PermissionError` for a
    restricted scope: rules move cost between places that such a person may not see.
    """
    if scope != Scope.everything():
        raise PermissionError("who changes rules must see all environments and cost centers")
    versions = [
        version
        for version in under_rules().filter(status="live")
        if version.least_day
        and version.greatest_day
        and version.least_day < month.end
        and version.greatest_day >= month.start
    ]
    parts = part_counts(versions)
    with cursor() as connection:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE placed ({_PLACED})")
        for version in versions:
            with _files_of(version, parts[version.pk]) as files:
                connection.execute(f"INSERT INTO placed {_placed_sql(files, document, month)}")
        rows = connection.execute("""
            SELECT old_environment, old_cost_center, new_environment, new_cost_center, currency,
                sum(cost), count(DISTINCT resource_id)
            FROM placed GROUP BY ALL ORDER BY sum(cost) DESC, 1, 2, 3, 4, 5
        """).fetchall()
        resources = connection.execute(f"""
            SELECT resource_id, provider_name, any_value(service_name), old_environment,
                old_cost_center, new_environment, new_cost_center, currency, sum(cost) AS cost
            FROM placed
            WHERE old_environment <> new_environment OR old_cost_center <> new_cost_center
            GROUP BY ALL ORDER BY cost DESC, resource_id, currency LIMIT {LISTED}
        """).fetchall()  # fmt: skip
        connection.execute("DROP TABLE placed")
    moves: list[Move] = []
    moved: dict[str, Decimal] = {}
    total: dict[str, Decimal] = {}
    after: dict[tuple[Place, str], Decimal] = {}
    for old_environment, old_center, environment, center, currency, cost, count in rows:
        source, target = Place(old_environment, old_center), Place(environment, center)
        total[currency] = EXACT.add(total.get(currency, Decimal(0)), cost)
        key = target, currency
        after[key] = EXACT.add(after.get(key, Decimal(0)), cost)
        if source != target:
            moves.append(Move(source, target, currency, cost, count))
            moved[currency] = EXACT.add(moved.get(currency, Decimal(0)), cost)
    return Preview(
        month=month,
        moves=tuple(moves),
        resources=tuple(
            MovedResource(
                resource_id=row[0],
                provider_name=row[1],
                service_name=row[2] or "",
                source=Place(row[3], row[4]),
                target=Place(row[5], row[6]),
                currency=row[7],
                cost=row[8],
            )
            for row in resources
        ),
        moved=moved,
        total=total,
        after=after,
    )


_PLACED = (
    "resource_id VARCHAR, provider_name VARCHAR, service_name VARCHAR,"
    " old_environment VARCHAR, old_cost_center VARCHAR,"
    " new_environment VARCHAR, new_cost_center VARCHAR, currency VARCHAR, cost DECIMAL(38,18)"
)


@dataclass(frozen=True)
class _Files:
    """FROM clauses over the files of a version."""

    charges: str
    keys: str
    allocation: str


@contextmanager
def _files_of(version: BillVersion, parts: int) -> Iterator[_Files]:
    charges = charges_keys(version.key, parts)
    keys = keys_key(version.key)
    allocation = table_key(version.key, "allocation", version.rule_set)
    with open_store(settings.LAKE_URL).reading([*charges, keys, allocation]) as paths:
        yield _Files(
            charges=from_files(paths[one] for one in charges),
            keys=from_files([paths[keys]]),
            allocation=from_files([paths[allocation]]),
        )


def _placed_sql(files: _Files, document: Document, month: Period) -> str:
    """One row per key and currency of a bill, with its place before and after."""
    rules = allocation_sql(document.plain_rules, document.words, files.keys)
    return f"""
        SELECT coalesce(k.resource_id, ''), provider_name, coalesce(k.service_name, ''),
            old.environment, old.cost_center, new.environment, new.cost_center,
            c.billing_currency, c.effective_cost
        FROM ({key_costs_sql(files.charges, month)}) c
        JOIN {files.keys} k USING (allocation_key, provider_name)
        JOIN {files.allocation} old USING (allocation_key, provider_name)
        JOIN ({rules}) new USING (allocation_key, provider_name)"""


@dataclass(frozen=True)
class Subject:
    """A resource as rules see it; ``tags`` by name."""

    resource_id: str = ""
    resource_group: str = ""
    sub_account: str = ""
    service: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (
            self.resource_id or self.resource_group or self.sub_account or self.service or self.tags
        )


@dataclass(frozen=True)
class Decision:
    """Which rules decided; their names are empty where none did."""

    subject: Subject
    place: Place
    environment_rule: str
    cost_center_rule: str


_KEY_COLUMNS = (
    "allocation_key",
    "provider_name",
    "sub_account_id",
    "sub_account_name",
    *(FIELDS[name] for name in ("resource_group", "service", "resource_id")),
    "tags",
)


def decide(document: Document, subjects: Sequence[Subject]) -> list[Decision]:
    """What ``document`` says of each subject, by the same engine as for bills."""
    with cursor() as connection:
        return _decide(connection, document, subjects)


def _decide(
    connection: DuckDBPyConnection, document: Document, subjects: Sequence[Subject]
) -> list[Decision]:
    if not subjects:
        return []
    types = ", ".join(
        f"{column} {'UBIGINT' if column == 'allocation_key' else 'VARCHAR'}"
        for column in _KEY_COLUMNS
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE asked ({types})")
    marks = ", ".join("?" * len(_KEY_COLUMNS))
    connection.executemany(
        f"INSERT INTO asked VALUES ({marks})",
        [
            [
                nth,
                "",
                one.sub_account or None,
                one.sub_account or None,
                one.resource_group or _group_of(one.resource_id),
                one.service or None,
                (one.resource_id.lower() if one.resource_id.startswith("/") else one.resource_id)
                or None,
                json.dumps(dict(one.tags)),
            ]
            for nth, one in enumerate(subjects)
        ],
    )
    rows = connection.execute(
        "SELECT allocation_key, environment, cost_center, environment_rule, cost_center_rule"
        f" FROM ({allocation_sql(document.plain_rules, document.words, 'asked')})"
        " ORDER BY allocation_key"
    ).fetchall()
    connection.execute("DROP TABLE asked")
    return [Decision(subjects[row[0]], Place(row[1], row[2]), row[3], row[4]) for row in rows]


def _group_of(resource_id: str) -> str | None:
    """The resource group that an Azure id names, as the lake's keys have it."""
    found = re.search(r"/resourceGroups/([^/]+)", resource_id, re.IGNORECASE)
    return found[1] if found else None


def known_resource(scope: Scope, resource_id: str, month: Period) -> list[Subject]:
    """How the bills of ``month`` describe a resource; one entry for each set of tags.

    None for a restricted scope, since nobody knows before allocation what it may see.
    """
    if scope != Scope.everything() or not resource_id:
        return []
    store = open_store(settings.LAKE_URL)
    keys = [
        keys_key(version.key)
        for version in under_rules().filter(status="live", billing_period=month.start)
    ]
    if not keys:
        return []
    with store.reading(keys) as paths, cursor() as connection:
        rows = connection.execute(
            "SELECT DISTINCT resource_id, coalesce(resource_group, ''),"
            " coalesce(nullif(sub_account_name, ''), sub_account_id, ''),"
            " coalesce(service_name, ''), coalesce(tags, '')"
            f" FROM {from_files(paths.values())} WHERE lower(resource_id) = lower(?)"
            f" ORDER BY ALL LIMIT {FOUND}",
            [resource_id.strip()],
        ).fetchall()
    return [
        Subject(
            resource_id=row[0],
            resource_group=row[1],
            sub_account=row[2],
            service=row[3],
            tags=tuple(_tags(row[4])),
        )
        for row in rows
    ]


def _tags(text: str) -> Iterable[tuple[str, str]]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return
    if isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, str | int | float | bool):
                yield str(name), str(value)
