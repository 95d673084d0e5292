"""One run of the product: `python -m bench.reallocate_bill FILE`, in a data folder that is new.

Reads the bill, then lets it follow one more rule, in one process. Prints JSON: seconds of the
ingest, of the preview of the change, and of the re-allocation, and the process's peak memory in MB.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import date
from pathlib import Path


def main(file: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    import duckdb  # noqa: F401  # imported lazily by the lake
    from django.core.management import call_command
    from django.utils import timezone

    from bench.processes import peak_memory
    from costs.bills import drafting
    from costs.bills.allocation import Rule
    from costs.bills.operations import ingest_bill
    from costs.bills.previews import preview
    from costs.bills.reallocation import work
    from costs.bills.rule_sets import PlacedRule, with_rule
    from costs.people.scope import Scope
    from costs.periods import month_of

    call_command("migrate", verbosity=0)
    now = timezone.now()
    start = time.perf_counter()
    ingest_bill([file], actor="benchmark", now=now)
    ingested = time.perf_counter()
    rule = Rule("teams", "environment", "tag", "team-*", keys=("team",), value="staging")
    draft = drafting.change(
        lambda document: with_rule(document, PlacedRule("bench", rule), after=""),
        what="One more rule",
        action="rule.added",
        subject="bench",
        actor="benchmark",
        now=now,
    )
    begun = time.perf_counter()
    moved = preview(Scope.everything(), draft.document, month_of(date(2026, 6, 1))).moved
    previewed = time.perf_counter()
    drafting.apply(version=draft.version, why="", actor="benchmark", now=now)
    applied = time.perf_counter()
    result = work(lambda what, share: None)
    ended = time.perf_counter()
    assert moved, "the rule moves nothing"
    assert result["written"] == 1, result
    print(
        json.dumps(
            {
                "ingest": ingested - start,
                "preview": previewed - begun,
                "reallocate": ended - applied,
                "peak": peak_memory(),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
