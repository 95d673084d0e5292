"""One run of the product: `python -m bench.compare_versions BILL LATER ROUNDS`, in a new folder.

Reads the bill, then its second delivery, and writes the ledger of what changed ROUNDS times. Prints
JSON: seconds of each, the charges that were added, removed and changed, and the process's peak
memory in MB.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main(bill: Path, later: Path, rounds: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from bench.processes import peak_memory
    from costs.bills.operations import ingest_bill
    from costs.lake.ledgers import unwritten, write_ledger
    from costs.lake.models import Restatement
    from costs.stores import open_store

    call_command("migrate", verbosity=0)
    now = timezone.now()
    for file in (bill, later):
        ingest_bill([file], actor="benchmark", now=now)
    seconds, counts = list[float](), list[int]()
    for _ in range(rounds):
        Restatement.objects.all().delete()
        (version,) = unwritten()
        start = time.perf_counter()
        row = write_ledger(version, open_store(settings.LAKE_URL))
        seconds.append(time.perf_counter() - start)
        counts = [row.added, row.removed, row.changed]
    print(json.dumps({"diff": seconds, "counts": counts, "peak": peak_memory()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
