"""Explore and the page of a resource with 5,000,000 daily facts in 12 months.

Server time for somebody signed in, p95 of 40 requests in a warm process; something new went live
before every request, so that every query runs (:mod:`bench.answer_explore`). The median of three
fresh processes.
"""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

from bench.processes import run_module
from bench.results import Result, at_most
from bench.review import FACTS_A_DAY

REQUESTS = 40
ROUNDS = 3
GOALS_MS = {
    "explore_12_months": 150,
    "explore_12_months_by_two_compared": 150,
    "explore_12_months_filtered_by_day": 150,
    "explore_by_resource": 400,
    "explore_by_sku": 400,
    "explore_searched": 400,
    "explore_values_of_resources": 400,
    "resource_page": 150,
}
GOAL_KB = 350
"""Of the first page; the style sheet, the scripts and the chart bundle come beside it."""


def run(
    facts_a_day: int = FACTS_A_DAY, requests: int = REQUESTS, rounds: int = ROUNDS
) -> list[Result]:
    """A figure for each page."""
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        environ = {"HEADROOM_DATA_DIR": f"{folder}/year"}
        asked = (str(facts_a_day), str(requests))
        answers: list[dict[str, Any]] = [
            run_module("bench.answer_explore", *asked, environ=environ) for _ in range(rounds)
        ]

    def median(what: str) -> float:
        return statistics.median(float(answer[what]) for answer in answers)

    return [
        *(at_most(name, median(name), "ms", goal) for name, goal in GOALS_MS.items()),
        at_most("explore_page_compressed", median("first_page_bytes") / 1000, "KB", GOAL_KB),
    ]
