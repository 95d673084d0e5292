"""Fresh Python processes, the product served, and how much memory processes take (Linux)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def run_module(module: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Any:
    """Run ``python -m module`` to its end; the JSON document on the last line that it prints.

    Raises :class:`RuntimeError` with its messages when it fails.
    """
    found = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise RuntimeError(f"{module} failed:\n{found.stderr[-4000:]}")
    return json.loads(found.stdout.splitlines()[-1])


@contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """``manage.py serve`` from its first answer on: the process and its address, without a slash.

    Raises :class:`RuntimeError` when it ends or does not answer within two minutes.
    """
    port = _free_port()
    served = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port)],
        env=dict(environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz", served)
        yield served, f"http://127.0.0.1:{port}"
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(60)


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


def peak_memory() -> float:
    """The most resident memory this process has had, in MB (10^6 bytes)."""
    return _kilobytes(Path("/proc/self/status"), "VmHWM") * 1024 / 1e6


def shared_out_memory(pids: Sequence[int]) -> float:
    """Resident memory of processes in MB (10^6 bytes), shared pages divided among their users."""
    return sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids) * 1024 / 1e6


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def _kilobytes(file: Path, field: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise LookupError(f"{file} has no {field}")
