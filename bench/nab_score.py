"""The Numenta Anomaly Benchmark's score (standard profile), of detections on labelled series.

Source: Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
Benchmark", 2015. The first detection in a window earns the more the earlier it comes; a window
without one costs 1; a detection outside costs up to 0.11, less right after a window. Detections in
the first 15 % of a series (750 samples at most) do not count. Normalised: 0 says nothing at all,
100 finds the beginning of every window and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FALSE: Final = 0.11
"""Cost of a false detection in the standard profile."""
PROBATION: Final = 0.15

type Window = tuple[int, int]
"""First and last index of a labelled anomaly."""


@dataclass(frozen=True)
class Score:
    """Raw score of one series, with those of saying nothing and of perfection."""

    raw: float
    nothing: float
    perfect: float
    false_alarms: int


def score(length: int, windows: Sequence[Window], detections: Sequence[int]) -> Score:
    """Score the ``detections`` (indices) on one series of ``length`` samples."""
    begin = min(int(PROBATION * length), int(PROBATION * 5000))
    counted = [index for index in detections if index >= begin]
    raw, false = 0.0, 0
    for first, last in windows:
        hits = [index for index in counted if first <= index <= last]
        if hits:
            raw += _sigmoid(-(last - hits[0] + 1) / (last - first + 1)) / _sigmoid(-1.0)
        else:
            raw -= 1.0
    for index in counted:
        if any(first <= index <= last for first, last in windows):
            continue
        false += 1
        before = [window for window in windows if window[1] < index]
        if before:
            first, last = before[-1]
            raw += FALSE * _sigmoid((index - last) / max(last - first, 1))
        else:
            raw -= FALSE
    return Score(raw, -float(len(windows)), float(len(windows)), false)


def normalised(scores: Sequence[Score]) -> float:
    """0 to 100 over several series; below 0 for worse than nothing."""
    nothing = sum(one.nothing for one in scores)
    perfect = sum(one.perfect for one in scores)
    return 100 * (sum(one.raw for one in scores) - nothing) / (perfect - nothing)


def _sigmoid(position: float) -> float:
    """1 far before the end of a window, 0 at it, −1 far after."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1
