"""Column mappings of sources: which one reads a file, and how people make and change them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from costs.bills.description import Columns, Reader, UnreadableBill
from costs.bills.mapping import (
    COLUMN_FIELDS,
    ColumnMapping,
    Mapped,
    guess,
    guess_date_format,
    has_decimal_comma,
)
from costs.bills.models import SourceMapping
from costs.bills.readers import reader_for
from costs.bills.sampling import ROWS_KEPT, Sample
from costs.lake import staging
from costs.lake.engine import open_for_work
from costs.lake.staging import Reject, StagingError
from costs.lake.versions import from_files
from costs.people.operations import record
from costs.stores import open_store


class Overtaken(RuntimeError):
    """Somebody else has changed the mapping meanwhile; nothing was written."""


def reader_of(
    types: Mapping[str, str], delimiter: str, source: str | None
) -> tuple[Reader, str | None]:
    """What reads a file with these columns, and the source whose mapping that is.

    A mapping of the named ``source`` comes first, then one that was made from the same header, then
    the known formats. Raises :class:`UnreadableBill` when there is none, or more than one.
    """
    columns = Columns(types)
    if all(kind == "TEXT" for kind in types.values()):
        mappings = [
            (row.source, Mapped(ColumnMapping.from_json(row.document), row.version))
            for row in SourceMapping.objects.filter(document__isnull=False)
            if row.document is not None
        ]
        for name, reader in mappings:
            mapping = reader.mapping
            if name == source and columns.has(*mapping.needed) and mapping.delimiter == delimiter:
                return reader, name
        fitting = [
            (name, reader)
            for name, reader in mappings
            if reader.recognises(columns) and reader.mapping.delimiter == delimiter
        ]
        if len(fitting) > 1:
            names = ", ".join(name for name, _ in fitting)
            raise UnreadableBill(f"the mappings of {names} fit it; say which with --source")
        if fitting:
            return fitting[0][1], fitting[0][0]
    if delimiter != ",":
        raise UnreadableBill(
            "the header has no commas, so this is no comma-separated bill; it seems to use"
            f" {delimiter!r}, which a column mapping can read"
        )
    return reader_for(types), None


def begin(*, source: str, sample: Sample, actor: str, now: datetime) -> SourceMapping:
    """Keep the sample of a source that has no mapping yet; it reads nothing before it is saved.

    Raises :class:`ValueError` when the source has one.
    """
    try:
        with transaction.atomic():
            row = SourceMapping.objects.create(
                source=source, sample=sample.as_json(), changed_at=now, changed_by=actor
            )
            record(
                actor=actor,
                action="mapping.begun",
                subject=str(row),
                detail={"columns": list(sample.columns)},
                now=now,
            )
    except IntegrityError:
        raise ValueError(f"{source} has a mapping already; open that one.") from None
    return row


def beginning(row: SourceMapping) -> ColumnMapping:
    """The mapping to show: what was saved, or a guess at the sample."""
    sample = Sample.from_json(row.sample)
    if row.document is not None:
        return replace(
            ColumnMapping.from_json(row.document),
            header=sample.columns,
            delimiter=sample.delimiter,
        )
    found = guess(sample.columns)
    day, cost = found.pop("date", ""), found.pop("cost", "")
    days, costs = (sample.values(name, ROWS_KEPT) if name else () for name in (day, cost))
    return ColumnMapping(
        header=sample.columns,
        delimiter=sample.delimiter,
        provider=row.source,
        date=day,
        cost=cost,
        date_format=guess_date_format(days),
        decimal_comma=has_decimal_comma(costs),
        **{name: found.get(name, "") for name in COLUMN_FIELDS if name not in ("date", "cost")},  # type: ignore[arg-type]
    )


def save(pk: int, *, mapping: ColumnMapping, seen: int, actor: str, now: datetime) -> SourceMapping:
    """Put a mapping in force for its source: bills of it are read by it from now on.

    ``seen`` is the version that the person has seen. Raises :class:`Overtaken` when there is
    another by now and :class:`ValueError` with a sentence when it cannot be used.
    """
    if problems := mapping.problems():
        raise ValueError(next(iter(problems.values())))
    with transaction.atomic():
        row = SourceMapping.objects.select_for_update().get(pk=pk)
        if row.version != seen:
            raise Overtaken
        before, after = row.document or {}, mapping.as_json()
        changed = {
            name: [_said(before.get(name)), _said(value)]
            for name, value in after.items()
            if _said(before.get(name)) != _said(value) and name != "header"
        }
        if row.document == after:
            return row
        row.document, row.version = after, row.version + 1
        row.changed_at, row.changed_by = now, actor
        row.save()
        record(
            actor=actor,
            action="mapping.saved",
            subject=str(row),
            detail={"version": row.version, "changed": changed},
            now=now,
        )
    return row


def _said(value: Any) -> str:
    """A field of a mapping as the audit log has it."""
    if isinstance(value, list):
        return ", ".join(value)
    return "yes" if value is True else value or ""


def take_new_sample(
    pk: int, *, sample: Sample, seen: int, actor: str, now: datetime
) -> SourceMapping:
    """Show the mapping of a source by another file, whose header may differ."""
    with transaction.atomic():
        row = SourceMapping.objects.select_for_update().get(pk=pk)
        if row.version != seen:
            raise Overtaken
        row.sample = sample.as_json()
        row.save(update_fields=["sample"])
        record(
            actor=actor,
            action="mapping.sampled",
            subject=str(row),
            detail={"columns": list(sample.columns)},
            now=now,
        )
    return row


def remove(pk: int, *, seen: int, actor: str, now: datetime) -> None:
    """Forget a mapping. Bills that were read by it stay. Raises :class:`Overtaken`."""
    with transaction.atomic():
        row = SourceMapping.objects.select_for_update().get(pk=pk)
        if row.version != seen:
            raise Overtaken
        record(
            actor=actor,
            action="mapping.removed",
            subject=str(row),
            detail={"was": row.document or {}},
            now=now,
        )
        row.delete()


@dataclass(frozen=True)
class PreviewRow:
    """A row of the sample as the charge that it becomes."""

    row: int
    first_day: date
    last_day: date
    cost: Decimal
    currency: str
    service: str
    resource: str
    tags: str


@dataclass(frozen=True)
class Preview:
    """What the sample becomes: charges, and the rows that are none."""

    charges: Sequence[PreviewRow]
    rejects: Sequence[Reject]
    problem: str = ""
    """Why the file as a whole could not be read."""


def preview(mapping: ColumnMapping, sample: Sample) -> Preview:
    """Read the sample exactly as a bill would be read; nothing is kept."""
    store = open_store(settings.LAKE_URL)
    folder = store.new_staging()
    try:
        raw = folder / "sample.csv"
        raw.write_bytes(sample.as_csv())
        columns = Columns(dict.fromkeys(sample.columns, "TEXT"))
        expressions = Mapped(mapping, 0).charge(columns)
        with closing(open_for_work(store.root, ordered=True)) as connection:
            staged = staging.stage(
                connection,
                raw,
                "csv",
                sample.columns,
                columns,
                expressions,
                folder,
                0,
                sample.delimiter,
            )
            found: list[tuple[Any, ...]] = connection.execute(
                "SELECT source_row, charge_day, charge_day + charge_days - 1, billed_cost,"
                " billing_currency, service_name, coalesce(resource_id, ''), coalesce(tags, '')"
                f" FROM {from_files([staged.charges])} ORDER BY source_row"
            ).fetchall()
    except (UnreadableBill, StagingError) as error:
        return Preview((), (), str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Preview([PreviewRow(*row) for row in found], staged.first_rejects)
