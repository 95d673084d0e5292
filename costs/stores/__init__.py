"""Where files live: a local folder, or an object store with a local cache in front."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings

from costs.stores.address import address_of
from costs.stores.cached import CachedStore
from costs.stores.local import LocalStore
from costs.stores.store import Entry, NotInLake, Store

__all__ = ["Entry", "NotInLake", "Store", "open_store"]


def open_store(url: str) -> Store:
    """The store of a ``LAKE_URL``. Raises :class:`ValueError` for one that cannot be.

    An object store is not asked anything yet; its cache lies in ``DATA_DIR/cache``.
    """
    if address_of(url) is None:
        return LocalStore(Path(url))
    # Connections do not survive a fork, so every process has its own.
    return _cached(url, settings.DATA_DIR / "cache", settings.LAKE_CACHE_LIMIT, os.getpid())


@lru_cache(maxsize=8)
def _cached(url: str, caches: Path, limit: int, _process: int) -> CachedStore:
    address = address_of(url)
    assert address is not None  # noqa: S101 - looked at above
    # Cloud packages are imported by who needs them.
    from costs.stores.blob import BlobContainer
    from costs.stores.s3 import S3Bucket

    bucket = S3Bucket(address) if address.kind == "s3" else BlobContainer(address)
    # A folder per lake: another LAKE_URL must not find the files of this one.
    name = re.sub(r"[^a-z0-9]+", "-", str(address).lower())[:60].strip("-")
    digest = sha256(str(address).encode()).hexdigest()[:8]
    return CachedStore(bucket, caches / f"{name}-{digest}", limit)
