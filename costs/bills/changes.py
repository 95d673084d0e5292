"""Reading the ledger: what each version of a bill changed against the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery

from costs.bills.matrix import month_text
from costs.bills.restatements import Change
from costs.lake.differences import CHARGES, LINES
from costs.lake.engine import cursor
from costs.lake.models import BillVersion, Restatement
from costs.lake.versions import from_files, table_key
from costs.money import EXACT
from costs.people.scope import Scope
from costs.stores import open_store

LINES_A_PAGE = 100

type Kind = Literal["changed", "added", "removed"]


@dataclass(frozen=True)
class CurrencyChange:
    """The charges that differ, in one currency, before and after."""

    currency: str
    billed: Change
    effective: Change


@dataclass(frozen=True)
class Ledger:
    """What one version changed."""

    version: int
    """Primary key."""
    source: str
    billing_period: date
    number: int
    before: int
    """Number of the version that it replaced."""
    at: datetime
    """When it did."""
    delivered_by: str
    added: int
    removed: int
    changed: int
    sums: tuple[CurrencyChange, ...]
    columns: tuple[tuple[str, int], ...]
    """Changed values by column, most first."""
    listed: int
    key: str
    """Folder of its files; empty where it could not be written any more."""

    @property
    def charges(self) -> int:
        return self.added + self.removed + self.changed

    @property
    def known(self) -> bool:
        """False where files of either version were gone before they could be compared."""
        return bool(self.key)

    @property
    def month(self) -> str:
        """As in addresses."""
        return month_text(self.billing_period)


def _ledger(row: Restatement) -> Ledger:
    version = row.version
    return Ledger(
        version=version.pk,
        source=version.source.name,
        billing_period=version.billing_period,
        number=version.number,
        before=row.before.number,
        at=row.at,
        delivered_by=version.delivered_by,
        added=row.added,
        removed=row.removed,
        changed=row.changed,
        sums=tuple(
            CurrencyChange(
                currency,
                Change(Decimal(sums["billed_before"]), Decimal(sums["billed_after"])),
                Change(Decimal(sums["effective_before"]), Decimal(sums["effective_after"])),
            )
            for currency, sums in sorted(row.sums.items())
        ),
        columns=tuple(sorted(row.columns.items(), key=lambda one: (-one[1], one[0]))),
        listed=row.listed,
        key=row.key,
    )


def _rows() -> QuerySet[Restatement]:
    return Restatement.objects.select_related("version__source", "before")


def ledgers_of(scope: Scope, versions: Sequence[int]) -> dict[int, Ledger]:
    """The ledger of each of these versions (by primary key) that has one, the latest where a
    version has been live more than once."""
    if scope != Scope.everything():
        return {}
    rows = _rows().filter(version__in=versions).order_by("at", "pk")
    return {row.version_id: _ledger(row) for row in rows}


def ledger(scope: Scope, source: str, period: date, number: int) -> Ledger | None:
    """The ledger of one version; None when there is none or ``scope`` is restricted.

    Whole bills belong to no environment, so only who sees all may see them.
    """
    version = BillVersion.objects.filter(
        source__name=source, billing_period=period, number=number
    ).first()
    return None if version is None else ledgers_of(scope, [version.pk]).get(version.pk)


def restated(
    scope: Scope, *, since: datetime, until: datetime, source: str = ""
) -> QuerySet[Restatement]:
    """What replaced an earlier version from ``since`` up to, not including, ``until``; newest
    first. Versions that changed nothing are left out. Turn a page of it into ledgers with
    :func:`as_ledgers`."""
    unchanged = {"added": 0, "removed": 0, "changed": 0}
    rows = _rows().filter(at__gte=since, at__lt=until).exclude(key__gt="", **unchanged)
    if source:
        rows = rows.filter(version__source__name=source)
    return rows if scope == Scope.everything() else rows.none()


def as_ledgers(rows: Sequence[Restatement]) -> list[Ledger]:
    """Frozen, for a template."""
    return [_ledger(row) for row in rows]


@dataclass(frozen=True)
class Filter:
    """Which part of a ledger: texts are parts of names, case aside."""

    day: date | None = None
    service: str = ""
    resource: str = ""
    column: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Line:
    """What changed of one resource (or of none) on one day, in one currency."""

    day: date
    provider_name: str
    sub_account_id: str
    service_name: str
    resource_id: str
    currency: str
    billed: Change
    effective: Change
    added: int
    removed: int
    changed: int


def lines(
    scope: Scope, of: Ledger, wanted: Filter, *, limit: int | None = None, offset: int = 0
) -> tuple[int, list[Line]]:
    """How many lines pass ``wanted``, and those of a page, the largest change first."""
    if scope != Scope.everything() or not of.known:
        return 0, []
    by = "day, provider_name, sub_account_id, service_name, resource_id, billing_currency"
    sums = ", ".join(
        f"sum({name}) AS {name}"
        for name in ("billed_before", "billed_after", "effective_before", "effective_after")
    )
    grouped = (
        f"SELECT {by}, {sums}, sum(added), sum(removed), sum(changed)"
        " FROM {files} WHERE {where} GROUP BY ALL"
    )
    order = (
        f"abs(billed_after - billed_before) + abs(effective_after - effective_before) DESC, {by}"
    )
    count, rows = _page(of, LINES, grouped, order, wanted, limit, offset)
    return count, [
        Line(
            day=row[0],
            provider_name=row[1] or "",
            sub_account_id=row[2] or "",
            service_name=row[3] or "",
            resource_id=row[4] or "",
            currency=row[5],
            billed=Change(row[6], row[7]),
            effective=Change(row[8], row[9]),
            added=int(row[10]),
            removed=int(row[11]),
            changed=int(row[12]),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Entry:
    """One changed value of a charge, or a charge that came or went (``column`` is empty)."""

    kind: Kind
    charge: int
    """Numbers the charges of a kind, the largest difference first."""
    day: date
    service_name: str
    resource_id: str
    charge_category: str
    charge_description: str
    currency: str
    column: str
    before: str | None
    after: str | None
    billed_before: Decimal | None
    billed_after: Decimal | None
    effective_before: Decimal | None
    effective_after: Decimal | None
    row_before: int | None
    row_after: int | None


def entries(
    scope: Scope, of: Ledger, wanted: Filter, *, limit: int | None = None, offset: int = 0
) -> tuple[int, list[Entry]]:
    """How many entries pass ``wanted``, and those of a page: changed values, then what was
    removed, then what was added, each the largest difference first."""
    if scope != Scope.everything() or not of.known:
        return 0, []
    selected = (
        "SELECT kind, charge, day, coalesce(service_name, ''), coalesce(resource_id, ''),"
        " coalesce(charge_category, ''), coalesce(charge_description, ''), billing_currency,"
        " coalesce(changed_column, '') AS changed_column, before, after, billed_before,"
        " billed_after, effective_before, effective_after, row_before, row_after"
        " FROM {files} WHERE {where}"
    )
    order = "kind = 'changed' DESC, kind DESC, charge, changed_column"
    count, rows = _page(of, CHARGES, selected, order, wanted, limit, offset)
    return count, [Entry(*row) for row in rows]


def _page(
    of: Ledger,
    file: str,
    sql: str,
    order: str,
    wanted: Filter,
    limit: int | None,
    offset: int,
) -> tuple[int, list[tuple[Any, ...]]]:
    conditions, values = ["true"], list[object]()
    if wanted.day:
        conditions.append("day = ?")
        values.append(wanted.day)
    for column, text in (("service_name", wanted.service), ("resource_id", wanted.resource)):
        if text:
            conditions.append(f"contains(lower(coalesce({column}, '')), lower(?))")
            values.append(text)
    if file == CHARGES:
        for column, text in (("changed_column", wanted.column), ("kind", wanted.kind)):
            if text:
                conditions.append(f"{column} = ?")
                values.append(text)
    key = f"{of.key}/{file}"
    with open_store(settings.LAKE_URL).reading([key]) as paths, cursor() as connection:
        select = sql.format(files=from_files([paths[key]]), where=" AND ".join(conditions))
        counted = connection.execute(f"SELECT count(*) FROM ({select})", values).fetchone()
        page = f" LIMIT {limit} OFFSET {offset}" if limit is not None else ""
        rows = connection.execute(
            f"SELECT * FROM ({select}) ORDER BY {order}{page}", values
        ).fetchall()
    return int(counted[0]) if counted else 0, rows


def service_names(scope: Scope, of: Ledger) -> list[str]:
    """The services with a change, by name."""
    if scope != Scope.everything() or not of.known:
        return []
    key = f"{of.key}/{LINES}"
    with open_store(settings.LAKE_URL).reading([key]) as paths, cursor() as connection:
        rows = connection.execute(
            "SELECT DISTINCT service_name FROM"
            f" {from_files([paths[key]])} WHERE service_name IS NOT NULL ORDER BY 1"
        ).fetchall()
    return [row[0] for row in rows]


UNKNOWN = ""
"""The environment of what is on no live bill any more."""


@dataclass(frozen=True)
class BillChange:
    """How the cost of known days of one bill changed, in one environment and currency."""

    source: str
    billing_period: date
    versions: int
    """How many versions came in that time."""
    number: int
    """Of the newest of them."""
    environment: str
    """By the rules of today; :data:`UNKNOWN` where the charges are on no live bill any more."""
    currency: str
    billed: Decimal
    """After minus before, exactly."""
    effective: Decimal

    @property
    def month(self) -> str:
        """As in addresses."""
        return month_text(self.billing_period)


def changed_days(
    scope: Scope, *, since: datetime, until: datetime, before: date
) -> list[BillChange]:
    """How versions that became live from ``since`` up to ``until`` changed days before ``before``.

    By bill, environment and currency, within ``scope``; only what is not zero. The ledger knows no
    environment: each charge is looked up where today's rules place it on the live bill, so that
    changing a rule never shows here. One statement, however many versions there are.
    """
    live = BillVersion.objects.filter(
        source=OuterRef("version__source"),
        billing_period=OuterRef("version__billing_period"),
        status=BillVersion.Status.LIVE,
    )
    rows = (
        _rows()
        .filter(at__gte=since, at__lt=until)
        .exclude(key="")
        .annotate(
            live_key=Subquery(live.values("key")[:1]),
            live_rules=Subquery(live.values("rule_set")[:1]),
        )
        .order_by("at", "pk")
    )
    store = open_store(settings.LAKE_URL)
    of_bill: dict[tuple[int, date], list[Restatement]] = {}
    placed: dict[tuple[int, date], str] = {}
    for row in rows:
        if store.has(f"{row.key}/{LINES}"):
            bill = (row.version.source_id, row.version.billing_period)
            of_bill.setdefault(bill, []).append(row)
            if row.live_key:
                placed[bill] = table_key(row.live_key, "allocation", row.live_rules)
    if not of_bill:
        return []
    bills = list(of_bill)
    tables = {
        nth: placed[bill]
        for nth, bill in enumerate(bills)
        if bill in placed and store.has(placed[bill])
    }
    files = {nth: [f"{row.key}/{LINES}" for row in of_bill[bill]] for nth, bill in enumerate(bills)}
    reading = [*tables.values(), *(key for keys in files.values() for key in keys)]
    with store.reading(reading) as paths, cursor() as connection:
        moved = " UNION ALL ".join(
            f"SELECT {nth} AS bill, * FROM {from_files(paths[key] for key in keys)}"
            for nth, keys in files.items()
        )
        places = " UNION ALL ".join(
            [
                f"SELECT {nth} AS bill, provider_name, allocation_key, environment, cost_center"
                f" FROM {from_files([paths[key]])}"
                for nth, key in tables.items()
            ]
            or ["SELECT -1, '', 0::UBIGINT, '', ''"]
        )
        found = connection.execute(
            f"""
            SELECT l.bill, coalesce(p.environment, ''), coalesce(p.cost_center, ''),
                billing_currency, sum(billed_after - billed_before),
                sum(effective_after - effective_before)
            FROM ({moved}) l
            LEFT JOIN ({places}) AS p(bill, provider_name, allocation_key, environment, cost_center)
                ON p.bill = l.bill AND p.provider_name = l.provider_name
                AND p.allocation_key = l.allocation_key
            WHERE day < ? GROUP BY ALL ORDER BY ALL
            """,
            [before],
        ).fetchall()
    sums: dict[tuple[int, str, str], tuple[Decimal, Decimal]] = {}
    for nth, environment, cost_center, currency, billed, effective in found:
        if scope.environments is not None and environment not in scope.environments:
            continue
        if scope.cost_centers is not None and cost_center not in scope.cost_centers:
            continue
        known = sums.get((nth, environment, currency), (Decimal(0), Decimal(0)))
        sums[nth, environment, currency] = (
            EXACT.add(known[0], billed),
            EXACT.add(known[1], effective),
        )
    return [
        BillChange(
            source=of_bill[bills[nth]][-1].version.source.name,
            billing_period=bills[nth][1],
            versions=len(of_bill[bills[nth]]),
            number=of_bill[bills[nth]][-1].version.number,
            environment=environment,
            currency=currency,
            billed=billed,
            effective=effective,
        )
        for (nth, environment, currency), (billed, effective) in sums.items()
        if billed or effective
    ]
