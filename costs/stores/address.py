"""What a ``LAKE_URL`` says: a folder, a bucket of S3 or a container of Azure Blob Storage. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CONTAINER = re.compile(r"[a-z0-9$][a-z0-9-]{2,62}")
_HOST = re.compile(r"[a-z0-9]{3,24}\.(dfs|blob)\.[a-z0-9.-]+")
_PREFIX = re.compile(r"[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*")


@dataclass(frozen=True)
class Address:
    """A place in an object store."""

    kind: Literal["s3", "abfs"]
    container: str
    """The bucket, or the container of the storage account."""
    host: str
    """``account.dfs.core.windows.net``; empty for S3."""
    prefix: str
    """What every key begins with, without a slash at its end; may be empty."""

    def __str__(self) -> str:
        place = f"{self.container}@{self.host}" if self.host else self.container
        whole = f"{self.kind}://{place}"
        return f"{whole}/{self.prefix}" if self.prefix else whole

    @property
    def blob_url(self) -> str:
        """Where the Blob service of the account answers."""
        account, _, rest = self.host.partition(".")
        return f"https://{account}.blob.{rest.partition('.')[2]}"


def address_of(url: str) -> Address | None:
    """The object store that ``url`` names, None for a folder.

    Raises :class:`ValueError` with a sentence for an address that cannot be one.
    """
    if "://" not in url:
        return None
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if parts.query or parts.fragment or "%" in url:
        raise ValueError("an address of an object store has no ?, # or %")
    if prefix and (not _PREFIX.fullmatch(prefix) or ".." in prefix.split("/")):
        raise ValueError("the path may have letters, digits and _ . = - between its slashes")
    if parts.scheme == "s3":
        if not _BUCKET.fullmatch(parts.netloc):
            raise ValueError("write s3://BUCKET or s3://BUCKET/PATH")
        return Address("s3", parts.netloc, "", prefix)
    if parts.scheme in ("abfs", "abfss"):
        container, _, host = parts.netloc.partition("@")
        if not _CONTAINER.fullmatch(container) or not _HOST.fullmatch(host):
            raise ValueError("write abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH")
        return Address("abfs", container, host, prefix)
    # Not the value: somebody may have written a password into it.
    raise ValueError(f"{parts.scheme[:20]}:// is no lake; a folder, s3://… and abfs://… are")
