"""Which samples of a series of any interval stand out: CPU, requests, network. Pure.

The means of the last 1, 3, 5, 8 and 12 samples are each held against mean and deviation of the
samples before them; the middle of the five distances is the score, so that neither one wild sample
nor one unlucky window decides. An alarm is said once and then rests. Causal: the score of a sample
uses nothing after it.

Chosen among a handful of such rules on the eight labelled CloudWatch series of the Numenta Anomaly
Benchmark at hand; `make bench` scores each of them with threshold and rest fitted on the other
seven (docs/adr/0020).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

type Samples = NDArray[np.float64]

LENGTHS: Final = (1, 3, 5, 8, 12)
"""Samples whose mean is held against what was before them."""
REFERENCE: Final = 2000
"""Samples before them that say what is normal: a week of five-minute samples."""
NEEDED: Final = 100
"""Samples before anything is judged."""
THRESHOLD: Final = 2.0
"""Deviations from which the middle distance stands out."""
REST: Final = 400
"""Samples for which nothing more is said after an alarm: it is the same story."""
STILL: Final = 0.02
"""Share of the mean that the deviation counts at least as: a flat line has none of its own."""


def scores(values: Samples) -> Samples:
    """The score of every sample (0 while there is too little before it); NaN counts as no change.

    Raises :class:`ValueError` for a series with no number in it.
    """
    if not np.isfinite(values).any():
        raise ValueError("the series has no number in it")
    filled = _filled(values)
    centred = filled - filled[0]  # sums of squares stay small
    distances = [_distance(centred, filled[0], length) for length in LENGTHS]
    return np.median(np.abs(np.stack(distances)), axis=0)


def expectations(values: Samples) -> Samples:
    """What was normal before each sample: the mean of the reference; NaN for the first."""
    filled = _filled(values)
    normal: Samples = filled[0] + _reference(filled - filled[0], 1)[0]
    return normal


def alarms(score: Samples, *, threshold: float = THRESHOLD, rest: int = REST) -> list[int]:
    """Indices of samples at which to say something, ``rest`` samples apart at least."""
    found: list[int] = []
    for index in np.flatnonzero(score >= threshold):
        if not found or index - found[-1] > rest:
            found.append(int(index))
    return found


def _filled(values: Samples) -> Samples:
    """Gaps take the value before them, gaps at the beginning the first there is."""
    good = np.isfinite(values)
    positions = np.maximum.accumulate(np.where(good, np.arange(len(values)), 0))
    filled = values[positions]
    return np.where(np.isfinite(filled), filled, values[np.argmax(good)])


def _reference(centred: Samples, length: int) -> tuple[Samples, Samples, Samples]:
    """Mean, deviation and number of the samples before the last ``length`` of each sample."""
    sums = np.concatenate(([0.0], np.cumsum(centred)))
    squares = np.concatenate(([0.0], np.cumsum(centred * centred)))
    end = np.maximum(np.arange(len(centred)) + 1 - length, 0)
    start = np.maximum(end - REFERENCE, 0)
    count = end - start
    some = np.maximum(count, 1)
    mean = (sums[end] - sums[start]) / some
    variance = np.maximum((squares[end] - squares[start]) / some - mean * mean, 0)
    return np.where(count > 0, mean, np.nan), np.sqrt(variance), count


def _distance(centred: Samples, offset: float, length: int) -> Samples:
    mean, deviation, count = _reference(centred, length)
    positions = np.arange(len(centred))
    sums = np.concatenate(([0.0], np.cumsum(centred)))
    first = np.maximum(positions + 1 - length, 0)
    recent = (sums[positions + 1] - sums[first]) / (positions + 1 - first)
    least = np.maximum(STILL * np.abs(mean + offset), 1e-9)
    with np.errstate(invalid="ignore"):
        distance = (recent - mean) / np.maximum(deviation, least)
    return np.where(count > NEEDED, np.nan_to_num(distance), 0.0)
