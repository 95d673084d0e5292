"""DuckDB may read and write in the lake and nowhere else, and nobody can change that."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from costs.lake.engine import cursor, name, open_connection, quote


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    one = open_connection(tmp_path / "lake", memory="128MB", threads=1)
    yield one
    one.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/hostname')",
        "SELECT * FROM '{outside}/secret.csv'",
        "SELECT * FROM read_csv('{lake}/../secret.csv')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('https://example.com/bill.csv')",
        "COPY (SELECT 1) TO '{outside}/out.csv'",
        "ATTACH '{outside}/other.duckdb'",
        "EXPORT DATABASE '{outside}/dump'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "LOAD '{outside}/evil.duckdb_extension'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '100GB'",
        "SET autoinstall_known_extensions = true",
        "RESET lock_configuration",
        "SET lock_configuration = false",
        "PRAGMA enable_external_access",
    ],
)
def test_nothing_outside_the_lake(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str
) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    before = set(tmp_path.iterdir())

    with pytest.raises(duckdb.Error):
        connection.execute(
            sql.replace("{outside}", str(tmp_path)).replace("{lake}", str(tmp_path / "lake"))
        ).fetchall()

    assert set(tmp_path.iterdir()) == before


def test_the_environment_cannot_be_read(connection: duckdb.DuckDBPyConnection) -> None:
    """A secret in an environment variable stays out of reach of SQL."""
    with pytest.raises(duckdb.Error):
        connection.execute("SELECT getenv('HOME')").fetchall()


def test_no_extension_comes_by_itself(connection: duckdb.DuckDBPyConnection) -> None:
    wanted = (
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "enable_external_access",
        "allow_community_extensions",
    )
    settings = dict(connection.execute("SELECT name, value FROM duckdb_settings()").fetchall())

    assert {settings[one] for one in wanted} == {"false"}
    assert settings["lock_configuration"] == "true"
    assert settings["TimeZone"] == "UTC"


def test_a_link_does_not_lead_out(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Whoever can write links into the lake could read more; at least ``..`` is not followed."""
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    with pytest.raises(duckdb.Error):
        connection.execute(
            f"SELECT * FROM read_csv('{tmp_path}/lake/x/../../secret.csv')"
        ).fetchall()


@pytest.mark.parametrize("text", ["it's", "''", '"', "\\", "a\nb", "", "€"])
def test_quoting(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert connection.execute(f"SELECT {quote(text)}").fetchone() == (text,)
    if text:
        connection.execute(f"SELECT 1 AS {name(text)}")
        assert connection.description
        assert connection.description[0][0] == text


def test_one_cursor_a_thread(data_dir: Path) -> None:
    found: list[int] = []

    def ask(n: int) -> None:
        for _ in range(20):
            with cursor() as one:
                row = one.execute("SELECT ?::INTEGER", [n]).fetchone()
                assert row
                found.append(row[0])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted([0, 1, 2, 3] * 20)


def test_opened_again_after_a_fork(data_dir: Path) -> None:
    with cursor() as one:
        one.execute("SELECT 1")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - another process
        signal.alarm(30)
        with cursor() as one:
            row = one.execute("SELECT 42").fetchone()
        os.write(write, str(row).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "(42,)"
    os.waitpid(pid, 0)
