"""How good the forecast would have been: month ends of a daily series, rolled through its past.

Pure. After the days 5, 10, 15, 20 and 25 of every month, from what was known then, beside three
plain methods on the same days (METHODS.md section 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from costs.budgets.fixed_charges import fixed_charges
from costs.budgets.rolling import NEEDED_DAYS, Rest, Rolling
from costs.budgets.usage_model import WEEK, Floats
from costs.periods import Period, month_of

AFTER_DAYS: Final = (5, 10, 15, 20, 25)
"""Days of the month after which a forecast is made (METHODS.md section 1)."""
WARM_UP: Final = 210
"""Days before the first month that is tried (half of the series where it is shorter than twice
that): the published figures begin seven months into their series."""
HORIZON: Final = 31
"""Every forecast must have this many days of the series after it, as in the published figures."""
LINE: Final = 30
"""Days that the straight line is fitted to."""


@dataclass(frozen=True)
class Series:
    """Daily costs from ``first`` on; where a day is not ``known``, its cost is a stopgap."""

    first: date
    costs: Floats
    known: NDArray[np.bool_]


def series_of(first: date, values: Sequence[float | None]) -> Series:
    """A gap (None) is filled with the same weekday before it, and is not trusted."""
    costs = np.array([0.0 if value is None else value for value in values])
    known = np.array([value is not None for value in values], dtype=bool)
    for day in np.flatnonzero(~known):
        costs[day] = costs[day - WEEK] if day >= WEEK else costs[known][:1].sum()
    return Series(first, costs, known)


@dataclass(frozen=True)
class Origin:
    """A forecast: after ``day`` days of the series, which are ``spent_days`` of ``month``."""

    month: Period
    day: int
    spent_days: int

    @property
    def ahead(self) -> int:
        """Days to go."""
        return self.month.days - self.spent_days

    @property
    def start(self) -> int:
        """Position of the month's first day in the series."""
        return self.day - self.spent_days


@dataclass(frozen=True)
class Score:
    """How the forecasts of ``origins`` did, in percent of the bill.

    ``mase`` is a ratio: the error per day to go, to the mean difference between a day and the same
    weekday a week before (Hyndman and Koehler 2006). ``baselines`` are errors like ``mape``.
    """

    origins: int
    mape: float
    mase: float
    coverage_80: float
    coverage_95: float
    width_80: float
    width_95: float
    baselines: dict[str, float]


def origins_of(first: date, days: int) -> list[Origin]:
    """Every origin in a series of ``days`` days from ``first`` on."""
    warm_up = max(NEEDED_DAYS, min(WARM_UP, days // 2))
    month = month_of(first + timedelta(days=warm_up))
    if (month.start - first).days < warm_up:
        month = month_of(month.end)
    found = []
    while (start := (month.start - first).days) + AFTER_DAYS[-1] + HORIZON <= days:
        found += [Origin(month, start + spent, spent) for spent in AFTER_DAYS]
        month = month_of(month.end)
    return found


def needed(first: date) -> int:
    """Days that a series from ``first`` on must have for one origin."""
    return next(days for days in range(NEEDED_DAYS, 2 * WARM_UP) if origins_of(first, days))


def forecasts(series: Series, origins: Sequence[Origin]) -> list[Rest | None]:
    """The rest of the month after each origin; nothing after it is looked at.

    Calendar and fits are found once for all origins: each is made of what lies before its own day.
    """
    costs = series.costs[None]
    fixed = fixed_charges(costs, series.first)
    rolling = Rolling(
        costs - fixed.actual,
        fixed,
        np.zeros(1, dtype=np.int64),
        trust=None if series.known.all() else series.known[None].astype(float),
    )
    return [rolling.rest([0], one.day, one.ahead) for one in origins]


def score(series: Series, origins: Sequence[Origin], rests: Sequence[Rest | None]) -> Score:
    """Compare the forecasts of ``origins`` with how their months ended.

    Months with a gap in them, or without a bill, have no true end and are left out.
    """
    errors, scaled, inside, widths = [], [], [], []
    others: dict[str, list[float]] = {name: [] for name in BASELINES}
    for one, rest in zip(origins, rests, strict=True):
        month = slice(one.start, one.start + one.month.days)
        bill = float(series.costs[month].sum())
        if rest is None or not bill or not series.known[month].all():
            continue
        known = series.costs[: one.day]
        spent = float(known[one.start :].sum())
        missed = abs(spent + rest.expected - bill)
        errors.append(missed / abs(bill))
        scaled.append(missed / one.ahead / _naive(known))
        ends = [(spent + rest.at(tail), spent + rest.at(1 - tail)) for tail in (0.1, 0.025)]
        inside.append([low <= bill <= high for low, high in ends])
        widths.append([(high - low) / abs(bill) for low, high in ends])
        for name, baseline in BASELINES.items():
            others[name].append(abs(spent + baseline(known, one) - bill) / abs(bill))
    return Score(
        origins=len(errors),
        mape=_percent(errors),
        mase=float(np.mean(scaled)) if scaled else 0.0,
        coverage_80=_percent([one for one, _ in inside]),
        coverage_95=_percent([one for _, one in inside]),
        width_80=_percent([one for one, _ in widths]),
        width_95=_percent([one for _, one in widths]),
        baselines={name: _percent(found) for name, found in others.items()},
    )


def run_rate(known: Floats, origin: Origin) -> float:
    """The month goes on as it went so far."""
    return float(known[origin.start :].mean()) * origin.ahead


def seasonal_naive(known: Floats, origin: Origin) -> float:
    """Each day costs what it cost on the same weekday of the last seven days."""
    return float(known[-WEEK:][np.arange(origin.ahead) % WEEK].sum())


def straight_line(known: Floats, origin: Origin) -> float:
    """Least squares over the last thirty days."""
    days = np.arange(LINE)
    slope, level = np.polyfit(days, known[-LINE:], 1)
    return float((level + slope * (LINE + np.arange(origin.ahead))).sum())


BASELINES: Final[dict[str, Callable[[Floats, Origin], float]]] = {
    "run_rate": run_rate,
    "seasonal_naive": seasonal_naive,
    "ols_30d": straight_line,
}


def _naive(known: Floats) -> float:
    """Mean difference to the same weekday a week before: what a day's error is scaled by."""
    return float(np.abs(known[WEEK:] - known[:-WEEK]).mean()) or 1.0


def _percent(shares: Sequence[float]) -> float:
    return 100 * float(np.mean(shares)) if shares else 0.0
