"""`make setup` of a copy of the checkout, with the packages downloaded already.

The copy has no .venv. A first setup, not timed, fills the caches of uv and pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.processes import ROOT
from bench.results import Result, at_most

GOAL = 60
"""Seconds."""
NOT_COPIED = shutil.ignore_patterns(".venv", ".git", "var", "__pycache__", ".*_cache", "bench-*")


def run() -> list[Result]:
    """One figure."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        _setup(copy)
        shutil.rmtree(copy / ".venv")
        return [at_most("setup_seconds", _setup(copy), "s", GOAL)]


def _setup(copy: Path) -> float:
    start = time.perf_counter()
    # Without what `make bench` hands down to those it starts.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(
        ["make", "setup"], cwd=copy, env=environ, check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start
