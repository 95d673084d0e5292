"""What an evaluation decides, without reading or writing: 500 series of each kind about costs.

500 environments with a band, a forecast and an anomaly each: 2,000 measures. First with nothing
open, so that all of them are raised; then with all of them open, so that all are kept. The goal is
this part's share of the three seconds for forecast, anomalies and alerts of 500 series.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from time import perf_counter

from bench.results import Result, at_most
from costs.alerts.alerting import Held, Raise, decide
from costs.alerts.facts import AnomalyFact, BandFact, Facts
from costs.alerts.kinds import RuleBook
from costs.alerts.measures import measure
from costs.budgets.bands import Band, Gauge, Outlook
from costs.periods import month_of

SERIES = 500
GOAL_MS = 500


def run(series: int = SERIES) -> list[Result]:
    """Two figures."""
    facts, rules = _facts(series), RuleBook({})
    started = perf_counter()
    measured = measure(facts)
    raised = decide([], measured.measures, rules, looked_at=measured.looked_at)
    first = perf_counter() - started
    held = [
        Held(nth, one.measure.key, one.level, one.level)
        for nth, one in enumerate(raised)
        if isinstance(one, Raise)
    ]
    if len(held) < 2 * series:
        raise AssertionError(f"only {len(held)} of {series} series were raised")
    started = perf_counter()
    measured = measure(facts)
    decide(held, measured.measures, rules, looked_at=measured.looked_at)
    again = perf_counter() - started
    return [
        at_most("alerts_500_series_raised", first * 1000, "ms", GOAL_MS),
        at_most("alerts_500_series_kept", again * 1000, "ms", GOAL_MS),
    ]


def _facts(series: int) -> Facts:
    month, today = month_of(date(2026, 11, 1)), date(2026, 11, 20)
    band = Band(Decimal(400), Decimal(800), "USD")
    outlook = Outlook(
        expected=Decimal(900),
        low_80=Decimal(850),
        high_80=Decimal(950),
        low_95=Decimal(820),
        high_95=Decimal(980),
        chance_below=0.0,
        chance_above=0.9,
    )
    return Facts(
        as_of=today,
        through=today - timedelta(days=2),
        bands=[
            BandFact(
                environment=f"environment-{nth}",
                label=f"Environment {nth}",
                month=month,
                complete_days=18,
                gauge=Gauge("USD", band, Decimal(650) + nth % 100, Decimal(360), outlook),
            )
            for nth in range(series)
        ],
        anomalies=[
            AnomalyFact(
                environment=f"environment-{nth}",
                label=f"Environment {nth}",
                service="Service",
                day=today - timedelta(days=3),
                currency="USD",
                actual=Decimal(47),
                expected=Decimal(10),
            )
            for nth in range(series)
        ],
    )
