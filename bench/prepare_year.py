"""A data folder with a year of facts and somebody signed in: `bench.prepare_year FACTS_A_DAY`.

Prints JSON: the number of facts, the name of the session's cookie and its value.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

MONTHS = 12


def main(facts_a_day: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.utils import timezone

    from bench.year_of_facts import fill

    call_command("migrate", verbosity=0)
    facts = fill(
        Path(settings.LAKE_URL), months=MONTHS, facts_a_day=facts_a_day, now=timezone.now()
    )
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("reader"))
    name = settings.SESSION_COOKIE_NAME
    print(json.dumps({"facts": facts, "name": name, "value": client.cookies[name].value}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
