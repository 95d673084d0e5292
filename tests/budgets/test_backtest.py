"""Rolling the forecast through a series' past: figures, pass marks, and bad files."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from costs.budgets import backtest
from costs.budgets.backtest import Score, origins_of, series_of
from costs.budgets.series_file import BadSeries, by_day, read_series
from costs.budgets.usage_model import Floats
from costs.periods import month_of

FIRST = date(2024, 2, 1)


def run(costs: Floats, first: date = FIRST) -> Score:
    origins = origins_of(first, len(costs))
    series = series_of(first, costs.tolist())
    return backtest.score(series, origins, backtest.forecasts(series, origins))


def weekly(days: int, noise: float = 0.0) -> Floats:
    week = 100 * (1 - 0.4 * (np.arange(days) % 7 > 4))
    costs: Floats = week * np.random.default_rng(7).lognormal(0, noise, days)
    return costs


def test_a_series_without_noise_is_forecast_exactly() -> None:
    score = run(weekly(500))
    assert score.origins > 30
    assert score.mape < 0.01
    assert score.width_95 < 0.1
    assert score.baselines["seasonal_naive"] < 1e-9
    assert score.baselines["run_rate"] > 1


def test_noise_is_covered_and_beats_the_plain_methods() -> None:
    score = run(weekly(1400, noise=0.08))
    assert score.mape < min(score.baselines.values())
    assert 72 <= score.coverage_80 <= 90
    assert 90 <= score.coverage_95 <= 100
    assert score.width_80 < score.width_95 < 15


def test_baselines_by_hand() -> None:
    known = np.r_[np.zeros(29), [1.0, 2, 3, 4, 5, 6, 7]]
    origin = backtest.Origin(month_of(date(2024, 6, 1)), day=36, spent_days=5)
    assert origin.ahead == 25
    assert backtest.run_rate(known, origin) == pytest.approx(5 * 25)
    # Three weeks of 28, then 1, 2, 3 and 4.
    assert backtest.seasonal_naive(known, origin) == pytest.approx(3 * 28 + 10)
    line = backtest.Origin(month_of(date(2024, 6, 1)), day=36, spent_days=28)
    assert backtest.straight_line(np.arange(36.0), line) == pytest.approx(36 + 37)


def test_origins_are_those_of_the_published_figures() -> None:
    """1 February 2021 to 31 January 2024: September 2021 to December 2023, five a month."""
    origins = origins_of(date(2021, 2, 1), 1095)
    assert len(origins) == 28 * 5
    assert (origins[0].month.start, origins[0].spent_days) == (date(2021, 9, 1), 5)
    assert origins[0].day == (date(2021, 9, 6) - date(2021, 2, 1)).days
    assert (origins[-1].month.start, origins[-1].spent_days) == (date(2023, 12, 1), 25)


def test_a_gap_costs_its_months_and_nothing_else() -> None:
    costs = weekly(500).tolist()
    whole = origins_of(FIRST, 500)
    costs[whole[0].start + 7] = costs[whole[5].start + 3] = None
    series = series_of(FIRST, costs)
    score = backtest.score(series, whole, backtest.forecasts(series, whole))
    assert score.origins == len(whole) - 10
    assert score.mape < 0.1


def region(folder: Path, name: str) -> backtest.Series:
    daily = by_day(read_series(folder / "demand" / f"{name}.csv.gz"))
    return series_of(daily.first, [float(value or 0) for value in daily.values])


@pytest.mark.parametrize(("name", "most"), [("region-1", 3.0), ("region-2", 1.7)])
def test_pass_marks(shared_data: Path, name: str, most: float) -> None:
    """METHODS.md section 1, on both regions, and with a quarter of the bill on day 1."""
    series = region(shared_data, name)
    score = run(series.costs, series.first)
    assert score.mape <= most * 0.95
    assert all(score.mape < 0.9 * other for other in score.baselines.values())
    assert 77 <= score.coverage_80 <= 88
    assert 92 <= score.coverage_95 <= 98
    costs = series.costs.copy()
    for n in range(len(costs)):
        if (series.first + timedelta(days=n)).day == 1:
            costs[n] += series.costs.mean() * 30.4 / 4
    quarter = run(costs, series.first)
    assert quarter.mape <= 0.81 * score.mape
    assert quarter.baselines["run_rate"] > 30


# -- files ----------------------------------------------------------------------------------------


def written(path: Path, costs: Floats, first: date = FIRST, hours: int = 1) -> Path:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    lines = [
        f"{(start + timedelta(hours=24 // hours * n)).isoformat()},{cost / hours!r}"
        for n, cost in enumerate(np.repeat(costs, hours).tolist())
    ]
    path.write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    return path


def command(file: Path) -> dict[str, object]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        call_command("backtest_forecast", "--series", str(file), "--json")
    document: dict[str, object] = json.loads(out.getvalue())
    return document


def test_the_command_prints_the_contract(tmp_path: Path) -> None:
    found = command(written(tmp_path / "s.csv", weekly(400, 0.05), hours=4))
    assert list(found) == [
        *("origins", "mape", "mase", "coverage_80", "coverage_95", "width_80", "width_95"),
        *("baselines", "ms_per_fit"),
    ]
    assert found["baselines"].keys() == {"run_rate", "seasonal_naive", "ols_30d"}  # type: ignore[attr-defined]


def test_too_little_is_said(tmp_path: Path) -> None:
    for days in (1, 27, 60):
        file = written(tmp_path / "short.csv", weekly(days))
        with pytest.raises(CommandError, match=rf"short.csv: not enough data, {days} of \d+ days"):
            command(file)


def test_nothing_but_zeros(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="costs nothing"):
        command(written(tmp_path / "zeros.csv", np.zeros(400)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "row 1: there is no column timestamp"),
        ("timestamp,value\n", "has no values"),
        ("time,value\n", "row 1: there is no column timestamp"),
        ("timestamp,cost\n", "row 1: there is no column value"),
        ("timestamp,value\n2024-01-01,1\nyesterday,2\n", "row 3, column timestamp: “yesterday”"),
        ("timestamp,value\n2024-01-01,one\n", "row 2, column value: “one”"),
        ("timestamp,value\n2024-01-01,nan\n", "row 2, column value: “nan”"),
        ("timestamp,value\n2024-01-01,1e400\n", "row 2, column value: “1e400”"),
        ("timestamp,value\n2024-01-01,\n", "row 2, column value: “”"),
        ("timestamp,value\n2024-01-01\n", "row 2: has 1 columns, not 2"),
        ("timestamp,value\n0001-01-01T00:00+14:00,1\n", "row 2, column timestamp"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(BadSeries, match=f"bad.csv: {said}") as caught:
        read_series(file)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadSeries, match=r"gone\.csv: cannot be read: No such file"):
        read_series(tmp_path / "gone.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"timestamp,value\n\xff\xfe,1\n")
    with pytest.raises(BadSeries, match="is not a CSV file in UTF-8"):
        read_series(binary)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"timestamp,value\n" + b"2024-01-01,1\n" * 999)[:-20])
    with pytest.raises(BadSeries, match="cannot be read: it is damaged"):
        read_series(cut)


def test_days_are_utc_and_exact(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(
        "value,note,timestamp\n"
        "0.1,,2024-01-02T01:00:00+02:00\n0.2,x,2024-01-01 12:00\n0.3,,2024-01-02T00:00:00Z\n"
        "0.3,,2024-01-02T12:00:00Z\n1,,2024-01-03T00:00:00Z\n5,,2024-01-05\n5,,2024-01-05T12:00\n"
    )
    daily = by_day(read_series(file))
    assert daily.first == date(2024, 1, 1)
    # The 3rd has one value of two, the 4th none.
    assert daily.values == (Decimal("0.3"), Decimal("0.6"), None, None, Decimal(10))
