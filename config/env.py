"""The environment, read once: every setting has a name, a type, a default and a meaning here.

`read_environment` turns environment variables into one frozen `Environment`; `config/settings.py`
only spreads it over Django's names. A variable that is wrong, or that begins with ``HEADROOM_``
and is unknown, ends the process with one line that names it.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from environs import Env, EnvError

from config.notices import CHANNEL, channels, mailers, public_url_of, sender_of
from config.setting_error import SettingError
from costs.stores.address import address_of

PREFIX = "HEADROOM_"
# Switches of the test suite, the benchmarks and the demo command, which read them themselves.
_OTHERS = ("HEADROOM_TEST_", "HEADROOM_BENCH_", "HEADROOM_CHROMIUM", CHANNEL)
_BROKERS = ("filesystem", "amqp", "amqps", "redis", "rediss", "memory")


@dataclass(frozen=True)
class Environment:
    """What this installation was told; paths are absolute."""

    data_dir: Path
    """HEADROOM_DATA_DIR: where all state lives. Default: `var/` beside manage.py."""
    secret_key: str
    """HEADROOM_SECRET_KEY: signs cookies. Default: made once, kept in DATA_DIR/secret_key."""
    debug: bool
    """HEADROOM_DEBUG: tracebacks in pages; never for others to see. Default: off."""
    allowed_hosts: list[str]
    """HEADROOM_ALLOWED_HOSTS: host names that requests may name, comma-separated. Default: this
    machine only."""
    trusted_origins: list[str]
    """HEADROOM_TRUSTED_ORIGINS: origins (https://costs.example.com) that forms may come from when
    a proxy in front changes the host name. Default: none."""
    behind_tls: bool
    """HEADROOM_BEHIND_TLS: a proxy in front speaks HTTPS and sets X-Forwarded-Proto: cookies go
    over HTTPS only, plain HTTP is redirected, HSTS is sent. Default: off."""
    database: dict[str, Any]
    """DATABASE_URL: sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME, as Django's
    DATABASES entry. Default: DATA_DIR/headroom.sqlite3."""
    broker_url: str
    """BROKER_URL: filesystem://, amqp://… or redis://…. Default: filesystem://, in
    DATA_DIR/broker."""
    lake_url: str
    """LAKE_URL: where Parquet files live: a folder, s3://BUCKET/PATH or
    abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH. Default: DATA_DIR/lake."""
    cache_size: int
    """HEADROOM_CACHE_SIZE: how much of a lake in an object store is kept in DATA_DIR/cache, such
    as 500MB or 10GB; in bytes here. Default: 10GB."""
    keep_versions: int
    """HEADROOM_KEEP_VERSIONS: how many superseded versions of a bill keep their files, 0 to 1000.
    Default: 3."""
    keep_days: int
    """HEADROOM_KEEP_DAYS: how many days after it was superseded a version keeps its files at most,
    1 to 36500. Default: 400."""
    public_url: str
    """HEADROOM_URL: where people open Headroom in their browser; links in mails begin with it.
    Default: http://127.0.0.1:8000/."""
    mailers: dict[str, dict[str, Any]]
    """EMAIL_URL: smtp://…, smtps://…, smtp+tls://…, sendgrid://KEY@ or ses://REGION, as Django's
    MAILERS. Default: mails are written as files to DATA_DIR/mail."""
    mail_from: str
    """HEADROOM_MAIL_FROM: the sender of every mail. Default: headroom@ the host of HEADROOM_URL."""
    channels: dict[str, str]
    """HEADROOM_CHANNEL_<NAME>: Apprise addresses of channels, by name in small letters; they hold
    secrets. Default: none."""
    time_zone: str
    """HEADROOM_TIME_ZONE: the team's time zone, for the digest and quiet hours; charges stay in
    UTC. An IANA name. Default: UTC."""
    memory_limit: str
    """HEADROOM_MEMORY_LIMIT: how much memory DuckDB may use in one process, such as 512MB or 2GB
    (beyond it, it spills into the lake's folder spill/). Default: 512MB."""
    upload_limit: int
    """HEADROOM_UPLOAD_LIMIT: how large one upload of bills may be, all its files together, such as
    500MB or 2GB; in bytes here. Default: 2GB."""
    azure_endpoint: str
    """HEADROOM_AZURE_ENDPOINT: where Azure Resource Manager answers: another one for a sovereign
    cloud, or for tests. Default: https://management.azure.com."""
    azure_blob_endpoint: str
    """HEADROOM_AZURE_BLOB_ENDPOINT: the address of a storage account, with {account} in the place
    of its name. Default: https://{account}.blob.core.windows.net."""
    web_threads: int
    """HEADROOM_WEB_THREADS: threads of a web process, 1 to 64. Default: 4."""
    web_processes: int
    """HEADROOM_WEB_PROCESSES: web processes of `manage.py serve`, 1 to 64. Default: 1."""
    long_workers: int
    """HEADROOM_LONG_WORKERS: how many pieces of long work, such as reading bills, `manage.py serve`
    does at once, 1 to 64. Default: 1."""
    log_level: str
    """HEADROOM_LOG_LEVEL: debug, info, warning or error. Default: info."""
    log_format: Literal["auto", "json", "console"]
    """HEADROOM_LOG_FORMAT: json, console, or auto: console on a terminal. Default: auto."""


NAMES = frozenset(
    {
        "HEADROOM_DATA_DIR",
        "HEADROOM_SECRET_KEY",
        "HEADROOM_DEBUG",
        "HEADROOM_ALLOWED_HOSTS",
        "HEADROOM_TRUSTED_ORIGINS",
        "HEADROOM_BEHIND_TLS",
        "DATABASE_URL",
        "BROKER_URL",
        "LAKE_URL",
        "HEADROOM_CACHE_SIZE",
        "HEADROOM_KEEP_VERSIONS",
        "HEADROOM_KEEP_DAYS",
        "HEADROOM_URL",
        "EMAIL_URL",
        "HEADROOM_MAIL_FROM",
        "HEADROOM_TIME_ZONE",
        "HEADROOM_MEMORY_LIMIT",
        "HEADROOM_UPLOAD_LIMIT",
        "HEADROOM_AZURE_ENDPOINT",
        "HEADROOM_AZURE_BLOB_ENDPOINT",
        "HEADROOM_WEB_THREADS",
        "HEADROOM_WEB_PROCESSES",
        "HEADROOM_LONG_WORKERS",
        "HEADROOM_LOG_LEVEL",
        "HEADROOM_LOG_FORMAT",
    }
)
"""Every variable that Headroom reads."""


def read_environment(base_dir: Path) -> Environment:
    """Read os.environ; make the data folder and, when there is none yet, the secret key.

    Raises SettingError, one line that names the variable.
    """
    refuse_unknown(os.environ)
    env = Env()
    try:
        data_dir = Path(env.str("HEADROOM_DATA_DIR", "") or base_dir / "var").expanduser().resolve()
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(
                f"HEADROOM_DATA_DIR: cannot use {data_dir}: {error.strerror}"
            ) from None
        return Environment(
            data_dir=data_dir,
            secret_key=env.str("HEADROOM_SECRET_KEY", "") or stored_secret_key(data_dir),
            debug=env.bool("HEADROOM_DEBUG", False),
            allowed_hosts=env.list("HEADROOM_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"]),
            trusted_origins=env.list("HEADROOM_TRUSTED_ORIGINS", []),
            behind_tls=env.bool("HEADROOM_BEHIND_TLS", False),
            database=database(
                env.str("DATABASE_URL", "")
                or f"sqlite:///{quote(str(data_dir / 'headroom.sqlite3'))}"
            ),
            broker_url=_url("BROKER_URL", env.str("BROKER_URL", "") or "filesystem://", _BROKERS),
            lake_url=_lake(env.str("LAKE_URL", "") or str(data_dir / "lake")),
            cache_size=_bytes("HEADROOM_CACHE_SIZE", env.str("HEADROOM_CACHE_SIZE", "10GB")),
            keep_versions=_between(
                "HEADROOM_KEEP_VERSIONS", env.int("HEADROOM_KEEP_VERSIONS", 3), 0, 1000
            ),
            keep_days=_between("HEADROOM_KEEP_DAYS", env.int("HEADROOM_KEEP_DAYS", 400), 1, 36500),
            public_url=(public_url := public_url_of(env.str("HEADROOM_URL", ""))),
            mailers=mailers(env.str("EMAIL_URL", ""), data_dir),
            mail_from=sender_of(env.str("HEADROOM_MAIL_FROM", ""), public_url),
            channels=channels(os.environ),
            time_zone=_time_zone(env.str("HEADROOM_TIME_ZONE", "UTC")),
            memory_limit=_memory_limit(env.str("HEADROOM_MEMORY_LIMIT", "512MB")),
            upload_limit=_bytes("HEADROOM_UPLOAD_LIMIT", env.str("HEADROOM_UPLOAD_LIMIT", "2GB")),
            azure_endpoint=_https(
                "HEADROOM_AZURE_ENDPOINT",
                env.str("HEADROOM_AZURE_ENDPOINT", "https://management.azure.com"),
            ),
            azure_blob_endpoint=_https(
                "HEADROOM_AZURE_BLOB_ENDPOINT",
                env.str("HEADROOM_AZURE_BLOB_ENDPOINT", "https://{account}.blob.core.windows.net"),
                needs="{account}",
            ),
            web_threads=_between("HEADROOM_WEB_THREADS", env.int("HEADROOM_WEB_THREADS", 4), 1, 64),
            web_processes=_between(
                "HEADROOM_WEB_PROCESSES", env.int("HEADROOM_WEB_PROCESSES", 1), 1, 64
            ),
            long_workers=_between(
                "HEADROOM_LONG_WORKERS", env.int("HEADROOM_LONG_WORKERS", 1), 1, 64
            ),
            log_level=_one_of(
                "HEADROOM_LOG_LEVEL",
                env.str("HEADROOM_LOG_LEVEL", "info").lower(),
                ("debug", "info", "warning", "error"),
            ).upper(),
            log_format=_one_of(  # type: ignore[arg-type]  # _one_of has just checked it
                "HEADROOM_LOG_FORMAT",
                env.str("HEADROOM_LOG_FORMAT", "auto").lower(),
                ("auto", "json", "console"),
            ),
        )
    except EnvError as error:
        # environs says: Environment variable "NAME" invalid: ['Not a valid integer.']
        raise SettingError(" ".join(str(error).split())) from None


