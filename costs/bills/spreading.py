"""Reading the files of deliveries: here one after the other, or each by whichever worker is free.

A reader's description is data, so what one file needs travels as the arguments of a job: the raw
file's key and the SQL over it. What was read is published in the lake, for another machine may have
read it, and is gone once the delivery is in.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings

from costs.bills.building import Arrived, IngestError
from costs.bills.description import Cast, Columns, UnreadableBill
from costs.jobs.kinds import Telling
from costs.jobs.operations import doing
from costs.jobs.parts import PartFailed, do_parts
from costs.lake import staging
from costs.lake.engine import open_for_work
from costs.lake.operations import STAGED
from costs.lake.staging import CHARGES, REJECTS, Slice, Staged, StagingError
from costs.lake.versions import have_too
from costs.stores import Store, open_store

STAGE = "bills.stage"
"""The kind of work that reads one file of a delivery."""
LARGE = 16 << 20
"""Bytes of a delivery from which on its files are spread: below, the messages cost more (ours)."""
READING = 0.8
"""Share of a delivery's progress that reading its files is (ours)."""


@dataclass(frozen=True)
class Instructions:
    """How one raw file is read, as plain data."""

    raw_key: str
    container: str
    columns: tuple[str, ...]
    readings: Mapping[str, str]
    casts: Mapping[str, Cast]
    expressions: Mapping[str, str]
    number: int
    delimiter: str

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Instructions:
        """From what ``dataclasses.asdict`` made of it and JSON kept."""
        casts = {alias: Cast(**cast) for alias, cast in document["casts"].items()}
        return cls(**{**document, "columns": tuple(document["columns"]), "casts": casts})


def stage_files(
    files: Sequence[Arrived],
    store: Store,
    workspace: Path,
    tell: Callable[[str, float], None],
) -> None:
    """Read every file into ``workspace`` and say so in it. Raises :class:`IngestError`."""
    whole = doing()
    size = sum(file.received.size for file in files)
    if whole is not None and len(files) > 1 and size >= LARGE:
        _spread(whole, files, store, workspace, tell)
        return
    for nth, file in enumerate(files):
        tell(f"reading {file.received.given.name}", READING * nth / len(files))
        file.staged = stage_file(file, store, workspace)


def stage_file(file: Arrived, store: Store, workspace: Path) -> Staged:
    """Read one file into ``workspace``. Raises :class:`IngestError` naming it."""
    return _named(file, lambda one: _stage(_instructions(one, store), store, workspace))


def forget(store: Store) -> None:
    """Remove what workers have read for the work that is being done: nobody needs it any more."""
    if (whole := doing()) is not None:
        store.remove(f"{STAGED}/{whole}")


def stage_part(tell: Telling, *, name: str, whole: int, how: Mapping[str, Any]) -> dict[str, Any]:
    """The kind ``bills.stage``: read one file of a delivery for the run ``whole``.

    ``name`` is the file's, ``how`` are :class:`Instructions`. Done twice there are two results, of
    which the row names one; all of them go with the delivery.
    """
    store = open_store(settings.LAKE_URL)
    workspace = store.new_staging()
    try:
        tell(f"reading {name}", 0)
        staged = _stage(Instructions.from_json(how), store, workspace)
        key = f"{STAGED}/{whole}/{uuid.uuid4().hex}"
        store.publish(staged.folder, key)
    except (UnreadableBill, StagingError) as error:
        raise IngestError(f"{name}: {error}") from None
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return {"key": key, "staged": _as_json(staged)}


def _spread(
    whole: int,
    files: Sequence[Arrived],
    store: Store,
    workspace: Path,
    tell: Callable[[str, float], None],
) -> None:
    parts = [
        {
            "name": str(file.received.given),
            "whole": whole,
            "how": asdict(_named(file, lambda f: _instructions(f, store))),
        }
        for file in files
    ]
    # As JSON keeps them, for they are compared with those of an attempt before.
    for part in parts:
        part["how"]["columns"] = list(part["how"]["columns"])  # type: ignore[index]
    try:
        results = do_parts(
            whole,
            STAGE,
            parts,
            is_kept=lambda result: store.has(f"{result['key']}/{CHARGES}"),
            told=lambda done: tell(
                f"reading files, {done} of {len(files)} done", READING * done / len(files)
            ),
        )
    except PartFailed as error:
        raise IngestError(str(error)) from None
    for file, result in zip(files, results, strict=True):
        folder = workspace / uuid.uuid4().hex
        folder.mkdir()
        keys = {f"{result['key']}/{name}": name for name in (CHARGES, REJECTS)}
        with store.reading(keys) as paths:
            for key, path in paths.items():
                have_too(path, folder / keys[key])
        file.staged = _from_json(result["staged"], folder)


def _instructions(file: Arrived, store: Store) -> Instructions:
    received = file.received
    types = dict.fromkeys(received.sniffed.columns, "TEXT")
    if not types:
        with (
            store.reading([received.key]) as paths,
            closing(open_for_work(store.root)) as connection,
        ):
            types = staging.parquet_types(connection, paths[received.key])
    columns = Columns(types)
    expressions = file.reader.charge(columns)  # fills the columns' casts and readings
    return Instructions(
        raw_key=received.key,
        container=received.sniffed.container,
        columns=received.sniffed.columns,
        readings=dict(columns.readings),
        casts=dict(columns.casts),
        expressions=dict(expressions),
        number=file.number,
        delimiter=received.sniffed.delimiter,
    )


def _stage(how: Instructions, store: Store, workspace: Path) -> Staged:
    into = workspace / uuid.uuid4().hex
    into.mkdir()
    ordered = how.container != "parquet"
    with (
        store.reading([how.raw_key]) as paths,
        closing(open_for_work(store.root, ordered=ordered)) as connection,
    ):
        return staging.stage(
            connection,
            paths[how.raw_key],
            how.container,
            how.columns,
            how,
            how.expressions,
            into,
            how.number,
            how.delimiter,
        )


def _named[T](file: Arrived, work: Callable[[Arrived], T]) -> T:
    """What ``work`` gives; its errors name the file."""
    try:
        return work(file)
    except (UnreadableBill, StagingError) as error:
        raise IngestError(f"{file.received.given}: {error}") from None


def _as_json(staged: Staged) -> dict[str, Any]:
    document = asdict(staged)
    del document["folder"]
    document["unread"] = dict(staged.unread)
    for part in document["slices"]:
        for name, value in part.items():
            if isinstance(value, Decimal | date):
                part[name] = str(value)
    return document


def _from_json(document: Mapping[str, Any], folder: Path) -> Staged:
    days = ("billing_period", "billing_period_end", "least_day", "greatest_day")
    costs = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
    slices = tuple(
        Slice(
            **part
            | {name: date.fromisoformat(part[name]) for name in days}
            | {name: None if part[name] is None else Decimal(part[name]) for name in costs}
        )
        for part in document["slices"]
    )
    rejects = tuple(staging.Reject(**reject) for reject in document["first_rejects"])
    whole = Staged(**{**document, "folder": folder, "slices": slices, "first_rejects": rejects})
    return replace(whole, unread=dict(document["unread"]))
