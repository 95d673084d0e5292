"""A bill's way in: receive, read, compare with what is live, publish, flip."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from costs.bills.allocation import EnvironmentWords, Rule, allocation_sql, rule_set_digest
from costs.bills.description import Columns, Reader, UnreadableBill
from costs.bills.judging import (
    Sums,
    held_reason,
    implausible,
    repeats,
    source_name,
    sums_of,
    unread,
)
from costs.bills.models import AllocationRule, Environment
from costs.bills.readers import reader_for
from costs.bills.receiving import Received, expand, receive, rejects_key
from costs.bills.rule_tables import write_rule_tables
from costs.lake import operations as lake
from costs.lake import staging
from costs.lake.engine import open_connection, quote
from costs.lake.models import BillVersion
from costs.lake.staging import Slice, Staged, StagingError
from costs.lake.versions import Share, repeated_share, table_file, write_charges, write_tables
from costs.stores import open_store
from costs.stores.local import LocalStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_THREADS = 4
"""Threads of an ingest, whatever the machine has: each needs about 100 MB of DuckDB's memory."""
ATTEMPTS = 5
"""How often a delivery is compared again when others change the same bill meanwhile (ours)."""

SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
"""What a source may be called: its bills lie in a folder of that name."""

Status = BillVersion.Status
type Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the whole that is done (0 to 1)."""


class IngestError(ValueError):
    """Nothing was kept. The message is one line that names the file."""


@dataclass(frozen=True)
class LoadedBill:
    """What became of one file's share of one bill in one currency."""

    file: str
    format: str
    source: str
    billing_period: str
    rows: int
    rejected: int
    billed_cost: Decimal
    effective_cost: Decimal
    currency: str
    status: str
    version: int
    why: str = ""


@dataclass
class _File:
    """A received file on its way through."""

    received: Received
    reader: Reader
    staged: Staged | None = None


