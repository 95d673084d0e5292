"""Reading bills: environments, sources and how fresh they are, versions, rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.conf import settings

from costs.bills.allocation import UNALLOCATED
from costs.bills.changes import Ledger, ledgers_of
from costs.bills.completeness import DEFAULT
from costs.bills.manifests import control_in_words
from costs.bills.matrix import (
    Metric,
    MonthRow,
    Version,
    arrange,
    before,
    missing_months,
    months,
    months_of,
    usual_gap,
)
from costs.bills.maturity import Completeness, completeness
from costs.bills.models import Environment
from costs.bills.receiving import rejects_key
from costs.bills.restatements import Costs, Restatement, restate
from costs.bills.totals import Reconciliation, reconciliations
from costs.lake.engine import cursor, quote
from costs.lake.models import BillVersion, Delivery, Part, Source
from costs.lake.versions import from_files, table_key
from costs.people.scope import Scope
from costs.periods import month_of
from costs.stores import open_store

STALE_AFTER = 4
"""Days without a delivery that reaches closer to today (ours: bills come daily)."""
MONTHS_A_PAGE = 24
VERSIONS_A_PAGE = 10

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
    usual_gap: int = 1
    """Days that usually lie between two deliveries."""
    gaps: tuple[date, ...] = ()
    """Months without a bill between two that have one."""
    held_reasons: tuple[str, ...] = ()


def freshness(
    scope: Scope, as_of: date, *, as_delivered: datetime | None = None
) -> list[SourceFreshness]:
    """Every source with the freshness of its live bills, by name.

    A source is stale when its newest delivery came more than STALE_AFTER days before ``as_of``.
    ``scope`` restricts figures, not this: who sees a part should know how fresh the whole is.
    ``as_delivered`` takes what had arrived before that moment; a source without any is left out.
    """
    answer = []
    curves = completeness(scope)
    for source in Source.objects.prefetch_related("versions"):
        curve = curves[source.name].curve if source.name in curves else DEFAULT
        versions = list(source.versions.all())
        live = [version for version in versions if version.status == Status.LIVE]
        if as_delivered is not None:
            versions = [one for one in versions if one.delivered_at < as_delivered]
            live = _live_then(versions)
            if not versions:
                continue
        newest = max(live, key=lambda version: version.billing_period, default=None)
        days = [version.greatest_day for version in live if version.greatest_day]
        delivered = max((version.delivered_at for version in live), default=None)
        # Fees of a whole month are spread over days that have not been: those are no news.
        last_day = min(max(days), as_of, delivered.date()) if days and delivered else None
        complete = None
        if last_day and delivered:
            settled = delivered.date() - timedelta(days=curve.complete_after)
            complete = min(last_day, settled)
        there = {version.billing_period.replace(day=1) for version in live}
        held = [version for version in versions if version.status == Status.HELD]
        arrived = [
            (version.delivered_at.date(), version.billing_period_end)
            for version in versions
            if version.live_since
        ]
        answer.append(
            SourceFreshness(
                name=source.name,
                provider_name=source.provider_name,
                format=source.format,
                delivered_at=delivered,
                last_day=last_day,
                last_complete_day=complete,
                stale=complete is None
                or (as_of - complete).days > STALE_AFTER + curve.complete_after,
                rejected=sum(version.rejected for version in live),
                held=len(held),
                notices=tuple(newest.notices) if newest else (),
                usual_gap=usual_gap(arrived),
                gaps=tuple(month for month in months_of(there) if month not in there),
                held_reasons=tuple(version.held_reason for version in held),
            )
        )
    return answer


def _live_then(versions: Sequence[BillVersion]) -> list[BillVersion]:
    """Of each bill the newest version that was not held or refused."""
    newest: dict[date, BillVersion] = {}
    for one in sorted(versions, key=lambda version: version.number):
        if one.status in {Status.LIVE, Status.SUPERSEDED}:
            newest[one.billing_period] = one
    return list(newest.values())


@dataclass(frozen=True)
class Matrix:
    """Months × sources, newest month first."""

    sources: tuple[SourceFreshness, ...]
    rows: tuple[MonthRow, ...]
    versions: tuple[Version, ...]
    """Every live and held version, also those of months that are not shown."""
    held: tuple[Version, ...]
    missing: tuple[tuple[str, date], ...]
    """Source and month, in all months."""
    currencies: tuple[str, ...]
    earlier: date | None
    """The newest month of the page before; None on the oldest."""
    later: date | None


def matrix(scope: Scope, as_of: date, metric: Metric, newest: date | None = None) -> Matrix:
    """What the bills page lists: MONTHS_A_PAGE months up to ``newest``.

    Sums of whole bills are there only for a scope without restriction.
    """
    found = freshness(scope, as_of)
    names = [source.name for source in found]
    versions = listed_versions(scope)
    own = {name: [one for one in versions if one.source == name] for name in names}
    starts = [one.billing_period for one in versions]
    first, last = min(starts, default=as_of), max([*starts, as_of])
    every = months(first, last)
    wanted = [month for month in every if newest is None or month <= newest][-MONTHS_A_PAGE:]
    shown = wanted if versions else []
    return Matrix(
        sources=tuple(found),
        rows=tuple(arrange(names, own, shown[::-1], metric=metric, today=as_of)),
        versions=tuple(versions),
        held=tuple(one for one in versions if one.status == Status.HELD),
        missing=tuple(
            (name, month) for name in names for month in missing_months(own[name], as_of)
        ),
        currencies=tuple(sorted({sums[0] for one in versions for sums in one.sums})),
        earlier=before(shown[0]) if shown and shown[0] > every[0] else None,
        later=_later(every, shown[-1]) if shown else None,
    )


def _later(every: Sequence[date], newest: date) -> date | None:
    position = every.index(newest)
    if position == len(every) - 1:
        return None
    return every[min(position + MONTHS_A_PAGE, len(every) - 1)]


def listed_versions(scope: Scope) -> list[Version]:
    """The live and the held versions, by source, newest month first."""
    rows = (
        BillVersion.objects.filter(status__in=(Status.LIVE, Status.HELD))
        .select_related("source")
        .order_by("source__name", "-billing_period", "-number")
    )
    return [_listed(row, with_sums=scope == Scope.everything()) for row in rows]


def _listed(version: BillVersion, *, with_sums: bool) -> Version:
    return Version(
        pk=version.pk,
        source=version.source.name,
        billing_period=version.billing_period,
        number=version.number,
        status=version.status,
        rows=version.rows,
        rejected=version.rejected,
        sums=_sums(version) if with_sums else (),
        delivered_at=version.delivered_at,
        delivered_by=version.delivered_by,
        held_reason=version.held_reason,
        notices=tuple(version.notices),
    )


def _sums(version: BillVersion) -> tuple[tuple[str, Decimal, Decimal], ...]:
    return tuple(
        (currency, Decimal(amounts["billed_cost"]), Decimal(amounts["effective_cost"]))
        for currency, amounts in version.sums.items()
    )


@dataclass(frozen=True)
class PartFile:
    """A file of a version."""

    delivery: int
    """Primary key of its delivery, under which the raw file can be fetched."""
    name: str
    digest: str
    size: int
    rejected: int
    sums: tuple[tuple[str, int, Decimal, Decimal], ...]
    """Currency, rows, billed cost, effective cost."""


@dataclass(frozen=True)
class Comparison:
    """A version against another: the one before it, the live one, or another source's."""

    source: str
    number: int
    status: str
    rows: int
    rejected: int
    sums: tuple[tuple[str, Decimal, Decimal], ...]
    least_day: date | None
    greatest_day: date | None
    restatements: tuple[Restatement, ...] | None
    """None when the files of either version are no longer there."""
    more_rows: int
    """Rows that the version has more than this one; negative for fewer."""


