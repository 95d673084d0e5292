"""Files in a local folder: what is published is whole and on the disk, or not there.

Keys are relative paths with ``/``. The folder may be shared by processes of one machine.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path


class LocalStore:
    """A folder. ``staging`` inside it is on the same file system, so publishing is a rename."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """The local file of ``key``. Raises :class:`ValueError` for a key that leaves the root."""
        path = self.root / key
        if ".." in path.parts or not path.is_relative_to(self.root):
            raise ValueError(f"the key {key!r} leaves the store")
        return path

    def new_staging(self) -> Path:
        """An empty folder to write in, later published or removed."""
        folder = self.root / "staging" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def publish(self, staged: Path, key: str) -> None:
        """Make the staged file or folder appear under ``key``, durably and all at once."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        for file in [staged] if staged.is_file() else sorted(staged.rglob("*")):
            _sync(file)
        if staged.is_dir():
            _sync(staged)
        staged.replace(target)
        _sync(target.parent)

    def remove(self, key: str) -> None:
        """Remove a file or folder; nothing happens when it is not there."""
        path = self.path(key)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def folders(self, under: str, depth: int) -> Iterator[tuple[str, datetime]]:
        """Folders exactly ``depth`` levels below ``under``: key and time of last change (UTC)."""
        for path in self.path(under).glob("/".join("*" * depth)):
            if path.is_dir():
                changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield path.relative_to(self.root).as_posix(), changed

    def files(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Files right in ``folder``: key and time of last change (UTC); none when it is gone."""
        for path in sorted(self.path(folder).glob("*")):
            if path.is_file():
                changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield path.relative_to(self.root).as_posix(), changed

    def keep(self, key: str) -> bool:
        """Whether ``key`` is there; its time of last change is now, so that nobody tidies it."""
        try:
            os.utime(self.path(key))
        except FileNotFoundError:
            return False
        return True


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
