"""The two halves of a bill of Azure cost details: actual and amortized cost.

Both files have the same columns, so a file says which it is only by its rows: reservations and
savings plans are bought in the actual half, and are used or left unused in the amortized one. In a
bill of both, rows of the actual half carry the billed cost and rows of the amortized half the
effective cost. A half that comes alone is completed by the other one of the live version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from costs.bills.building import Arrived, Bill, IngestError, bills_of
from costs.bills.description import Reader
from costs.bills.manifests import Half
from costs.bills.readers.azure_actual import AzureActual
from costs.bills.readers.azure_amortized import AzureAmortized
from costs.bills.receiving import Received
from costs.bills.sniff import sniff
from costs.lake.engine import open_for_work
from costs.lake.models import BillVersion, Delivery
from costs.lake.staging import Slice, Staged
from costs.lake.versions import from_files
from costs.stores.store import Store

READERS: Final[dict[Half, Reader]] = {"actual": AzureActual(), "amortized": AzureAmortized()}


class Overtaken(RuntimeError):
    """The live version is not the one whose half was taken any more."""


@dataclass(frozen=True)
class Evidence:
    """Rows of a file that only one of the halves can have."""

    bought: int
    """Purchases of commitments: the actual half alone has them."""
    unused: int
    """Unused parts of commitments: the amortized half alone has them."""
    covered_at_cost: int
    """Covered usage that costs something, as in the amortized half."""
    covered_for_nothing: int
    """Covered usage that costs nothing, as in the actual half."""


def half_of(rows: Evidence) -> Half | None:
    """Which half the rows are; None without any commitment, where both halves are the same.

    Raises :class:`ValueError` when it can be neither.
    """
    if rows.bought and rows.unused:
        raise ValueError(
            "it has both purchases and unused parts of commitments, so actual and amortized cost"
            " are mixed in it"
        )
    if rows.bought:
        return "actual"
    if rows.unused or rows.covered_at_cost > rows.covered_for_nothing:
        return "amortized"
    return "actual" if rows.covered_for_nothing else None


def tell_halves(
    groups: Sequence[list[Arrived]], source: str | None, store: Store
) -> list[list[Arrived]]:
    """Say of each Azure file which half it is, and join deliveries that complete each other.

    Raises :class:`IngestError` for a file that can be neither, or either.
    """
    joined: list[list[Arrived]] = []
    for files in groups:
        details = [file for file in files if file.reader.family == AzureActual.family]
        for file in details:
            file.half = file.half or _by_its_rows(file, store)
        for bill in bills_of(details, source):
            _settle(bill, store)
        for file in details:
            file.reader = READERS[file.half or "actual"]
        other = next((one for one in joined if _complete_each_other(one, files, source)), None)
        if other is None:
            joined.append(files)
        else:
            other += files
    return joined


def _by_its_rows(file: Arrived, store: Store) -> Half | None:
    assert file.staged is not None  # noqa: S101 - staged just before
    with closing(open_for_work(store.root)) as connection:
        found = connection.execute(
            "SELECT count(*) FILTER (charge_category = 'Purchase'"
            " AND commitment_discount_id IS NOT NULL),"
            " count(*) FILTER (commitment_discount_status = 'Unused'),"
            " count(*) FILTER (commitment_discount_status = 'Used' AND billed_cost <> 0),"
            " count(*) FILTER (commitment_discount_status = 'Used' AND billed_cost = 0)"
            f" FROM {from_files([file.staged.charges])}"
        ).fetchone()
    try:
        return half_of(Evidence(*(found or (0, 0, 0, 0))))
    except ValueError as error:
        raise IngestError(f"{file.received.given}: {error}") from None


def _settle(bill: Bill, store: Store) -> None:
    """Decide about the files of a bill that may be either half."""
    files = [file for file, _ in bill.shares]
    open_ones = [file for file in files if file.half is None]
    known = {file.half for file in files if file.half}
    if not open_ones:
        return
    if len(known) > 1:
        raise IngestError(
            f"{open_ones[0].received.given}: it has no commitments, so it may be of the actual or"
            " of the amortized export; give each export in a folder of its own, or upload it by"
            " itself"
        )
    twins = not known and len(files) == 2 and _same_charges(files, store)
    for nth, file in enumerate(open_ones):
        file.half = known.copy().pop() if known else ("amortized" if twins and nth else "actual")


def _same_charges(files: Sequence[Arrived], store: Store) -> bool:
    """Whether files hold the same charges, in whatever order."""
    with closing(open_for_work(store.root)) as connection:
        found = {
            connection.execute(
                "SELECT count(*), sum(CAST(hash(charge_day, lower(resource_id), sku_id,"
                " charge_category, billed_cost, pricing_quantity, sub_account_id) AS HUGEINT))"
                f" FROM {from_files([file.staged.charges])}"
            ).fetchone()
            for file in files
            if file.staged
        }
    return len(found) == 1


def _complete_each_other(
    one: Sequence[Arrived], other: Sequence[Arrived], source: str | None
) -> bool:
    """Whether one delivery is the actual and the other the amortized half of a bill."""
    deliveries = (one, other)
    halves = [{file.half for file in files if file.half} for files in deliveries]
    if halves not in ([{"actual"}, {"amortized"}], [{"amortized"}, {"actual"}]):
        return False
    mine, theirs = (
        {(bill.source, bill.period) for bill in bills_of(files, source)} for files in deliveries
    )
    return bool(mine & theirs)


def complete(bill: Bill, store: Store, read: Callable[[Arrived], Staged]) -> None:
    """Take the half that a bill lacks from the live version; ``read`` stages a raw file again."""
    if bill.shares[0][0].reader.family != AzureActual.family:
        return
    halves = {file.half for file, _ in bill.shares}
    live = BillVersion.objects.filter(
        source__name=bill.source, billing_period=bill.period, status=BillVersion.Status.LIVE
    ).first()
    bill.compared_with = (live.pk if live else None,)
    if live is not None and len(halves) == 1:
        lacking: Half = "amortized" if "actual" in halves else "actual"
        given = {file.received.digest for file, _ in bill.shares}
        for part in live.parts.select_related("delivery"):
            delivery = part.delivery
            if delivery.format == READERS[lacking].name and delivery.digest not in given:
                file = _again(delivery, lacking, store)
                file.staged = read(file)
                own = [
                    one
                    for mine in bills_of([file], bill.source)
                    if mine.period == bill.period
                    for one in mine.shares[0][1]
                ]
                if own:
                    bill.shares.append((file, own))
    if bill.halves == {"actual", "amortized"}:
        bill.shares = [
            (file, [as_half(one, file.half) for one in own]) for file, own in bill.shares
        ]


def as_half(one: Slice, half: Half | None) -> Slice:
    """The sums of a file's share where both halves are there."""
    if half == "actual":
        return replace(one, effective_cost=Decimal(0), list_cost=None, contracted_cost=None)
    return replace(one, billed_cost=Decimal(0))


def _again(delivery: Delivery, half: Half, store: Store) -> Arrived:
    """A raw file that came earlier, as if it had arrived again."""
    path = store.path(delivery.raw_key)
    with path.open("rb") as opened:
        sniffed = sniff(opened)
    received = Received(
        Path(delivery.file_name), delivery.raw_key, path, delivery.digest, delivery.size, sniffed
    )
    kind = "Effective" if half == "amortized" else "Billed"
    notice = (
        f"{kind} cost is of Azure's {half} file of {delivery.delivered_at:%Y-%m-%d}; the other"
        " half has come later."
    )
    return Arrived(received, READERS[half], half=half, carried=delivery.pk, notices=(notice,))
