"""Fetching by a connection: what is new there comes here, and becomes bills.

Every delivery is one step: brought into a folder of its own, read by ``ingest_bill``, written
down. Whatever ends a run, each finished step stays, and the next run goes on with what lies in the
folder. Nothing is loaded twice: the same content is known by its digest.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from costs.bills.building import IngestError
from costs.bills.clouds.connector import Connector, Finding, Total
from costs.bills.clouds.opening import open_connector
from costs.bills.clouds.patience import Patience
from costs.bills.clouds.trouble import CloudTrouble
from costs.bills.exports import Offer
from costs.bills.models import Connection, FetchedDelivery
from costs.bills.operations import LoadedBill, ingest_bill
from costs.bills.receiving import BILL_NAMES
from costs.bills.reconciling import record_provider_total
from costs.money import plain
from costs.people.operations import record

CHECK_ATTEMPTS = 2
"""How often a test of a connection sends a request: somebody is waiting for it (ours)."""

type Tell = Callable[[str, float], None]


class FetchFailed(RuntimeError):
    """A run has not brought all that there is. The message says what is missing, in words."""


@dataclass(frozen=True)
class Step:
    """What became of one delivery in a run."""

    name: str
    billing_period: str
    state: str
    error: str
    size: int
    bills: Sequence[dict[str, Any]]


def connector_of(kind: str, parameters: dict[str, str], patience: Patience) -> Connector:
    """The connector with the endpoints of this installation."""
    return open_connector(
        kind,
        parameters,
        bill_names=BILL_NAMES,
        azure_management=settings.AZURE_ENDPOINT,
        azure_blob=settings.AZURE_BLOB_ENDPOINT,
        patience=patience,
    )


def check_connection(
    kind: str, parameters: dict[str, str], *, today: date, patience: Patience | None = None
) -> list[Finding]:
    """Ask for all that a connection needs, and load nothing."""
    patience = patience or Patience(attempts=CHECK_ATTEMPTS)
    try:
        return list(connector_of(kind, parameters, patience).check(today))
    except CloudTrouble as trouble:
        return [Finding("", "", False, str(trouble))]


def fetch(
    tell: Tell,
    connection: Connection,
    *,
    again: bool,
    now: datetime,
    as_of: datetime | None = None,
    patience: Patience | None = None,
) -> list[Step]:
    """Bring what is new by ``connection`` and load it; return what became of each delivery.

    ``again`` also takes what could not be read the last time; ``as_of`` is when the deliveries
    count as arrived, and up to when an API is asked. Raises :class:`FetchFailed` when anything is
    missing in the end; what was loaded by then stays loaded.
    """
    steps: list[Step] = []
    trouble: CloudTrouble | None = None
    with _alone(connection):
        Connection.objects.filter(pk=connection.pk).update(last_run_at=now)
        try:
            connector = connector_of(connection.kind, connection.parameters, patience or Patience())
            tell("looking for what is new", 0)
            offers = connector.offers(_since(connection), (as_of or now).date())
            wanted = _wanted(connection, offers, again)
            _tidy(connection, wanted)
            for nth, offer in enumerate(wanted):
                part = _part_of(tell, nth, len(wanted))
                steps.append(_step(part, connection, connector, offer, now, as_of or now))
        except CloudTrouble as found:
            trouble = found
    lacking = _lacking(connection, steps, trouble)
    _finish(connection, lacking, trouble, now)
    if lacking:
        raise FetchFailed(lacking)
    tell("done", 1)
    return steps


def fetch_folder(connection: Connection) -> Path:
    """Where a connection keeps what it is fetching, for nobody else's eyes."""
    root = Path(settings.DATA_DIR) / "fetches"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root / str(connection.pk)


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold a connection's folder: a worker that was given up for dead may still write in it."""
    folder = fetch_folder(connection)
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise FetchFailed("another worker is still fetching; the next run goes on") from None
    finally:
        os.close(handle)


def _part_of(tell: Tell, nth: int, of: int) -> Tell:
    """``tell`` for one delivery of several."""
    if of == 1:
        return tell
    return lambda what, share: tell(f"{what} ({nth + 1} of {of})", (nth + share) / of)


def _since(connection: Connection) -> date | None:
    text = connection.parameters.get("since", "")
    return date.fromisoformat(f"{text}-01") if text else None


def _wanted(connection: Connection, offers: Sequence[Offer], again: bool) -> list[Offer]:
    """What to fetch: what is new or has changed, and what may have."""
    known = {one.name: one for one in connection.fetched.all()}
    wanted = []
    for offer in offers:
        before = known.get(offer.name)
        failed = before is not None and before.state == FetchedDelivery.State.FAILED
        if (
            before is None
            or before.etags != offer.etags
            or (failed and again)
            or (not offer.objects and (offer.open or failed))
        ):
            wanted.append(offer)
    return wanted


