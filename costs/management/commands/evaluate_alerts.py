"""Raise, escalate and close alerts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from costs.cli import OneLineErrors, as_of_moment, prepare_database, print_json


class Command(OneLineErrors):
    """``evaluate_alerts [--as-of DAY] [--notify] [--json]``"""

    help = "Look at costs, bands and sources, and raise, escalate and close alerts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            help="see only what had been charged and delivered before this day; nobody is told",
        )
        parser.add_argument(
            "--notify", action="store_true", help="with --as-of: tell the recipients all the same"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        prepare_database()
        from costs.alerts.operations.evaluating import evaluate

        now = timezone.now()
        asked = as_of_moment(options["as_of"])
        done = evaluate(
            asked or now,
            now=now,
            as_delivered=asked is not None,
            notify=asked is None or options["notify"],
        )
        if options["json"]:
            print_json(
                {
                    "raised": [
                        {
                            "kind": one.kind,
                            "environment": one.environment,
                            "period": one.period,
                            "threshold": one.threshold,
                            "message": one.message,
                            "level": one.level,
                            "subject": one.subject,
                            "escalated": one.escalated,
                        }
                        for one in done.raised
                    ],
                    "already_open": done.already_open,
                    "closed": done.closed,
                    "queued": done.told,
                }
            )
            return
        for one in done.raised:
            word = "escalated" if one.escalated else "raised"
            print("\t".join((word, one.level, one.kind, one.environment, one.period, one.message)))
        print(
            f"{len(done.raised)} raised or escalated, {done.already_open} already open,"
            f" {done.closed} closed, {done.told} messages queued",
            file=self.stderr,
        )
