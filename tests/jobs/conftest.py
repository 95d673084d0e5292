"""Brokers of a test's own, and the processes that use them."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.jobs.processes import Processes, until

AMQP_URL = os.environ.get("HEADROOM_TEST_AMQP_URL", "")
"""A virtual host that belongs to the tests; without it, each test makes one of its own with
`rabbitmqctl` on this machine's server."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class OwnRedis:
    """A Redis server that may be killed: what it held in memory is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "dir": self.folder}
        command = ["redis-server"]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: is_listening(self.port), "Redis listened")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis server of this test alone."""
    if shutil.which("redis-server") is None:
        pytest.skip("needs service: redis-server, Debian's package, on the PATH")
    server = OwnRedis(tmp_path)
    yield server
    server.kill()


def _rabbitmqctl(*arguments: str) -> bool:
    command = ["rabbitmqctl", "--quiet", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def own_vhost() -> Iterator[str]:
    """The address of a virtual host without queues on a RabbitMQ that is running."""
    if AMQP_URL:
        # One test at a time: their queues have the same names.
        with (Path(tempfile.gettempdir()) / "headroom-tests-amqp.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            purge(AMQP_URL)
            yield AMQP_URL
            purge(AMQP_URL)
        return
    name = f"headroom-test-{uuid.uuid4().hex[:8]}"
    if shutil.which("rabbitmqctl") is None or not _rabbitmqctl("add_vhost", name):
        pytest.skip(
            "needs service: rabbitmq with rabbitmqctl as root, or HEADROOM_TEST_AMQP_URL with a"
            " virtual host for the tests alone"
        )
    try:
        _rabbitmqctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        yield f"amqp://guest:guest@127.0.0.1:5672/{name}"
    finally:
        _rabbitmqctl("delete_vhost", name)


def purge(url: str) -> None:
    """Lose every message that waits at a RabbitMQ."""
    from kombu.connection import Connection

    with Connection(url) as connection:  # type: ignore[no-untyped-call]
        channel = connection.channel()
        for queue in ("short", "long"):
            channel.queue_declare(queue, durable=True, auto_delete=False)
            channel.queue_purge(queue)


def waiting(url: str) -> int:
    """How many messages wait in the queue `long` of a RabbitMQ."""
    from kombu.connection import Connection

    with Connection(url) as connection:  # type: ignore[no-untyped-call]
        found = connection.channel().queue_declare("long", durable=True, auto_delete=False)
        return int(found.message_count)


@pytest.fixture
def amqp() -> Iterator[str]:
    """BROKER_URL of a RabbitMQ's virtual host of this test alone."""
    with own_vhost() as url:
        yield url


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> str:
    """BROKER_URL of each kind of broker in turn, by the test's parameter."""
    if request.param == "redis":
        return str(request.getfixturevalue("own_redis").url)
    if request.param == "rabbitmq":
        return str(request.getfixturevalue("amqp"))
    return "filesystem://"


@pytest.fixture
def processes(
    transactional_db: None, data_dir: Path, tmp_path: Path
) -> Iterator[Callable[[str], Processes]]:
    """Starts processes on this test's database, lake and the broker that it names."""
    started: list[Processes] = []

    def on(broker: str) -> Processes:
        (tmp_path / str(len(started))).mkdir()
        started.append(Processes(broker, tmp_path / str(len(started))))
        return started[-1]

    yield on
    for one in started:
        one.end()