def refuse_unknown(environ: Iterable[str]) -> None:
    """Raise SettingError for a HEADROOM_ variable that nothing reads: it is a typing error."""
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in NAMES and not name.startswith(_OTHERS):
            near = difflib.get_close_matches(name, NAMES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(NAMES))}"
            raise SettingError(f"{name}: no such setting; {hint}")


def stored_secret_key(data_dir: Path) -> str:
    """The key in DATA_DIR/secret_key (mode 600), made by whichever process comes first."""
    path = data_dir / "secret_key"
    try:
        if key := path.read_text(encoding="ascii").strip():
            return key
        raise SettingError(f"HEADROOM_SECRET_KEY: {path} is empty; delete it to get a new one")
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"HEADROOM_SECRET_KEY: cannot read {path}: {error}") from None
    # Written whole under another name, then linked: a second process that loses the race finds a
    # finished file, and nobody ever reads half a key.
    draft = data_dir / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(50), encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingError(f"HEADROOM_SECRET_KEY: cannot write {path}: {error.strerror}") from None


def database(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for a DATABASE_URL."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "sqlite":
        # sqlite:///relative/file and sqlite:////absolute/file, as everywhere else.
        name = unquote(parts.path).removeprefix("/")
        if parts.netloc or not name:
            raise SettingError("DATABASE_URL: write sqlite:///FILE")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(name).expanduser().resolve()) if name != ":memory:" else name,
            "OPTIONS": {
                # Seconds that a writer waits for another one.
                "timeout": 30,
                # A transaction takes the write lock when it begins: with the default, a reader
                # that turns into a writer fails at once instead of waiting.
                "transaction_mode": "IMMEDIATE",
                # WAL: readers and the writer do not wait for each other. With it, NORMAL can lose
                # the last transaction to a power cut, never the file.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        }
    if parts.scheme in ("postgres", "postgresql"):
        try:
            port = parts.port
        except ValueError:
            raise SettingError("DATABASE_URL: the port is not a number") from None
        name = unquote(parts.path).removeprefix("/")
        if not name:
            raise SettingError("DATABASE_URL: write postgresql://USER:PASSWORD@HOST:PORT/NAME")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(port or ""),
            "OPTIONS": options,
            # A connection is kept for a minute between requests, and asked before its reuse.
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
        }
    raise SettingError(
        "DATABASE_URL: starts with neither sqlite:// nor postgresql:// (the value is not shown)"
    )


