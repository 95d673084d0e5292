"""The cache: whole files, one download for many, bounded; nothing that is read vanishes."""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from costs.errors import OutOfReach
from costs.stores import cache as module
from costs.stores.cache import JUST_USED, Cache

OLD = time.time() - 10 * JUST_USED


def writing(content: bytes) -> Callable[[BinaryIO], None]:
    def fetch(file: BinaryIO) -> None:
        file.write(content)

    return fetch


def unwanted(_: BinaryIO) -> None:
    raise AssertionError("fetched although it is here")


def fill(cache: Cache, *keys: str, size: int = 10, used: float = OLD) -> None:
    for nth, key in enumerate(keys):
        path = cache.fill(key, writing(b"x" * size))
        os.utime(path, (used + nth, path.stat().st_mtime))


def kept(cache: Cache) -> set[str]:
    files = cache.root / "files"
    return {path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()}


def test_a_failed_fetch_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)

    def fetch(file: BinaryIO) -> None:
        file.write(b"half")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        cache.fill("a/b", fetch)
    assert kept(cache) == set()
    assert list((tmp_path / "fetching").iterdir()) == []
    assert cache.fill("a/b", writing(b"whole")).read_bytes() == b"whole"
    cache.fill("a/b", unwanted)


def test_what_a_dead_process_left_is_written_anew(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)

    def die(file: BinaryIO) -> None:
        file.write(b"much longer than what comes")
        file.flush()
        os._exit(9)

    pid = os.fork()
    if pid == 0:  # pragma: no cover - another process
        cache.fill("a", die)
    os.waitpid(pid, 0)
    assert [path.stat().st_size for path in (tmp_path / "fetching").iterdir()] == [27]
    assert kept(cache) == set()
    assert cache.fill("a", writing(b"whole")).read_bytes() == b"whole"
    assert list((tmp_path / "fetching").iterdir()) == []


def test_many_threads_fetch_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    fetched = []

    def fetch(file: BinaryIO) -> None:
        fetched.append(1)
        time.sleep(0.05)
        file.write(b"whole")

    def ask() -> None:
        assert cache.fill("a", fetch).read_bytes() == b"whole"

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1


def test_many_processes_fetch_whole_files_while_others_make_room(tmp_path: Path) -> None:
    """Readers of several processes, and a cache far too small for them: no read ever fails."""
    fork = multiprocessing.get_context("fork")
    failed = fork.Value("i", 0)

    def read(seed: int) -> None:
        module.JUST_USED = 0.0  # type: ignore[misc]
        cache = Cache(tmp_path, 300)
        for nth in range(60):
            keys = [f"k/{(seed * nth + other) % 7}" for other in range(3)]
            with cache.reading(keys):
                for key in keys:
                    cache.fill(key, writing(key.encode() * 40))
                cache.make_room()
                for key in keys:
                    if cache.at(key).read_bytes() != key.encode() * 40:
                        failed.value += 1
            cache.make_room()

    readers = [fork.Process(target=read, args=(seed,)) for seed in range(1, 5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert [reader.exitcode for reader in readers] == [0] * 4
    assert failed.value == 0
    assert list((tmp_path / "reading").iterdir()) == []
    module_limit = Cache(tmp_path, 300)
    assert module_limit.size() <= 300


def test_the_longest_unused_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 30)
    fill(cache, "a", "b", "c")
    assert cache.make_room() == 0
    with cache.reading(["a"]):
        pass
    fill(cache, "d", used=OLD + 50)

    assert cache.make_room() == 20

    assert kept(cache) == {"a", "d"}
    assert cache.size() == 20


def test_what_is_read_stays_and_so_does_what_was_just_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 0)
    fill(cache, "read", "loose", "just-used")
    now = time.time()
    os.utime(cache.at("just-used"), (now, now))
    with Cache(tmp_path, 0).reading(["read", "not-here"]):
        os.utime(cache.at("read"), (OLD, OLD))
        assert cache.make_room() == 10
        assert kept(cache) == {"read", "just-used"}
    os.utime(cache.at("just-used"), (OLD, OLD))
    assert cache.make_room() == 20
    assert kept(cache) == set()


def test_a_dead_reader_holds_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 0)
    fill(cache, "a")
    pid = os.fork()
    if pid == 0:  # pragma: no cover - another process
        with cache.reading(["a"]):
            os._exit(9)
    os.waitpid(pid, 0)
    os.utime(cache.at("a"), (OLD, OLD))
    assert len(list((tmp_path / "reading").iterdir())) == 1
    cache.make_room()
    assert kept(cache) == set()
    assert list((tmp_path / "reading").iterdir()) == []


def test_reading_does_not_change_what_duckdb_knows_a_file_by(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    fill(cache, "a")
    before = cache.at("a").stat().st_mtime_ns
    with cache.reading(["a"]):
        assert cache.at("a").stat().st_mtime_ns == before
        assert time.time() - cache.at("a").stat().st_atime < 60


def test_a_full_disk_makes_room(tmp_path: Path) -> None:
    """A write that fails until enough has gone."""
    cache = Cache(tmp_path, 1000)
    fill(cache, "a", "b", "c", "d")

    def fetch(file: BinaryIO) -> None:
        file.write(b"x" * 15)
        if len(kept(cache)) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    assert cache.fill("e", fetch).stat().st_size == 15
    assert kept(cache) == {"d", "e"} or kept(cache) == {"c", "d", "e"}


def test_a_disk_that_stays_full_is_said_in_words(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    fill(cache, "a", "b")

    def fetch(file: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with cache.reading(["a"]):
        with pytest.raises(OutOfReach, match=r"the disk of the cache .* is full; free some"):
            cache.fill("e", fetch)
        # Read just now: it stays, and can be read on.
        assert "a" in kept(cache)
    assert list((tmp_path / "fetching").iterdir()) == []


def test_a_reader_that_cannot_write_its_note_holds_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path, 0)
    fill(cache, "a", "b")
    monkeypatch.setattr(module, "_END", "")
    with cache.reading(["a"]):
        monkeypatch.undo()
        os.utime(cache.at("a"), (OLD, OLD))
        assert cache.make_room() == 0
        assert kept(cache) == {"a", "b"}


def test_adopting_and_forgetting(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    (tmp_path / "staged").write_bytes(b"mine")
    cache.adopt(tmp_path / "staged", "deep/er/a")
    fill(cache, "deep/b")
    cache.fill("deep/er/a", unwanted)
    cache.forget("deep/b")
    cache.forget("deep/b")
    assert kept(cache) == {"deep/er/a"}
    cache.forget("deep")
    assert kept(cache) == set()
