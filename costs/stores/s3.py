"""S3 through boto3: credentials, region and endpoint come from its own chain and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from costs.errors import OutOfReach
from costs.stores.address import Address
from costs.stores.bucket import DIGEST, Interrupted
from costs.stores.store import Entry, NotInLake

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

CHUNK: Final = 1 << 20
FRESH: Final = timedelta(hours=1)
"""An object changed so recently need not be touched: nothing is tidied before a day."""
_SLOW_DOWN: Final = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
    | {"RequestTimeout", "RequestTimeTooSkewed", "429"}
)
_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)


class S3Bucket:
    """A prefix in a bucket."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._bucket = address.container
        self._prefix = f"{address.prefix}/" if address.prefix else ""

    @cached_property
    def _client(self) -> Any:  # types-boto3 types a service only where its own package is
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                max_pool_connections=32,
                # We try again ourselves; one quick attempt more helps the parts of an upload.
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
        )

    def address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def digest(self, key: str) -> str | None:
        try:
            with self._told("s3:GetObject", key):
                found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except NotInLake:
            return None
        return str(found["Metadata"].get(DIGEST, ""))

    def get(self, key: str, into: BinaryIO) -> None:
        sha, size = hashlib.sha256(), 0
        with self._told("s3:GetObject", key):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            with answer["Body"] as body:
                while chunk := body.read(CHUNK):
                    into.write(chunk)
                    sha.update(chunk)
                    size += len(chunk)
        digest = answer["Metadata"].get(DIGEST) or sha.hexdigest()
        if size != answer["ContentLength"] or sha.hexdigest() != digest:
            raise Interrupted(f"{self.address(key)} did not arrive as it was stored")

    def put(self, file: Path, key: str, digest: str) -> None:
        with self._told("s3:PutObject", key):
            self._client.upload_file(
                str(file),
                self._bucket,
                self._prefix + key,
                ExtraArgs={"Metadata": {DIGEST: digest}},
            )

    def touch(self, key: str) -> bool:
        whole = self._prefix + key
        try:
            with self._told("s3:GetObject", key):
                found = self._client.head_object(Bucket=self._bucket, Key=whole)
            if datetime.now(UTC) - found["LastModified"] < FRESH:
                return True
            with self._told("s3:PutObject", key):
                self._client.copy(
                    {"Bucket": self._bucket, "Key": whole},
                    self._bucket,
                    whole,
                    ExtraArgs={"Metadata": found["Metadata"], "MetadataDirective": "REPLACE"},
                )
        except NotInLake:
            return False
        return True

    def entries(self, under: str) -> Iterator[Entry]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + under
        )
        with self._told("s3:ListBucket", under):
            for page in pages:
                for one in page.get("Contents", ()):
                    key = one["Key"].removeprefix(self._prefix)
                    yield Entry(key, one["Size"], one["LastModified"].astimezone(UTC))

    def delete(self, key: str) -> None:
        with self._told("s3:DeleteObject", key):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def close(self) -> None:
        if client := self.__dict__.pop("_client", None):
            client.close()

    @contextmanager
    def _told(self, permission: str, key: str) -> Iterator[None]:
        """Say in words what boto3 raises."""
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            FlexibleChecksumError,
            HTTPClientError,
            IncompleteReadError,
            NoCredentialsError,
            PartialCredentialsError,
            ResponseStreamingError,
        )

        lake = f"the lake {self._address}"
        try:
            yield
        except S3UploadFailedError as error:
            # It names its cause in its text and nowhere else.
            cause = error.__context__
            if isinstance(cause, ClientError):
                raise self._meaning(cause, permission, key) from None
            raise Interrupted(f"{lake}: an upload broke off") from None
        except ClientError as error:
            raise self._meaning(error, permission, key) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise OutOfReach(
                f"{lake}: there are no credentials; give this process a role, a profile or the"
                " AWS_ variables"
            ) from None
        except (IncompleteReadError, ResponseStreamingError, FlexibleChecksumError):
            raise Interrupted(f"{self.address(key)} broke off while it was read") from None
        except HTTPClientError as error:  # no connection, or one that died
            raise Interrupted(f"{lake} cannot be reached ({type(error).__name__})") from None
        except BotoCoreError as error:
            raise OutOfReach(f"{lake}: {error}") from None

    def _meaning(self, error: ClientError, permission: str, key: str) -> OSError:
        lake = f"the lake {self._address}"
        code = error.response.get("Error", {}).get("Code", "")
        answer = error.response.get("ResponseMetadata", {})
        status = answer.get("HTTPStatusCode", 0)
        if code in {"NoSuchKey", "404", "NotFound"}:
            return NotInLake(key)
        if code == "NoSuchBucket":
            return OutOfReach(f"{lake}: there is no such bucket")
        if code in _CREDENTIALS:
            return OutOfReach(f"{lake}: the credentials are not accepted ({code})")
        if code in _SLOW_DOWN or status >= 500 or status == 429:
            wait = answer.get("HTTPHeaders", {}).get("retry-after", "")
            return Interrupted(
                f"{lake} answers {status or 'nothing'} ({code})",
                float(wait) if wait.isdigit() else 0,
            )
        if status == 403:
            return OutOfReach(f"{lake}: the permission {permission} is missing")
        return OutOfReach(f"{lake}: {code or status}")
