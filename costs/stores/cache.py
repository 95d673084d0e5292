"""A bounded folder of files that are somewhere else, shared by all processes of one machine.

What lies under a key never changes, so a file that is here is right and nobody has to ask for it
again. A file appears whole, by a rename. Locks are of the kernel (flock): whoever dies lets go of
them. The folder must be on a disk of this machine.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from costs.errors import OutOfReach

JUST_USED: Final = 60.0
"""Seconds for which a file stays that somebody may just be about to open (ours)."""
MADE_ROOM: Final = 0.9
"""Down to which share of the limit files go once it is passed, so that it is not every time."""
_END: Final = "."
"""The last line of a reader's note; without it, it may read anything."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class _Kept:
    path: Path
    size: int
    used: float


class Cache:
    """``files/`` holds what was fetched, ``fetching/`` what is being fetched, ``reading/`` who
    reads what.

    A reader first writes down what it reads, then looks whether it is there. Who makes room does
    it alone and spares all that is written down; so nothing goes away between look and read.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self.limit = limit
        """Bytes; more only where one query needs more."""
        self._files = root / "files"
        self._fetching = root / "fetching"
        self._reading = root / "reading"
        for folder in (self._files, self._fetching, self._reading):
            folder.mkdir(parents=True, exist_ok=True)

    def at(self, key: str) -> Path:
        """Where ``key`` lies or would lie. Raises :class:`ValueError` when it leaves the store."""
        path = self._files / key
        if ".." in path.parts or not path.is_relative_to(self._files):
            raise ValueError(f"the key {key!r} leaves the store")
        return path

    @contextmanager
    def reading(self, keys: Collection[str]) -> Iterator[None]:
        """Inside the ``with``, what is here or comes here of ``keys`` does not go away."""
        paths = [self.at(key) for key in keys]
        with self._room_lock(fcntl.LOCK_SH):
            note = (self._reading / uuid.uuid4().hex).open("xb", buffering=0)
            fcntl.flock(note, fcntl.LOCK_SH)
            with _unless_full():
                note.write("\n".join([*map(str, paths), _END]).encode())
        try:
            now = time.time_ns()
            for path in paths:
                # Time of use, for who makes room. Not that of change, by which DuckDB knows what
                # it has read of a file already.
                with suppress(FileNotFoundError):
                    os.utime(path, ns=(now, path.stat().st_mtime_ns))
            yield
        finally:
            Path(note.name).unlink(missing_ok=True)
            note.close()

    def fill(self, key: str, fetch: Callable[[BinaryIO], None]) -> Path:
        """The file of ``key``; when it is not here, ``fetch`` writes it, one caller at a time."""
        target = self.at(key)
        partial = self._fetching / hashlib.sha256(key.encode()).hexdigest()
        while not target.exists():
            with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Only who holds the lock of what the name means now may write or rename it.
                if not _is(file, partial):
                    continue
                if target.exists():
                    partial.unlink()
                    break
                try:
                    self._write(file, fetch)
                except BaseException:
                    partial.unlink()
                    raise
                target.parent.mkdir(parents=True, exist_ok=True)
                partial.rename(target)
        return target

    def _write(self, file: BinaryIO, fetch: Callable[[BinaryIO], None]) -> None:
        # First half of what nobody reads goes, then all of it.
        for share in (0.5, 0.0, None):
            try:
                _write_whole(file, fetch)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                if share is None:
                    raise OutOfReach(
                        f"the disk of the cache {self.root} is full; free some space there or set"
                        " a smaller HEADROOM_CACHE_SIZE"
                    ) from None
                os.ftruncate(file.fileno(), 0)
                self.make_room(int(self.size() * share))
            else:
                return

    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self._kept())

    def adopt(self, file: Path, key: str) -> None:
        """Move a file of the same disk in, so that it need not be fetched."""
        target = self.at(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        file.replace(target)

    def forget(self, key: str) -> None:
        """Remove a file, or all in a folder."""
        path = self.at(key)
        if path.is_dir():
            for file in path.rglob("*"):
                if file.is_file():
                    file.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)

    def make_room(self, limit: int | None = None) -> int:
        """Remove what was not used for longest until ``limit`` holds; return the bytes removed.

        Without ``limit`` the cache's own. What somebody reads or has just used stays.
        """
        wanted = self.limit if limit is None else limit
        if self.size() <= wanted:
            return 0
        with self._room_lock(fcntl.LOCK_EX):
            spared = self._being_read()
            kept = sorted(self._kept(), key=lambda one: one.used)
            total, removed = sum(one.size for one in kept), 0
            for one in kept:
                if total - removed <= wanted * MADE_ROOM:
                    break
                if spared is None or str(one.path) in spared:
                    continue
                if time.time() - one.used < JUST_USED:
                    continue
                one.path.unlink(missing_ok=True)
                removed += one.size
        return removed

    def _kept(self) -> list[_Kept]:
        kept = []
        for folder, _, names in self._files.walk():
            for name in names:
                with suppress(FileNotFoundError):
                    found = (folder / name).stat()
                    kept.append(_Kept(folder / name, found.st_size, found.st_atime))
        return kept

    def _being_read(self) -> set[str] | None:
        """What living readers have written down; None when one could not.

        Removes the notes of others.
        """
        paths: set[str] = set()
        for note in self._reading.iterdir():
            with suppress(FileNotFoundError), note.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    *read, end = file.read().split("\n")
                    if end != _END:
                        return None
                    paths.update(read)
                else:
                    note.unlink(missing_ok=True)
        return paths

    @contextmanager
    def _room_lock(self, kind: int) -> Iterator[None]:
        with (self.root / "lock").open("a") as file:
            fcntl.flock(file, kind)
            yield


def _write_whole(file: BinaryIO, fetch: Callable[[BinaryIO], None]) -> None:
    file.seek(0)
    file.truncate()
    fetch(file)
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _unless_full() -> Iterator[None]:
    """On a full disk what is here can still be read."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise


def _is(file: BinaryIO, path: Path) -> bool:
    """Whether ``path`` still names the open ``file``."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
