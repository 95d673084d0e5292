"""A bill's way in: receive, read, compare with what is live, publish, flip."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.conf import settings

from costs.bills.allocation import rule_set_digest
from costs.bills.building import (
    Arrived,
    Bill,
    IngestError,
    bills_of,
    build,
    current_rules,
    parquet_types,
    publish_rejects,
)
from costs.bills.description import UnreadableBill
from costs.bills.gathering import check_rows, gather
from costs.bills.halves import Overtaken, complete, tell_halves
from costs.bills.judging import (
    Sums,
    held_reason,
    source_name,
)
from costs.bills.mapped_sources import reader_of
from costs.bills.receiving import receive, take
from costs.bills.rule_tables import write_rule_tables
from costs.bills.spreading import READING, forget, stage_file, stage_files
from costs.jobs.kinds import TryAgain
from costs.lake import operations as lake
from costs.lake.engine import is_full
from costs.lake.ledgers import write_ledgers_or_leave
from costs.lake.models import BillVersion
from costs.lake.staging import StagingError
from costs.stores import Store, open_store

TAKEN_AT_ONCE = 4
"""Files of a delivery that are copied and looked at together (ours)."""
ATTEMPTS = 5
"""How often a delivery is compared again when others change the same bill meanwhile (ours)."""

FULL = "the disk of the lake is full; nothing was kept, and the files are still where they were"

SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
"""What a source may be called: its bills lie in a folder of that name."""

Status = BillVersion.Status
type Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the whole that is done (0 to 1)."""


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
    keeps nothing when any file cannot be read, and :class:`TryAgain` when the disk is full.

    In background work, the files of a large delivery are spread over all workers.
    """
    if source is not None and not SOURCE_NAME.fullmatch(source):
        raise IngestError(
            f"--source: {source!r} is no name; use up to 100 letters, digits, spaces and . _ -"
        )
    tell = progress or (lambda _what, _share: None)
    store = open_store(settings.LAKE_URL)
    workspace = store.new_staging()
    try:
        groups = _receive_all(given, source, store, workspace, tell)
        loaded: list[LoadedBill] = []
        waiting: list[list[Arrived]] = []
        for files in groups:
            known = None if accept else _unchanged(files, source)
            if known is not None:
                loaded += known
            else:
                waiting.append(files)
        stage_files([file for files in waiting for file in files], store, workspace, tell)
        _refuse_nothing(waiting)
        check_rows(waiting)
        waiting = tell_halves(waiting, source, store)
        for files in waiting:
            tell(f"storing {files[0].received.given.name}", READING)
            loaded += _commit(
                files, source, accept, store, workspace, actor, delivered_at or now, now
            )
        forget(store)
        if any(one.status in {"loaded", "restated"} for one in loaded):
            tell("comparing with the versions before", 1)
            write_ledgers_or_leave()
        tell("done", 1)
        return loaded
    except Exception as error:
        if is_full(error):
            raise TryAgain(FULL) from error
        if isinstance(error, IngestError):
            forget(store)
        raise
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _receive_all(
    given: Sequence[Path], source: str | None, store: Store, workspace: Path, tell: Progress
) -> list[list[Arrived]]:
    groups = []
    for nth, delivery in enumerate(gather(given, workspace)):
        paths = [one.path for one in delivery.files]
        copies = [workspace / f"raw-{nth}-{number}" for number in range(len(paths))]
        files: dict[str, Arrived] = {}
        # Unzipping and digesting let go of the interpreter, so threads share the cores. The first
        # error cancels what has not begun.
        with ThreadPoolExecutor(TAKEN_AT_ONCE) as pool:
            taking = pool.map(take, paths, copies)
            for one in delivery.files:
                tell(f"receiving {one.path.name}", 0)
                try:
                    received = receive(next(taking), one.shown, store)
                    types = dict.fromkeys(received.sniffed.columns, "TEXT") or parquet_types(
                        received, store
                    )
                    reader, mapped = reader_of(types, received.sniffed.delimiter, source)
                    file = Arrived(received, reader, source=mapped, **delivery.said_of(one))
                    files.setdefault(received.digest, file)
                except (UnreadableBill, StagingError, OSError) as error:
                    if is_full(error):
                        raise
                    raise IngestError(f"{one.shown}: {error}") from None
        for number, file in enumerate(files.values()):
            file.number = number
        groups.append(list(files.values()))
    return groups


def _refuse_nothing(groups: Sequence[Sequence[Arrived]]) -> None:
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


def _unchanged(files: Sequence[Arrived], source: str | None) -> list[LoadedBill] | None:
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
            if source is None and {file.source or one for one in derived} != {version.source.name}:
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
    file: Arrived,
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
    files: Sequence[Arrived],
    source: str | None,
    accept: bool,
    store: Store,
    workspace: Path,
    actor: str,
    delivered_at: datetime,
    now: datetime,
) -> list[LoadedBill]:
    """Publish one delivery and make its bills live in one transaction."""
    for _ in range(ATTEMPTS):
        bills = bills_of(files, source)
        for bill in bills:
            complete(bill, store, lambda file: stage_file(file, store, workspace))
        try:
            return _publish(files, bills, accept, store, actor, delivered_at, now)
        except Overtaken:
            continue
    raise IngestError(f"{files[0].received.given}: others change this bill all the time; try again")


def _publish(
    files: Sequence[Arrived],
    whole: Sequence[Bill],
    accept: bool,
    store: Store,
    actor: str,
    delivered_at: datetime,
    now: datetime,
) -> list[LoadedBill]:
    answers: list[LoadedBill] = []
    bills: list[Bill] = []
    accepted: list[tuple[Bill, BillVersion]] = []
    for bill in whole:
        live, held = _same(bill, Status.LIVE), _same(bill, Status.HELD)
        if live is not None:
            answers += _known(live, bill, "unchanged", "")
        elif held is None:
            bills.append(bill)
        elif accept:
            accepted.append((bill, held))
        else:
            answers += _known(held, bill, "held", held.held_reason)
    publish_rejects(files, store)
    built = [build(bill, store) for bill in bills]
    versions, entered = _enter(bills, built, accept, actor, delivered_at, now)
    for bill, version, new in zip(bills, entered, versions, strict=True):
        status = "held" if new.held_reason else "loaded" if new.replaces is None else "restated"
        for (file, _), own in zip(bill.shares, new.parts, strict=True):
            if file.carried is not None:
                continue
            answers += _answers(version, own.sums, own.rejected, file, status, new.held_reason)
    for bill, held in accepted:
        replaces = BillVersion.objects.filter(
            source=held.source, billing_period=bill.period, status=Status.LIVE
        )
        status = "restated" if replaces.exists() else "loaded"
        lake.accept(held, actor=actor, now=now)
        answers += _known(held, bill, status, "")
    return answers


def _known(version: BillVersion, bill: Bill, status: str, why: str) -> list[LoadedBill]:
    """What to answer for a bill whose files, in whatever order, are a version already."""
    parts = {part.delivery.digest: part for part in version.parts.select_related("delivery")}
    answers: list[LoadedBill] = []
    for file, _ in bill.shares:
        if file.carried is not None:
            continue
        part = parts[file.received.digest]
        answers += _answers(version, part.sums, part.rejected, file, status, why)
    return answers


def _enter(
    bills: Sequence[Bill],
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
    store = open_store(settings.LAKE_URL)
    write_rule_tables(store, new.key, len(new.parts), rule_set, rules, environments)
    return replace(new, rule_set=rule_set)


def _same(bill: Bill, status: str) -> BillVersion | None:
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


def _judged(bill: Bill, new: lake.NewVersion, accept: bool) -> lake.NewVersion:
    """The version compared with what is live now: does it go live or is it held, and why?"""
    live = BillVersion.objects.filter(
        source__name=bill.source, billing_period=bill.period, status=Status.LIVE
    ).first()
    if bill.compared_with not in (None, (live.pk if live else None,)):
        raise Overtaken
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