def _tidy(connection: Connection, wanted: Sequence[Offer]) -> None:
    """Remove what lies there of deliveries that nobody offers any more."""
    folder = fetch_folder(connection)
    keep = {offer.folder for offer in wanted}
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.name not in keep:
            shutil.rmtree(one, ignore_errors=True)


def _step(
    tell: Tell,
    connection: Connection,
    connector: Connector,
    offer: Offer,
    now: datetime,
    delivered_at: datetime,
) -> Step:
    """One delivery: brought, read, written down. Raises :class:`CloudTrouble` and keeps pieces."""
    if offer.problem:
        return _written(connection, offer, [], (), offer.problem, now)
    folder = fetch_folder(connection) / offer.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    totals = connector.bring(offer, folder, lambda what, share: tell(what, share * 0.6))
    loaded: list[LoadedBill] = []
    error = ""
    # An API may have nothing to say of a month, or be asked for its totals alone.
    if any(one.name.endswith(BILL_NAMES) for one in folder.rglob("*")):
        try:
            loaded = ingest_bill(
                [folder],
                source=connection.parameters.get("source"),
                actor=f"connection {connection.name}",
                now=now,
                delivered_at=delivered_at,
                progress=lambda what, share: tell(what, 0.6 + share * 0.4),
            )
        except IngestError as failed:
            # People know the objects by their keys, not by where we have put them.
            error = str(failed).replace(f"{folder}/", "").replace(str(folder), offer.name)
    step = _written(connection, offer, loaded, totals, error, now)
    shutil.rmtree(folder, ignore_errors=True)
    return step


def _written(
    connection: Connection,
    offer: Offer,
    loaded: Sequence[LoadedBill],
    totals: Sequence[Total],
    error: str,
    now: datetime,
) -> Step:
    State = FetchedDelivery.State  # noqa: N806  # a class
    bills = [
        {
            "source": bill.source,
            "billing_period": bill.billing_period,
            "version": bill.version,
            "status": bill.status,
            "rows": bill.rows,
            "rejected": bill.rejected,
            "billed_cost": plain(bill.billed_cost),
            "currency": bill.currency,
            "why": bill.why,
        }
        for bill in loaded
    ]
    state = State.FAILED if error else State.LOADED
    with transaction.atomic():
        for total in totals:
            record_provider_total(**asdict(total), actor=f"connection {connection.name}", now=now)
        FetchedDelivery.objects.update_or_create(
            connection=connection,
            name=offer.name,
            defaults={
                "billing_period": offer.period,
                "etags": offer.etags,
                "size": offer.size,
                "state": state,
                "error": error[:1000],
                "fetched_at": now,
                "bills": bills,
            },
        )
    period = f"{offer.period:%Y-%m}" if offer.period else ""
    return Step(offer.name, period, str(state), error, offer.size, bills)


def _lacking(connection: Connection, steps: Sequence[Step], trouble: CloudTrouble | None) -> str:
    """What a run lacks, in words; empty when it lacks nothing."""
    said = []
    if trouble is not None:
        done = sum(step.state == FetchedDelivery.State.LOADED for step in steps)
        kept = f" after {done} deliver{'y' if done == 1 else 'ies'}" if done else ""
        goes_on = "; what has come is kept, and the next run goes on from there"
        said.append(f"{trouble}{kept}{goes_on if kept or _has_pieces(connection) else ''}")
    # Also what an earlier run could not read: it is still missing, although it was not tried anew.
    unread = connection.fetched.filter(state=FetchedDelivery.State.FAILED)
    said += [f"{one.name}: {one.error}" for one in unread[:3]]
    if (more := unread.count() - 3) > 0:
        said.append(f"{more} more could not be read")
    return "; ".join(said)[:1000]


def _has_pieces(connection: Connection) -> bool:
    folder = fetch_folder(connection)
    return folder.is_dir() and any(one.is_file() for one in folder.rglob("*"))


def _finish(
    connection: Connection, lacking: str, trouble: CloudTrouble | None, now: datetime
) -> None:
    values: dict[str, Any] = {
        "last_error": lacking,
        "passes": trouble is not None and trouble.passes,
    }
    if not lacking:
        values["last_success_at"] = now
    before = Connection.objects.filter(pk=connection.pk).values_list("last_error", flat=True)
    with transaction.atomic():
        changed = list(before) != [lacking]
        Connection.objects.filter(pk=connection.pk).update(**values)
        if changed:
            record(
                actor=f"connection {connection.name}",
                action="connection.failing" if lacking else "connection.working",
                subject=connection.name,
                detail={"error": lacking} if lacking else {},
                now=now,
            )
