"""Facts made by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from costs.alerts.facts import AnomalyFact, BandFact, DifferenceFact, Facts, Move, SourceFact
from costs.budgets.bands import Band, Gauge, Outlook
from costs.periods import month_of

NOVEMBER = month_of(date(2026, 11, 1))
STAGING = Band(Decimal(400), Decimal(800), "USD")


def outlook(expected: str = "600", *, below: float = 0.0, above: float = 0.0) -> Outlook:
    amount = Decimal(expected)
    return Outlook(amount, amount - 20, amount + 20, amount - 50, amount + 50, below, above)


def band_fact(
    spent: str,
    *,
    seen: Outlook | None = None,
    days: int = 18,
    environment: str = "staging",
    latest: bool = True,
    band: Band | None = STAGING,
) -> BandFact:
    return BandFact(
        environment=environment,
        label=environment.capitalize(),
        month=NOVEMBER,
        complete_days=days,
        gauge=Gauge("USD", band, Decimal(spent), Decimal(360), seen),
        moves=(Move("AmazonEC2", Decimal(100), Decimal(140)),),
        latest=latest,
    )


def facts(**given: object) -> Facts:
    return Facts(as_of=date(2026, 11, 20), through=date(2026, 11, 18), **given)  # type: ignore[arg-type]


def source(complete: date | None, *, gap: int = 1) -> SourceFact:
    return SourceFact("aws-1-cur", complete, complete, gap)


def anomaly(actual: str, expected: str = "10", *, meant: bool = False) -> AnomalyFact:
    return AnomalyFact(
        environment="staging",
        label="Staging",
        service="AmazonCloudWatch",
        day=date(2026, 11, 6),
        currency="USD",
        actual=Decimal(actual),
        expected=Decimal(expected),
        drivers=("eu-west-1: $37 more",),
        expected_by_people=meant,
    )


def difference(ours: str, theirs: str) -> DifferenceFact:
    return DifferenceFact("aws-1-cur", date(2026, 10, 1), "USD", Decimal(ours), Decimal(theirs))
