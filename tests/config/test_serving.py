"""`manage.py serve`: real processes, started, stopped and killed."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from config.celery import app
from costs.management.commands.serve import write_static_files
from tests.conftest import ROOT

NAMES = {b"gunicorn": "web server", b"short@%h": "short worker", b"long@%h": "long worker"}
PATIENCE = 60  # seconds, for a machine that is busy with other tests


def until[T](wanted: Callable[[], T], what: str) -> T:
    deadline = time.monotonic() + PATIENCE
    while not (found := wanted()):
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)
    return found


def children_of(pid: int) -> dict[str, int]:
    """Name to pid of what the supervisor `pid` has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found: dict[str, int] = {}
    for child in listed:
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        found |= {NAMES[word]: int(child) for word in words if word in NAMES}
    return found


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


class Served:
    def __init__(self, folder: Path) -> None:
        self.out = folder / "out.txt"
        self.errors = folder / "err.txt"
        self.data_dir = folder / "data"
        with self.out.open("w") as out, self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", "0", "--stop-timeout", "30"],
                cwd=ROOT,
                env=os.environ | {"HEADROOM_DATA_DIR": str(self.data_dir)},
                stdout=out,
                stderr=errors,
            )
        self.port = int(until(self._announced, "serve printed its address"))
        self.children = children_of(self.process.pid)
        assert set(self.children) == set(NAMES.values())

    def _announced(self) -> str:
        assert self.process.poll() is None, self.errors.read_text()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.out.read_text())
        return found[1] if found else ""

    def get(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def everything_gone(self) -> bool:
        return all(map(is_gone, self.children.values()))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    started = Served(tmp_path)
    yield started
    for pid in started.children.values():
        if not is_gone(pid):
            os.kill(pid, signal.SIGKILL)
    started.process.kill()
    started.process.wait()


def test_it_serves_works_and_stops_when_told(served: Served) -> None:
    assert served.get("/healthz").status == 200
    asked = served.get("/")
    assert asked.status == 302
    assert str(asked.headers["Location"]).startswith("/sign-in/")

    # A message from this process reaches the worker, through files: it takes it off the queue.
    folder = served.data_dir / "broker" / "messages"
    options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder.parent / "control"),
    }
    with app.connection_for_write("filesystem://localhost", transport_options=options) as broker:
        app.send_task("celery.backend_cleanup", queue="long", connection=broker)
    until(lambda: not list(folder.iterdir()), "the worker took the message")

    served.process.send_signal(signal.SIGTERM)

    assert served.process.wait(PATIENCE) == 0
    assert served.everything_gone()
    assert set(served.errors.read_text().split("\n")) <= {"", "worker: Warm shutdown (MainProcess)"}


def test_static_files_are_written_once(data_dir: Path, settings: Settings) -> None:
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }

    def written() -> dict[str, int]:
        files = settings.STATIC_ROOT.rglob("*")
        return {one.name: one.stat().st_mtime_ns for one in files if one.is_file()}

    (settings.STATIC_ROOT / "old").mkdir(parents=True)
    (settings.STATIC_ROOT / "old" / "page.js").write_text("of an older release")
    write_static_files()
    first = written()
    assert "page.js" not in first
    assert any(name.endswith(".js.br") for name in first)
    write_static_files()
    assert written() == first
    (settings.STATIC_ROOT / "written").write_text("by another release")
    write_static_files()
    assert written() != first


@pytest.mark.parametrize("victim", ["web server", "long worker"])
def test_when_one_dies_the_others_are_stopped_and_serve_fails(served: Served, victim: str) -> None:
    os.kill(served.children[victim], signal.SIGKILL)

    assert served.process.wait(PATIENCE) == 1
    assert served.everything_gone()
    assert f"{victim} (pid {served.children[victim]}) was killed by SIGKILL" in (
        served.errors.read_text()
    )


def test_when_the_schedule_dies_alone_its_worker_and_serve_end(served: Served) -> None:
    short = served.children["short worker"]
    (beat,) = until(
        lambda: Path(f"/proc/{short}/task/{short}/children").read_text().split(), "beat runs"
    )
    os.kill(int(beat), signal.SIGKILL)

    assert served.process.wait(PATIENCE) == 1
    assert served.everything_gone()
    assert "the schedule (beat) has died" in served.errors.read_text()
    assert f"short worker (pid {short}) ended with status" in served.errors.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of it is Linux's")
def test_nothing_is_left_when_the_supervisor_is_killed(served: Served) -> None:
    served.process.kill()

    until(served.everything_gone, "all children ended")


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=ROOT,
            env=os.environ | {"HEADROOM_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == (
        f"CommandError: cannot listen on 127.0.0.1:{port}: "
        "the port is taken; choose another one with --port\n"
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--port", "99999"], "--port: 99999 is not between 0 and 65535"),
        (["--stop-timeout", "0"], "--stop-timeout: at least 1 second"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_done(
    arguments: list[str], error: str
) -> None:
    with pytest.raises(CommandError, match=error):
        call_command("serve", *arguments)


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
SUPERVISOR = """
import signal, sys
from costs import serving

# Whoever runs the tests in the background of a shell has SIGINT ignored, and so would we.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.pthread_sigmask(signal.SIG_BLOCK, serving.watched_signals())
pid = serving.start([sys.executable, "-c", sys.argv[1]])
print(pid, flush=True)
sys.exit(serving.supervise({pid: "stub"}, url="", address=("127.0.0.1", 9), stop_timeout=2))
"""


def supervising(code: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, int(process.stdout.readline())


def test_a_child_that_does_not_stop_in_time_is_killed() -> None:
    process, child = supervising(STUBBORN)
    time.sleep(0.5)  # until it ignores SIGTERM
    began = time.monotonic()
    process.terminate()
    _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert is_gone(child)
    assert "did not stop in 2 s; killing it" in errors
    assert time.monotonic() - began >= 2


def test_asked_twice_it_does_not_wait() -> None:
    process, child = supervising(STUBBORN)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)

    assert is_gone(child)
    assert errors == ""


def test_a_child_that_cannot_start_ends_serve() -> None:
    process, _ = supervising("raise SystemExit(3)")
    _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert "stub" in errors
    assert "ended with status 3" in errors
