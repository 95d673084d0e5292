"""Reading bills: environments, sources and how fresh they are, versions, rejects."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Prefetch

from costs.bills.allocation import UNALLOCATED
from costs.bills.models import Environment
from costs.bills.receiving import rejects_key
from costs.lake.engine import cursor, quote
from costs.lake.models import BillVersion, Source
from costs.people.scope import Scope
from costs.stores import open_store

INCOMPLETE_DAYS = 2
"""A day's charges keep arriving for about two days after it (AWS and Azure update bills several
times a day and finish a day within 24 to 48 hours), so the days just before a delivery are open.
Until each source's own completeness curve is learned, this holds for all of them."""
STALE_AFTER = 4
"""Days without a delivery that reaches closer to today (ours: bills come daily)."""

Status = BillVersion.Status


@dataclass(frozen=True)
class EnvironmentName:
    """An environment to show: its name in data and its label on pages."""

    name: str
    label: str


def environments(scope: Scope) -> list[EnvironmentName]:
    """The environments that ``scope`` includes, in the order the team gave them."""
    rows = Environment.objects.values_list("name", "label")
    allowed = scope.environments
    return [EnvironmentName(*row) for row in rows if allowed is None or row[0] in allowed]


@dataclass(frozen=True)
class SourceFreshness:
    """How far a source's live bills reach."""

    name: str
    provider_name: str
    format: str
    delivered_at: datetime | None
    last_day: date | None
    last_complete_day: date | None
    stale: bool
    rejected: int
    held: int
    notices: tuple[str, ...]


def freshness(scope: Scope, as_of: date) -> list[SourceFreshness]:
    """Every source with the freshness of its live bills, by name.

    A source is stale when its newest delivery came more than STALE_AFTER days before ``as_of``.
    ``scope`` restricts figures, not this: who sees a part should know how fresh the whole is.
    """
    answer = []
    for source in Source.objects.prefetch_related("versions"):
        versions = list(source.versions.all())
        live = [version for version in versions if version.status == Status.LIVE]
        newest = max(live, key=lambda version: version.billing_period, default=None)
        days = [version.greatest_day for version in live if version.greatest_day]
        last_day = min(max(days), as_of) if days else None
        delivered = max((version.delivered_at for version in live), default=None)
        complete = None
        if last_day and delivered:
            settled = delivered.date() - timedelta(days=INCOMPLETE_DAYS)
            complete = min(last_day, settled)
        answer.append(
            SourceFreshness(
                name=source.name,
                provider_name=source.provider_name,
                format=source.format,
                delivered_at=delivered,
                last_day=last_day,
                last_complete_day=complete,
                stale=complete is None or (as_of - complete).days > STALE_AFTER + INCOMPLETE_DAYS,
                rejected=sum(version.rejected for version in live),
                held=sum(version.status == Status.HELD for version in versions),
                notices=tuple(newest.notices) if newest else (),
            )
        )
    return answer


@dataclass(frozen=True)
class BillRow:
    """A version of a bill as the bills page shows it."""

    pk: int
    billing_period: date
    version: int
    status: str
    rows: int
    rejected: int
    sums: tuple[tuple[str, Decimal, Decimal], ...]
    """Currency, billed cost, effective cost."""
    delivered_at: datetime
    delivered_by: str
    held_reason: str
    notices: tuple[str, ...]


@dataclass(frozen=True)
class SourceBills(SourceFreshness):
    """A source, how fresh it is, and its live and held bills, newest month first."""

    bills: tuple[BillRow, ...]


def sources_with_bills(scope: Scope, as_of: date) -> list[SourceBills]:
    """What the bills page lists. Sums of whole bills: only for a scope without restriction."""
    unrestricted = scope == Scope.everything()
    shown = BillVersion.objects.filter(status__in=(Status.LIVE, Status.HELD)).order_by(
        "-billing_period", "-number"
    )
    sources = Source.objects.prefetch_related(Prefetch("versions", queryset=shown))
    bills = {source.name: list(source.versions.all()) for source in sources}
    return [
        SourceBills(
            **{one.name: getattr(fresh, one.name) for one in fields(fresh)},
            bills=tuple(_row(version, with_sums=unrestricted) for version in bills[fresh.name]),
        )
        for fresh in freshness(scope, as_of)
    ]


def _row(version: BillVersion, *, with_sums: bool) -> BillRow:
    return BillRow(
        pk=version.pk,
        billing_period=version.billing_period,
        version=version.number,
        status=version.status,
        rows=version.rows,
        rejected=version.rejected,
        sums=tuple(
            (currency, Decimal(amounts["billed_cost"]), Decimal(amounts["effective_cost"]))
            for currency, amounts in version.sums.items()
            if with_sums
        ),
        delivered_at=version.delivered_at,
        delivered_by=version.delivered_by,
        held_reason=version.held_reason,
        notices=tuple(version.notices),
    )


def bill(scope: Scope, pk: int) -> BillVersion | None:
    """One version by its key; None when there is none or ``scope`` is restricted.

    Refused rows belong to no environment, so only who sees all may see them.
    """
    if scope != Scope.everything():
        return None
    return BillVersion.objects.select_related("source").filter(pk=pk).first()


@dataclass(frozen=True)
class RejectRow:
    """A row of a delivered file that is not a charge."""

    file: str
    row: int
    column: str
    reason: str
    value: str


def rejects(
    scope: Scope, version: BillVersion, *, limit: int | None = None, offset: int = 0
) -> list[RejectRow]:
    """The refused rows of a version's files, in the files' order."""
    if scope != Scope.everything():
        return []
    store = open_store(settings.LAKE_URL)
    selects = []
    for part in version.parts.select_related("delivery"):
        delivery = part.delivery
        key = rejects_key(delivery.raw_key, delivery.format, delivery.reader_version)
        path = store.path(key)
        if part.rejected and path.exists():
            selects.append(
                f"SELECT {part.number} AS part, {quote(delivery.file_name)} AS file, row,"
                f" column_name, reason, coalesce(value, '') FROM read_parquet({quote(str(path))})"
            )
    if not selects:
        return []
    page = f"LIMIT {limit} OFFSET {offset}" if limit is not None else ""
    with cursor() as connection:
        found = connection.execute(
            f"SELECT * EXCLUDE (part) FROM ({' UNION ALL '.join(selects)})"
            f" ORDER BY part, row {page}"
        ).fetchall()
    return [RejectRow(*row) for row in found]


__all__ = ["UNALLOCATED", "environments", "freshness", "rejects", "sources_with_bills"]
