"""How well anomalies are found, and how fast; baselines on the same data (METHODS.md section 1).

Daily cost: increases of 15, 25, 50 and 100 % over one to five days are put into real daily demand
(two regions: whole, first and second half of each day) at seeded places. An anomaly is found when
one of its days stands out; false alarms are those that stand out outside of any, a week's worth
counted once. Any interval: the eight labelled CloudWatch series, each scored with threshold and
rest fitted on the other seven, beside a windowed Gaussian and a rolling deviation fitted alike.
Without the shared sample data there is only the speed.
"""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.nab_score import Score, Window, normalised, score
from bench.processes import ROOT
from bench.results import Result, at_least, at_most
from costs.budgets import interval_anomalies as interval
from costs.budgets.daily_baseline import NEEDED_DAYS, judge

SHARED = ROOT.parent / "shared" / "data"
SIZES = (15, 25, 50, 100)
SEEDS = 6
EVERY = 35
"""Days between two planted increases, on average."""
SAID_ONCE = 7
SERIES, DAYS = 500, 395
THRESHOLDS = (1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 5.0)
RESTS = (300, 350, 400, 450, 500, 600)

type Marks = Any
type Detector = Callable[[Any], Marks]


def run(*, seeds: int = SEEDS, series: int = SERIES) -> list[Result]:
    """Every figure that can be had here."""
    results = [at_most("judge_500_series_13_months", _speed(series), "s", 1.5)]
    if not SHARED.is_dir():
        print("anomalies: no shared sample data beside the checkout, so only speed is measured")
        return results
    found = {name: _injected(detect, seeds) for name, detect in DAILY.items()}
    ours = found["ours"]
    for name, one in found.items():
        print(
            f"daily {name}: F1 {one.f1:.2f}, {one.false_30:.2f} false alarms in 30 days, found "
            + ", ".join(f"{100 * one.recall[size]:.0f} % at +{size} %" for size in SIZES)
        )
    scored = {name: _nab(rule) for name, rule in RULES.items()}
    for name, (points, false, samples) in scored.items():
        print(f"samples {name}: {points:.1f} points, {1000 * false / samples:.2f} false in 1,000")
    points, false, samples = scored["ours"]
    return [
        *results,
        at_least("daily_anomalies_f1", ours.f1, "", 0.75),
        at_most("daily_false_alarms_30_days", ours.false_30, "", 0.10),
        at_least("daily_recall_at_50", ours.recall[50], "", 0.90),
        at_least("nab_left_one_out", points, "points", 62),
        at_most("nab_false_alarms_1000", 1000 * false / samples, "", 1),
    ]


def _speed(series: int) -> float:
    costs = np.random.default_rng(0).lognormal(3, 0.1, (series, DAYS))
    begun = time.perf_counter()
    judge(costs, floor=1.0)
    return time.perf_counter() - begun


# -- daily cost ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """Shares from 0 to 1; false alarms per series and 30 days."""

    f1: float
    recall: Mapping[int, float]
    false_30: float


def _rolling(costs: Any) -> Marks:
    """The rolling deviation: above the mean of four weeks by three standard deviations."""
    marks = np.zeros(costs.shape, dtype=bool)
    for day in range(NEEDED_DAYS, costs.shape[1]):
        before = costs[:, day - 28 : day]
        marks[:, day] = costs[:, day] >= before.mean(axis=1) + 3 * before.std(axis=1)
    return marks


def _week_over_week(costs: Any) -> Marks:
    """A quarter above the same weekday of the week before."""
    marks = np.zeros(costs.shape, dtype=bool)
    marks[:, NEEDED_DAYS:] = costs[:, NEEDED_DAYS:] >= 1.25 * costs[:, NEEDED_DAYS - 7 : -7]
    return marks


DAILY: Mapping[str, Detector] = {
    "ours": lambda costs: judge(costs, floor=0.0).stands_out,
    "rolling deviation": _rolling,
    "week over week": _week_over_week,
}


