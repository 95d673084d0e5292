"""Load the demo estate."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from costs.cli import OneLineErrors, as_of_moment, prepare_database, print_json, progress_bar


class Command(OneLineErrors):
    """``demo [--as-of DAY] [--json]``"""

    help = "Write thirteen months of demo bills into the data folder and read them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", help="the day on which the estate is looked at")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        from costs.demo.operations import NotADemo, demo_sign_in, load_demo

        prepare_database()
        now = timezone.now()
        as_of = (as_of_moment(options["as_of"]) or now).date()
        try:
            with progress_bar() as progress:
                loaded = load_demo(
                    settings.DATA_DIR,
                    as_of=as_of,
                    now=now,
                    progress=progress or (lambda _what, _share: None),
                )
        except NotADemo as error:
            raise CommandError(str(error)) from None
        user, password = demo_sign_in(settings.DATA_DIR)
        if options["json"]:
            print_json(
                {
                    "as_of": as_of.isoformat(),
                    "deliveries": loaded.deliveries,
                    "new": loaded.new,
                    "user": user,
                    "password": password,
                }
            )
            return
        what = f"{loaded.new} of {loaded.deliveries} deliveries read" if loaded.new else "unchanged"
        print(f"The demo estate of {as_of} is in {settings.DATA_DIR}: {what}.")
        print(f"Sign in as {user} with the password {password}")