@dataclass(frozen=True)
class BillVersionDetail:
    """One version on the page of its bill."""

    version: Version
    least_day: date | None
    greatest_day: date | None
    live_since: datetime | None
    superseded_at: datetime | None
    files_removed_at: datetime | None
    """When retention gave its files up."""
    files: tuple[PartFile, ...]
    ledger: Ledger | None
    """What it changed, charge by charge; None for a first version and where it waits."""
    waits: bool
    """Whether its ledger is still to be written."""
    against: tuple[Comparison, ...]
    """With the version that was live before it; for a held one, with what it would replace."""
    control: str = ""
    """What the manifest of its delivery says, in words; empty where there was none."""


@dataclass(frozen=True)
class BillPage:
    """A bill: one source and billing period with its versions, newest first."""

    source: str
    provider_name: str
    format: str
    billing_period: date
    billing_period_end: date
    live: int | None
    """Primary key of the live version."""
    versions: tuple[BillVersionDetail, ...]
    count: int
    """Of all versions, also those on other pages."""
    completeness: Completeness | None
    """How the days of this source fill up; None where nothing of it is live."""
    reconciliations: tuple[Reconciliation, ...]
    """Of each account in this bill."""

    @property
    def held(self) -> list[BillVersionDetail]:
        """Those that wait for someone's yes or no."""
        return [one for one in self.versions if one.version.status == Status.HELD]

    @property
    def current(self) -> BillVersionDetail | None:
        """The live version, where it is on this page."""
        return next((one for one in self.versions if one.version.pk == self.live), None)


