"""Changing what is live: publish versions, accept or refuse held ones, pin, tidy up.

Files are durable before a row names them, and a row goes live in one transaction that checks what
it replaces: whoever is killed at any point leaves the old or the new version, never a mixture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from costs.lake.models import (
    BillVersion,
    Delivery,
    Generation,
    Part,
    Pin,
    Restatement,
    Source,
)
from costs.lake.versions import TABLES, table_file
from costs.people.operations import record
from costs.stores import Store

TIDY_AFTER = timedelta(hours=24)
"""How long files that nobody names any more are kept: a page may still be reading them."""

STAGED = "staged"
"""Folder of files that several workers read for one delivery, by the key of its background work."""

CLOSED_MONTH = "month "
"""How the holder of a pin begins that is a closed month: its figures never change again."""

Status = BillVersion.Status


class Conflict(RuntimeError):
    """Somebody else changed the same bill meanwhile; read again and retry."""


@dataclass(frozen=True)
class NewDelivery:
    """A file that has arrived."""

    file_name: str
    digest: str
    size: int
    raw_key: str
    format: str
    reader_version: int


@dataclass(frozen=True)
class NewPart:
    """A file's share in a new version: exact sums as text by currency, and its rejects."""

    delivery: NewDelivery
    sums: Mapping[str, Mapping[str, str]]
    rejected: int
    carried: int | None = None
    """Primary key of the earlier delivery that it came with; empty for a file that has come now."""


@dataclass(frozen=True)
class NewVersion:
    """A published folder about to enter the manifest."""

    source: str
    provider_name: str
    billing_account_id: str
    format: str
    billing_period: date
    billing_period_end: date
    key: str
    digest: str
    reader_version: int
    rule_set: str
    rows: int
    rejected: int
    sums: Mapping[str, Mapping[str, str]]
    accounts: Sequence[tuple[str, str]]
    least_day: date | None
    greatest_day: date | None
    notices: Sequence[str]
    parts: Sequence[NewPart]
    replaces: int | None
    """Primary key of the live version that this one was compared with."""
    held_reason: str
    """Not empty: keep it, but do not make it live."""
    displaces: Sequence[int] = ()
    """Live versions of other sources that would count the same charges twice."""
    control_total: Mapping[str, str | int] | None = None
    """What the provider says of the delivery."""


def enter(
    versions: Sequence[NewVersion],
    *,
    actor: str,
    delivered_at: datetime,
    now: datetime,
    rule_set: Callable[[], str] | None = None,
) -> list[BillVersion]:
    """Enter published versions into the manifest, all in one transaction.

    ``rule_set`` gives the allocation rules that are in force inside the transaction. Raises
    :class:`Conflict` when a version was written with others, or when the live version of a bill is
    no longer the one it was compared with; nothing has changed then.
    """
    with transaction.atomic():
        hold()
        if rule_set is not None and {new.rule_set for new in versions} - {rule_set()}:
            raise Conflict("the allocation rules have changed meanwhile")
        entered = [_enter(version, actor, delivered_at, now) for version in versions]
        if any(version.status == Status.LIVE for version in entered):
            _next_generation()
    return entered


