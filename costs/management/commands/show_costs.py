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
from costs.spend.currency import CODE, said
from costs.spend.folding import Folded, Summed, folded


class Command(OneLineErrors):
    """``show_costs [--from DAY] [--to DAY] [--by a,b] [--metric NAME] [--currency CODE]``"""

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
        parser.add_argument(
            "--currency", help="also in this currency, with the rates of the charges' months"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        prepare_database()
        from costs.spend.queries import CostRow, UnknownGrouping, cost_by, rates

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
        target = str(options["currency"] or "").upper()
        if target and not CODE.fullmatch(target):
            raise CommandError(f"--currency: “{target[:20]}” is not a currency code like EUR")
        period = Period(start, end)

        def asked(*also: str) -> list[CostRow]:
            return cost_by(
                Scope.everything(),
                by=(*by, *also),
                period=period,
                metric=options["metric"],
                as_delivered=moment if options["as_delivered"] else None,
            )

        try:
            rows = asked()
        except UnknownGrouping as error:
            raise CommandError(f"--by: {error}") from None
        found = None
        if target:
            found = folded(asked("month"), target, rates(Scope.everything(), period))
        totals = total((row.currency, row.cost) for row in rows)
        if options["json"]:
            print_json(
                {
                    "metric": options["metric"],
                    "rows": [
                        dict(zip(by, row.keys, strict=True))
                        | {"currency": row.currency, "cost": plain(row.cost)}
                        | (_converted(found, row) if found else {})
                        for row in rows
                    ],
                    "totals": [
                        {"currency": currency, "cost": plain(amount)}
                        for currency, amount in sorted(totals.items())
                    ],
                }
                | ({"converted": _in_all(found)} if found else {})
            )
            return
        for row in rows:
            also = (found.target, plain(found.of(row.keys, row.currency)[0])) if found else ()
            print("\t".join((*row.keys, row.currency, plain(row.cost), *also)))
        for currency, amount in sorted(totals.items()) if by else ():
            print(
                "\t".join((*["total"] * bool(by), *[""] * (len(by) - 1), currency, plain(amount)))
            )
        if found:
            print("\t".join(("converted", *[""] * (len(by) - 1), target, plain(found.total))))
            for one in found.unconverted:
                print(said(one), file=self.stderr)
        if not rows:
            print("no costs in these days", file=self.stderr)


def _converted(found: Folded, row: Summed) -> dict[str, str]:
    """A row's part with a rate in the other currency, and the part without one as billed."""
    there, left = found.of(row.keys, row.currency)
    return {"converted_cost": plain(there), "unconverted_cost": plain(left)}


def _in_all(found: Folded) -> dict[str, object]:
    return {
        "currency": found.target,
        "cost": plain(found.total),
        "missing": [
            {"currency": one.currency, "month": f"{one.month:%Y-%m}", "cost": plain(one.amount)}
            for one in found.unconverted
        ],
    }
