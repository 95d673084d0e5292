"""A folder of exports in a container of Azure Blob Storage, and a file behind a link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import BlobClient, ContainerClient

from costs.bills.clouds.azure_access import WAITS, Endpoints, credential, translated
from costs.bills.clouds.patience import Patience
from costs.bills.clouds.trouble import Busy
from costs.bills.exports import Stored

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
PAGE = 5000
"""Blobs that one answer lists at most: what Azure gives anyway."""


@dataclass
class BlobFolder:
    """Blobs of a container below a prefix."""

    account: str
    container: str
    prefix: str
    identity: str = ""
    endpoints: Endpoints = field(default_factory=Endpoints)
    patience: Patience = field(default_factory=Patience)

    @property
    def name(self) -> str:
        """How people name the folder."""
        return f"{self.account}/{self.container}/{self.prefix}"

    @property
    def listing(self) -> tuple[str, str]:
        """The permission to list it, and on which resource."""
        account = f"storageAccounts/{self.account}"
        return READ, f"{account}/blobServices/default/containers/{self.container}"

    @property
    def reading(self) -> tuple[str, str]:
        """The permission to read it: in Azure it is the same one."""
        return self.listing

    @cached_property
    def _container(self) -> ContainerClient:
        return ContainerClient(
            self.endpoints.account(self.account),
            self.container,
            credential=credential(self.identity),
            **WAITS,
        )

    def objects(self) -> Iterator[Stored]:
        """Every blob below the prefix. Raises :class:`CloudTrouble`."""
        following: str | None = None
        while True:
            page, following = self.patience.of(lambda more=following: self._page(more))  # type: ignore[misc]
            yield from page
            if not following:
                return

    def _page(self, following: str | None) -> tuple[list[Stored], str | None]:
        def ask() -> tuple[list[Stored], str | None]:
            pages: Any = self._container.list_blobs(
                name_starts_with=self.prefix, results_per_page=PAGE
            ).by_page(following)
            found = [_stored(one) for one in next(pages)]
            return found, pages.continuation_token or None

        return translated(ask, *self.listing)

    def read(self, stored: Stored, start: int, length: int) -> bytes:
        """Bytes of a blob whose ETag is still the same. Raises :class:`CloudTrouble`."""
        blob = self._container.get_blob_client(stored.key)
        permission, resource = self.reading
        return translated(
            lambda: read_range(blob, start, length, stored.etag),
            permission,
            f"{resource}/{stored.key}",
        )

    def md5(self, stored: Stored) -> str:
        """The MD5 that whoever wrote the blob has given."""
        return stored.md5


@dataclass
class BlobLink:
    """One file behind a link that carries its own permission: it is a secret while it is good."""

    link: str

    @cached_property
    def _blob(self) -> BlobClient:
        return BlobClient.from_blob_url(self.link, **WAITS)

    def read(self, stored: Stored, start: int, length: int) -> bytes:
        """Bytes of the file. Raises :class:`CloudTrouble`."""
        return translated(
            lambda: read_range(self._blob, start, length, stored.etag), READ, stored.key
        )

    def md5(self, stored: Stored) -> str:
        """The MD5 that whoever wrote the blob has given."""
        return stored.md5

    def stored(self, name: str) -> Stored:
        """What lies behind the link, under a name of ours. Raises :class:`CloudTrouble`."""
        told: Any = translated(self._blob.get_blob_properties, READ, name)
        return _stored(told, name)


def read_range(blob: BlobClient, start: int, length: int, etag: str) -> bytes:
    """Bytes of a blob, as long as its ETag is ``etag``."""
    stream: Any = blob.download_blob(
        offset=start,
        length=length,
        etag=etag,
        match_condition=MatchConditions.IfNotModified,
        max_concurrency=1,
    )
    data = stream.readall()
    if not isinstance(data, bytes):
        raise Busy("Azure sent text where bytes were asked for")
    return data


def _stored(blob: Any, name: str = "") -> Stored:
    md5 = blob.content_settings.content_md5
    return Stored(
        name or str(blob.name),
        int(blob.size),
        str(blob.etag).strip('"'),
        blob.last_modified,
        bytes(md5).hex() if md5 else "",
    )