def bill_page(
    scope: Scope,
    source: str,
    period: date,
    *,
    as_of: date,
    limit: int = VERSIONS_A_PAGE,
    offset: int = 0,
) -> BillPage | None:
    """A bill with ``limit`` of its versions; None when there is none or ``scope`` is restricted.

    Held versions come first, then the newest. Files and figures of whole bills belong to no
    environment, so only who sees all may see them.
    """
    if scope != Scope.everything():
        return None
    of_month = BillVersion.objects.filter(source__name=source, billing_period=period)
    rows = list(of_month.select_related("source").order_by("-number"))
    if not rows:
        return None
    rows.sort(key=lambda row: row.status != Status.HELD)
    page = rows[offset : offset + limit]
    deliveries: dict[int, list[Part]] = {}
    for part in Part.objects.filter(version__in=page).select_related("delivery"):
        deliveries.setdefault(part.version_id, []).append(part)
    live = next((row for row in rows if row.status == Status.LIVE), None)
    others = [
        one
        for one in BillVersion.objects.filter(billing_period=period, status=Status.LIVE)
        .exclude(source__name=source)
        .select_related("source")
        if any(account in row.accounts for row in page for account in one.accounts)
    ]
    against = {row.pk: _against(row, rows, others) for row in page}
    compared = {
        row.pk: row for row in (*page, *(one for list_ in against.values() for one in list_))
    }
    costs = _service_costs(list(compared.values()))
    ledgers = ledgers_of(scope, [row.pk for row in page])
    return BillPage(
        source=source,
        provider_name=rows[0].source.provider_name,
        format=rows[0].source.format,
        billing_period=period,
        billing_period_end=rows[0].billing_period_end,
        live=live.pk if live else None,
        count=len(rows),
        completeness=completeness(scope).get(source),
        reconciliations=tuple(reconciliations(scope, as_of=as_of, source=source, period=period)),
        versions=tuple(
            BillVersionDetail(
                version=_listed(row, with_sums=True),
                least_day=row.least_day,
                greatest_day=row.greatest_day,
                live_since=row.live_since,
                superseded_at=row.superseded_at,
                files_removed_at=row.files_removed_at,
                ledger=ledgers.get(row.pk),
                waits=row.pk not in ledgers and row.replaces_id is not None,
                files=tuple(_file(part) for part in deliveries.get(row.pk, [])),
                against=tuple(_compared(row, one, costs) for one in against[row.pk]),
                control=control_in_words(row.control_total),
            )
            for row in page
        ),
    )


def billing_period_in(scope: Scope, source: str, month: date) -> date | None:
    """The first day of the source's first billing period that begins in the calendar ``month``.

    None when there is none or ``scope`` is restricted.
    """
    if scope != Scope.everything():
        return None
    of_month = BillVersion.objects.filter(
        source__name=source, billing_period__gte=month, billing_period__lt=month_of(month).end
    )
    return of_month.order_by("billing_period").values_list("billing_period", flat=True).first()


