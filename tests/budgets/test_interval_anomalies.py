"""Samples of any interval, and the command that judges a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from bench.anomalies import RULES, _labelled, _nab
from costs.budgets import interval_anomalies as interval


def samples(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(20, 1, count)


def test_a_jump_is_said_once() -> None:
    values = samples(3000)
    values[2000:2100] += 30
    found = interval.alarms(interval.scores(values))
    near = [index for index in found if 2000 <= index < 2100]
    assert len(near) == 1
    assert near[0] < 2010


def test_a_flat_line_says_nothing() -> None:
    assert interval.alarms(interval.scores(np.full(2000, 7.0))) == []


def test_gaps_are_no_news() -> None:
    values = samples(1500)
    values[700:720] = np.nan
    assert np.isfinite(interval.scores(values)).all()
    with pytest.raises(ValueError, match="no number"):
        interval.scores(np.full(5, np.nan))


@given(st.integers(150, 600), st.integers(0, 20))
def test_it_is_causal(length: int, seed: int) -> None:
    values = samples(700, seed)
    assert interval.scores(values)[:length] == pytest.approx(interval.scores(values[:length]))


def test_the_labelled_series_are_scored_with_what_the_others_taught(shared_data: Path) -> None:
    points, false, count = _nab(RULES["ours"])
    assert points >= 62
    assert false <= count / 1000
    assert len(_labelled()) == 8


def run(capsys: pytest.CaptureFixture[str], file: Path) -> list[dict[str, object]]:
    call_command("detect_anomalies", "--series", str(file), "--json")
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["anomalies"]
    found: list[dict[str, object]] = document["anomalies"]
    return found


def test_the_command_judges_days_as_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["timestamp,value"]
    for nth in range(90):
        month, day = divmod(nth, 30)
        value = 300 if nth == 80 else 100 + nth % 7
        lines.append(f"2026-{month + 4:02d}-{day + 1:02d},{value}")
    file = tmp_path / "days.csv"
    file.write_text("\n".join(lines))
    (found,) = run(capsys, file)
    assert found["timestamp"] == "2026-06-21T00:00:00Z"
    assert found["actual"] == "300"
    assert list(found) == ["timestamp", "score", "actual", "expected"]


def test_the_command_judges_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = samples(1000)
    values[600:640] += 40
    lines = [
        f"2026-06-{1 + nth // 288:02d} {nth // 12 % 24:02d}:{nth % 12 * 5:02d}:00,{value}"
        for nth, value in enumerate(values)
    ]
    file = tmp_path / "cpu.csv"
    file.write_text("\n".join(["timestamp,value", *lines]))
    times = [one["timestamp"] for one in run(capsys, file)]
    assert any(str(time).startswith("2026-06-03T02:") for time in times)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("timestamp,value\n2026-06-01,1\n2026-06-02,2\n", "not enough data, 2 of 29 days"),
        ("timestamp,value\n2026-06-01T00:00:00Z,1\n", "not enough data, 1 of 101 samples"),
        ("timestamp,value\n2026-06-01,many\n", "row 2"),
    ],
)
def test_what_cannot_be_judged_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "short.csv"
    file.write_text(text)
    with pytest.raises(CommandError, match=says) as error:
        call_command("detect_anomalies", "--series", str(file))
    assert "\n" not in str(error.value)
