"""From received files to published folders: what a delivery brings, written but not yet live."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from costs.bills.allocation import EnvironmentWords, Rule, allocation_sql, rule_set_digest
from costs.bills.description import Reader
from costs.bills.judging import implausible, repeats, source_name, sums_of, unread
from costs.bills.manifests import Half, NamedPart
from costs.bills.models import AllocationRule, Environment
from costs.bills.receiving import Received, rejects_key
from costs.focus import DECIMAL
from costs.lake import operations as lake
from costs.lake import staging
from costs.lake.daily import KEYS, write_keys
from costs.lake.engine import open_for_work, quote
from costs.lake.staging import Slice, Staged
from costs.lake.versions import (
    Share,
    from_files,
    repeated_share,
    table_file,
    write_charges,
    write_tables,
)
from costs.stores import Store

NOUGHT = f"CAST(0 AS {DECIMAL})"
BOUGHT = "charge_category = 'Purchase' AND commitment_discount_id IS NOT NULL"
HALF_REPLACED: Final[dict[Half, str]] = {
    # Quantities and list prices stand in both files: they count once, with what was used.
    "actual": (
        f"{NOUGHT} AS effective_cost, NULL AS list_cost, NULL AS contracted_cost,"
        f" CASE WHEN {BOUGHT} THEN pricing_quantity END AS pricing_quantity,"
        f" CASE WHEN {BOUGHT} THEN consumed_quantity END AS consumed_quantity"
    ),
    "amortized": f"{NOUGHT} AS billed_cost",
}
"""What is replaced in the rows of each half of an Azure bill, where both are there."""


class IngestError(ValueError):
    """Nothing was kept. The message is one line that names the file."""


@dataclass
class Arrived:
    """A received file on its way through."""

    received: Received
    reader: Reader
    number: int = 0
    """Its place among the files of its delivery."""
    staged: Staged | None = None
    source: str | None = None
    """Name of the source whose column mapping it is read by."""
    part: NamedPart | None = None
    """What the manifest says of it."""
    half: Half | None = None
    """Which half of an Azure bill it is."""
    carried: int | None = None
    """Primary key of the earlier delivery that it came with."""
    held_reason: str = ""
    """Why its delivery cannot go live by itself."""
    control_total: Mapping[str, str | int] | None = None
    """What the manifest says of the whole delivery."""
    notices: tuple[str, ...] = ()


@dataclass
class Bill:
    """All that one delivery brings for one source and billing period."""

    source: str
    period: date
    period_end: date
    shares: list[tuple[Arrived, list[Slice]]] = field(default_factory=list)
    compared_with: tuple[int | None] | None = None
    """Primary key of the live version that a half was taken from; None where nothing was asked."""

    @property
    def halves(self) -> set[Half]:
        """The halves of an Azure bill that are here."""
        return {file.half for file, _ in self.shares if file.half}

    @property
    def digest(self) -> str:
        digests = sorted(file.received.digest for file, _ in self.shares)
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def reader_version(self) -> int:
        return max(file.reader.version for file, _ in self.shares)


def parquet_types(received: Received, store: Store) -> dict[str, str]:
    """Column name to DuckDB type of a received Parquet file."""
    with closing(open_for_work(store.root)) as connection:
        return staging.parquet_types(connection, received.path)


def publish_rejects(files: Sequence[Arrived], store: Store) -> None:
    """Keep the refused rows beside the raw file, for the page and its download."""
    for file in files:
        key = rejects_key(file.received.key, file.reader.name, file.reader.version)
        if file.staged and file.staged.rejected and not store.has(key):
            store.publish(file.staged.rejects, key)


def bills_of(files: Sequence[Arrived], source: str | None) -> list[Bill]:
    """The bills that staged files hold, by source (the given name, else derived) and period."""
    bills: dict[tuple[str, date], Bill] = {}
    for file in files:
        assert file.staged is not None  # noqa: S101 - staged just before
        for part in file.staged.slices:
            name = (
                source
                or file.source
                or source_name(part.provider_name, part.billing_account_id, file.reader.family)
            )
            bill = bills.setdefault(
                (name, part.billing_period),
                Bill(name, part.billing_period, part.billing_period_end),
            )
            if not bill.shares or bill.shares[-1][0] is not file:
                bill.shares.append((file, []))
            bill.shares[-1][1].append(part)
    return list(bills.values())


def build(bill: Bill, store: Store) -> lake.NewVersion:
    """Write and publish the version's folder; nothing of it is live yet."""
    rules, environments = current_rules()
    rule_set = rule_set_digest(rules, environments)
    folder = store.new_staging()
    try:
        with closing(open_for_work(store.root)) as connection:
            spans = any(file.staged.spans for file, _ in bill.shares if file.staged)
            charges = write_charges(
                connection, folder, [_share(bill, file, parts) for file, parts in bill.shares]
            )
            keys = folder / KEYS
            write_keys(connection, from_files(charges), keys)
            write_tables(
                connection,
                charges,
                keys,
                rule_set,
                lambda keys: allocation_sql(rules, environments, keys),
                spans=spans,
                into=folder,
            )
            repeated = repeated_share(connection, charges) if len(charges) > 1 else Decimal(0)
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
        held_reason=next((f.held_reason for f, _ in bill.shares if f.held_reason), "")
        or repeats(repeated),
        control_total=first.control_total,
    )


def _share(bill: Bill, file: Arrived, own: Sequence[Slice]) -> Share:
    assert file.staged is not None  # noqa: S101 - staged just before
    whole = len(own) == len(file.staged.slices)
    where = (
        None
        if whole
        else [(part.provider_name, part.billing_account_id, part.billing_period) for part in own]
    )
    both = len(bill.halves) > 1 and file.half
    return Share(file.staged, where, HALF_REPLACED[file.half] if both and file.half else "")


def _part(file: Arrived, own: Sequence[Slice]) -> lake.NewPart:
    staged, received = file.staged, file.received
    assert staged is not None  # noqa: S101 - staged just before
    # A rejected row belongs to no bill for sure: count it once, with the file's largest share.
    largest = max(staged.slices, key=lambda part: part.rows)
    theirs = any(one.of == largest.of for one in own)
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
        rejected=staged.rejected if theirs else 0,
        carried=file.carried,
    )


def _notices(bill: Bill, slices: Sequence[Slice]) -> list[str]:
    """What whoever looks at this bill should know, in sentences."""
    counts: dict[str, int] = {}
    for file, _ in bill.shares:
        for column, count in (file.staged.unread if file.staged else {}).items():
            counts[column] = counts.get(column, 0) + count
    whole = len(bill.halves) > 1  # both of Azure's halves: none is missing
    of_readers = dict.fromkeys(
        n for file, _ in bill.shares for n in file.reader.notices() if not whole
    )
    of_files = dict.fromkeys(n for file, _ in bill.shares for n in file.notices)
    return [*of_readers, *of_files, *unread(counts), *implausible(slices)]


def current_rules() -> tuple[list[Rule], list[EnvironmentWords]]:
    """The allocation rules in order and the environments with their words."""
    rules = [row.as_rule() for row in AllocationRule.objects.all()]
    environments = [row.as_words() for row in Environment.objects.all()]
    return rules, environments
