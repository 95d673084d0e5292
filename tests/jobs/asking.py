"""A process that stands for a web process: it asks for work through the product's own settings.

One JSON question a line, one JSON answer a line: ``upload`` asks for a folder of files to be read
and answers with the run's key; ``sweep`` does what the schedule does each minute, as if it were
some ``seconds`` later, and answers with how many it rang for. Nothing is ``due`` by itself but what
it names.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import django


def answer(question: dict[str, Any]) -> object:
    """What a question is answered with."""
    from django.utils import timezone

    from costs.bills.tasks import INGEST
    from costs.jobs import kinds, operations

    known = dict(kinds.swept())
    if question["ask"] == "sweep":
        for name in set(known) - set(question.get("due", ())):
            kinds.on_sweep(name, lambda now: None)
        return operations.sweep(timezone.now() + timedelta(seconds=question["seconds"]))
    run, _ = operations.request(
        INGEST,
        question["upload"],
        actor="a test",
        now=timezone.now(),
        upload=question["upload"],
        files=question["files"],
        by="a test",
    )
    return run.pk


if __name__ == "__main__":
    django.setup()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
