"""One run of the review: `python -m bench.answer_review MONTHS FACTS_A_DAY REQUESTS`.

Fills the lake of a new data folder (one that is filled already is taken as it is), signs somebody
in and asks for `/` through the whole of Django (middleware, session, queries, template), in this
process. Prints JSON: p95 of the milliseconds from request to the last byte, with answers kept
(``kept_ms``) and with something new live before every request (``fresh_ms``): then no answer that
was kept counts any more, and the manifest is read anew.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

WARM_UP = 5


def main(months: int, facts_a_day: int, requests: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db.models import F
    from django.test import Client
    from django.utils import timezone

    from bench.year_of_facts import fill
    from costs.charts import BUNDLE_NAME
    from costs.lake.models import BillVersion, Generation

    call_command("migrate", verbosity=0)
    # Pages only name the chart bundle; its content costs time that is not measured here.
    (settings.BUNDLE_DIR / BUNDLE_NAME).touch()
    call_command("collectstatic", interactive=False, verbosity=0)
    if not BillVersion.objects.exists():
        fill(Path(settings.LAKE_URL), months=months, facts_a_day=facts_a_day, now=timezone.now())
    facts = sum(BillVersion.objects.values_list("rows", flat=True))
    somebody = get_user_model().objects.create_superuser(f"reviewer-{os.getpid()}")
    client = Client(HTTP_HOST="localhost")
    client.force_login(somebody)

    def ask() -> float:
        start = time.perf_counter()
        response = client.get("/")
        body = response.content
        took = (time.perf_counter() - start) * 1000
        assert response.status_code == 200, response.status_code
        assert b"Service 1" in body
        return took

    def something_new() -> None:
        Generation.objects.update(number=F("number") + 1)

    for _ in range(WARM_UP):
        something_new()
        ask()
    fresh = []
    for _ in range(requests):
        something_new()
        fresh.append(ask())
    kept = [ask() for _ in range(requests)]
    print(json.dumps({"facts": facts, "fresh_ms": p95(fresh), "kept_ms": p95(kept)}))


def p95(values: list[float]) -> float:
    """The 95th percentile, between values where it falls between them."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
