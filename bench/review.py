"""The weekly review with 5,000,000 daily facts in 12 months, and with three times that in 36.

Server time of `/` for somebody signed in, p95 of 60 requests in a warm process. Two figures each:

- ``review_…_months``, which the goals are about: something new went live before every request, so
  that every query runs (:mod:`bench.answer_review`);
- ``review_…_months_kept``: nothing changed, so that answers are kept from one request to the next,
  as for everybody but the first reader after a delivery.

12 and 36 months run in turn, in fresh processes; the median of three.
"""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

from bench.processes import run_module
from bench.results import Result, against, at_most

FACTS_A_DAY = 13_700
REQUESTS = 60
ROUNDS = 3
GOAL_MS = 150
GOAL_RATIO = 1.3


def run(
    facts_a_day: int = FACTS_A_DAY, requests: int = REQUESTS, rounds: int = ROUNDS
) -> list[Result]:
    """Four figures."""
    found: dict[int, list[dict[str, Any]]] = {12: [], 36: []}
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        for _ in range(rounds):
            for months, answers in found.items():
                environ = {"HEADROOM_DATA_DIR": f"{folder}/{months}"}
                asked = map(str, (months, facts_a_day, requests))
                answers.append(run_module("bench.answer_review", *asked, environ=environ))

    def median(months: int, what: str) -> float:
        return statistics.median(float(answer[what]) for answer in found[months])

    year, years = median(12, "fresh_ms"), median(36, "fresh_ms")
    return [
        at_most("review_12_months", year, "ms", GOAL_MS),
        against("review_36_months", years, "ms", year, GOAL_RATIO),
        at_most("review_12_months_kept", median(12, "kept_ms"), "ms", GOAL_MS),
        at_most("review_36_months_kept", median(36, "kept_ms"), "ms", GOAL_MS),
    ]
