"""The environment: defaults, refusals in one line, and a secret key that is made once."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.env import (
    NAMES,
    database,
    read_environment,
    refuse_unknown,
    stored_secret_key,
)
from config.setting_error import SettingError
from tests.conftest import ROOT


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_any_variable_all_state_is_in_var(empty: Path) -> None:
    environment = read_environment(empty)

    assert environment.data_dir == empty / "var"
    assert stat.S_IMODE(environment.data_dir.stat().st_mode) == 0o700
    assert environment.database["NAME"] == str(empty / "var" / "headroom.sqlite3")
    assert environment.database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert environment.lake_url == str(empty / "var" / "lake")
    assert environment.broker_url == "filesystem://"
    assert environment.allowed_hosts == ["localhost", "127.0.0.1", "[::1]"]
    assert (environment.debug, environment.behind_tls) == (False, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEADROOM_DEBUG", "perhaps"),
        ("HEADROOM_BEHIND_TLS", "2"),
        ("HEADROOM_DATA_DIR", "/dev/null/data"),
        ("DATABASE_URL", "mysql://root:hunter2@localhost/x"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "postgresql://me:hunter2@localhost:port/x"),
        ("DATABASE_URL", "postgresql://me:hunter2@localhost"),
        ("BROKER_URL", "kafka://me:hunter2@localhost"),
        ("LAKE_URL", "ftp://me:hunter2@localhost"),
        ("LAKE_URL", "s3://me:hunter2@bucket/lake"),
        ("LAKE_URL", "s3:///lake"),
        ("LAKE_URL", "s3://bucket/a/../b"),
        ("LAKE_URL", "s3://bucket/lake?secret=hunter2"),
        ("LAKE_URL", "abfs://container/lake"),
        ("LAKE_URL", "abfs://container@localhost:hunter2/lake"),
        ("HEADROOM_CACHE_SIZE", "much"),
        ("HEADROOM_TIME_ZONE", "Mars/Olympus"),
        ("HEADROOM_TIME_ZONE", "../etc/passwd"),
        ("HEADROOM_MEMORY_LIMIT", "much"),
        ("HEADROOM_WEB_THREADS", "0"),
        ("HEADROOM_WEB_THREADS", "four"),
        ("HEADROOM_WEB_PROCESSES", "65"),
        ("HEADROOM_LOG_LEVEL", "loud"),
        ("HEADROOM_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_no_password(
    empty: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingError) as caught:
        read_environment(empty)

    text = str(caught.value)
    assert name in text
    assert "\n" not in text
    assert "hunter2" not in text


def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingError, match=r"HEADROOM_DATADIR.*did you mean HEADROOM_DATA_DIR"):
        refuse_unknown(["PATH", "HEADROOM_DATADIR"])


def test_the_test_suites_own_switches_are_left_alone() -> None:
    refuse_unknown(["HEADROOM_TEST_DATABASE_URL", "HEADROOM_CHROMIUM", *NAMES])


def test_a_command_prints_the_refusal_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"HEADROOM_TIME_ZONE": "Mars/Olympus"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "headroom: HEADROOM_TIME_ZONE: 'Mars/Olympus' is no IANA time zone such as Europe/Berlin\n"
    )


def test_postgresql_with_escaped_parts_and_options() -> None:
    entry = database("postgresql://me:p%40ss@db.example:6432/head%20room?sslmode=require")

    assert entry["ENGINE"] == "django.db.backends.postgresql"
    assert (entry["USER"], entry["PASSWORD"], entry["HOST"], entry["PORT"], entry["NAME"]) == (
        *("me", "p@ss", "db.example", "6432"),
        "head room",
    )
    assert entry["OPTIONS"] == {"sslmode": "require"}


def test_the_secret_key_is_kept_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = stored_secret_key(tmp_path)

    assert len(first) >= 50
    assert stored_secret_key(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: stored_secret_key(tmp_path), range(64)))

    assert len(keys) == 1


def test_an_empty_secret_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()

    with pytest.raises(SettingError, match="HEADROOM_SECRET_KEY"):
        stored_secret_key(tmp_path)
