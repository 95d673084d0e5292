"""The local folder: whole or not there, and never outside of itself."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from costs.stores import open_store
from costs.stores.local import LocalStore


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a/..", ".."])
def test_keys_cannot_leave(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="leaves the store"):
        LocalStore(tmp_path).path(key)


def test_a_folder_is_published_whole(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    staged = store.new_staging()
    (staged / "deep").mkdir()
    (staged / "deep/a").write_text("a")
    (staged / "b").write_text("b")
    assert not (tmp_path / "charges").exists()

    store.publish(staged, "charges/x/1")

    assert (tmp_path / "charges/x/1/deep/a").read_text() == "a"
    assert (tmp_path / "charges/x/1/b").read_text() == "b"
    assert not staged.exists()


def test_a_published_folder_is_not_overwritten(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for text in ("first", "second"):
        staged = store.new_staging()
        (staged / "a").write_text(text)
        if text == "first":
            store.publish(staged, "charges/x/1")
        else:
            with pytest.raises(OSError, match="not empty"):
                store.publish(staged, "charges/x/1")
    assert (tmp_path / "charges/x/1/a").read_text() == "first"


def test_everything_is_flushed_before_it_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    staged = store.new_staging()
    (staged / "a").write_text("a")
    seen: list[tuple[int, bool]] = []
    target = tmp_path / "charges/x/1"
    original = os.fsync

    def fsync(handle: int) -> None:
        seen.append((os.fstat(handle).st_ino, target.exists()))
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    inodes = {(staged / "a").stat().st_ino, staged.stat().st_ino}
    store.publish(staged, "charges/x/1")

    assert {inode for inode, visible in seen if not visible} >= inodes
    # And the folder that now names it, after.
    assert (target.parent.stat().st_ino, True) in seen


def test_removing_and_listing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for key in ("charges/x/1/a", "charges/y/2/b"):
        (tmp_path / key).mkdir(parents=True)
        (tmp_path / key / "deep").write_text("1234")
    (tmp_path / "charges/x/1/file").write_text("")

    found = dict(store.folders("charges", 3))

    assert set(found) == {"charges/x/1/a", "charges/y/2/b"}
    assert all(datetime.now(UTC) - changed < timedelta(hours=1) for changed in found.values())
    listed = list(store.files("charges/x"))
    assert [(one.key, one.size) for one in listed] == [
        ("charges/x/1/a/deep", 4),
        ("charges/x/1/file", 0),
    ]
    assert all(datetime.now(UTC) - one.changed < timedelta(hours=1) for one in listed)
    store.remove("charges/x/1/a")
    store.remove("charges/x/1/a")
    store.remove("charges/x/1/file")
    assert set(dict(store.folders("charges", 3))) == {"charges/y/2/b"}


def test_reading(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a").write_text("a")

    assert store.has("raw/a")
    assert store.path("raw/a").read_text() == "a"
    assert store.address("raw/a") == str(tmp_path / "raw/a")
    with store.reading(["raw/a"]) as paths:
        assert dict(paths) == {"raw/a": tmp_path / "raw/a"}
    assert not store.has("raw/b")
    assert list(store.files("nothing")) == []
    with pytest.raises(FileNotFoundError, match="the lake has no raw/b"):
        store.path("raw/b")
    with pytest.raises(FileNotFoundError, match="the lake has no raw/b"), store.reading(["raw/b"]):
        pass


def test_what_is_kept_counts_as_new(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "raw/ab").mkdir(parents=True)
    (tmp_path / "raw/ab/a").write_text("a")
    for path in (tmp_path / "raw/ab", tmp_path / "raw/ab/a"):
        os.utime(path, (1, 1))

    assert store.keep("raw/ab/a")
    assert not store.keep("raw/ab/b")

    changes = [*dict(store.folders("raw", 1)).values(), *[one.changed for one in store.files("")]]
    assert len(changes) == 2
    assert all(datetime.now(UTC) - changed < timedelta(hours=1) for changed in changes)


def test_other_stores_are_not_there_yet() -> None:
    with pytest.raises(ValueError, match=r"LAKE_URL: s3:// is not supported yet"):
        open_store("s3://bucket/prefix")
