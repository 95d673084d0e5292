"""Files in a local folder: what is published is whole and on the disk, or not there.

Keys are relative paths with ``/``. The folder may be shared by processes of one machine.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from costs.stores.store import Entry, NotInLake


class LocalStore:
    """A folder. ``staging`` inside it is on the same file system, so publishing is a rename."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def address(self, key: str) -> str:
        return str(self._at(key))

    def has(self, key: str) -> bool:
        return self._at(key).exists()

    def path(self, key: str) -> Path:
        path = self._at(key)
        if not path.exists():
            raise NotInLake(key)
        return path

    @contextmanager
    def reading(self, keys: Collection[str]) -> Iterator[Mapping[str, Path]]:
        yield {key: self.path(key) for key in keys}

    def warm(self, keys: Sequence[str]) -> None:
        """They are."""

    def new_staging(self) -> Path:
        folder = self.root / "staging" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def publish(self, staged: Path, key: str) -> None:
        """Flush everything to the disk, then rename: it appears all at once even in the folder."""
        target = self._at(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        for file in [staged] if staged.is_file() else sorted(staged.rglob("*")):
            _sync(file)
        if staged.is_dir():
            _sync(staged)
        staged.replace(target)
        _sync(target.parent)

    def remove(self, key: str) -> None:
        path = self._at(key)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def folders(self, under: str, depth: int) -> Iterator[tuple[str, datetime]]:
        for path in self._at(under).glob("/".join("*" * depth)):
            if path.is_dir():
                yield self._key(path), _changed(path)

    def files(self, under: str) -> Iterator[Entry]:
        for path in sorted(self._at(under).rglob("*")):
            with suppress(FileNotFoundError):  # removed by somebody else just now
                if path.is_file():
                    yield Entry(self._key(path), path.stat().st_size, _changed(path))

    def keep(self, key: str) -> bool:
        path = self._at(key)
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        os.utime(path.parent)
        return True

    def _at(self, key: str) -> Path:
        path = self.root / key
        if ".." in path.parts or not path.is_relative_to(self.root):
            raise ValueError(f"the key {key!r} leaves the store")
        return path

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
