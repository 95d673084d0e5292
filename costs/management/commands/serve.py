"""`manage.py serve`: the whole product on one machine, until it is told to stop."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import sys
from argparse import ArgumentParser
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from costs import serving


class Command(BaseCommand):
    help = "Migrate, then serve pages and do background work; stops all on SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port; 0 takes a free one")
        parser.add_argument(
            "--stop-timeout",
            type=int,
            default=20,
            metavar="SECONDS",
            help="how long requests and work may take to finish before they are killed",
        )

    def handle(self, *, host: str, port: int, stop_timeout: int, **options: Any) -> None:
        if not 0 <= port <= 65535:
            raise CommandError(f"--port: {port} is not between 0 and 65535")
        if stop_timeout < 1:
            raise CommandError("--stop-timeout: at least 1 second")
        # Taken first and handed on: what follows takes seconds, and may be for nothing otherwise.
        listener = listen_on(host, port)
        call_command("migrate", interactive=False, verbosity=0)
        write_static_files()
        self.stdout.flush()
        replace_with_supervisor(listener, stop_timeout)


def listen_on(host: str, port: int) -> socket.socket:
    """A bound TCP socket, not listening yet; CommandError when the address cannot be had."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # On Linux two sockets may be bound to one port as long as neither listens.
        listener.listen()
    except OSError as error:
        reason = (
            "the port is taken; choose another one with --port"
            if error.errno == errno.EADDRINUSE
            else error.strerror
        )
        raise CommandError(f"cannot listen on {host}:{port}: {reason}") from None
    return listener


def write_static_files() -> None:
    """The Vega bundle, and every static file under the name that pages use, in DATA_DIR.

    Compressing them takes seconds, so what the last start has written from the same files and
    packages stays.
    """
    from costs.charts import BUNDLE_NAME, write_bundle

    bundle = settings.BUNDLE_DIR / BUNDLE_NAME
    written = settings.STATIC_ROOT / "written"
    packages = f"{version('vl-convert-python')} {version('whitenoise')} {version('brotli')}"
    if bundle.exists() and written.exists() and written.read_text() == _digest(packages):
        return
    write_bundle(bundle)
    # With `clear` nothing that an older release has left is served for ever.
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    written.write_text(_digest(packages))


def _digest(packages: str) -> str:
    """Of all static files as they are in their sources, and of what compresses them."""
    digest = hashlib.sha256(packages.encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda one: one[0]):
            with storage.open(path) as file:
                digest.update(path.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def replace_with_supervisor(listener: socket.socket, stop_timeout: int) -> None:
    """Become `costs/serving.py`; never returns."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read here, not bound
    fd = os.dup(listener.fileno())
    os.set_inheritable(fd, True)
    connections.close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    environment = os.environ | child_environment()
    os.chdir(settings.BASE_DIR)
    os.execve(  # noqa: S606  # our own interpreter, no shell
        sys.executable,
        [
            *(sys.executable, "-P", serving.__file__),
            *(str(fd), f"http://{shown}:{port}/", anywhere.get(host, host), str(port)),
            str(settings.ENVIRONMENT.web_processes),
            str(settings.ENVIRONMENT.web_threads),
            str(settings.ENVIRONMENT.long_workers),
            str(stop_timeout),
        ],
        environment,
    )


def child_environment() -> dict[str, str]:
    """Variables for the children, which run in the project's folder: paths are absolute."""
    database = settings.DATABASES["default"]
    made = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "HEADROOM_DATA_DIR": str(settings.DATA_DIR),
        "LAKE_URL": settings.LAKE_URL,
        # glibc keeps a heap per thread, up to 8 a core: a web process of a few threads would hold
        # on to several times what it needs.
        "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
    }
    if database["ENGINE"].endswith("sqlite3"):
        made["DATABASE_URL"] = f"sqlite:///{quote(database['NAME'])}"
    return made
