"""The first page that a browser opens, with 5,000,000 daily facts in 12 months.

``manage.py serve`` on this machine, Chromium with an empty cache each time: explore over the whole
year. What is transferred is everything on the wire with its headers: page, style sheet, scripts and
the bundle that draws charts. Ready is from the click until the chart stands. The median of
ROUNDS visits, after one that warms the server.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile

from bench.processes import run_module, serving
from bench.results import Result, at_most
from bench.review import FACTS_A_DAY

ROUNDS = 7
GOAL_KB = 350
GOAL_MS = 1000
PAGE = "/costs/?range=12_months"


def run(facts_a_day: int = FACTS_A_DAY, rounds: int = ROUNDS) -> list[Result]:
    """Two figures; none where there is no Chromium, which is said."""
    chromium = os.environ.get("HEADROOM_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        print("first_page: skipped, there is no chromium (or HEADROOM_CHROMIUM with its path)")
        return []
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        environ = {**os.environ, "HEADROOM_DATA_DIR": folder}
        session = run_module("bench.prepare_year", str(facts_a_day), environ=environ)
        with serving(environ) as (_, address):
            visited = (chromium, f"{address}{PAGE}", session["name"], session["value"])
            visits = run_module("bench.visit", *visited, str(rounds + 1))[1:]
    return [
        at_most("first_page", statistics.median(kb for kb, _ in visits), "KB", GOAL_KB),
        at_most("first_page_ready", statistics.median(ms for _, ms in visits), "ms", GOAL_MS),
    ]
