"""Fake clouds on loopback, with real clients in front of them."""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from pytest_django import Settings

from costs.bills.clouds.patience import Patience
from tests.bills.clouds.azure_fake import AzureFake
from tests.bills.clouds.gateway import Gateway

BUCKET = "example-billing"


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """The port of a moto server that lives as long as the tests."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@dataclass
class Aws:
    """A fake AWS account: what is in it, and how it answers."""

    gateway: Gateway
    direct: str
    """Address of moto itself, past the gateway."""
    s3: Any

    def put(self, key: str, content: bytes | str) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def moto(self, path: str, body: bytes = b"") -> None:
        """Say something to moto's own API."""
        request = urllib.request.Request(
            f"{self.direct}/moto-api/{path}", body, {"Content-Type": "text/plain"}, method="POST"
        )
        urllib.request.urlopen(request).close()


@pytest.fixture
def aws(moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An empty bucket, reached by the standard chain: environment and endpoint of boto3's own."""
    direct = f"http://127.0.0.1:{moto_port}"
    gateway = Gateway(moto_port)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": gateway.url,
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    urllib.request.urlopen(
        urllib.request.Request(f"{direct}/moto-api/reset", b"", method="POST")
    ).close()
    s3 = boto3.client("s3", endpoint_url=direct)
    s3.create_bucket(Bucket=BUCKET)
    yield Aws(gateway, direct, s3)
    gateway.close()
    s3.close()


def grant(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Lets the worker do what a policy says, and nothing else."""
    iam = boto3.client("iam", endpoint_url=aws.direct)
    iam.create_user(UserName="headroom")
    key = iam.create_access_key(UserName="headroom")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    def put(policy: dict[str, Any]) -> None:
        aws.moto("reset-auth", b"inf")
        iam.put_user_policy(
            UserName="headroom", PolicyName="only", PolicyDocument=json.dumps(policy)
        )
        aws.moto("reset-auth", b"0")

    return put


@dataclass
class Clock:
    """Counts the seconds that were slept, and sleeps none."""

    slept: list[float]

    def patience(self, attempts: int = 6) -> Patience:
        return Patience(attempts=attempts, sleep=self.slept.append, chance=lambda: 0.5)


@pytest.fixture
def clock() -> Clock:
    return Clock([])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.bills.clouds.certificate import make_certificate

    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def azure(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Iterator[AzureFake]:
    """An empty Azure, reached by the standard chain: a managed identity of this machine."""
    fake = AzureFake(certificate)
    for name in list(os.environ):
        if name.startswith(("AZURE_", "MSI_", "IMDS_")):
            monkeypatch.delenv(name)
    for name, value in fake.environ.items():
        monkeypatch.setenv(name, value)
    settings.AZURE_ENDPOINT = fake.environ["HEADROOM_AZURE_ENDPOINT"]
    settings.AZURE_BLOB_ENDPOINT = fake.environ["HEADROOM_AZURE_BLOB_ENDPOINT"]
    yield fake
    fake.close()
