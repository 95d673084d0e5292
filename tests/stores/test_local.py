"""The local folder: what is published is on the disk, and at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from costs.stores.local import LocalStore


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


def test_addresses_are_paths(tmp_path: Path) -> None:
    assert LocalStore(tmp_path).address("raw/a") == str(tmp_path / "raw/a")


def test_what_is_kept_counts_as_new(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "raw/ab").mkdir(parents=True)
    (tmp_path / "raw/ab/a").write_text("a")
    for path in (tmp_path / "raw/ab", tmp_path / "raw/ab/a"):
        os.utime(path, (1, 1))

    assert store.keep("raw/ab/a")

    changes = [*dict(store.folders("raw", 1)).values(), *[one.changed for one in store.files("")]]
    assert len(changes) == 2
    assert all(datetime.now(UTC) - changed < timedelta(hours=1) for changed in changes)
