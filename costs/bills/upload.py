"""Files that come through the browser: streamed to a private folder, read in the background.

Every upload has a folder of its own below ``DATA_DIR/uploads`` (mode 700), whose name only the
server chooses. Files get names of ours in it; what people called them is only ever shown.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from costs.bills.archives import is_zip, look_into
from costs.bills.description import UnreadableBill
from costs.bills.receiving import BILL_NAMES

MOST_FILES = 100
"""In one upload (Django's own limit as well). A folder of more goes through the command line."""
LEFTOVER_AFTER = timedelta(hours=24)
"""How long the folder of an upload that nobody finished is kept."""
SPREADSHEETS = (".xlsx", ".xlsm", ".ods", ".numbers")


class UploadRefused(ValueError):
    """Nothing of the upload was kept. The message is a sentence that says what to do."""


@dataclass(frozen=True)
class Arrived:
    """A file of an upload: what it was called, what it is called here, and its size in bytes."""

    name: str
    stored: str
    size: int


class ToStaging(FileUploadHandler):
    """Writes each file of a request straight into the upload's folder, up to a limit in bytes.

    What goes beyond the limit is read and dropped, so that the browser gets an answer that it can
    show instead of a cut connection.
    """

    def __init__(self, *, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.folder = new_folder()
        self.arrived: list[Arrived] = []
        self.total = 0
        self._file: IO[bytes] | None = None
        self._refused = False

    @property
    def too_large(self) -> bool:
        """Whether the files together are larger than the limit."""
        return self._refused

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],  # noqa: N803  # Django's name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        """Know before the first byte whether all of it would be too much."""
        # A form field or two and the headers of the parts come on top of the files.
        if content_length > self.limit + (1 << 20):
            self._refuse()

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        """A file begins."""
        super().new_file(field_name, file_name, *args, **kwargs)
        if self._refused:
            raise SkipFile
        self._stored = stored_name(file_name, taken={one.stored for one in self.arrived})
        handle = os.open(self.folder / self._stored, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """A piece of it: nothing is handed on to other handlers."""
        if self._file is None:
            return
        self.total += len(raw_data)
        if self.total > self.limit:
            self._refuse()
            return
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        """A file has come whole. ``request.FILES`` stays empty: see ``arrived``."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self.arrived.append(Arrived(self._shown_name(), self._stored, file_size))

    def _shown_name(self) -> str:
        """What its owner called it; with a number where another of the upload is called so."""
        name = str(self.file_name)[:200]
        taken = {one.name for one in self.arrived}
        number, shown = 1, name
        while shown in taken:
            number += 1
            shown = f"{name} ({number})"
        return shown

    def upload_interrupted(self) -> None:
        """The browser went away."""
        self.discard()

    def discard(self) -> None:
        """Remove all that has come."""
        if self._file is not None:
            self._file.close()
            self._file = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _refuse(self) -> None:
        self._refused = True
        self.discard()


def root() -> Path:
    """The folder of all uploads."""
    folder = Path(settings.DATA_DIR) / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def new_folder() -> Path:
    """A folder for one upload, for nobody else's eyes."""
    folder = root() / uuid.uuid4().hex
    folder.mkdir(mode=0o700)
    return folder


def folder_of(upload: str) -> Path:
    """The folder of an upload by its name. Raises :class:`ValueError` for any other text."""
    if not re.fullmatch(r"[0-9a-f]{32}", upload):
        raise ValueError(f"{upload!r} is not an upload")
    return Path(settings.DATA_DIR) / "uploads" / upload


def is_here(upload: str) -> bool:
    """Whether the files of an upload are still here: not read yet, and not given up."""
    return bool(upload) and folder_of(upload).is_dir()


def stored_name(name: str, *, taken: set[str]) -> str:
    """What a file is called on our disk: plain letters, no path, no leading dot, not taken.

    Two reports of two months are often called the same; the second becomes ``report-2.csv``.
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip("._-")[-100:].lstrip("._-") or "bill"
    stem, dot, ending = plain.partition(".")
    number, candidate = 1, plain
    while candidate in taken:
        number += 1
        candidate = f"{stem}-{number}{dot}{ending}"
    return candidate


def check(arrived: list[Arrived], folder: Path) -> None:
    """Refuse what cannot be a bill before anybody waits for it. Raises :class:`UploadRefused`."""
    if not arrived:
        raise UploadRefused("Choose at least one file: nothing has arrived.")
    for one in arrived:
        if not one.size:
            raise UploadRefused(f"{one.name}: the file is empty. Leave it out, or export it again.")
        if not is_zip(folder / one.stored):
            continue
        if one.name.lower().endswith(SPREADSHEETS):
            raise UploadRefused(
                f"{one.name}: this is a spreadsheet. Give the CSV or Parquet file that the"
                " provider exported."
            )
        try:
            look_into(folder / one.stored, BILL_NAMES)
        except UnreadableBill as error:
            raise UploadRefused(f"{one.name}: {error}.") from None


def remove_leftovers(*, now: datetime, open_uploads: set[str]) -> int:
    """Remove folders older than a day of which no job will read any more; return how many."""
    removed = 0
    for folder in root().iterdir():
        changed = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        if folder.name not in open_uploads and now - changed > LEFTOVER_AFTER:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed
