"""Invented figures that put every component of the style guide into each of its states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Final

from costs import charts
from costs.budgets.bands import Band, Gauge, Outlook, Verdict
from costs.charts import Allowance, DailyCosts, Spec
from costs.periods import month_of, week_of

AMOUNTS: Final = tuple(
    Decimal(text) for text in ("0", "0.004", "7", "1234.5", "-98.765", "1250000", "4300000000")
)
SHARES: Final = tuple(Decimal(text) for text in ("0", "0.04", "1.92", "-18.25", "347"))
WEEKS: Final = tuple(Decimal(n) for n in (31, 34, 33, 40, 44, 43, 52, 58))
ICONS: Final = (
    *("calendar-days", "document-text", "arrow-up-tray", "arrow-down-tray", "check-circle"),
    *("exclamation-triangle", "x-circle", "arrow-down-circle", "question-mark-circle"),
    *("pause-circle", "clock", "no-symbol", "archive-box", "information-circle", "scale"),
    *("chevron-left", "chevron-right", "sparkles", "command-line", "sun", "moon"),
)
TOKENS: Final = (
    *("ground", "surface", "raised", "wash", "line", "line-strong", "text", "text-2"),
    *("accent", "accent-fill", "accent-wash", "inside", "inside-fill", "inside-wash"),
    *("at-risk", "at-risk-fill", "at-risk-wash", "over", "over-fill", "over-wash"),
    *("under", "under-fill", "under-wash", "unknown", "unknown-fill", "unknown-wash"),
)
RUNS: Final = (
    SimpleNamespace(state="queued", message="", progress=0),
    SimpleNamespace(state="running", message="reading report-00001.csv.gz", progress=0.42),
)
"""Background work as its progress is drawn from."""


@dataclass(frozen=True)
class GaugeSpecimen:
    """A gauge with its verdict and what it is to show."""

    what: str
    gauge: Gauge
    verdict: Verdict


@dataclass(frozen=True)
class _Change:
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        return self.after - self.before

    @property
    def percent(self) -> Decimal | None:
        return 100 * self.difference / self.before if self.before else None


@dataclass(frozen=True)
class Move:
    """A row of a table of changes."""

    service_name: str
    week: _Change


@dataclass(frozen=True)
class _DayCost:
    day: date
    service_name: str
    cost: Decimal
    complete: bool


@dataclass(frozen=True)
class ChartSpecimen:
    """The daily chart with its figures."""

    costs: DailyCosts
    spec: Spec

    @property
    def hues(self) -> dict[str, int]:
        """Hue of each service."""
        return {one.name: one.hue for one in self.costs.series}


def _gauge(
    spent: int, *, band: Band | None, pace: int | None = None, expected: int | None = None
) -> Gauge:
    outlook = None
    if expected is not None:
        spread = Decimal(expected - spent) / 4
        outlook = Outlook(
            expected=Decimal(expected),
            low_80=expected - spread,
            high_80=expected + spread,
            low_95=expected - 2 * spread,
            high_95=expected + 2 * spread,
            chance_below=0.1,
            chance_above=0.2,
        )
    return Gauge("USD", band, Decimal(spent), None if pace is None else Decimal(pace), outlook)


def gauges() -> list[GaugeSpecimen]:
    """Every variant of the band gauge."""
    band = Band(Decimal(40_000), Decimal(60_000), "USD")
    narrow = Band(Decimal(58_000), Decimal(60_000), "USD")
    return [
        GaugeSpecimen(
            "Inside",
            _gauge(31_000, band=band, pace=33_000, expected=48_000),
            Verdict("inside", "Expected $48,000, 20 % chance of passing $60,000."),
        ),
        GaugeSpecimen(
            "At risk",
            _gauge(41_000, band=band, pace=33_000, expected=61_500),
            Verdict("at risk", "Expected $61,500, 62 % chance of passing $60,000."),
        ),
        GaugeSpecimen(
            "At risk, urgent",
            _gauge(47_000, band=band, pace=33_000, expected=66_000),
            Verdict("at risk", "Expected $66,000, 91 % chance of passing $60,000.", urgent=True),
        ),
        GaugeSpecimen(
            "Over",
            _gauge(67_000, band=band, pace=33_000, expected=88_000),
            Verdict("over", "Spent $67,000, above the high of $60,000."),
        ),
        GaugeSpecimen(
            "Under",
            _gauge(12_000, band=band, pace=33_000, expected=19_000),
            Verdict("under", "Expected $19,000, 97 % chance of ending below $40,000."),
        ),
        GaugeSpecimen(
            "Unknown: too few days",
            _gauge(1_500, band=band, pace=1_700),
            Verdict("unknown", "The forecast needs 3 complete days of this month; there is 1."),
        ),
        GaugeSpecimen(
            "No band",
            _gauge(31_000, band=None, expected=48_000),
            Verdict("unknown", "No band is set."),
        ),
        GaugeSpecimen(
            "Narrow band",
            _gauge(44_000, band=narrow, pace=40_000, expected=59_000),
            Verdict("inside", "Expected $59,000, 31 % chance of passing $60,000."),
        ),
        GaugeSpecimen(
            "Credits only",
            _gauge(-800, band=band, pace=33_000),
            Verdict("unknown", "The forecast needs 3 complete days of this month; there are 2."),
        ),
    ]


def moments(now: datetime) -> list[datetime]:
    """From just now to last year."""
    ago = (timedelta(seconds=20), timedelta(minutes=12), timedelta(hours=5))
    return [now - one for one in (*ago, timedelta(days=1), timedelta(days=9), timedelta(days=400))]


def hues() -> range:
    """The numbers of the chart hues; 0 is Other."""
    return range(charts.HUES + 1)


def moves() -> list[Move]:
    """A rise, a fall, something new, something gone, and a name too long for its cell."""
    figures = (
        ("Amazon EC2", 5_200, 7_900),
        ("Amazon RDS", 3_100, 2_450),
        ("New service", 0, 310),
        ("Gone service", 95, 0),
        ("A-service-with-a-name-that-has-no-end-and-not-one-space-in-it-either", 12, 13),
    )
    return [Move(name, _Change(Decimal(was), Decimal(now))) for name, was, now in figures]


def chart(today: date) -> ChartSpecimen:
    """Three weeks of three services with a band, the last two days incomplete."""
    days = [
        _DayCost(day, name, Decimal(base + 7 * (nth % 5) + nth), nth < 19)
        for nth in range(21)
        for day in [today - timedelta(days=21 - nth)]
        for name, base in (("Amazon EC2", 120), ("Amazon RDS", 60), ("Virtual Machines", 45))
    ]
    costs = charts.daily_costs(days, "USD")
    months = {month_of(one.day) for one in days}
    allowances = [Allowance(month, Decimal(5_000), Decimal(9_500)) for month in sorted(months)]
    week = week_of(today - timedelta(days=7))
    return ChartSpecimen(costs, charts.chart_of(costs, week=week, allowances=allowances))
