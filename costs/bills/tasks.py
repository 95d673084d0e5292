"""Reading and fetching bills in the background."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from costs.bills.building import IngestError
from costs.bills.models import Connection
from costs.bills.operations import ingest_bill
from costs.bills.upload import folder_of
from costs.cli import as_of_moment
from costs.jobs.kinds import Telling

INGEST = "bills.ingest"
"""The kind of work that reads an upload."""


def ingest_upload(
    tell: Telling, *, upload: str, files: Sequence[Sequence[str]], by: str
) -> dict[str, Any]:
    """Read the files of an upload as one delivery.

    ``files`` are pairs of the name on our disk and the name that its owner gave it. Done twice it
    answers ``unchanged`` the second time. Raises :class:`IngestError` when nothing was kept.
    """
    folder = folder_of(upload)
    names = {str(folder / stored): name for stored, name in files}
    try:
        loaded = ingest_bill(
            [folder / stored for stored, _ in files],
            actor=by,
            now=timezone.now(),
            progress=lambda what, share: tell(_called(what, files), share),
        )
    except IngestError as error:
        message = str(error)
        # The longest first: one path may begin like another.
        for path, name in sorted(names.items(), key=lambda one: -len(one[0])):
            message = message.replace(path, name)
        raise IngestError(message) from None
    return {
        "bills": [
            {**asdict(bill), "file": _shown(bill.file, names)}
            | {"billed_cost": str(bill.billed_cost), "effective_cost": str(bill.effective_cost)}
            for bill in loaded
        ]
    }


def _shown(file: str, names: Mapping[str, str]) -> str:
    """A file, or one in an archive, with the name that its owner gave."""
    for path, name in names.items():
        if file == path or file.startswith(f"{path}/"):
            return name + file.removeprefix(path)
    return file


def fetch(tell: Telling, *, connection: int, again: bool, as_of: str) -> dict[str, Any]:
    """Fetch by a connection. Raises :class:`fetching.FetchFailed` when anything is missing."""
    from costs.bills import fetching

    known = Connection.objects.filter(pk=connection).first()
    if known is None:
        raise fetching.FetchFailed("the connection has been removed")
    steps = fetching.fetch(
        tell, known, again=again, now=timezone.now(), as_of=as_of_moment(as_of or None)
    )
    return {"steps": [asdict(one) for one in steps]}


def check(tell: Telling, *, kind: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Test a connection: what it may do and what it may not."""
    from costs.bills import fetching

    tell("asking", 0)
    found = fetching.check_connection(kind, parameters, today=timezone.now().date())
    return {"findings": [asdict(one) for one in found]}


def remove_upload(*, upload: str, **_: Any) -> None:
    """Remove the files of an upload that has been read, or of which nothing could be kept."""
    shutil.rmtree(folder_of(upload), ignore_errors=True)


def _called(what: str, files: Sequence[Sequence[str]]) -> str:
    """What is being done, with the name that people know."""
    for stored, name in files:
        if what.endswith(f" {stored}"):
            return what.removesuffix(stored) + name
    return what
