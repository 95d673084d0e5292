"""Azure Blob Storage: credentials from azure-identity's chain, or from a connection string.

``AZURE_STORAGE_CONNECTION_STRING`` is what Azure's own tools read as well; it also says where the
service answers, where that is not the public cloud.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from costs.errors import OutOfReach
from costs.stores.address import Address
from costs.stores.bucket import DIGEST, Interrupted
from costs.stores.store import Entry, NotInLake

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import ContainerClient

CONNECTION: Final = "AZURE_STORAGE_CONNECTION_STRING"
AT_ONCE: Final = 16 << 20
"""Bytes of a request: what is larger is sent and fetched in several."""
_CREDENTIALS: Final = frozenset(
    {"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"}
)


class BlobContainer:
    """A prefix in a container of a storage account."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._prefix = f"{address.prefix}/" if address.prefix else ""

    @cached_property
    def _client(self) -> ContainerClient:
        from azure.storage.blob import ContainerClient, ExponentialRetry

        options: dict[str, Any] = {
            "connection_timeout": 5,
            "read_timeout": 60,
            # We try again ourselves; one quick attempt more helps the parts of an upload.
            "retry_policy": ExponentialRetry(
                initial_backoff=0, increment_base=0, random_jitter_range=1, retry_total=1
            ),
            "max_single_put_size": AT_ONCE,
            "max_block_size": AT_ONCE,
            "max_single_get_size": AT_ONCE,
            "max_chunk_get_size": AT_ONCE,
        }
        name = self._address.container
        if told := os.environ.get(CONNECTION):
            try:
                return ContainerClient.from_connection_string(told, name, **options)
            except ValueError:
                # Not its text: it may quote the key.
                raise OutOfReach(f"{CONNECTION} is no connection string") from None
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
        return ContainerClient(self._address.blob_url, name, credential=credential, **options)

    def address(self, key: str) -> str:
        place = f"{self._address.container}@{self._address.host}"
        return f"abfs://{place}/{self._prefix}{key}"

    def digest(self, key: str) -> str | None:
        try:
            with self._told("read", key):
                found = self._client.get_blob_client(self._prefix + key).get_blob_properties()
        except NotInLake:
            return None
        return (found.metadata or {}).get(DIGEST, "")

    def get(self, key: str, into: BinaryIO) -> None:
        sha, size = hashlib.sha256(), 0
        with self._told("read", key):
            answer = self._client.download_blob(self._prefix + key)
            for chunk in answer.chunks():
                into.write(chunk)
                sha.update(chunk)
                size += len(chunk)
        digest = (answer.properties.metadata or {}).get(DIGEST) or sha.hexdigest()
        if size != answer.size or sha.hexdigest() != digest:
            raise Interrupted(f"{self.address(key)} did not arrive as it was stored")

    def put(self, file: Path, key: str, digest: str) -> None:
        with self._told("write", key), file.open("rb") as opened:
            self._client.upload_blob(
                self._prefix + key,
                opened,
                length=file.stat().st_size,
                overwrite=True,
                metadata={DIGEST: digest},
            )

    def touch(self, key: str) -> bool:
        blob = self._client.get_blob_client(self._prefix + key)
        try:
            with self._told("write", key):
                blob.set_blob_metadata(blob.get_blob_properties().metadata or {})
        except NotInLake:
            return False
        return True

    def entries(self, under: str) -> Iterator[Entry]:
        with self._told("list", under):
            for one in self._client.list_blobs(name_starts_with=self._prefix + under):
                key = one.name.removeprefix(self._prefix)
                yield Entry(key, one.size, one.last_modified.astimezone(UTC))

    def delete(self, key: str) -> None:
        with suppress(NotInLake), self._told("delete", key):
            self._client.delete_blob(self._prefix + key)

    def close(self) -> None:
        if client := self.__dict__.pop("_client", None):
            client.close()

    @contextmanager
    def _told(self, action: str, key: str) -> Iterator[None]:
        """Say in words what Azure's packages raise."""
        from azure.core.exceptions import (
            ClientAuthenticationError,
            HttpResponseError,
            IncompleteReadError,
            ServiceRequestError,
            ServiceResponseError,
        )

        lake = f"the lake {self._address}"
        try:
            yield
        except ClientAuthenticationError as error:
            code = getattr(error, "error_code", None)
            if code:
                raise self._meaning(error, action, key) from None
            raise OutOfReach(
                f"{lake}: there are no credentials; give this process a managed or workload"
                f" identity, the AZURE_ variables, or {CONNECTION}"
            ) from None
        except IncompleteReadError:
            raise Interrupted(f"{self.address(key)} broke off while it was read") from None
        except (ServiceRequestError, ServiceResponseError) as error:
            raise Interrupted(f"{lake} cannot be reached ({type(error).__name__})") from None
        except HttpResponseError as error:
            raise self._meaning(error, action, key) from None

    def _meaning(self, error: HttpResponseError, action: str, key: str) -> OSError:
        lake = f"the lake {self._address}"
        code = str(getattr(error, "error_code", None) or "")
        status = error.status_code or 0
        if code == "ContainerNotFound":
            return OutOfReach(f"{lake}: there is no such container")
        if status == 404:
            return NotInLake(key)
        if status >= 500 or status in {408, 412, 429}:
            # 412: somebody wrote the same table anew between two parts of it.
            wait = getattr(error.response, "headers", {}).get("Retry-After", "")
            return Interrupted(
                f"{lake} answers {status} ({code or 'no reason'})",
                float(wait) if wait.isdigit() else 0,
            )
        if code in _CREDENTIALS:
            return OutOfReach(f"{lake}: the credentials are not accepted ({code})")
        if status == 403:
            return OutOfReach(
                f"{lake}: the permission to {action} blobs is missing ({code}); the role Storage"
                " Blob Data Contributor has it"
            )
        if status == 0:
            return Interrupted(f"{self.address(key)} broke off while it was read or written")
        return OutOfReach(f"{lake}: {code or status}")
