"""Memory of `manage.py serve`, idle: web server and worker with demo data, no page asked for yet.

The sum of the proportional set sizes (pages shared by several processes are divided among them) of
the supervisor and everything below it, some seconds after the web server answers. Linux only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from bench.processes import ROOT, family, serving, shared_out_memory
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
        with serving(environ) as (served, _):
            time.sleep(SETTLED)
            memory = shared_out_memory(family(served.pid))
    return [at_most("serve_memory", memory, "MB", GOAL)]
