"""One forecast after another over some series' past: the rest of a month, and how far off it was.

Pure, in NumPy: what :mod:`costs.budgets.forecast` says of today and :mod:`costs.budgets.backtest`
of every day there was are these lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from costs.budgets.conformal import Errors, errors_of
from costs.budgets.fixed_charges import FixedCharges
from costs.budgets.usage_model import FIRST_FIT, Days, Fits, Floats, fit, to_log

NEEDED_DAYS: Final = 28
"""Days of history that a forecast needs: the four weeks that a fit looks at."""
YEAR: Final = 365
"""How far back errors count: a year has each holiday once."""
APART: Final = 4
"""Days between two past forecasts that count. Neighbours see nearly the same days and would make a
few errors look like many; four days apart they begin on every weekday in turn."""
ENOUGH: Final = 12
"""Errors below which those of other series, or of a nearer end, are taken too."""
BETTER: Final = 0.9
"""Share of the model's past error below which the plain mean of four weeks takes its place: where
days are all noise, jobs on no fixed day, there is no level to find. It never does on the demand of
the two regions, and halves the error on made-up noise."""


@dataclass(frozen=True)
class Rest:
    """What is left of a month, for one series or several together.

    ``due`` are the charges on the calendar, ``usage`` is the usage expected beside them.
    """

    due: float
    usage: float
    unit: float
    errors: Errors

    @property
    def expected(self) -> float:
        """What the rest of the month is expected to cost."""
        return self.due + self.usage

    def at(self, level: float) -> float:
        """The cost that is exceeded with a chance of 1 - ``level``."""
        error = self.errors.quantile(level)
        scaled = np.arcsinh(self.usage / (2 * self.unit)) + error
        return self.due + float(2 * self.unit * np.sinh(scaled))

    def chance_below(self, cost: float) -> float:
        """The chance (0 to 1) that the rest of the month costs less than ``cost``."""
        return self.errors.chance_below(self._error(cost))

    def chance_above(self, cost: float) -> float:
        """The chance (0 to 1) that the rest of the month costs more than ``cost``."""
        return self.errors.chance_above(self._error(cost))

    def _error(self, cost: float) -> float:
        unit = 2 * self.unit
        return float(np.arcsinh((cost - self.due) / unit) - np.arcsinh(self.usage / unit))


@dataclass(frozen=True)
class _Look:
    """Past forecasts of one series over as many days, newest first, and what came."""

    expected: Floats
    actual: Floats
    plain: bool
    """The plain mean was better than the model, and is ``expected``."""


class Rolling:
    """Forecasts of some series after any of their days.

    ``usage`` is (series, days); ``fixed`` what of them is on the calendar and not in ``usage``;
    ``starts`` the first day of each; ``trust`` (0 to 1) down-weights days known to be anomalous.
    ``days`` are fitted beforehand, all others when they are asked for. ``seen`` (series, some days)
    is the usage of days after the last complete one, already divided by the share of it that is
    visible: the newest forecast starts from there.
    """

    def __init__(
        self,
        usage: Floats,
        fixed: FixedCharges,
        starts: Days,
        *,
        days: Days | None = None,
        trust: Floats | None = None,
        seen: Floats | None = None,
    ) -> None:
        self.usage, self.starts, self.trust = usage, starts, trust
        self.seen = seen if seen is not None and seen.shape[1] else None
        self.length = usage.shape[1]
        surprises = fixed.actual - fixed.expected[:, : self.length]
        self._spent = _running(usage + surprises)
        self._means = _means(usage, starts)
        self._due = _running(fixed.expected)
        self._fits = fit(usage, starts, days=days, trust=trust)
        self._places = np.full(self.length + 1, -1)
        self._places[self._fits.days] = np.arange(len(self._fits.days))
        self._sums: dict[int, Floats] = {}
        self._looks: dict[tuple[int, ...], _Look] = {}

    def history(self, row: int, day: int) -> int:
        """How many days of history the series has after the first ``day`` days."""
        return max(0, day - int(self.starts[row]))

    def old(self, rows: Sequence[int], day: int) -> list[int]:
        """Those of ``rows`` that have history enough for a forecast."""
        return [row for row in rows if self.history(row, day) >= NEEDED_DAYS]

    def expected(self, rows: Sequence[int], day: int, ahead: int, skip: int = 0) -> Floats:
        """Expected cost of ``ahead`` days, ``skip`` days after the first ``day``, of each row.

        NaN for a row that is younger than two weeks.
        """
        due: Floats = self._due[rows, day + skip + ahead] - self._due[rows, day + skip]
        return self._usage(rows, day, ahead, skip) + due

    def rest(self, rows: Sequence[int], day: int, ahead: int, skip: int = 0) -> Rest | None:
        """The ``ahead`` days that come ``skip`` days after the first ``day``, of ``rows`` together.

        At most 62 days after ``day``. Rows that have too little history are left out; None where no
        row has enough.
        """
        old = self.old(rows, day)
        if not old:
            return None
        due = self._due[old, day + skip + ahead] - self._due[old, day + skip]
        return Rest(
            due=float(due.sum()),
            usage=float(self._usage(old, day, ahead, skip).sum()),
            unit=self._unit(old, ahead),
            errors=self._errors(old, day, ahead, skip),
        )

    def mean(self, row: int, day: int) -> float:
        """The mean of a series over the last four weeks before ``day``; 0 where it has none."""
        return float(self._means[row, day])

    def ever_negative(self, rows: Sequence[int], day: int) -> bool:
        """Whether a day of the last four weeks before ``day`` was a credit."""
        days = np.diff(self._spent[rows, max(0, day - NEEDED_DAYS) : day + 1], axis=1)
        return bool((days < 0).any())

    def _errors(self, rows: Sequence[int], day: int, ahead: int, skip: int) -> Errors:
        """Of a series' own past, as well spaced as it is long enough for.

        A young series borrows from the others, or from a nearer end: relative errors hardly grow
        with the days to go (they do not in the demand of two cloud regions), so one widened by the
        root of the days errs on the wide side.
        """
        own = self._past(rows, day, ahead, skip, APART)
        if len(own) < ENOUGH:
            own = self._past(rows, day, ahead, skip, 1)
        if len(own) >= ENOUGH:
            return errors_of(own)
        others = [row for row in range(len(self.usage)) if row not in rows]
        borrowed = (self._past([row], day, ahead, skip, APART) for row in others)
        past = np.concatenate([own, *borrowed])
        if len(past) >= ENOUGH:
            return errors_of(past)
        for nearer in range(ahead, 0, -1):
            past = self._past(rows, day, nearer, 0, 1)
            if len(past) >= ENOUGH:
                break
        return errors_of(past * (ahead / nearer) ** 0.5)

    def _past(self, rows: Sequence[int], day: int, ahead: int, skip: int, apart: int) -> Floats:
        """Errors of past forecasts of as many days that had ended by ``day``, newest first."""
        looks = [self._look(row, day, ahead, skip, apart) for row in rows]
        if len(looks) == 1:
            expected, actual = looks[0].expected, looks[0].actual
        else:
            # A series that was too young for a forecast is on neither side.
            longest = max(len(look.actual) for look in looks)
            expected, actual = np.zeros(longest), np.zeros(longest)
            for look in looks:
                expected[: len(look.actual)] += look.expected
                actual[: len(look.actual)] += look.actual
        unit = self._unit(rows, ahead)
        errors: Floats = to_log(actual, unit) - to_log(expected, unit)
        return errors

    def _look(self, row: int, day: int, ahead: int, skip: int, apart: int = APART) -> _Look:
        """The past forecasts of one series, and whether the plain mean was better."""
        key = row, day, ahead, skip, apart
        if key in self._looks:
            return self._looks[key]
        newest = day - skip - ahead
        oldest = max(int(self.starts[row]) + FIRST_FIT, newest - YEAR)
        origins = np.arange(newest, oldest - 1, -apart)
        spent = self._spent[row]
        actual = spent[origins + skip + ahead] - spent[origins + skip]
        expected, plain = self._model([row], origins, ahead, skip)[0], False
        if len(origins) >= ENOUGH:
            mean = self._means[row, origins] * ahead
            missed = np.abs(actual - mean).sum(), np.abs(actual - expected).sum()
            if missed[0] < BETTER * missed[1]:
                expected, plain = mean, True
        self._looks[key] = _Look(expected, actual, plain)
        return self._looks[key]

    def _unit(self, rows: Sequence[int], ahead: int) -> float:
        return float(self._fits.units[rows].sum()) * ahead

    def _usage(self, rows: Sequence[int], day: int, ahead: int, skip: int) -> Floats:
        """Expected usage of ``ahead`` days, ``skip`` days after ``day``, of each row."""
        usage = self._model(rows, np.array([day]), ahead, skip)[:, 0]
        for nth, row in enumerate(rows):
            if self._look(row, day, ahead, skip).plain:
                usage[nth] = self.mean(row, day) * ahead
        return usage

    def _model(self, rows: Sequence[int], origins: Days, ahead: int, skip: int) -> Floats:
        """The model's usage of ``ahead`` days, ``skip`` days after each origin: (rows, origins)."""
        if not len(origins):
            return np.empty((len(rows), 0))
        if self.seen is not None and origins[0] == self.length:
            usage = self._newest(rows, skip + ahead, self.seen)
            return usage - self._newest(rows, skip, self.seen) if skip else usage
        places = self._places[origins]
        if places.min() < 0:
            fits = self._fitted(rows, origins)
            return fits.sums(skip + ahead) - fits.sums(skip)
        found: Floats = self._sum(skip + ahead)[rows][:, places]
        return found - self._sum(skip)[rows][:, places] if skip else found

    def _newest(self, rows: Sequence[int], ahead: int, seen: Floats) -> Floats:
        """The usage of the next ``ahead`` days: of those already seen, then of those expected."""
        days = seen.shape[1]
        usage = np.concatenate([self.usage, seen], axis=1)[rows]
        trust = None
        if self.trust is not None:
            trust = np.concatenate([self.trust, np.ones_like(seen)], axis=1)[rows]
        fits = fit(usage, self.starts[rows], days=np.array([usage.shape[1]]), trust=trust)
        known: Floats = seen[rows, : min(ahead, days)].sum(axis=1, keepdims=True)
        return known + fits.sums(max(0, ahead - days))

    def _sum(self, ahead: int) -> Floats:
        if ahead not in self._sums:
            self._sums[ahead] = self._fits.sums(ahead)
        return self._sums[ahead]

    def _fitted(self, rows: Sequence[int], origins: Days) -> Fits:
        trust = None if self.trust is None else self.trust[rows]
        return fit(self.usage[rows], self.starts[rows], days=origins, trust=trust)


def _running(values: Floats) -> Floats:
    """Sums of the first 0, 1, 2 … days."""
    summed = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=summed[:, 1:])
    return summed


def _means(usage: Floats, starts: Days) -> Floats:
    """The mean of the four weeks before each day, or of what there is of them; 0 for none."""
    summed = _running(usage)
    days = np.arange(usage.shape[1] + 1)
    first = np.minimum(np.maximum(days - NEEDED_DAYS, starts[:, None]), days)
    before = summed - np.take_along_axis(summed, first, axis=1)
    means: Floats = before / np.maximum(days - first, 1)
    return means
