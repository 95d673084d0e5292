"""An object store with a local folder in front of it: DuckDB reads there, everybody else's truth
is in the store."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from costs.stores.bucket import Bucket, again
from costs.stores.cache import Cache
from costs.stores.local import LocalStore
from costs.stores.store import Entry

AT_ONCE: Final = 8
"""Objects that one reader or writer moves at the same time (ours)."""
FETCH_ATTEMPTS: Final = 4
"""Some two seconds of waiting: somebody may be looking at a page (ours)."""
WORK_ATTEMPTS: Final = 7
"""Some sixteen seconds of waiting: work need not hurry (ours)."""
STAGING: Final = "staging"

log = structlog.get_logger(__name__)


class CachedStore:
    """Objects in ``bucket``; ``staging/`` and what was fetched or published lately in ``root``.

    Objects of a folder are put one after the other, so a half-published folder can be seen in a
    listing. It is never read: the row that names a folder is entered after all of it is there. A
    publication that broke off can be done again, for what is there already is left as it is; what
    nobody does again is tidied away.
    """

    def __init__(self, bucket: Bucket, root: Path, limit: int) -> None:
        self.root = root
        self._bucket = bucket
        self._cache = Cache(root, limit)
        self._local = LocalStore(root)
        self.warming: list[threading.Thread] = []
        """What fetches in the background, at most one."""

    def address(self, key: str) -> str:
        self._cache.at(key)
        return self._bucket.address(key)

    def has(self, key: str) -> bool:
        if self._cache.at(key).exists():
            return True
        return again(lambda: self._bucket.digest(key), attempts=FETCH_ATTEMPTS) is not None

    def path(self, key: str) -> Path:
        with self.reading([key]) as paths:
            return paths[key]

    @contextmanager
    def reading(self, keys: Collection[str]) -> Iterator[Mapping[str, Path]]:
        with self._cache.reading(keys):
            paths = {key: self._cache.at(key) for key in keys}
            missing = [key for key, path in paths.items() if not path.exists()]
            if missing:
                self._together(self._fetch, missing)
                self._cache.make_room()
            yield paths

    def _fetch(self, key: str) -> None:
        def get(file: BinaryIO) -> None:
            def attempt() -> None:
                file.seek(0)
                file.truncate()
                self._bucket.get(key, file)

            again(attempt, attempts=FETCH_ATTEMPTS)

        self._cache.fill(key, get)

    def warm(self, keys: Sequence[str]) -> None:
        missing = [key for key in keys if not self._cache.at(key).exists()]
        if missing and not any(thread.is_alive() for thread in self.warming):
            # A daemon: a process that is told to stop does not wait for it.
            self.warming = [
                threading.Thread(
                    target=self._warm, args=(missing,), daemon=True, name="warm up the lake"
                )
            ]
            self.warming[0].start()

    def _warm(self, keys: Sequence[str]) -> None:
        try:
            for some in batched(keys, AT_ONCE):
                with self.reading(some):
                    pass
        except OSError as error:  # whoever needs them will be told
            log.warning("the cache stays cold", error=str(error))

    def new_staging(self) -> Path:
        return self._local.new_staging()

    def publish(self, staged: Path, key: str) -> None:
        self._cache.at(key)
        files = {key: staged}
        there: set[str] = set()
        if staged.is_dir():
            files = {
                f"{key}/{file.relative_to(staged).as_posix()}": file
                for file in sorted(staged.rglob("*"))
                if file.is_file()
            }
            there = {one.key for one in self.files(key)}
            if not there <= files.keys():
                raise _not_empty(key)

        def put(one: str) -> None:
            digest = _digest(files[one])
            if one not in there:
                again(lambda: self._bucket.put(files[one], one, digest), attempts=WORK_ATTEMPTS)
            # Not the first attempt to publish this folder.
            elif again(lambda: self._bucket.digest(one), attempts=WORK_ATTEMPTS) != digest:
                raise _not_empty(key)

        self._together(put, files)
        for one, file in files.items():
            self._cache.adopt(file, one)
        if staged.is_dir():
            shutil.rmtree(staged)
        self._cache.make_room()

    def remove(self, key: str) -> None:
        if _is_staging(key):
            self._local.remove(key)
            return
        self._cache.forget(key)
        keys = [one.key for one in self.files(key)] or [key]
        self._together(
            lambda one: again(lambda: self._bucket.delete(one), attempts=WORK_ATTEMPTS), keys
        )

    def folders(self, under: str, depth: int) -> Iterator[tuple[str, datetime]]:
        if _is_staging(under):
            yield from self._local.folders(under, depth)
            return
        newest: dict[str, datetime] = {}
        parts = under.count("/") + 1 + depth
        for entry in self.files(under):
            steps = entry.key.split("/")
            if len(steps) > parts:
                folder = "/".join(steps[:parts])
                newest[folder] = max(entry.changed, newest.get(folder, entry.changed))
        yield from newest.items()

    def files(self, under: str) -> Iterator[Entry]:
        if _is_staging(under):
            yield from self._local.files(under)
            return
        self._cache.at(under)
        prefix = f"{under}/" if under else ""
        # Read whole before anything of it is used: an attempt that breaks off starts anew.
        yield from again(lambda: list(self._bucket.entries(prefix)), attempts=WORK_ATTEMPTS)

    def keep(self, key: str) -> bool:
        self._cache.at(key)
        return again(lambda: self._bucket.touch(key), attempts=WORK_ATTEMPTS)

    def _together(self, do: Callable[[str], object], keys: Collection[str]) -> None:
        """Do it for all keys, some at the same time; raises what the first of them raised."""
        if len(keys) == 1:
            for key in keys:
                do(key)
            return
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="store") as pool:
            waiting = [pool.submit(do, key) for key in keys]
            try:
                for one in waiting:
                    one.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _not_empty(key: str) -> OSError:
    return OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), key)


def _is_staging(key: str) -> bool:
    return key.split("/")[0] == STAGING
