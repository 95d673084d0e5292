"""Takes a file in: copies it into the lake's raw folder and takes the digest of the copy."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from costs.bills.sniff import Sniffed, check_expansion, sniff
from costs.stores import Store

BILL_NAMES = (".csv", ".csv.gz", ".parquet", ".gz", ".zip")


@dataclass(frozen=True)
class Received:
    """A file in the raw folder."""

    given: Path
    """What its owner calls it."""
    key: str
    path: Path
    digest: str
    size: int
    sniffed: Sniffed


@dataclass(frozen=True)
class Taken:
    """A copy that nobody else can change, and what is said about it."""

    name: str
    copy: Path
    digest: str
    size: int
    sniffed: Sniffed


def take(file: Path, copy: Path) -> Taken:
    """Copy ``file`` and look at the copy: its beginning, its digest, and that it is no bomb.

    Touches nothing but ``copy``, so that several files are taken at once.
    """
    shutil.copyfile(file, copy)  # inside the kernel where that is possible
    with copy.open("rb") as opened:
        sniffed = sniff(opened)
        size = os.fstat(opened.fileno()).st_size
        if sniffed.container == "csv.gz":
            opened.seek(0)
            check_expansion(opened, size)
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return Taken(file.name, copy, digest, size, sniffed)


def receive(taken: Taken, shown: Path, store: Store) -> Received:
    """Keep a file that was taken in the lake; its owner calls it ``shown``.

    The raw copy is named by its content, so a file that comes twice is kept once.
    """
    name = re.sub(r"[^A-Za-z0-9._-]", "_", taken.name)[-120:].lstrip(".") or "bill"
    key = f"raw/{taken.digest[:2]}/{taken.digest}/{name}"
    if not store.keep(key):  # in use again: not for tidying up now
        store.publish(taken.copy, key)
    return Received(shown, key, store.path(key), taken.digest, taken.size, taken.sniffed)


def rejects_key(raw_key: str, reader: str, reader_version: int) -> str:
    """Where the refused rows of a raw file are, as one reader refused them."""
    return f"{raw_key.rpartition('/')[0]}/rejects-{reader}-{reader_version}.parquet"
