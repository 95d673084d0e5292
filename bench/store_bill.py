"""One run of the product: `python -m bench.store_bill FILE`, in a data folder that is new.

Everything is imported and the database is migrated before the clock starts. Prints JSON: seconds,
and the process's peak memory in MB (DuckDB runs inside it).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main(file: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    import duckdb  # noqa: F401  # imported lazily by the lake
    from django.core.management import call_command
    from django.utils import timezone

    from bench.processes import peak_memory
    from costs.bills.operations import ingest_bill

    call_command("migrate", verbosity=0)
    start = time.perf_counter()
    bills = ingest_bill([file], actor="benchmark", now=timezone.now())
    seconds = time.perf_counter() - start
    assert [bill.status for bill in bills] == ["loaded"], bills
    print(json.dumps({"seconds": seconds, "peak": peak_memory(), "rows": bills[0].rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
