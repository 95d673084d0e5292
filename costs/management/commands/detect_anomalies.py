"""What stands out in a series."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from costs.cli import OneLineErrors, print_json
from costs.money import plain


class Command(OneLineErrors):
    """``detect_anomalies --series FILE [--json]``"""

    help = "Find what stands out in a series (timestamp,value) of days or of shorter steps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--series", type=Path, required=True, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        from costs.budgets.series_anomalies import TooShort, stand_out
        from costs.budgets.series_file import BadSeries, read_series

        file = options["series"]
        try:
            found = stand_out(read_series(file))
        except BadSeries as error:
            raise CommandError(f"--series: {error}") from None
        except TooShort as error:
            raise CommandError(f"--series: {file}: {error}") from None
        rows = [
            {
                "timestamp": f"{one.moment:%Y-%m-%dT%H:%M:%SZ}",
                "score": one.score,
                "actual": plain(one.actual),
                "expected": None if one.expected is None else f"{one.expected:.6g}",
            }
            for one in found
        ]
        if options["json"]:
            print_json({"anomalies": rows})
            return
        for row in rows:
            print("\t".join(str(value) for value in row.values()))
