"""The supervisor behind `manage.py serve`: a web server and two workers, all of them or none.

`serve` replaces itself with this file (`os.execv`), which imports nothing but the standard
library: what stays in memory beside the children is a bare interpreter of some 10 MB. It waits for
signals and for children, and does nothing else:

- SIGTERM, SIGINT (Ctrl-C) or SIGHUP: the children are asked to finish; what still runs after
  ``--stop-timeout`` seconds, or when the signal comes again, is killed. Exit status 0.
- A child that ends by itself, however it ends: the others are stopped too. Exit status 1, so that
  systemd, a container engine or a person sees it.
- The supervisor killed with SIGKILL: on Linux the kernel sends the children SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

READY_EVERY = 0.25  # seconds between two looks at the web server until it answers
_PR_SET_PDEATHSIG = 1  # prctl(2)


def web_command(fd: int, *, processes: int, threads: int, stop_timeout: int) -> list[str]:
    """Gunicorn on the listening socket `fd`."""
    return [
        *(sys.executable, "-m", "gunicorn", "config.wsgi:application"),
        *("--bind", f"fd://{fd}"),
        *("--worker-class", "gthread"),
        *("--workers", str(processes)),
        *("--threads", str(threads)),
        # Loaded once, before the fork: the processes share its memory, and a product that cannot
        # be imported ends gunicorn at once instead of being tried again.
        "--preload",
        # Requests get a little less than the supervisor has, so that it need not kill.
        *("--graceful-timeout", str(max(1, stop_timeout - 2))),
        *("--log-level", "warning"),
        "--no-control-socket",
    ]


def short_worker_command() -> list[str]:
    """The worker of the queue `short`, with the schedule (beat) as a process below it.

    It does one thing after the other in its own process, which saves one of 35 MB: what is short
    neither grows nor crashes. It ends when its beat does (`config.celery`).
    """
    return [*_worker("short"), "--pool", "solo", "--beat"]


def long_worker_command(processes: int) -> list[str]:
    """The worker of the queue `long`: so many processes, started anew when they die or grow."""
    return [*_worker("long"), "--pool", "prefork", "--concurrency", str(processes)]


def _worker(queue: str) -> list[str]:
    return [
        sys.executable,
        # Celery warns root of pickled messages from strangers; this one takes JSON only.
        *("-W", "ignore:You're running the worker with superuser privileges"),
        *("-m", "celery", "--quiet", "--app", "config.celery", "worker"),
        *("--queues", queue, "--hostname", f"{queue}@%h"),
        # Nobody else listens to this worker.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", "warning"),
    ]


def start(command: Sequence[str], *, without: Sequence[int] = ()) -> int:
    """Fork and run `command` in a session of its own, without the descriptors `without`; its pid.

    Raises OSError when it cannot fork. A command that cannot be executed ends with status 127.
    """
    supervisor = os.getpid()
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    try:
        # Its own session: Ctrl-C in a terminal reaches the supervisor alone, which then stops the
        # children in good order, and a group can be killed whole.
        os.setsid()
        _die_with(supervisor)
        for fd in without:
            os.close(fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execv(command[0], list(command))  # noqa: S606  # our own interpreter, no shell
    except BaseException as error:  # noqa: BLE001  # nothing of ours may run on in the child
        os.write(2, f"serve: cannot start {' '.join(command)}: {error}\n".encode())
    os._exit(127)


def _die_with(supervisor: int) -> None:
    """Have the kernel send this process SIGTERM when `supervisor` ends, on Linux."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != supervisor:  # it ended before the line above
        os._exit(1)


def supervise(
    children: Mapping[int, str], *, url: str, address: tuple[str, int], stop_timeout: float
) -> int:
    """Wait for `children` (pid to name) or a signal as the module describes; the exit status.

    The signals must be blocked (see `watched_signals`) since before the children were started.
    Prints `url` once the web server answers at `address`.
    """
    running = dict(children)
    signals = watched_signals()
    announced = False
    status = 0
    kill_at: float | None = None  # set when stopping has begun; time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, READY_EVERY, READY_EVERY)
    while running:
        caught = signal.sigwait(signals)
        if caught == signal.SIGCHLD:
            for pid, ended in _ended_children():
                if (name := running.pop(pid, None)) is None:
                    continue
                _kill_group(pid)  # its own children, should it have left any
                if kill_at is None:
                    _say(f"{name} (pid {pid}) {_how_it_ended(ended)}; stopping.")
                    status = 1
                    kill_at = _stop(running, stop_timeout)
        elif caught == signal.SIGALRM:
            if kill_at is not None and time.monotonic() >= kill_at:
                for pid, name in running.items():
                    _say(f"{name} (pid {pid}) did not stop in {stop_timeout:g} s; killing it.")
                    _kill_group(pid)
                kill_at = float("inf")
            elif kill_at is None and not announced and _answers(address):
                announced = True
                print(f"Headroom is on {url} (Ctrl-C stops it)", flush=True)
                signal.setitimer(signal.ITIMER_REAL, 0)
        elif kill_at is None:
            kill_at = _stop(running, stop_timeout)
        else:  # asked twice
            for pid in running:
                _kill_group(pid)
    return status


def watched_signals() -> set[signal.Signals]:
    """What the supervisor waits for; a signal that was ignored from outside (nohup) stays so."""
    asked = {
        number
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    return {*asked, signal.SIGCHLD, signal.SIGALRM}


def _stop(running: Mapping[int, str], stop_timeout: float) -> float:
    """Ask `running` to finish; the moment (time.monotonic) to kill what has not."""
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    signal.setitimer(signal.ITIMER_REAL, READY_EVERY, READY_EVERY)
    return time.monotonic() + stop_timeout


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # the second: for one that has not come to setsid yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _ended_children() -> Iterator[tuple[int, int]]:
    """Pid and wait status of every child that has ended; as process 1, adopted ones among them."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, ended = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            yield pid, ended


def _how_it_ended(ended: int) -> str:
    if os.WIFSIGNALED(ended):
        return f"was killed by {signal.Signals(os.WTERMSIG(ended)).name}"
    return f"ended with status {os.waitstatus_to_exitcode(ended)}"


def _answers(address: tuple[str, int]) -> bool:
    """Whether an HTTP server answers at `address`, whatever it says."""
    try:
        with socket.create_connection(address, timeout=1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False


def _say(line: str) -> None:
    print(f"serve: {line}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """FD URL HOST PORT PROCESSES THREADS LONG_WORKERS STOP_TIMEOUT, which `serve` has checked."""
    fd, url, host, port, processes, threads, long_workers, stop_timeout = arguments
    # SIGCHLD may have been ignored by whoever started us; then nobody could be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, watched_signals())
    web = web_command(
        int(fd),
        processes=int(processes),
        threads=int(threads),
        stop_timeout=int(stop_timeout),
    )
    children = {
        start(web): "web server",
        # Without the socket: the port must be free as soon as the web server has gone.
        start(short_worker_command(), without=[int(fd)]): "short worker",
        start(long_worker_command(int(long_workers)), without=[int(fd)]): "long worker",
    }
    os.close(int(fd))
    return supervise(children, url=url, address=(host, int(port)), stop_timeout=float(stop_timeout))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
