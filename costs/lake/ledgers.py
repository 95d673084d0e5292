"""The restatement ledger: for every version that replaced another, what it changed.

It is written after the flip, from the two versions' files, and stays when these go. Whoever is
killed before it is written leaves it to the next sweep: what is missing is told by the manifest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake.differences import write_differences
from costs.lake.engine import cursor, open_for_work, quote
from costs.lake.models import BillVersion, DayCosts, Restatement
from costs.lake.versions import charges_keys, from_files, table_key
from costs.money import plain
from costs.stores import Store, open_store

KIND = "lake.ledgers"
"""The kind of work that writes what is missing."""
SUBJECT = "what new versions changed"
PATIENCE = timedelta(minutes=2)
"""How long whoever made a version live may take to write its ledger before a sweep does (ours)."""
MOST_INVOICES = 1_000
"""Invoices of a bill that are kept by number, the largest (ours)."""
OTHER_INVOICES = "(other invoices)"
"""What those beyond are called together."""
TRY_AGAIN = timedelta(hours=1)
"""How long a sweep leaves alone what has just failed (ours)."""

log = structlog.get_logger(__name__)
type Progress = Callable[[str, float], None]


def unwritten() -> QuerySet[BillVersion]:
    """The versions that replaced another and have no ledger yet, the oldest first.

    Neither their own files nor those of what they replaced may go before.
    """
    written = Restatement.objects.filter(version=OuterRef("pk"), before=OuterRef("replaces"))
    versions = BillVersion.objects.filter(replaces__isnull=False, live_since__isnull=False)
    return (
        versions.filter(~Exists(written))
        .select_related("source", "replaces")
        .order_by("live_since")
    )


def _without_days() -> QuerySet[BillVersion]:
    return BillVersion.objects.filter(live_since__isnull=False, day_costs__isnull=True)


def write_ledgers(progress: Progress | None = None) -> int:
    """Write every ledger, and every version's cost by day, that is missing; return how many.

    What fails is logged and left for another time; raises :class:`RuntimeError` with the last
    reason once the others are written.
    """
    tell = progress or (lambda _what, _share: None)
    store = open_store(settings.LAKE_URL)
    failed = ""
    for version in _without_days():
        try:
            _keep_days(version, store)
        except Exception as error:  # the others must not wait for this one
            log.warning("days not kept", version=str(version), exc_info=True)
            failed = f"{version}: {error}"
    waiting = list(unwritten())
    for nth, version in enumerate(waiting):
        tell(f"comparing {version} with the one before", nth / len(waiting))
        try:
            write_ledger(version, store)
        except Exception as error:  # the others must not wait for this one
            log.warning("ledger not written", version=str(version), exc_info=True)
            failed = f"{version}: {error}"
    if failed:
        raise RuntimeError(failed)
    return len(waiting)


def write_ledgers_or_leave() -> None:
    """The same straight after a flip: what fails is no failure of the delivery, a sweep follows."""
    try:
        write_ledgers()
    except Exception:  # whatever it was, the bill is live
        log.warning("ledgers are left to the sweep", exc_info=True)


def work(tell: Progress, **_: Any) -> dict[str, int]:
    """What a worker does."""
    return {"written": write_ledgers(tell)}


def ask_for_ledgers(now: datetime) -> None:
    """Ask for the work where something is missing and nobody seems to be at it (each sweep)."""
    since = now - PATIENCE
    if not (
        unwritten().filter(live_since__lt=since).exists()
        or _without_days().filter(live_since__lt=since).exists()
    ):
        return
    failed = JobRun.objects.filter(kind=KIND, state=JobRun.State.FAILED)
    if not failed.filter(finished_at__gt=now - TRY_AGAIN).exists():
        jobs.request(KIND, SUBJECT, actor="sweep", now=now)


def write_ledger(version: BillVersion, store: Store) -> Restatement:
    """Compare ``version`` with the one it replaced and keep what differs.

    Where files of either are gone the row says so by an empty key.
    """
    before = version.replaces
    if before is None or version.live_since is None:
        raise ValueError(f"{version} replaced nothing")
    sides = [charges_keys(one.key, one.parts.count()) for one in (before, version)]
    row = Restatement(version=version, before=before, at=version.live_since)
    if not all(keys and all(map(store.has, keys)) for keys in sides):
        return _enter(row)
    folder = store.new_staging()
    try:
        with (
            store.reading([key for keys in sides for key in keys]) as paths,
            closing(open_for_work(store.root)) as connection,
        ):
            was, now = ([paths[key] for key in keys] for keys in sides)
            found = write_differences(connection, was, now, folder)
        row.key = f"ledger/{version.source.name}/{version.billing_period:%Y-%m-%d}/{folder.name}"
        store.publish(folder, row.key)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    row.added, row.removed, row.changed = found.added, found.removed, found.changed
    row.sums, row.columns, row.listed = dict(found.sums), dict(found.columns), found.listed
    return _enter(row)


def _enter(row: Restatement) -> Restatement:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        # Somebody else wrote the same meanwhile; our folder has no row and is tidied up.
        return Restatement.objects.get(version=row.version, before=row.before)
    return row


def _keep_days(version: BillVersion, store: Store) -> None:
    """Keep what each day cost in ``version``, and each invoice; nothing where files are gone."""
    summary = table_key(version.key, "daily_summary", version.rule_set)
    charges = charges_keys(version.key, version.parts.count())
    days: dict[str, dict[str, list[str]]] = {}
    invoices: list[list[str]] = []
    if all(map(store.has, (summary, *charges))):
        with store.reading([summary, *charges]) as paths, cursor() as connection:
            rows = connection.execute(
                "SELECT billing_currency, CAST(day AS VARCHAR), sum(billed_cost),"
                f" sum(effective_cost) FROM {from_files([paths[summary]])}"
                " GROUP BY ALL ORDER BY ALL"
            ).fetchall()
            sums = connection.execute(f"""
                SELECT provider_name, billing_account_id, billing_currency,
                    CASE WHEN nth <= {MOST_INVOICES} THEN invoice ELSE {quote(OTHER_INVOICES)} END,
                    sum(billed)
                FROM (
                    SELECT *, row_number() OVER (ORDER BY abs(billed) DESC, invoice) AS nth FROM (
                        SELECT provider_name, billing_account_id, billing_currency,
                            coalesce(invoice_id, '') AS invoice, sum(billed_cost) AS billed
                        FROM {from_files(paths[key] for key in charges)} GROUP BY ALL
                    )
                ) GROUP BY ALL ORDER BY ALL
            """).fetchall()
        for currency, day, billed, effective in rows:
            days.setdefault(currency, {})[day] = [plain(billed), plain(effective)]
        invoices = [[*map(str, row[:4]), plain(row[4])] for row in sums]
    DayCosts.objects.get_or_create(version=version, defaults={"days": days, "invoices": invoices})
