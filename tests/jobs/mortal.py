"""A process with everything imported that forks one real worker a line, which may kill itself.

A line is JSON: ``{"die_before": "module:function", "nth": 1}``, or ``{}`` for one that lives. The
answer is the worker's process id, and once it has ended how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

import django


def plant(where: str, nth: int) -> None:
    """Kill this process, with no chance to clean up, right before the nth call of a function."""
    module_name, function = where.split(":")
    module = import_module(module_name)
    original = getattr(module, function)
    left = nth

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(module, function, call)


def work(job: dict[str, Any]) -> None:
    """Be a worker of both queues until killed or told to stop."""
    from config.celery import app

    if where := job.get("die_before"):
        plant(where, job.get("nth", 1))
    app.worker_main(
        [
            *("--quiet", "worker", "--pool", "solo", "--queues", "short,long"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *("--loglevel", "warning"),
        ]
    )


if __name__ == "__main__":
    django.setup()
    for name in ("duckdb", "costs.bills.operations", "celery.worker", "celery.apps.worker"):
        import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(2, 1)  # answers only on stdout
            work(json.loads(line))
            os._exit(0)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
