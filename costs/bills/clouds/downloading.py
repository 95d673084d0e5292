"""Bringing an object into a folder, piece by piece, so that what was cut off goes on.

A folder is for one delivery in one version (see :attr:`costs.bills.exports.Offer.folder`), so a
piece that lies there is always a piece of the very object that is wanted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from costs.bills.clouds.patience import Patience
from costs.bills.clouds.trouble import Busy
from costs.bills.exports import Stored

PIECE = 8 << 20
"""Bytes of one request: small enough to be sent again, large enough not to matter (ours)."""


class Readable(Protocol):
    """A bucket, a container or a link, as far as downloading goes."""

    def read(self, stored: Stored, start: int, length: int) -> bytes:
        """Bytes from ``start`` on, while the object's etag is still the same."""
        ...

    def md5(self, stored: Stored) -> str:
        """The MD5 of an object that was read, as hex digits; empty where nobody tells it."""
        ...


def download(
    source: Readable,
    stored: Stored,
    target: Path,
    *,
    patience: Patience,
    tell: Callable[[int], None],
) -> None:
    """Have the object in ``target``, whole and as its MD5 says, or raise.

    What an earlier attempt has brought is kept and gone on from. ``tell`` is given the number of
    bytes that are there. Raises :class:`~costs.bills.clouds.trouble.CloudTrouble`.
    """
    if target.exists() and target.stat().st_size == stored.size:
        tell(stored.size)
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    growing = target.with_name(f".part-{target.name}")
    for again in (True, False):
        _grow(source, stored, growing, patience, tell)
        if _as_announced(growing, source.md5(stored)):
            break
        # Pieces of an earlier attempt may be what is damaged: once more from the beginning.
        growing.unlink()
        if not again:
            raise Busy(f"{stored.key} arrived damaged twice: its MD5 is not what was announced")
    _sync(growing)
    growing.replace(target)
    _sync(target.parent)


def _grow(
    source: Readable,
    stored: Stored,
    growing: Path,
    patience: Patience,
    tell: Callable[[int], None],
) -> None:
    with growing.open("ab") as file:
        there = file.tell()
        if there > stored.size:
            file.truncate(0)
            there = 0
        while there < stored.size:
            start, length = there, min(PIECE, stored.size - there)
            data = patience.of(lambda s=start, n=length: _piece(source, stored, s, n))  # type: ignore[misc]
            file.write(data)
            file.flush()
            there += len(data)
            tell(there)


def _as_announced(path: Path, md5: str) -> bool:
    if not md5:
        return True
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == md5


def _piece(source: Readable, stored: Stored, start: int, length: int) -> bytes:
    data = source.read(stored, start, length)
    if len(data) != length:
        raise Busy(
            f"{stored.key} arrived cut off: {len(data):,} bytes from byte {start:,} on instead of"
            f" {length:,}"
        )
    return data


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