def _injected(detect: Detector, seeds: int) -> Found:
    real = np.array([half for region in (1, 2) for half in _days(region)])
    hits = {size: [0, 0] for size in SIZES}
    false, days = 0, 0
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        costs, planted = real.copy(), []
        for nth in range(len(real)):
            for first, last in _places(random, real.shape[1]):
                size = int(random.choice(SIZES))
                costs[nth, first:last] *= 1 + size / 100
                planted.append((nth, first, last, size))
        marks = detect(costs)
        for nth, first, last, size in planted:
            hits[size][0] += bool(marks[nth, first:last].any())
            hits[size][1] += 1
            marks[nth, first:last] = False
        false += sum(_said_once(row) for row in marks)
        days += marks.size - NEEDED_DAYS * len(marks)
    true = sum(hit for hit, _ in hits.values())
    recall = true / sum(count for _, count in hits.values())
    precision = true / max(true + false, 1)
    return Found(
        f1=2 * precision * recall / max(precision + recall, 1e-9),
        recall={size: hit / max(count, 1) for size, (hit, count) in hits.items()},
        false_30=30 * false / days,
    )


def _places(random: Any, days: int) -> list[tuple[int, int]]:
    found, day = [], 70
    while day < days - 10:
        day += int(random.integers(EVERY // 2, EVERY * 3 // 2))
        last = day + int(random.integers(1, 6))
        if last < days - 8:
            found.append((day, last))
    return found


def _said_once(row: Any) -> int:
    count, last = 0, -SAID_ONCE - 1
    for day in np.flatnonzero(row):
        count += int(day - last > SAID_ONCE)
        last = int(day)
    return count


def _days(region: int) -> list[Any]:
    """Demand a day of a region: whole, first half, second half of each day."""
    with gzip.open(SHARED / "demand" / f"region-{region}.csv.gz", "rt") as file:
        values = np.array([float(row["value"]) for row in csv.DictReader(file)])
    hours = values[: len(values) // 24 * 24].reshape(-1, 24)
    return [hours.sum(axis=1), hours[:, :12].sum(axis=1), hours[:, 12:].sum(axis=1)]


# -- samples of any interval -----------------------------------------------------------------------


def _gaussian(values: Any) -> Any:
    """A windowed Gaussian: distance of a sample from the mean of the last 8,000 before it."""
    return _from_window(values, 8000)


def _day_deviation(values: Any) -> Any:
    """A rolling deviation over a day of five-minute samples."""
    return _from_window(values, 288)


def _from_window(values: Any, window: int) -> Any:
    found = np.zeros(len(values))
    for index in range(interval.NEEDED, len(values)):
        before = values[max(0, index - window) : index]
        found[index] = abs(values[index] - before.mean()) / max(before.std(), 1e-9)
    return found


RULES: Mapping[str, Callable[[Any], Any]] = {
    "ours": interval.scores,
    "windowed Gaussian": _gaussian,
    "rolling deviation": _day_deviation,
}


def _nab(rule: Callable[[Any], Any]) -> tuple[float, int, int]:
    """Points, false alarms and samples, each series with what was best on all others."""
    series = _labelled()
    tried: dict[tuple[float, int], list[Score]] = {}
    scores = [rule(values) for values, _ in series]
    for threshold in THRESHOLDS:
        for rest in RESTS:
            tried[threshold, rest] = [
                score(
                    len(values),
                    windows,
                    interval.alarms(found, threshold=threshold, rest=rest),
                )
                for (values, windows), found in zip(series, scores, strict=True)
            ]
    left_out = []
    for nth in range(len(series)):

        def others(key: tuple[float, int], nth: int = nth) -> float:
            return sum(one.raw for other, one in enumerate(tried[key]) if other != nth)

        left_out.append(tried[max(tried, key=others)][nth])
    samples = sum(len(values) for values, _ in series)
    return normalised(left_out), sum(one.false_alarms for one in left_out), samples


def _labelled() -> Sequence[tuple[Any, list[Window]]]:
    folder = SHARED / "utilization" / "nab"
    labels = json.loads((folder / "combined_windows.json").read_text())
    return [
        _series(file, labels.get(f"realAWSCloudwatch/{file.name}", []))
        for file in sorted(folder.glob("*.csv"))
    ]


def _series(file: Path, labels: list[list[str]]) -> tuple[Any, list[Window]]:
    with file.open() as opened:
        rows = list(csv.DictReader(opened))
    times = [datetime.fromisoformat(row["timestamp"]) for row in rows]
    windows = []
    for begin, end in labels:
        inside = [
            index
            for index, moment in enumerate(times)
            if datetime.fromisoformat(begin) <= moment <= datetime.fromisoformat(end)
        ]
        windows.append((inside[0], inside[-1]))
    return np.array([float(row["value"]) for row in rows]), windows
