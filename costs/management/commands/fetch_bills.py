"""Fetch bills by the connections that there are."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from costs.cli import OneLineErrors, as_of_moment, prepare_database, print_json, progress_bar


class Command(OneLineErrors):
    """``fetch_bills [--connection NAME] [--as-of DAY] [--json]``"""

    help = "Fetch what is new by every connection that is not paused, or by one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", metavar="NAME", help="this one alone, even if paused")
        parser.add_argument("--as-of", help="day on which the bills arrive (default: now)")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        from costs.bills.connecting import run_here
        from costs.bills.models import Connection

        prepare_database()
        as_of_moment(options["as_of"])  # says what is wrong with it before anything begins
        connections = Connection.objects.filter(enabled=True)
        if name := options["connection"]:
            connections = Connection.objects.filter(name=name)
            if not connections:
                known = ", ".join(Connection.objects.values_list("name", flat=True)) or "none"
                raise CommandError(f"--connection: there is no “{name}”; there are: {known}")
        told, failed = [], False
        for connection in connections:
            with progress_bar() as bar:
                run = run_here(
                    connection,
                    actor="fetch_bills",
                    now=timezone.now(),
                    as_of=options["as_of"] or "",
                    progress=bar,
                    sleep=time.sleep,
                )
            steps = (run.result or {}).get("steps", [])
            failed |= run.state != run.State.DONE
            told.append(
                {
                    "connection": connection.name,
                    "kind": connection.kind,
                    "state": run.state,
                    "error": run.error,
                    "deliveries": steps,
                }
            )
            out = sys.stderr if options["json"] else sys.stdout
            print(_line(connection.name, run.error, steps), file=out)
        if options["json"]:
            print_json({"connections": told})
        elif not told:
            print("There is no connection that is not paused; add one on the page of bills.")
        if failed:
            sys.exit(1)


def _line(name: str, error: str, steps: list[dict[str, Any]]) -> str:
    if error:
        return f"{name}: {error}"
    if not steps:
        return f"{name}: nothing new"
    bills = ", ".join(
        f"{bill['source']} {bill['billing_period']} version {bill['version']} {bill['status']}"
        for step in steps
        for bill in step["bills"]
    )
    return f"{name}: {len(steps)} deliver{'y' if len(steps) == 1 else 'ies'}; {bills or 'no bill'}"
