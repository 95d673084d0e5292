"""Where the month will end."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from costs.cli import OneLineErrors, as_of_moment, prepare_database, print_json
from costs.money import plain
from costs.people.scope import Scope


class Command(OneLineErrors):
    """``forecast [--as-of DAY] [--metric billed_cost|effective_cost] [--json]``"""

    help = "Forecast the end of the month for every environment, and hold it against its band."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", help="only days before this one (default: today)")
        parser.add_argument(
            "--metric", default="effective_cost", choices=["billed_cost", "effective_cost"]
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        prepare_database()
        from costs.budgets.queries import EnvironmentOutlook, outlooks

        moment = as_of_moment(options["as_of"]) or timezone.now()
        found = outlooks(Scope.everything(), moment.date(), metric=options["metric"])

        def row(one: EnvironmentOutlook) -> dict[str, object]:
            gauge, outlook, band = one.gauge, one.gauge.outlook, one.gauge.band
            ends = ("expected", "low_80", "high_80", "low_95", "high_95")
            return {
                "environment": one.environment,
                "currency": gauge.currency,
                "month_to_date": plain(gauge.month_to_date),
                **{name: plain(getattr(outlook, name)) if outlook else None for name in ends},
                "band_low": plain(band.low) if band else None,
                "band_high": plain(band.high) if band else None,
                "chance_below": outlook.chance_below if outlook else None,
                "chance_above": outlook.chance_above if outlook else None,
                "verdict": one.verdict.name,
                "reason": one.verdict.reason,
            }

        rows = [row(one) for one in found]
        if options["json"]:
            print_json({"environments": rows})
            return
        for one in rows:
            print("\t".join("" if value is None else str(value) for value in one.values()))
        if not rows:
            print("no costs and no bands: there is nothing to forecast", file=self.stderr)
