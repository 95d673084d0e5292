"""Show what was spent."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from costs.cli import OneLineErrors, as_of_moment, day, prepare_database, print_json
from costs.money import plain, total
from costs.people.scope import Scope
from costs.periods import Period


class Command(OneLineErrors):
    """``show_costs [--from DAY] [--to DAY] [--by a,b] [--metric billed_cost|effective_cost]``"""

    help = "Show costs by any grouping, by currency; --to is exclusive."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="start", help="first day (default: the earliest)")
        parser.add_argument("--to", dest="end", help="day after the last (default: the latest)")
        parser.add_argument("--by", default="", help="groupings, comma-separated")
        parser.add_argument(
            "--metric", default="effective_cost", choices=["billed_cost", "effective_cost"]
        )
        parser.add_argument("--as-of", help="only charges that start before this day")
        parser.add_argument(
            "--as-delivered",
            action="store_true",
            help="only deliveries that arrived before --as-of",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        prepare_database()
        from costs.spend.queries import UnknownGrouping, cost_by

        by = tuple(name.strip() for name in options["by"].split(",") if name.strip())
        moment = as_of_moment(options["as_of"])
        if options["as_delivered"] and moment is None:
            raise CommandError("--as-delivered: needs --as-of DAY")
        start = day(options["start"], "--from") if options["start"] else date(2000, 1, 1)
        end = day(options["end"], "--to") if options["end"] else date(2101, 1, 1)
        if moment is not None:
            end = min(end, moment.date())
            start = min(start, end)
        if end < start:
            raise CommandError(f"--to: {end} lies before --from {start}")
        try:
            rows = cost_by(
                Scope.everything(),
                by=by,
                period=Period(start, end),
                metric=options["metric"],
                as_delivered=moment if options["as_delivered"] else None,
            )
        except UnknownGrouping as error:
            raise CommandError(f"--by: {error}") from None
        totals = total((row.currency, row.cost) for row in rows)
        if options["json"]:
            print_json(
                {
                    "metric": options["metric"],
                    "rows": [
                        dict(zip(by, row.keys, strict=True))
                        | {"currency": row.currency, "cost": plain(row.cost)}
                        for row in rows
                    ],
                    "totals": [
                        {"currency": currency, "cost": plain(amount)}
                        for currency, amount in sorted(totals.items())
                    ],
                }
            )
            return
        for row in rows:
            print("\t".join((*row.keys, row.currency, plain(row.cost))))
        for currency, amount in sorted(totals.items()) if by else ():
            print(
                "\t".join((*["total"] * bool(by), *[""] * (len(by) - 1), currency, plain(amount)))
            )
        if not rows:
            print("no costs in these days", file=self.stderr)
