"""What a LAKE_URL means."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from config.env import read_environment
from costs.stores import open_store
from costs.stores.address import Address, address_of


@pytest.mark.parametrize("url", ["/srv/lake", "lake", "C:/lake", ""])
def test_a_folder(url: str) -> None:
    assert address_of(url) is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://bucket", Address("s3", "bucket", "", "")),
        ("s3://my.bucket-1/", Address("s3", "my.bucket-1", "", "")),
        ("s3://bucket/team/lake/", Address("s3", "bucket", "", "team/lake")),
        (
            "abfs://lake@acme.dfs.core.windows.net",
            Address("abfs", "lake", "acme.dfs.core.windows.net", ""),
        ),
        (
            "abfss://lake@acme.blob.core.windows.net/a=1/b_2",
            Address("abfs", "lake", "acme.blob.core.windows.net", "a=1/b_2"),
        ),
    ],
)
def test_an_object_store(url: str, address: Address) -> None:
    assert address_of(url) == address
    assert address_of(str(address)) == address


def test_where_the_blob_service_answers() -> None:
    for host, url in (
        ("acme.dfs.core.windows.net", "https://acme.blob.core.windows.net"),
        ("acme.blob.core.usgovcloudapi.net", "https://acme.blob.core.usgovcloudapi.net"),
    ):
        assert Address("abfs", "lake", host, "").blob_url == url


def test_lakes_do_not_share_a_cache(settings: Settings, data_dir: Path) -> None:
    urls = [
        "s3://bucket",
        "s3://bucket/a",
        "s3://bucket-a",
        "abfs://bucket@acme.dfs.core.windows.net/a",
    ]
    roots = {open_store(url).root for url in urls}
    assert len(roots) == 4
    assert {root.parent for root in roots} == {data_dir / "cache"}
    assert open_store("s3://bucket/a/").root in roots


def test_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_URL", "s3://bucket/lake/")
    monkeypatch.setenv("HEADROOM_CACHE_SIZE", "3MB")
    read = read_environment(tmp_path)
    assert (read.lake_url, read.cache_size) == ("s3://bucket/lake", 3 << 20)
