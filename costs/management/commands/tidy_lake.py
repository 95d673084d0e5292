"""Give up the files of old versions, and say how much space the lake takes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from costs.cli import OneLineErrors, as_of_moment, prepare_database, print_json


class Command(OneLineErrors):
    """``tidy_lake [--dry-run [--as-of DAY]] [--json]``"""

    help = "Remove the files of versions that retention gives up, and what nobody names any more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument("--as-of", help="with --dry-run: what would go on this day")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        from costs.lake import operations, retiring
        from costs.stores import open_store

        if options["as_of"] and not options["dry_run"]:
            raise CommandError("--as-of: goes with --dry-run only; what is removed is removed now")
        now = as_of_moment(options["as_of"]) or timezone.now()
        prepare_database()
        store, policy = open_store(settings.LAKE_URL), retiring.policy()
        space = retiring.space(store, policy, now=now)
        if not options["dry_run"]:
            retiring.retire(store, policy, now=now)
            operations.tidy(store, now=now, progress=lambda _: None)
        if options["json"]:
            print_json(
                {
                    "removed": not options["dry_run"],
                    "versions": [
                        {
                            "source": one.source,
                            "billing_period": f"{one.billing_period:%Y-%m}",
                            "version": one.number,
                            "status": one.status,
                            "why": one.why,
                            "bytes": one.size,
                        }
                        for one in space.leaving
                    ],
                    "delivered_files": space.raw_leaving,
                    "delivered_bytes": space.raw_leaving_bytes,
                    "sources": [
                        {
                            "source": one.source,
                            "versions": one.versions,
                            "pinned": one.pinned,
                            "version_bytes": one.version_bytes,
                            "delivered_bytes": one.raw_bytes,
                            "leaving_bytes": one.leaving_bytes,
                        }
                        for one in space.sources
                    ],
                }
            )
            return
        verb = "would go" if options["dry_run"] else "went"
        for one in space.leaving:
            print(
                f"{one.source} {one.billing_period:%Y-%m} version {one.number}"
                f" ({filesizeformat(one.size)}) {verb}: {one.why}"
            )
        print(f"{space.raw_leaving} delivered files {verb} with them.")
        for source in space.sources:
            print(
                f"{source.source}: {source.versions} versions, {source.pinned} of them pinned,"
                f" {filesizeformat(source.version_bytes)}; delivered files"
                f" {filesizeformat(source.raw_bytes)}"
            )
