"""Where files live. Now a local folder; other stores answer to the same methods."""

from __future__ import annotations

from pathlib import Path

from costs.stores.local import LocalStore
from costs.stores.store import Entry, Store

__all__ = ["Entry", "Store", "open_store"]


def open_store(url: str) -> Store:
    """The store of a ``LAKE_URL``. Raises :class:`ValueError` for one that is not supported."""
    if "://" in url:
        raise ValueError(
            f"LAKE_URL: {url.partition('://')[0]}:// is not supported yet; a folder is"
        )
    return LocalStore(Path(url))
