"""Zip archives: their members are unpacked into the workspace, one after the other, within limits.

Nothing of an archive decides where a file goes: members get names of ours, and folders only as far
as they consist of plain names. CSV is compressed again on the way, for the raw file is kept.
"""

from __future__ import annotations

import gzip
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from costs.bills.description import UnreadableBill
from costs.bills.manifests import is_manifest
from costs.bills.sniff import EXPANSION_ALLOWED, LARGEST_EXPANSION

MOST_MEMBERS = 1000
"""In one archive (ours). A delivery of more comes as a folder."""
LONGEST_NAME = 200
"""Bytes of a member's name without its folders: what every file system takes (ours)."""
CHUNK = 1 << 20
ZIP = b"PK\x03\x04"
SPREADSHEETS = ("xl/workbook.xml", "content.xml", "Index/Document.iwa", "xl/workbook.bin")
"""Members by which a spreadsheet is told: these files are zip archives too."""

DAMAGE = (zipfile.BadZipFile, UnicodeDecodeError, struct.error)
"""What opening an archive raises whose list of members is damaged, or names them in no UTF-8."""


def is_zip(path: Path) -> bool:
    """Whether a file begins like a zip archive."""
    with path.open("rb") as file:
        return file.read(4) == ZIP


def unpack(archive: Path, into: Path, wanted: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Unpack the members whose names end like ``wanted``, and manifests; return name and file.

    Raises :class:`UnreadableBill` for an archive that is damaged, encrypted, too large or hostile,
    and for one without any bill; files that were unpacked until then lie in ``into``.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = list(_members(opened, wanted))
            allowed = max(EXPANSION_ALLOWED, archive.stat().st_size * LARGEST_EXPANSION)
            found = []
            for nth, member in enumerate(members):
                file, size = _extract(opened, member, into / f"{nth:04d}", allowed)
                allowed -= size
                found.append((member.filename, file))
            return found
    except (*DAMAGE, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableBill(f"the zip archive is damaged: {str(error)[:120]}") from None


def look_into(archive: Path, wanted: tuple[str, ...]) -> None:
    """Raise :class:`UnreadableBill` for an archive that :func:`unpack` would refuse at once."""
    try:
        with zipfile.ZipFile(archive) as opened:
            list(_members(opened, wanted))
    except DAMAGE as error:
        raise UnreadableBill(f"the zip archive is damaged: {str(error)[:120]}") from None


def _members(archive: zipfile.ZipFile, wanted: tuple[str, ...]) -> Iterator[zipfile.ZipInfo]:
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) > MOST_MEMBERS:
        raise UnreadableBill(
            f"the zip archive has {len(members):,} files; {MOST_MEMBERS:,} are allowed"
        )
    names = {one.filename for one in members}
    if names & set(SPREADSHEETS):
        raise UnreadableBill(
            "this is a spreadsheet; give the CSV or Parquet file that the provider exported"
        )
    if len(names) < len(members):
        raise UnreadableBill("the zip archive has two files of one name")
    chosen = 0
    for one in members:
        name = one.filename
        steps = name.split("/")
        if any(step in {"", ".", ".."} for step in steps) or re.search(r"[\x00-\x1f\\:]", name):
            raise UnreadableBill(f"the zip archive has a file {name[:200]!r}, which is no path")
        if len(steps[-1].encode()) > LONGEST_NAME:
            raise UnreadableBill(
                f"the zip archive has a file {steps[-1][:80]}…, whose name is longer than"
                f" {LONGEST_NAME} bytes"
            )
        if stat.S_ISLNK(one.external_attr >> 16):
            raise UnreadableBill(f"the zip archive has a link, {name[:200]}; it must hold files")
        if one.flag_bits & 0x1:
            raise UnreadableBill("the zip archive is encrypted; unpack it first")
        if any(step[0] in "._" for step in steps):
            continue
        if name.lower().endswith(".zip"):
            raise UnreadableBill(
                f"the zip archive has another archive in it, {name[:200]}; unpack that first"
            )
        if name.lower().endswith(wanted) or is_manifest(steps[-1]):
            chosen += not is_manifest(steps[-1])
            yield one
    if not chosen:
        held = ", ".join(sorted(names)[:3])[:200]
        raise UnreadableBill(
            f"the zip archive holds no .csv, .csv.gz or .parquet file, but {held or 'nothing'}"
        )


def _extract(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, allowed: int
) -> tuple[Path, int]:
    """Write one member below ``folder``; return the file and the bytes that it expands to."""
    folder.mkdir()
    name = member.filename.rpartition("/")[2]
    size = 0
    with archive.open(member) as opened:
        first = opened.read(CHUNK)
        if first[:4] == ZIP:
            raise UnreadableBill(
                f"the zip archive has another archive in it, {member.filename[:200]};"
                " unpack that first"
            )
        plain = is_manifest(name) or first[:4] == b"PAR1" or first[:2] == b"\x1f\x8b"
        target = folder / (name if plain else f"{name.removesuffix('.gz')}.gz")
        with ExitStack() as stack:
            into: BinaryIO = stack.enter_context(target.open("wb"))
            if not plain:
                # Without a time in it, the same content has the same digest.
                packing = gzip.GzipFile(
                    filename="", mode="wb", fileobj=into, compresslevel=3, mtime=0
                )
                into = cast(BinaryIO, stack.enter_context(packing))
            while first:
                size += len(first)
                if size > allowed:
                    raise UnreadableBill(
                        f"the zip archive expands to more than {LARGEST_EXPANSION} times its size;"
                        " refused"
                    )
                into.write(first)
                first = opened.read(CHUNK)
    return target, size
