"""What every store promises, asked of a folder, of S3 and of Blob."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from costs.errors import OutOfReach
from costs.stores import NotInLake, Store, open_store
from tests.stores.places import Place


@pytest.fixture(params=["folder", "s3_lake", "blob_lake"])
def store(request: pytest.FixtureRequest, data_dir: Path) -> Store:
    if request.param == "folder":
        return open_store(str(data_dir / "lake"))
    place: Place = request.getfixturevalue(request.param)
    return open_store(place.url)


@pytest.fixture
def other(store: Store, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The same store from another machine: with a cache of its own."""
    if store.root.name == "lake":
        yield store
        return
    settings = request.getfixturevalue("settings")
    before = settings.DATA_DIR, settings.LAKE_CACHE_LIMIT
    settings.DATA_DIR = tmp_path / "another machine"
    yield open_store(settings.LAKE_URL)
    settings.DATA_DIR, settings.LAKE_CACHE_LIMIT = before


def staged(store: Store, **contents: str) -> Path:
    """A staged folder with these files; two underscores are a slash."""
    folder = store.new_staging()
    for name, text in contents.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return folder


def put(store: Store, key: str, text: str) -> None:
    store.publish(staged(store, file=text) / "file", key)


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a/..", ".."])
def test_keys_cannot_leave(store: Store, key: str) -> None:
    for method in (store.path, store.has, store.address, store.remove, store.keep):
        with pytest.raises(ValueError, match="leaves the store"):
            method(key)
    with pytest.raises(ValueError, match="leaves the store"):
        put(store, key, "x")
    with pytest.raises(ValueError, match="leaves the store"), store.reading([key]):
        pass


def test_a_folder_is_published_whole(store: Store, other: Store) -> None:
    folder = staged(store, deep__a="a", b="b")
    assert list(other.files("charges")) == []

    store.publish(folder, "charges/x/1")

    assert not folder.exists()
    assert other.path("charges/x/1/deep/a").read_text() == "a"
    with other.reading(["charges/x/1/deep/a", "charges/x/1/b"]) as paths:
        assert {key: path.read_text() for key, path in paths.items()} == {
            "charges/x/1/deep/a": "a",
            "charges/x/1/b": "b",
        }
        assert all(path.is_relative_to(other.root) for path in paths.values())


def test_a_published_folder_is_not_overwritten(store: Store, other: Store) -> None:
    store.publish(staged(store, a="first"), "charges/x/1")
    for again in ({"a": "second"}, {"b": "another"}):
        with pytest.raises(OSError, match="not empty"):
            store.publish(staged(store, **again), "charges/x/1")
    assert other.path("charges/x/1/a").read_text() == "first"
    assert [one.key for one in store.files("charges/x/1")] == ["charges/x/1/a"]


def test_a_file_is_published_into_a_folder(store: Store, other: Store) -> None:
    store.publish(staged(store, a="a"), "charges/x/1")
    put(store, "charges/x/1/tables", "tables")
    assert other.path("charges/x/1/tables").read_text() == "tables"
    assert [one.key for one in store.files("charges")] == ["charges/x/1/a", "charges/x/1/tables"]


@pytest.mark.parametrize("size", [0, 1, 40 << 20])
def test_any_size(store: Store, other: Store, size: int) -> None:
    """Nothing, little, and what goes in several requests."""
    content = os.urandom(size)
    folder = store.new_staging()
    (folder / "file").write_bytes(content)
    store.publish(folder / "file", "raw/ab/file")

    assert [(one.key, one.size) for one in other.files("raw")] == [("raw/ab/file", size)]
    assert other.path("raw/ab/file").read_bytes() == content


def test_listing_and_removing(store: Store, other: Store) -> None:
    for key in ("charges/x/1/a", "charges/y/2/b"):
        store.publish(staged(store, file="1234", deep__file=""), key)
    put(store, "charges/x/1/file", "12")
    put(store, "charges/x/1/a-is-not-a", "12")

    found = dict(other.folders("charges", 3))

    assert set(found) == {"charges/x/1/a", "charges/y/2/b"}
    assert all(datetime.now(UTC) - changed < timedelta(hours=1) for changed in found.values())
    listed = list(other.files("charges/x"))
    assert {(one.key, one.size) for one in listed} == {
        ("charges/x/1/a/deep/file", 0),
        ("charges/x/1/a/file", 4),
        ("charges/x/1/a-is-not-a", 2),
        ("charges/x/1/file", 2),
    }
    assert all(abs(datetime.now(UTC) - one.changed) < timedelta(hours=1) for one in listed)
    for _ in range(2):
        store.remove("charges/x/1/a")
        store.remove("charges/x/1/file")
    assert set(dict(other.folders("charges", 3))) == {"charges/y/2/b"}
    assert [one.key for one in other.files("charges/x")] == ["charges/x/1/a-is-not-a"]
    assert not store.has("charges/x/1/a/file")
    assert not other.has("charges/x/1/file")


def test_many_files(store: Store, other: Store) -> None:
    """More than a page of a listing, fetched together."""
    names = [f"part{nth}" for nth in range(40)]
    store.publish(staged(store, **{name: name for name in names}), "charges/x/1")
    assert len(list(other.files("charges"))) == 40
    with other.reading([f"charges/x/1/{name}" for name in names]) as paths:
        assert {path.read_text() for path in paths.values()} == set(names)


def test_what_is_not_there(store: Store) -> None:
    put(store, "raw/a", "a")

    assert store.has("raw/a")
    assert not store.has("raw/b")
    assert not store.keep("raw/b")
    assert list(store.files("nothing")) == []
    assert list(store.folders("nothing", 1)) == []
    for error in (NotInLake, FileNotFoundError, OutOfReach):
        with pytest.raises(error, match="the lake has no raw/b"):
            store.path("raw/b")
        with pytest.raises(error, match="the lake has no"), store.reading(["raw/a", "raw/b"]):
            pass


def test_what_is_kept_counts_as_new(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("costs.stores.s3.FRESH", timedelta(0))
    put(store, "raw/ab/a", "a")
    before = {one.key: one.changed for one in store.files("raw")}
    time.sleep(1.1)  # clouds say when in whole seconds

    assert store.keep("raw/ab/a")

    assert other.path("raw/ab/a").read_text() == "a"
    for found in (
        {one.key: one.changed for one in other.files("raw")}["raw/ab/a"],
        dict(other.folders("raw", 1))["raw/ab"],
    ):
        assert found > before["raw/ab/a"]


def test_staging_is_of_this_machine(store: Store) -> None:
    folder = staged(store, a="a")
    key = folder.relative_to(store.root).as_posix()
    assert dict(store.folders("staging", 1)).keys() == {key}
    store.remove(key)
    assert not folder.exists()
    assert dict(store.folders("staging", 1)) == {}
