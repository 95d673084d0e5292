"""What every store can do, wherever its files are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from costs.errors import OutOfReach


@dataclass(frozen=True)
class Entry:
    """A file in a store."""

    key: str
    size: int
    """Bytes."""
    changed: datetime
    """When it was published or kept last, in UTC."""


class NotInLake(OutOfReach, FileNotFoundError):
    """There is no file of that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the lake has no {key}")


class Store(Protocol):
    """Files under keys, relative paths with ``/``. What is published never changes.

    DuckDB reads local files only. So a store hands out local files, which it may have to fetch
    first, and it has one local folder in which all of them, and all that is being written, lies.
    Keys that leave the store raise :class:`ValueError`, and a store that cannot be used now raises
    :class:`~costs.errors.OutOfReach`.
    """

    root: Path
    """The one local folder that DuckDB may read and write."""

    def address(self, key: str) -> str:
        """Where engines outside of Headroom find ``key``: a path, or an address of the cloud."""
        ...

    def has(self, key: str) -> bool:
        """Whether there is a file ``key``."""
        ...

    def path(self, key: str) -> Path:
        """The local file of ``key``, to be opened at once. Raises :class:`NotInLake`."""
        ...

    def reading(self, keys: Collection[str]) -> AbstractContextManager[Mapping[str, Path]]:
        """The local files of ``keys``; inside the ``with`` none of them goes away.

        What has to be fetched is fetched together. Raises :class:`NotInLake` when one is not
        there.
        """
        ...

    def warm(self, keys: Sequence[str]) -> None:
        """Have ``keys`` at hand soon, the first ones first; returns at once and never raises."""
        ...

    def new_staging(self) -> Path:
        """An empty local folder to write in, later published or removed."""
        ...

    def publish(self, staged: Path, key: str) -> None:
        """Make the staged file or folder appear under ``key``, durably.

        Nobody reads a key before a row of the manifest names it, and a row names it only after
        this has returned: so to readers it appears whole and at once. The staged file is gone
        afterwards. A folder is never written over another.
        """
        ...

    def remove(self, key: str) -> None:
        """Remove a file or folder; nothing happens when it is not there."""
        ...

    def folders(self, under: str, depth: int) -> Iterator[tuple[str, datetime]]:
        """Folders exactly ``depth`` levels below ``under``: key and time of last change (UTC)."""
        ...

    def files(self, under: str) -> Iterator[Entry]:
        """Every file below ``under``, however deep, in the order of keys; none when it is gone."""
        ...

    def keep(self, key: str) -> bool:
        """Whether ``key`` is there; it and its folder count as changed now, so that they stay."""
        ...
