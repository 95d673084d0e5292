"""A folder of exports in an S3 bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from costs.bills.clouds.aws_access import client, translated
from costs.bills.clouds.patience import Patience
from costs.bills.exports import Stored

PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")
"""An ETag that is the MD5 of the content: of a single upload, not encrypted with a KMS key."""


@dataclass
class S3Folder:
    """Objects of a bucket below a prefix."""

    bucket: str
    prefix: str
    region: str = ""
    profile: str = ""
    role: str = ""
    external_id: str = ""
    patience: Patience = field(default_factory=Patience)
    _plain: set[str] = field(default_factory=set, init=False)

    @property
    def arn(self) -> str:
        """How AWS names the bucket."""
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def name(self) -> str:
        """How people name the folder."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def listing(self) -> tuple[str, str]:
        """The permission to list it, and on which resource."""
        return "s3:ListBucket", self.arn

    @property
    def reading(self) -> tuple[str, str]:
        """The permission to read it, and on which resource."""
        return "s3:GetObject", f"{self.arn}/{self.prefix}*"

    @cached_property
    def _s3(self) -> Any:
        return self.patience.of(
            lambda: client(
                "s3",
                region=self.region,
                profile=self.profile,
                role=self.role,
                external_id=self.external_id,
            )
        )

    def objects(self) -> Iterator[Stored]:
        """Every object below the prefix. Raises :class:`CloudTrouble`."""
        following: dict[str, str] = {}
        while True:
            page = self.patience.of(lambda more=dict(following): self._page(more))  # type: ignore[misc]
            for one in page.get("Contents", ()):
                etag = str(one["ETag"]).strip('"')
                yield Stored(str(one["Key"]), int(one["Size"]), etag, one["LastModified"])
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": str(page["NextContinuationToken"])}

    def _page(self, following: dict[str, str]) -> Any:
        return translated(
            lambda: self._s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, **following),
            *self.listing,
        )

    def read(self, stored: Stored, start: int, length: int) -> bytes:
        """Bytes of an object whose ETag is still the same. Raises :class:`CloudTrouble`."""

        def get() -> bytes:
            answer = self._s3.get_object(
                Bucket=self.bucket,
                Key=stored.key,
                IfMatch=stored.etag,
                Range=f"bytes={start}-{start + length - 1}",
            )
            kms = "kms" in str(answer.get("ServerSideEncryption", ""))
            if PLAIN_MD5.fullmatch(stored.etag) and not kms:
                self._plain.add(stored.key)
            # Closing it by hand: as a context it would hand out what is below it, unchecked.
            with closing(answer["Body"]) as body:
                return bytes(body.read())

        return translated(get, "s3:GetObject", f"{self.arn}/{stored.key}")

    def md5(self, stored: Stored) -> str:
        """The MD5 of an object that :meth:`read` has read from; empty where nobody tells it."""
        return stored.etag if stored.key in self._plain else ""
