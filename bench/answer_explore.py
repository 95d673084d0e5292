"""One run of explore: `python -m bench.answer_explore FACTS_A_DAY REQUESTS`.

Like :mod:`bench.answer_review`, on 12 months, with pages of explore and of one resource. Something
new is live before every request, so that no answer is kept. Prints JSON: p95 in milliseconds by
page, and the bytes of the first page as it is sent (compressed, without the files beside it).
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

from bench.answer_review import WARM_UP, p95

MONTHS = 12
PAGES = {
    "explore_12_months": "/costs/?range=12_months",
    "explore_12_months_by_two_compared": (
        "/costs/?range=12_months&by=environment&then=service_name&compare=before"
    ),
    "explore_12_months_filtered_by_day": (
        "/costs/?range=12_months&by=region_id&step=day&environment=production"
        "&not.service_name=Service+1"
    ),
    "explore_by_resource": "/costs/?range=12_months&by=resource_id",
    "explore_by_sku": "/costs/?range=12_months&by=sku_id&environment=production",
    "explore_searched": "/costs/?range=12_months&search=ABC1",
    "explore_values_of_resources": "/costs/?range=12_months&pick=resource_id",
    "resource_page": "/costs/resource/?id={resource}",
}


def main(facts_a_day: int, requests: int) -> None:
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
    (settings.BUNDLE_DIR / BUNDLE_NAME).touch()
    call_command("collectstatic", interactive=False, verbosity=0)
    lake = Path(settings.LAKE_URL)
    if not BillVersion.objects.exists():
        fill(lake, months=MONTHS, facts_a_day=facts_a_day, now=timezone.now())
    resource = _allocate(lake)
    facts = sum(BillVersion.objects.values_list("rows", flat=True))
    client = Client(HTTP_HOST="localhost")
    client.force_login(get_user_model().objects.create_superuser(f"asker-{os.getpid()}"))

    def ask(page: str) -> tuple[float, bytes]:
        Generation.objects.update(number=F("number") + 1)
        start = time.perf_counter()
        response = client.get(page)
        body = response.content
        took = (time.perf_counter() - start) * 1000
        assert response.status_code == 200, (page, response.status_code)
        return took, body

    found: dict[str, object] = {"facts": facts}
    for name, page in PAGES.items():
        address = page.format(resource=quote(resource))
        for _ in range(WARM_UP):
            ask(address)
        asked = [ask(address) for _ in range(requests)]
        found[name] = p95([took for took, _ in asked])
        if name == "explore_12_months":
            found["first_page_bytes"] = len(gzip.compress(asked[-1][1]))
    print(json.dumps(found))


def _allocate(lake: Path) -> str:
    """Write keys and allocation, which a resource's page reads beside; return one resource's id."""
    import duckdb

    from bench.year_of_facts import RULES
    from costs.lake.daily import KEYS
    from costs.lake.versions import table_file

    resource = ""
    with duckdb.connect(":memory:") as connection:
        for facts in sorted(lake.glob(f"charges/*/*/*/{table_file('daily_facts', RULES)}")):
            allocation = facts.parent / table_file("allocation", RULES)
            connection.execute(f"""
                CREATE OR REPLACE TABLE keys AS SELECT hash(resource_id, service_name)
                    AS allocation_key, *, '{{"environment": "' || environment || '"}}' AS tags,
                    'group' AS resource_group, 'an account' AS sub_account_name FROM (
                    SELECT DISTINCT provider_name, billing_account_id, sub_account_id, service_name,
                        resource_id, environment, cost_center FROM read_parquet('{facts}'))
            """)
            connection.execute(
                f"COPY (SELECT * EXCLUDE (environment, cost_center) FROM keys)"
                f" TO '{facts.parent / KEYS}' (FORMAT parquet, COMPRESSION zstd)"
            )
            connection.execute(
                "COPY (SELECT allocation_key, provider_name, environment, 'a rule' AS"
                " environment_rule, cost_center, 'a rule' AS cost_center_rule FROM keys)"
                f" TO '{allocation}' (FORMAT parquet, COMPRESSION zstd)"
            )
            found = connection.execute("SELECT min(resource_id) FROM keys").fetchone()
            resource = str(found[0]) if found else resource
    return resource


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
