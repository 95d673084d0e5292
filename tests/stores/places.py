"""Lakes in object stores for tests: a real moto server, and a Blob service of ours, on loopback."""

from __future__ import annotations

import gc
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from costs import stores
from costs.stores.address import Address
from costs.stores.blob import BlobContainer
from costs.stores.s3 import S3Bucket
from tests.stores.fake_blob import HOST, FakeBlobs, connection_string
from tests.stores.faulty import Faulty


@dataclass
class Place:
    """An empty lake behind a proxy."""

    url: str
    proxy: Faulty


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    """The port of a moto server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture(scope="session")
def fake_blobs() -> Iterator[FakeBlobs]:
    """The Blob service."""
    server = FakeBlobs()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes what a test opens of object stores, for nobody does in a process that serves."""
    opened: list[S3Bucket | BlobContainer] = []

    def noted(kind: Any) -> Callable[[Any, Address], None]:
        original = kind.__init__

        def init(self: Any, address: Address) -> None:
            original(self, address)
            opened.append(self)

        return init

    for kind in (S3Bucket, BlobContainer):
        monkeypatch.setattr(kind, "__init__", noted(kind))
    yield
    for thread in threading.enumerate():
        if thread.name == "warm up the lake":
            thread.join()
    for one in opened:
        one.close()
    stores._cached.cache_clear()
    with warnings.catch_warnings():
        # A connection that broke is dropped by the cloud's packages without closing it.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def s3_place(moto: int, closed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A bucket of its own, which this process and those it starts reach by boto3's own means."""
    import boto3

    proxy = Faulty(moto)
    for name, value in {
        "AWS_ENDPOINT_URL_S3": proxy.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"lake-{uuid.uuid4().hex}"
    client = boto3.session.Session().client("s3")
    client.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    client.close()
    proxy.requests.clear()
    yield Place(f"s3://{bucket}/team/lake", proxy)
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture
def blob_place(
    fake_blobs: FakeBlobs, closed: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A container of its own, which this process and those it starts reach."""
    proxy = Faulty(fake_blobs.port)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(proxy.url))
    container = f"lake-{uuid.uuid4().hex[:12]}"
    fake_blobs.add_container(container)
    yield Place(f"abfs://{container}@{HOST}/team/lake", proxy)
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture
def s3_lake(
    data_dir: Path, s3_place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Place:
    """A data folder whose lake is in S3, for this process and those it starts."""
    settings.LAKE_URL = s3_place.url
    monkeypatch.setenv("LAKE_URL", s3_place.url)
    return s3_place


@pytest.fixture
def blob_lake(
    data_dir: Path, blob_place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Place:
    """The same in Blob."""
    settings.LAKE_URL = blob_place.url
    monkeypatch.setenv("LAKE_URL", blob_place.url)
    return blob_place