def _enter(new: NewVersion, actor: str, delivered_at: datetime, now: datetime) -> BillVersion:
    source, _ = Source.objects.get_or_create(
        name=new.source,
        defaults={
            "provider_name": new.provider_name,
            "billing_account_id": new.billing_account_id,
            "format": new.format,
            "created_at": now,
        },
    )
    bill = BillVersion.objects.filter(source=source, billing_period=new.billing_period)
    live = bill.filter(status=Status.LIVE).first()
    if (live.pk if live else None) != new.replaces:
        raise Conflict(f"the bill {new.source} {new.billing_period:%Y-%m} has changed meanwhile")
    held = bool(new.held_reason)
    if not held:
        _supersede(bill, now)
        for other in BillVersion.objects.filter(pk__in=new.displaces, status=Status.LIVE):
            other.status = Status.HELD
            other.held_reason = f"{new.source} was chosen to count for this account and month"
            other.save(update_fields=["status", "held_reason"])
        Source.objects.filter(pk=source.pk).update(format=new.format)
    number = (bill.aggregate(last=Max("number"))["last"] or 0) + 1
    version = BillVersion.objects.create(
        source=source,
        billing_period=new.billing_period,
        billing_period_end=new.billing_period_end,
        number=number,
        status=Status.HELD if held else Status.LIVE,
        key=new.key,
        digest=new.digest,
        reader_version=new.reader_version,
        rule_set=new.rule_set,
        rows=new.rows,
        rejected=new.rejected,
        sums=new.sums,
        accounts=[list(account) for account in new.accounts],
        least_day=new.least_day,
        greatest_day=new.greatest_day,
        notices=list(new.notices),
        held_reason=new.held_reason,
        control_total=dict(new.control_total) if new.control_total else None,
        delivered_at=delivered_at,
        delivered_by=actor,
        live_since=None if held else now,
        replaces=None if held else live,
    )
    for part_number, part in enumerate(new.parts):
        delivery = (
            _deliver(part.delivery, actor, delivered_at)
            if part.carried is None
            else Delivery.objects.get(pk=part.carried)
        )
        Part.objects.create(
            version=version,
            delivery=delivery,
            number=part_number,
            sums=part.sums,
            rejected=part.rejected,
        )
    record(
        actor=actor,
        action="bill.held" if held else "bill.loaded" if number == 1 else "bill.restated",
        subject=str(version),
        detail={"rows": new.rows, "rejected": new.rejected, "why": new.held_reason},
        now=now,
    )
    return version


def _deliver(new: NewDelivery, actor: str, delivered_at: datetime) -> Delivery:
    return Delivery.objects.create(
        file_name=new.file_name,
        digest=new.digest,
        size=new.size,
        raw_key=new.raw_key,
        format=new.format,
        reader_version=new.reader_version,
        delivered_at=delivered_at,
        delivered_by=actor,
    )


def accept(version: BillVersion, *, actor: str, now: datetime) -> None:
    """Make a held version live. Versions of other sources that it overlaps are held instead.

    Raises :class:`Conflict` when it is not held any more.
    """
    with transaction.atomic():
        changed = BillVersion.objects.filter(pk=version.pk, status=Status.HELD)
        bill = BillVersion.objects.filter(
            source=version.source, billing_period=version.billing_period
        )
        live = bill.filter(status=Status.LIVE).first()
        _supersede(bill, now)
        if changed.update(status=Status.LIVE, held_reason="", live_since=now) != 1:
            raise Conflict(f"{version} is not held")
        if live is not None:
            BillVersion.objects.filter(pk=version.pk).update(replaces=live)
        for other in overlapping(version.source.name, version.billing_period, version.accounts):
            other.status = Status.HELD
            other.held_reason = f"{version.source} was chosen to count for this account and month"
            other.save(update_fields=["status", "held_reason"])
        _next_generation()
        record(actor=actor, action="bill.accepted", subject=str(version), detail={}, now=now)


def refuse(version: BillVersion, *, actor: str, why: str, now: datetime) -> None:
    """Say that a held version shall never count. Raises :class:`Conflict` when it is not held."""
    with transaction.atomic():
        held = BillVersion.objects.filter(pk=version.pk, status=Status.HELD)
        if held.update(status=Status.REFUSED, superseded_at=now) != 1:
            raise Conflict(f"{version} is not held")
        record(
            actor=actor, action="bill.refused", subject=str(version), detail={"why": why}, now=now
        )


def overlapping(source: str, period: date, accounts: Sequence[Sequence[str]]) -> list[BillVersion]:
    """Live versions of other sources for the same billing period that share an account."""
    wanted = {tuple(account) for account in accounts}
    others = BillVersion.objects.filter(billing_period=period, status=Status.LIVE).exclude(
        source__name=source
    )
    return [
        version
        for version in others.select_related("source")
        if wanted & {tuple(account) for account in version.accounts}
    ]