def _url(name: str, value: str, schemes: tuple[str, ...]) -> str:
    scheme = urlsplit(value).scheme
    if scheme not in schemes:
        # Not the value: it may hold a password.
        raise SettingError(
            f"{name}: must start with one of {', '.join(s + '://' for s in schemes)}"
        )
    return value


def _https(name: str, value: str, needs: str = "") -> str:
    # Azure's packages send a token over nothing else.
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#@]*)?", value) or needs not in value:
        hint = f" with {needs} in it" if needs else ""
        raise SettingError(f"{name}: {value[:100]!r} is no https:// address{hint}")
    return value.rstrip("/")


def _lake(value: str) -> str:
    try:
        address = address_of(value)
    except ValueError as error:
        raise SettingError(f"LAKE_URL: {error}") from None
    if address is not None:
        return str(address)
    return str(Path(value).expanduser().resolve())


def _time_zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise SettingError(
            f"HEADROOM_TIME_ZONE: {value!r} is no IANA time zone such as Europe/Berlin"
        ) from None
    return value


def _memory_limit(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*\s?([KMGT]i?B)", value):
        raise SettingError(f"HEADROOM_MEMORY_LIMIT: {value!r} is no size such as 512MB or 2GB")
    return value


def _bytes(name: str, value: str) -> int:
    sizes = {"K": 10, "M": 20, "G": 30, "T": 40}
    found = re.fullmatch(r"([1-9][0-9]{0,8})\s?([KMGT])i?B", value)
    if not found:
        raise SettingError(f"{name}: {value!r} is no size such as 500MB or 2GB")
    return int(found[1]) << sizes[found[2]]


def _between(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise SettingError(f"{name}: {value} is not between {least} and {most}")
    return value


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingError(f"{name}: {value!r} is none of {', '.join(allowed)}")
    return value