def _against(
    row: BillVersion, rows: Sequence[BillVersion], others: Sequence[BillVersion]
) -> list[BillVersion]:
    """What a version is compared with: what it would replace, or what was live before it."""
    if row.status in {Status.HELD, Status.REFUSED}:
        live = [one for one in rows if one.status == Status.LIVE]
        beside = [one for one in others if any(account in row.accounts for account in one.accounts)]
        return [*live, *(beside if row.status == Status.HELD else [])]
    was_live = [one for one in rows if one.number < row.number and one.live_since]
    return sorted(was_live, key=lambda one: one.number)[-1:]


def _file(part: Part) -> PartFile:
    return PartFile(
        delivery=part.delivery_id,
        name=part.delivery.file_name,
        digest=part.delivery.digest,
        size=part.delivery.size,
        rejected=part.rejected,
        sums=tuple(
            (
                currency,
                int(amounts["rows"]),
                Decimal(amounts["billed_cost"]),
                Decimal(amounts["effective_cost"]),
            )
            for currency, amounts in part.sums.items()
        ),
    )


def _compared(row: BillVersion, with_: BillVersion, costs: Mapping[int, Costs]) -> Comparison:
    both = row.pk in costs and with_.pk in costs
    return Comparison(
        source=with_.source.name,
        number=with_.number,
        status=with_.status,
        rows=with_.rows,
        rejected=with_.rejected,
        sums=_sums(with_),
        least_day=with_.least_day,
        greatest_day=with_.greatest_day,
        restatements=restate(costs[with_.pk], costs[row.pk]) if both else None,
        more_rows=row.rows - with_.rows,
    )


def _service_costs(versions: Sequence[BillVersion]) -> dict[int, Costs]:
    """Cost by service of each version whose tables are still there, in one query."""
    store = open_store(settings.LAKE_URL)
    keys = {
        version.pk: table_key(version.key, "daily_summary", version.rule_set)
        for version in versions
    }
    keys = {pk: key for pk, key in keys.items() if store.has(key)}
    if not keys:
        return {}
    costs: dict[int, dict[tuple[str, str], tuple[Decimal, Decimal]]] = {}
    with store.reading(keys.values()) as paths, cursor() as connection:
        selects = [
            f"SELECT {pk} AS version, coalesce(service_name, '') AS service_name,"
            " billing_currency, coalesce(sum(billed_cost), 0),"
            f" coalesce(sum(effective_cost), 0) FROM {from_files([paths[key]])} GROUP BY ALL"
            for pk, key in keys.items()
        ]
        for version_pk, service, currency, billed, effective in connection.execute(
            " UNION ALL ".join(selects)
        ).fetchall():
            costs.setdefault(version_pk, {})[service, currency] = (billed, effective)
    return {**costs}


def raw_file(scope: Scope, delivery: int) -> tuple[Delivery, Path] | None:
    """A delivered file as it came; None when there is none or ``scope`` is restricted."""
    if scope != Scope.everything():
        return None
    row = Delivery.objects.filter(pk=delivery).first()
    if row is None:
        return None
    try:
        return row, open_store(settings.LAKE_URL).path(row.raw_key)
    except FileNotFoundError:
        return None


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
    keys: dict[int, tuple[str, str]] = {}
    for part in version.parts.select_related("delivery"):
        delivery = part.delivery
        key = rejects_key(delivery.raw_key, delivery.format, delivery.reader_version)
        if part.rejected and store.has(key):
            keys[part.number] = delivery.file_name, key
    if not keys:
        return []
    page = f"LIMIT {limit} OFFSET {offset}" if limit is not None else ""
    with store.reading([key for _, key in keys.values()]) as paths, cursor() as connection:
        selects = [
            f"SELECT {number} AS part, {quote(file_name)} AS file, row, column_name, reason,"
            f" coalesce(value, '') FROM {from_files([paths[key]])}"
            for number, (file_name, key) in keys.items()
        ]
        found = connection.execute(
            f"SELECT * EXCLUDE (part) FROM ({' UNION ALL '.join(selects)})"
            f" ORDER BY part, row {page}"
        ).fetchall()
    return [RejectRow(*row) for row in found]


__all__ = [
    "UNALLOCATED",
    "Completeness",
    "Reconciliation",
    "bill_page",
    "completeness",
    "environments",
    "freshness",
    "matrix",
    "reconciliations",
    "rejects",
]