def pin(version: BillVersion, *, holder: str, now: datetime) -> None:
    """Keep a version's files for ``holder`` (a signed-off review, a closed month).

    Raises :class:`Conflict` when they are gone already.
    """
    with transaction.atomic():
        hold()  # retention does as well
        if BillVersion.objects.exclude(files_removed_at=None).filter(pk=version.pk).exists():
            raise Conflict(f"the files of {version} are gone")
        Pin.objects.get_or_create(version=version, holder=holder, defaults={"created_at": now})


@dataclass(frozen=True)
class Allocated:
    """A version whose tables of another rule set are published."""

    version: int
    """Its primary key."""
    rule_set: str


def hold() -> None:
    """Keep everybody else from changing what is live until this transaction ends.

    SQLite lets one transaction write at a time anyway; PostgreSQL needs a row to wait at.
    """
    Generation.objects.get_or_create(pk=1)
    Generation.objects.select_for_update().get(pk=1)


def under_rules() -> QuerySet[BillVersion]:
    """The live and held versions that follow the allocation rules: those of no closed month."""
    closed = Pin.objects.filter(holder__startswith=CLOSED_MONTH).values("version")
    return (
        BillVersion.objects.filter(status__in=(Status.LIVE, Status.HELD))
        .exclude(pk__in=closed)
        .select_related("source")
    )


def flip_rules(allocated: Sequence[Allocated], rule_set: str, *, now: datetime) -> None:
    """Let every version use its tables of ``rule_set``, all of them or none.

    Call it in the transaction that puts the rules themselves in force, after :func:`hold`. Raises
    :class:`Conflict` when a version has come meanwhile that is not among ``allocated``.
    """
    with transaction.atomic():
        ready = {one.version for one in allocated if one.rule_set == rule_set}
        outdated = under_rules().exclude(rule_set=rule_set).values_list("pk", flat=True)
        if missing := set(outdated) - ready:
            raise Conflict(f"{len(missing)} bills have arrived meanwhile")
        changed = BillVersion.objects.filter(pk__in=list(outdated))
        changed.update(rule_set=rule_set, allocated_at=now)
        _next_generation()


def _next_generation() -> None:
    Generation.objects.get_or_create(pk=1)
    Generation.objects.filter(pk=1).update(number=F("number") + 1)


def _supersede(bill: QuerySet[BillVersion], now: datetime) -> None:
    bill.filter(status=Status.LIVE).update(status=Status.SUPERSEDED, superseded_at=now)


def tidy(store: Store, *, now: datetime, progress: Callable[[str], None] = print) -> int:
    """Remove folders and rule-dependent tables that no row names, a day later; return how many.

    A process that died between publishing and entering leaves such a folder; so does one that was
    killed while staging, and one that had others read the files of its delivery. Raw files that
    were refused go too, and what retention gave up. Tables of rules that are no longer in force go
    a day after the flip.
    """
    versions = {
        version.key: version
        for version in BillVersion.objects.filter(files_removed_at=None).only(
            "key", "rule_set", "allocated_at"
        )
    }
    # Those of versions whose files are there, and those that no version was made of yet.
    delivered = Delivery.objects.filter(
        Q(parts__isnull=True) | Q(parts__version__files_removed_at=None)
    ).values_list("raw_key", flat=True)
    ledgers = Restatement.objects.exclude(key="").values_list("key", flat=True)
    named = {*versions, *ledgers, *(key.rpartition("/")[0] for key in delivered)}
    removed = 0
    for key, changed in [
        *store.folders("charges", 3),
        *store.folders("ledger", 3),
        *store.folders("staging", 1),
        *store.folders(STAGED, 1),
        *store.folders("raw", 2),
    ]:
        if key not in named and now - changed > TIDY_AFTER:
            store.remove(key)
            progress(f"removed {key}")
            removed += 1
    tables = tuple(f"{table}-" for table in TABLES)
    for file in store.files("charges"):
        folder, _, name = file.key.rpartition("/")
        version = versions.get(folder)
        if version is None or not name.startswith(tables) or now - file.changed <= TIDY_AFTER:
            continue
        if version.allocated_at and now - version.allocated_at <= TIDY_AFTER:
            continue
        if name not in {table_file(table, version.rule_set) for table in TABLES}:
            store.remove(file.key)
            progress(f"removed {file.key}")
            removed += 1
    return removed
