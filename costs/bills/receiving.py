"""Takes a file in: copies it into the lake's raw folder and takes the digest of the copy."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from costs.bills.description import UnreadableBill
from costs.bills.sniff import Sniffed, check_expansion, sniff
from costs.stores import Store

BILL_NAMES = (".csv", ".csv.gz", ".parquet", ".gz")


@dataclass(frozen=True)
class Received:
    """A file in the raw folder."""

    given: Path
    key: str
    path: Path
    digest: str
    size: int
    sniffed: Sniffed


def expand(given: list[Path]) -> list[tuple[Path, list[Path]]]:
    """Group the files to read into deliveries: files of one folder arrive together.

    A folder is walked; only files with a bill's name count in it. Raises :class:`OSError` with a
    sentence for what does not exist, and :class:`UnreadableBill` for a folder without bills.
    """
    groups: dict[Path, list[Path]] = {}
    for path in given:
        if path.is_dir():
            found = sorted(
                file
                for file in path.rglob("*")
                if file.is_file() and file.name.endswith(BILL_NAMES) and file.name[0] not in "._"
            )
            if not found:
                raise UnreadableBill("the folder holds no .csv, .csv.gz or .parquet file")
        elif path.is_file():
            found = [path]
        else:
            raise FileNotFoundError("there is no such file or folder")
        for file in found:
            files = groups.setdefault(file.parent.resolve(), [])
            if file.resolve() not in [known.resolve() for known in files]:
                files.append(file)
    return list(groups.items())


def receive(file: Path, store: Store, staging: Path) -> Received:
    """Copy ``file`` into the lake and look at its beginning.

    The raw copy is named by its content, so a file that comes twice is kept once.
    """
    copy = staging / "raw"
    shutil.copyfile(file, copy)  # inside the kernel where that is possible
    # Everything that is said about the file is said about the copy, which nobody else can change.
    with copy.open("rb") as opened:
        sniffed = sniff(opened)
        size = os.fstat(opened.fileno()).st_size
        if sniffed.container == "csv.gz":
            opened.seek(0)
            check_expansion(opened, size)
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    name = re.sub(r"[^A-Za-z0-9._-]", "_", file.name)[-120:].lstrip(".") or "bill"
    key = f"raw/{digest[:2]}/{digest}/{name}"
    if not store.keep(key):  # in use again: not for tidying up now
        store.publish(copy, key)
    return Received(file, key, store.path(key), digest, size, sniffed)


def rejects_key(raw_key: str, reader: str, reader_version: int) -> str:
    """Where the refused rows of a raw file are, as one reader refused them."""
    return f"{raw_key.rpartition('/')[0]}/rejects-{reader}-{reader_version}.parquet"
