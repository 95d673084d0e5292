"""How good the forecast would have been on a series."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter
from typing import Any

from django.core.management.base import CommandError

from costs.cli import OneLineErrors, print_json


class Command(OneLineErrors):
    """``backtest_forecast --series FILE [--json]``"""

    help = "Forecast the month ends of a series (timestamp,value) from its past, and compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--series", type=Path, required=True, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        from costs.budgets import backtest
        from costs.budgets.series_file import BadSeries, by_day, read_series

        file = options["series"]
        try:
            daily = by_day(read_series(file))
        except BadSeries as error:
            raise CommandError(f"--series: {error}") from None
        values = [None if value is None else float(value) for value in daily.values]
        origins = backtest.origins_of(daily.first, len(values))
        if not origins:
            raise CommandError(
                f"--series: {file}: not enough data, {len(values)} of"
                f" {backtest.needed(daily.first)} days"
            )
        series = backtest.series_of(daily.first, values)
        rests = backtest.forecasts(series, origins)
        took: list[float] = []
        for _nth in range(3):
            # Of a few, the fastest: what the arithmetic takes once a process is warm.
            started = perf_counter()
            backtest.forecasts(series, origins)
            took.append(perf_counter() - started)
        score = backtest.score(series, origins, rests)
        if gaps := sum(value is None for value in values):
            print(
                f"{gaps} days are missing or not whole; their months are left out", file=self.stderr
            )
        if not score.origins:
            raise CommandError(f"--series: {file}: every month has a gap in it, or costs nothing")
        found: dict[str, Any] = {
            "origins": score.origins,
            "mape": round(score.mape, 3),
            "mase": round(score.mase, 3),
            "coverage_80": round(score.coverage_80, 2),
            "coverage_95": round(score.coverage_95, 2),
            "width_80": round(score.width_80, 3),
            "width_95": round(score.width_95, 3),
            "baselines": {
                name: {"mape": round(error, 3)} for name, error in score.baselines.items()
            },
            "ms_per_fit": round(1000 * min(took) / len(origins), 4),
        }
        if options["json"]:
            print_json(found)
            return
        for name in list(found)[:7]:
            print(f"{name}\t{found[name]}")
        for name, mape in score.baselines.items():
            print(f"{name}_mape\t{mape:.3f}")
        print(f"ms_per_fit\t{found['ms_per_fit']}")
