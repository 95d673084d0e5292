"""Looks at the beginning of a file: is it readable at all, and which columns has it?

Pure but for the file handle it is given. Everything that is wrong with the file as a whole is one
:class:`~costs.bills.description.UnreadableBill`.
"""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Literal

from costs.bills.description import UnreadableBill

LARGEST_HEADER = 1 << 20
"""Bytes. The widest known header (a CUR of a large organisation) has about 60 KB."""
LARGEST_EXPANSION = 200
"""Times. Wide reports shrink by 20 to 60; a bomb by 1,000 (ours)."""
OTHER_DELIMITERS = (";", "\t", "|")
"""What a mapped CSV may have instead of commas."""
EXPANSION_ALLOWED = 64 << 20
"""Bytes that a file may expand to whatever its ratio (ours)."""


@dataclass(frozen=True)
class Sniffed:
    """What a file is, and for a CSV its columns (a Parquet file names its own)."""

    container: Literal["csv", "csv.gz", "parquet"]
    columns: tuple[str, ...]
    delimiter: str = ","
    """What stands between values; known formats have commas, a mapped CSV may have another."""


def sniff(file: BinaryIO) -> Sniffed:
    """Tell the container of an open file and read a CSV's header. Leaves the position anywhere."""
    magic = file.read(4)
    if not magic:
        raise UnreadableBill("the file is empty")
    if magic == b"PAR1":
        return Sniffed("parquet", ())
    if magic == b"PK\x03\x04":
        raise UnreadableBill("this is a zip archive inside of another file; unpack it first")
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return Sniffed("csv.gz", *_header(_unzipped(file, until=b"\n")))
    return Sniffed("csv", *_header(file.read(LARGEST_HEADER)))


def first_bytes(file: BinaryIO, sniffed: Sniffed, most: int) -> bytes:
    """The text at the beginning of an open CSV or CSV.gz, at most about ``most`` bytes."""
    return _unzipped(file)[:most] if sniffed.container == "csv.gz" else file.read(most)


def _unzipped(file: BinaryIO, until: bytes | None = None) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    head = b""
    try:
        while len(head) < LARGEST_HEADER and (chunk := file.read(1 << 16)):
            if until is not None and until in head:
                break
            head += unzip.decompress(chunk, LARGEST_HEADER)
    except zlib.error as error:
        raise UnreadableBill(f"the gzip stream is damaged: {error}") from None
    return head


def _header(head: bytes) -> tuple[tuple[str, ...], str]:
    if not head.strip():
        raise UnreadableBill("the file is empty")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:400]:
        raise UnreadableBill("the text is UTF-16 or binary; save it as UTF-8")
    if head.lstrip()[:1] in (b"{", b"["):
        raise UnreadableBill("this is JSON, not a bill in CSV or Parquet")
    line, newline, _ = head.partition(b"\n")
    if not newline and len(head) >= LARGEST_HEADER:
        raise UnreadableBill("the first line has more than 1 MB: this is no header")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableBill("the header is not UTF-8 text") from None
    if "\r" in text.rstrip("\r"):
        raise UnreadableBill("lines end in a bare carriage return; save with LF or CRLF")
    text = text.rstrip("\r")
    delimiter = ","
    columns = next(csv.reader([text]), [])
    if len(columns) < 2:
        delimiter = max(OTHER_DELIMITERS, key=text.count)
        columns = next(csv.reader([text], delimiter=delimiter), [])
    if len(columns) < 2:
        raise UnreadableBill("the header has no commas, so this is no comma-separated bill")
    seen: set[str] = set()
    for column in columns:
        if not column.strip():
            raise UnreadableBill("the header has a column without a name")
        if column.lower() in seen:
            raise UnreadableBill(f"the header has the column {column[:60]} twice")
        seen.add(column.lower())
    return tuple(columns), delimiter


def check_expansion(file: BinaryIO, size: int) -> None:
    """Raise when a gzip file of ``size`` bytes expands like a bomb; reads it at most once.

    Nothing is kept, so memory stays at one chunk.
    """
    allowed = max(EXPANSION_ALLOWED, size * LARGEST_EXPANSION)
    unzip, expanded = zlib.decompressobj(wbits=31), 0
    try:
        while chunk := file.read(1 << 18):
            while chunk:
                expanded += len(unzip.decompress(chunk, 1 << 20))
                if expanded > allowed:
                    raise UnreadableBill(
                        f"it expands to more than {LARGEST_EXPANSION} times its size; refused"
                    )
                chunk = unzip.unconsumed_tail
                if unzip.eof:
                    chunk, unzip = unzip.unused_data, zlib.decompressobj(wbits=31)
    except zlib.error as error:
        raise UnreadableBill(f"the gzip stream is damaged: {error}") from None
    if expanded and not unzip.eof and unzip.unconsumed_tail:
        raise UnreadableBill("the gzip stream is cut off")
