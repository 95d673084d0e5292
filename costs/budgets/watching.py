"""Looking for anomalies in the background: when something else is live, and every day."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone

from costs.budgets.anomaly_operations import watch
from costs.jobs.kinds import Telling
from costs.jobs.models import JobRun
from costs.jobs.operations import request
from costs.jobs.queries import latest_run
from costs.lake.queries import generation

KIND: Final = "budgets.watch"
SUBJECT: Final = "anomalies"


def work(tell: Telling, *, generation: int, day: str) -> dict[str, Any]:
    """Look once; the arguments only say what it was asked for."""
    tell("looking at every day and service", 0)
    now = timezone.now()
    return {**asdict(watch(now.astimezone(UTC).date(), now=now)), "generation": generation}


def on_sweep(now: datetime) -> None:
    """Ask for a look when the lake or the day is another than at the last one."""
    asked: dict[str, Any] = {
        "generation": generation(),
        "day": now.astimezone(UTC).date().isoformat(),
    }
    last = latest_run(KIND)
    if not asked["generation"] or (last is not None and _stands(last, asked)):
        return
    request(KIND, SUBJECT, actor="headroom", now=now, **asked)


def _stands(last: JobRun, asked: dict[str, object]) -> bool:
    """Whether the last run is open, or has looked at just this. One that failed has, too: it is
    tried again with the next delivery, or tomorrow."""
    return last.is_open or last.arguments == asked