@dataclass
class _Bill:
    """All that one delivery brings for one source and billing period."""

    source: str
    period: date
    period_end: date
    shares: list[tuple[_File, list[Slice]]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        digests = sorted(file.received.digest for file, _ in self.shares)
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def reader_version(self) -> int:
        return max(file.reader.version for file, _ in self.shares)


def ingest_bill(
    given: Sequence[Path],
    *,
    source: str | None = None,
    accept: bool = False,
    actor: str,
    now: datetime,
    delivered_at: datetime | None = None,
    progress: Progress | None = None,
) -> list[LoadedBill]:
    """Read files or folders of bills into the lake: all of them, or none.

    Files of one folder are parts of one delivery. ``source`` names the source instead of deriving
    it from the content; ``accept`` makes live what would be held. Raises :class:`IngestError` and
    keeps nothing when any file cannot be read.
    """
    if source is not None and not SOURCE_NAME.fullmatch(source):
        raise IngestError(
            f"--source: {source!r} is no name; use up to 100 letters, digits, spaces and . _ -"
        )
    tell = progress or (lambda _what, _share: None)
    store = open_store(settings.LAKE_URL)
    workspace = store.new_staging()
    try:
        groups = _receive_all(given, store, workspace, tell)
        loaded: list[LoadedBill] = []
        waiting: list[list[_File]] = []
        for nth, files in enumerate(groups):
            known = None if accept else _unchanged(files, source)
            if known is not None:
                loaded += known
                continue
            for file in files:
                tell(f"reading {file.received.given.name}", nth / (len(groups) + 1))
                file.staged = _stage(file, store, workspace)
            waiting.append(files)
        _refuse_nothing(waiting)
        for files in waiting:
            tell(f"storing {files[0].received.given.name}", len(groups) / (len(groups) + 1))
            loaded += _commit(files, source, accept, store, actor, delivered_at or now, now)
        tell("done", 1)
        return loaded
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _receive_all(
    given: Sequence[Path], store: LocalStore, workspace: Path, tell: Progress
) -> list[list[_File]]:
    groups = []
    for path in given:
        try:
            expand([path])
        except (OSError, UnreadableBill) as error:
            raise IngestError(f"{path}: {error}") from None
    for _folder, paths in expand(list(given)):
        files: dict[str, _File] = {}
        for path in paths:
            tell(f"receiving {path.name}", 0)
            try:
                received = receive(path, store, workspace)
                types = dict.fromkeys(received.sniffed.columns, "TEXT") or _parquet_types(
                    received, store
                )
                files.setdefault(received.digest, _File(received, reader_for(types)))
            except (UnreadableBill, StagingError, OSError) as error:
                raise IngestError(f"{path}: {error}") from None
        groups.append(list(files.values()))
    return groups


def _connect(store: LocalStore, *, ordered: bool) -> DuckDBPyConnection:
    return open_connection(
        store.root,
        memory=settings.DUCKDB_MEMORY_LIMIT,
        threads=min(os.cpu_count() or 1, MOST_THREADS),
        ordered=ordered,
    )


def _parquet_types(received: Received, store: LocalStore) -> dict[str, str]:
    with closing(_connect(store, ordered=False)) as connection:
        return staging.parquet_types(connection, received.path)


def _stage(file: _File, store: LocalStore, workspace: Path) -> Staged:
    received, reader = file.received, file.reader
    sniffed = received.sniffed
    into = workspace / received.digest
    into.mkdir()
    try:
        with closing(_connect(store, ordered=sniffed.container != "parquet")) as connection:
            types = dict.fromkeys(sniffed.columns, "TEXT")
            columns = Columns(types or staging.parquet_types(connection, received.path))
            return staging.stage(
                connection,
                received.path,
                sniffed.container,
                sniffed.columns,
                columns,
                reader.charge(columns),
                into,
                0,
            )
    except (UnreadableBill, StagingError) as error:
        raise IngestError(f"{received.given}: {error}") from None


def _refuse_nothing(groups: Sequence[Sequence[_File]]) -> None:
    """A file of which no row is a charge is an error; an empty part of a delivery is none."""
    for files in groups:
        for file in files:
            if file.staged and not file.staged.rows and file.staged.first_rejects:
                first = file.staged.first_rejects[0]
                value = f"“{first.value}” " if first.value else ""
                raise IngestError(
                    f"{file.received.given}: none of its rows is a charge; row {first.row},"
                    f" column {first.column}: {value}{first.reason}"
                )
        if not any(file.staged and file.staged.rows for file in files):
            names = ", ".join(str(file.received.given) for file in files)
            raise IngestError(f"{names}: there are no rows below the header")


def _unchanged(files: Sequence[_File], source: str | None) -> list[LoadedBill] | None:
    """What to answer when exactly these files, read the same way, are live already; else None."""
    digests = {file.received.digest: file for file in files}
    live = (
        BillVersion.objects.filter(status=Status.LIVE, deliveries__digest__in=digests)
        .select_related("source")
        .prefetch_related("parts__delivery")
        .distinct()
    )
    seen: set[str] = set()
    answer: list[LoadedBill] = []
    for version in live:
        parts = list(version.parts.all())
        if source is not None and version.source.name != source:
            return None
        for part in parts:
            file = digests.get(part.delivery.digest)
            if file is None or part.delivery.reader_version != file.reader.version:
                return None
            family = file.reader.family
            derived = {source_name(p, a, family) for p, a in version.accounts}
            if source is None and derived != {version.source.name}:
                return None
            seen.add(part.delivery.digest)
            answer += _answers(version, part.sums, part.rejected, file, "unchanged", "")
    # A file of several bills is unchanged only when every one of them is still live.
    for digest in seen:
        of_file = BillVersion.objects.filter(deliveries__digest=digest)
        if {v.status for v in of_file if v.status != Status.SUPERSEDED} != {Status.LIVE}:
            return None
        bills = {(v.source_id, v.billing_period) for v in of_file}
        if bills != {(v.source_id, v.billing_period) for v in of_file if v.status == Status.LIVE}:
            return None
    return answer if seen == set(digests) else None


def _answers(
    version: BillVersion,
    sums: Sums,
    rejected: int,
    file: _File,
    status: str,
    why: str,
) -> list[LoadedBill]:
    return [
        LoadedBill(
            file=str(file.received.given),
            format=file.reader.name,
            source=version.source.name,
            billing_period=f"{version.billing_period:%Y-%m}",
            rows=int(amounts["rows"]),
            rejected=rejected if nth == 0 else 0,
            billed_cost=Decimal(amounts["billed_cost"]),
            effective_cost=Decimal(amounts["effective_cost"]),
            currency=currency,
            status=status,
            version=version.number,
            why=why,
        )
        for nth, (currency, amounts) in enumerate(sums.items())
    ]


def _commit(
    files: Sequence[_File],
    source: str | None,
    accept: bool,
    store: LocalStore,
    actor: str,
    delivered_at: datetime,
    now: datetime,
) -> list[LoadedBill]:
    """Publish one delivery and make its bills live in one transaction."""
    answers: list[LoadedBill] = []
    bills: list[_Bill] = []
    accepted: list[tuple[_Bill, BillVersion]] = []
    for bill in _bills_of(files, source):
        live, held = _same(bill, Status.LIVE), _same(bill, Status.HELD)
        if live is not None:
            answers += _known(live, bill, "unchanged", "")
        elif held is None:
            bills.append(bill)
        elif accept:
            accepted.append((bill, held))
        else:
            answers += _known(held, bill, "held", held.held_reason)
    _publish_rejects(files, store)
    built = [_build(bill, store) for bill in bills]
    versions, entered = _enter(bills, built, accept, actor, delivered_at, now)
    for bill, version, new in zip(bills, entered, versions, strict=True):
        status = "held" if new.held_reason else "loaded" if new.replaces is None else "restated"
        for (file, _), own in zip(bill.shares, new.parts, strict=True):
            answers += _answers(version, own.sums, own.rejected, file, status, new.held_reason)
    for bill, held in accepted:
        replaces = BillVersion.objects.filter(
            source=held.source, billing_period=bill.period, status=Status.LIVE
        )
        status = "restated" if replaces.exists() else "loaded"
        lake.accept(held, actor=actor, now=now)
        answers += _known(held, bill, status, "")
    return answers


def _known(version: BillVersion, bill: _Bill, status: str, why: str) -> list[LoadedBill]:
    """What to answer for a bill whose files, in whatever order, are a version already."""
    parts = {part.delivery.digest: part for part in version.parts.select_related("delivery")}
    answers: list[LoadedBill] = []
    for file, _ in bill.shares:
        part = parts[file.received.digest]
        answers += _answers(version, part.sums, part.rejected, file, status, why)
    return answers


def _enter(
    bills: Sequence[_Bill],
    built: Sequence[lake.NewVersion],
    accept: bool,
    actor: str,
    delivered_at: datetime,
    now: datetime,
) -> tuple[list[lake.NewVersion], list[BillVersion]]:
    """Judge against what is live now and enter; once more when somebody else was quicker."""
    for attempt in range(ATTEMPTS):
        built = [_under_rules_in_force(new) for new in built]
        versions = [_judged(bill, new, accept) for bill, new in zip(bills, built, strict=True)]
        try:
            return versions, lake.enter(
                versions,
                actor=actor,
                delivered_at=delivered_at,
                now=now,
                rule_set=lambda: rule_set_digest(*current_rules()),
            )
        except lake.Conflict as conflict:
            if attempt == ATTEMPTS - 1:
                raise IngestError(str(conflict)) from None
    raise AssertionError("unreachable")


def _under_rules_in_force(new: lake.NewVersion) -> lake.NewVersion:
    """The version with tables of the rules that are in force now, should they have changed."""
    rules, environments = current_rules()
    rule_set = rule_set_digest(rules, environments)
    if new.rule_set == rule_set:
        return new
    write_rule_tables(open_store(settings.LAKE_URL), new.key, rule_set, rules, environments)
    return replace(new, rule_set=rule_set)


def _same(bill: _Bill, status: str) -> BillVersion | None:
    """The live or held version with exactly this content, so that it is not kept once more."""
    return (
        BillVersion.objects.select_related("source")
        .filter(
            source__name=bill.source,
            billing_period=bill.period,
            status=status,
            digest=bill.digest,
            reader_version=bill.reader_version,
        )
        .first()
    )


def _publish_rejects(files: Sequence[_File], store: LocalStore) -> None:
    """Keep the refused rows beside the raw file, for the page and its download."""
    for file in files:
        key = rejects_key(file.received.key, file.reader.name, file.reader.version)
        if file.staged and file.staged.rejected and not store.path(key).exists():
            store.publish(file.staged.rejects, key)


def _bills_of(files: Sequence[_File], source: str | None) -> list[_Bill]:
    bills: dict[tuple[str, date], _Bill] = {}
    for file in files:
        assert file.staged is not None  # noqa: S101 - staged just before
        for part in file.staged.slices:
            name = source or source_name(
                part.provider_name, part.billing_account_id, file.reader.family
            )
            bill = bills.setdefault(
                (name, part.billing_period),
                _Bill(name, part.billing_period, part.billing_period_end),
            )
            if not bill.shares or bill.shares[-1][0] is not file:
                bill.shares.append((file, []))
            bill.shares[-1][1].append(part)
    return list(bills.values())


def _build(bill: _Bill, store: LocalStore) -> lake.NewVersion:
    """Write and publish the version's folder; nothing of it is live yet."""
    rules, environments = current_rules()
    rule_set = rule_set_digest(rules, environments)
    folder = store.new_staging()
    try:
        with closing(_connect(store, ordered=False)) as connection:
            spans = any(file.staged.spans for file, _ in bill.shares if file.staged)
            write_charges(connection, folder, [_share(file, parts) for file, parts in bill.shares])
            write_tables(
                connection,
                folder,
                rule_set,
                lambda keys: allocation_sql(rules, environments, keys),
                spans=spans,
            )
            repeated = repeated_share(connection, folder) if len(bill.shares) > 1 else Decimal(0)
            facts = quote(str(folder / table_file("daily_summary", rule_set)))
            days = connection.execute(
                f"SELECT min(day), max(day) FROM read_parquet({facts})"
            ).fetchone() or (None, None)
        key = f"charges/{bill.source}/{bill.period:%Y-%m-%d}/{folder.name}"
        store.publish(folder, key)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    slices = [part for _, parts in bill.shares for part in parts]
    first = bill.shares[0][0]
    parts = [_part(file, own) for file, own in bill.shares]
    return lake.NewVersion(
        source=bill.source,
        provider_name=slices[0].provider_name,
        billing_account_id=slices[0].billing_account_id,
        format=first.reader.name,
        billing_period=bill.period,
        billing_period_end=bill.period_end,
        key=key,
        digest=bill.digest,
        reader_version=bill.reader_version,
        rule_set=rule_set,
        rows=sum(part.rows for part in slices),
        rejected=sum(part.rejected for part in parts),
        sums=sums_of(slices),
        accounts=sorted({(part.provider_name, part.billing_account_id) for part in slices}),
        least_day=days[0],
        greatest_day=days[1],
        notices=_notices(bill, slices),
        parts=parts,
        replaces=None,
        held_reason=repeats(repeated),
    )


def _share(file: _File, own: Sequence[Slice]) -> Share:
    assert file.staged is not None  # noqa: S101 - staged just before
    whole = len(own) == len(file.staged.slices)
    where = (
        None
        if whole
        else [(part.provider_name, part.billing_account_id, part.billing_period) for part in own]
    )
    return Share(file.staged, where)


def _part(file: _File, own: Sequence[Slice]) -> lake.NewPart:
    staged, received = file.staged, file.received
    assert staged is not None  # noqa: S101 - staged just before
    # A rejected row belongs to no bill for sure: count it once, with the file's largest share.
    largest = max(staged.slices, key=lambda part: part.rows)
    return lake.NewPart(
        delivery=lake.NewDelivery(
            file_name=received.given.name[-300:],
            digest=received.digest,
            size=received.size,
            raw_key=received.key,
            format=file.reader.name,
            reader_version=file.reader.version,
        ),
        sums=sums_of(own),
        rejected=staged.rejected if largest in own else 0,
    )


def _notices(bill: _Bill, slices: Sequence[Slice]) -> list[str]:
    """What whoever looks at this bill should know, in sentences."""
    counts: dict[str, int] = {}
    for file, _ in bill.shares:
        for column, count in (file.staged.unread if file.staged else {}).items():
            counts[column] = counts.get(column, 0) + count
    of_readers = dict.fromkeys(n for file, _ in bill.shares for n in file.reader.notices())
    return [*of_readers, *unread(counts), *implausible(slices)]


def _judged(bill: _Bill, new: lake.NewVersion, accept: bool) -> lake.NewVersion:
    """The version compared with what is live now: does it go live or is it held, and why?"""
    live = BillVersion.objects.filter(
        source__name=bill.source, billing_period=bill.period, status=Status.LIVE
    ).first()
    others = lake.overlapping(bill.source, bill.period, new.accounts)
    why = new.held_reason or held_reason(
        rows=new.rows,
        rejected=new.rejected,
        sums=new.sums,
        live=(live.rows, live.sums) if live else None,
        others=[other.source.name for other in others],
    )
    return replace(
        new,
        replaces=live.pk if live else None,
        held_reason="" if accept else why,
        displaces=[other.pk for other in others],
    )


def current_rules() -> tuple[list[Rule], list[EnvironmentWords]]:
    """The allocation rules in order and the environments with their words."""
    rules = [row.as_rule() for row in AllocationRule.objects.all()]
    environments = [row.as_words() for row in Environment.objects.all()]
    return rules, environments
