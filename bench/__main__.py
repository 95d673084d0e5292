"""`make bench`: run the benchmarks, print a table, write bench/results.json.

`python -m bench NAME…` runs some of them: anomalies, alerts, explore, first_page, forecast, ingest,
reallocation, restatement, review, serve_memory, setup_time, workers.
HEADROOM_BENCH_ROWS makes everything small: rows of the bill instead of 2,000,000, a fact a day for
every 146 of them, and one round each. Small figures say only that the benchmarks run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from bench import (
    alerts,
    anomalies,
    explore,
    first_page,
    forecast,
    ingest,
    ingest_cur,
    reallocation,
    restatement,
    review,
    serve_memory,
    setup_time,
    workers,
)
from bench.processes import ROOT
from bench.results import Result, table, write


def benchmarks() -> Mapping[str, Callable[[], list[Result]]]:
    """Every benchmark by name, in full or in the size that HEADROOM_BENCH_ROWS asks for."""
    if small := os.environ.get("HEADROOM_BENCH_ROWS"):
        rows = int(small)
        return {
            "alerts": lambda: alerts.run(max(20, rows // 4000)),
            "anomalies": lambda: anomalies.run(seeds=1, series=max(20, rows // 4000)),
            "explore": lambda: explore.run(max(60, rows // 146), requests=5, rounds=1),
            "first_page": lambda: first_page.run(max(60, rows // 146), rounds=1),
            "forecast": lambda: forecast.run(max(20, rows // 4000)),
            "ingest": lambda: ingest.run(rows, rounds=1),
            "ingest_cur": lambda: ingest_cur.run(rows, rounds=1),
            "reallocation": lambda: reallocation.run(rows, rounds=1),
            "restatement": lambda: restatement.run(rows, rounds=1),
            "review": lambda: review.run(max(60, rows // 146), requests=5, rounds=1),
            "serve_memory": lambda: serve_memory.run(demo=False),
            "setup_time": setup_time.run,
            "workers": lambda: workers.run(rows, rounds=1),
        }
    return {
        "alerts": alerts.run,
        "anomalies": anomalies.run,
        "explore": explore.run,
        "first_page": first_page.run,
        "forecast": forecast.run,
        "ingest": ingest.run,
        "ingest_cur": ingest_cur.run,
        "reallocation": reallocation.run,
        "restatement": restatement.run,
        "review": review.run,
        "serve_memory": serve_memory.run,
        "setup_time": setup_time.run,
        "workers": workers.run,
    }


def main(wanted: list[str]) -> int:
    """Run the ``wanted`` ones (all when empty); exit status 2 for a name that is none."""
    known = benchmarks()
    if unknown := [name for name in wanted if name not in known]:
        print(f"bench: no benchmark {unknown[0]}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    results: list[Result] = []
    for name in wanted or known:
        print(f"{name} …", file=sys.stderr, flush=True)
        results += known[name]()
        write(results, ROOT / "bench" / "results.json")
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
