"""What an object store has to be able to do, and how its failures are met."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from costs.errors import OutOfReach
from costs.stores.store import Entry

DIGEST: Final = "sha256"
"""Name of the metadata that holds an object's digest: what is fetched is compared with it."""
FIRST_WAIT: Final = 0.25
"""Seconds before the second attempt; doubled for each that follows, give or take a half (ours)."""
LONGEST_WAIT: Final = 20.0
"""Seconds that are waited at most, whatever the store asks for (ours)."""


class Interrupted(OutOfReach):
    """It may work when tried again: no connection, a server's error, throttled, half an answer."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait
        """Seconds that the store asked to wait."""


class Bucket(Protocol):
    """Objects under keys. Every method makes one attempt and may be called by several threads.

    Raises :class:`Interrupted` for what may pass, :class:`~costs.errors.OutOfReach` for what will
    not, and :class:`~costs.stores.store.NotInLake` for an object that is not there.
    """

    def address(self, key: str) -> str:
        """The object's address as other engines write it."""
        ...

    def digest(self, key: str) -> str | None:
        """SHA-256 of the object as it was put, empty when somebody else put it; None: not there."""
        ...

    def get(self, key: str, into: BinaryIO) -> None:
        """Write the whole object; raises :class:`Interrupted` when it is not what was put."""
        ...

    def put(self, file: Path, key: str, digest: str) -> None:
        """Write the object, durably and all at once, whatever was there before."""
        ...

    def touch(self, key: str) -> bool:
        """Whether the object is there; its time of last change is now."""
        ...

    def entries(self, under: str) -> Iterator[Entry]:
        """Every object whose key begins with ``under``, in the order of keys."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens when it is not there."""
        ...

    def close(self) -> None:
        """Let go of connections; the next method opens new ones."""
        ...


def again[R](attempt: Callable[[], R], *, attempts: int) -> R:
    """Try until it works; raises what the last of ``attempts`` raised.

    Waits longer each time, with jitter so that many do not come back together, and as long as the
    store asked for.
    """
    for nth in range(attempts - 1):
        try:
            return attempt()
        except Interrupted as error:
            wait = FIRST_WAIT * 2**nth * random.uniform(0.5, 1.5)  # noqa: S311  # no secret
            time.sleep(min(max(wait, error.wait), LONGEST_WAIT))
    return attempt()
