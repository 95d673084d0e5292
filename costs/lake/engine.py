"""DuckDB: opened lazily, once a process, one cursor a thread, closed to everything but the lake.

Extensions are never downloaded, only files under the lake's folder can be read or written, and
the configuration is locked once it is set.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from costs.stores import open_store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_THREADS = 4
"""Threads of long work, whatever the machine has: each needs about 100 MB of DuckDB's memory."""

_lock = threading.Lock()
_shared: tuple[int, Path, DuckDBPyConnection] | None = None
_inherited: list[DuckDBPyConnection] = []
"""Databases of the process that this one was forked from; never used, never closed."""


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """A SQL identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def open_connection(
    folder: Path, *, memory: str, threads: int, ordered: bool = False
) -> DuckDBPyConnection:
    """A new in-memory DuckDB that may touch ``folder`` only, for long work such as an ingest.

    ``memory`` is DuckDB's own limit, for example ``512MB``. ``ordered`` keeps rows in the order of
    a file, which counting the rows of a CSV needs and which costs it half of its threads.
    """
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    spill = folder / "spill"
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": memory,
            "threads": str(threads),
            "temp_directory": str(spill),
            "preserve_insertion_order": str(ordered).lower(),
        },
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL parquet_metadata_cache = true")
    connection.execute(f"SET allowed_directories = [{quote(str(folder))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def open_for_work(folder: Path, *, ordered: bool = False) -> DuckDBPyConnection:
    """A connection for an ingest or a re-allocation, within the limits of the settings."""
    threads = min(os.cpu_count() or 1, MOST_THREADS)
    return open_connection(
        folder, memory=settings.DUCKDB_MEMORY_LIMIT, threads=threads, ordered=ordered
    )


def is_full(error: BaseException) -> bool:
    """Whether it says that a disk, or somebody's share of it, is full; DuckDB says it in words."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    import duckdb

    return isinstance(error, duckdb.Error) and any(
        os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT)
    )


@contextmanager
def cursor() -> Iterator[DuckDBPyConnection]:
    """A cursor on the process's shared DuckDB, opened on first use and again after a fork."""
    global _shared
    folder = open_store(settings.LAKE_URL).root
    with _lock:
        if _shared is None or _shared[:2] != (os.getpid(), folder):
            if _shared is not None and _shared[0] != os.getpid():
                # Inherited by a fork: closing it would wait for threads that are not here.
                _inherited.append(_shared[2])
            fresh = open_connection(
                folder, memory=settings.DUCKDB_MEMORY_LIMIT, threads=os.cpu_count() or 1
            )
            _shared = (os.getpid(), folder, fresh)
        own = _shared[2].cursor()
    try:
        yield own
    finally:
        own.close()
