"""Memory of `manage.py serve`, idle: web server and worker with demo data, no page asked for yet.

The sum of the proportional set sizes (pages shared by several processes are divided among them) of
the supervisor and everything below it, some seconds after the web server answers. Linux only.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from bench.processes import ROOT, family, shared_out_memory
from bench.results import Result, at_most

GOAL = 400
"""MB."""
SETTLED = 8.0
"""Seconds from the web server's first answer until the worker has certainly started too."""


def run(*, demo: bool = True) -> list[Result]:
    """One figure. ``demo`` loads the demo estate first, as `make demo` does."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        environ = {**os.environ, "HEADROOM_DATA_DIR": folder}
        manage = [sys.executable, str(ROOT / "manage.py")]
        if demo:
            subprocess.run([*manage, "demo"], env=environ, check=True, capture_output=True)
        port = _free_port()
        served = subprocess.Popen(
            [*manage, "serve", "--port", str(port)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/healthz", served)
            time.sleep(SETTLED)
            memory = shared_out_memory(family(served.pid))
        finally:
            served.send_signal(signal.SIGTERM)
            served.wait(60)
    return [at_most("serve_memory", memory, "MB", GOAL)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, served: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if served.poll() is not None:
            raise RuntimeError(f"serve ended with status {served.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"{url} did not answer within two minutes")
