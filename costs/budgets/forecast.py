"""Where months end: each environment, what is unallocated, and the total of them.

Pure. What is spent is exact; what is left of a month is an estimate (:mod:`costs.budgets.rolling`),
rounded to cents here, where it becomes money. The expected ends of the parts add up to that of the
total to the cent. The total's interval and chances are joint: from the errors that were made on all
of its parts together, so that what one part costs more and another less has cancelled out in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import takewhile
from typing import Final

from costs.budgets.bands import Band, Lacking, Outlook
from costs.budgets.estate import DayCost, Estate, Kind
from costs.budgets.paths import Past, Step
from costs.budgets.rolling import NEEDED_DAYS
from costs.periods import DAY, Period
from costs.spend.currency import Factor, Rates, converted

VISIBLE_ENOUGH: Final = 0.5
"""Share of a day's final cost from which a day that is not complete is used: below, dividing by it
says more about the share than about the day."""


class Forecast:
    """Forecasts from the days up to and including ``through``.

    ``rows`` hold each day's cost of every environment, in any number of currencies, which are kept
    apart. ``visible`` is the share (0 to 1) of its final cost that is visible of each of the days
    after ``through``, in their order (METHODS.md section 1, completeness): as far as it is at least
    a half, the level knows these days; what is spent does not. ``trust`` (0 to 1) down-weights days
    known to be anomalous, by environment and day.
    """

    def __init__(
        self,
        rows: Iterable[DayCost],
        through: date | None,
        *,
        visible: Sequence[float] = (),
        trust: Mapping[tuple[str, date], float] | None = None,
    ) -> None:
        used = list(takewhile(lambda share: share >= VISIBLE_ENOUGH, visible))
        self.through = through
        self._given = rows = tuple(rows)
        self._visible, self._trust = visible, trust
        self._converted: dict[object, Forecast] = {}
        self.first: date | None = None
        self._estates: dict[str, Estate] = {}
        if through is None:
            return
        by_currency: dict[str, list[DayCost]] = defaultdict(list)
        for row in rows:
            if row.day <= through + len(used) * DAY:
                by_currency[row.currency].append(row)
        self.first = min(
            (row.day for found in by_currency.values() for row in found if row.day <= through),
            default=None,
        )
        if self.first is None:
            return
        for currency, found in by_currency.items():
            self._estates[currency] = Estate(found, self.first, through, visible=used, trust=trust)

    def in_currency(self, target: str, rates: Rates) -> Converted:
        """The same, of all that has a rate into ``target``."""
        return Converted(self, target, rates)

    def at_rates(self, target: str, factors: Mapping[str, Factor | None]) -> Forecast:
        """All of history in ``target`` at one rate for each currency; what has none is left out.

        A year at its own rates would make the ups and downs of a currency those of the usage.
        """
        key = target, tuple(sorted((code, str(factor)) for code, factor in factors.items()))
        if key not in self._converted:
            rows = [
                ConvertedDay(
                    row.day, row.environment, target, row.kind, row.key, converted(row.cost, factor)
                )
                for row in self._given
                if (factor := factors.get(row.currency)) is not None
            ]
            self._converted[key] = Forecast(
                rows, self.through, visible=self._visible, trust=self._trust
            )
        return self._converted[key]

    @property
    def currencies(self) -> list[str]:
        """The currencies of its days, by the alphabet."""
        return sorted(self._estates)

    def environments(self, currency: str) -> list[str]:
        """The environments that cost anything in ``currency``, by the alphabet."""
        estate = self._estates.get(currency)
        return [] if estate is None else list(estate.names)

    def spent(self, environment: str, currency: str, month: Period) -> Decimal:
        """What the days of ``month`` up to ``through`` have cost, exactly."""
        estate = self._estates.get(currency)
        return Decimal(0) if estate is None else estate.cost(environment, month)

    def history(self, environment: str, currency: str) -> int:
        """Days of history of an environment, at most what a forecast needs."""
        estate = self._estates.get(currency)
        return 0 if estate is None else min(NEEDED_DAYS, estate.history(environment))

    def lacking(self, environment: str, currency: str, month: Period) -> Lacking | None:
        """How many days are missing for a forecast; None where there are enough.

        Of what is known up to ``through``, whichever ``month`` it is for.
        """
        del month
        have = self.history(environment, currency)
        return Lacking(have, NEEDED_DAYS) if have < NEEDED_DAYS else None

    def outlook(
        self, environment: str, currency: str, month: Period, band: Band | None
    ) -> Outlook | None:
        """Where ``month`` ends for an environment, ``unallocated`` or ``total``.

        None with fewer than 28 days of history, and for a month further away than the next one. Of
        a month that is complete every figure is its cost and each chance is 0 or 1. ``band`` is in
        ``currency``; without one there are no chances. What is left is estimated to the cent.

        A total is expected to be the sum of its parts; a part that has too little history of its
        own counts in it with its mean so far.
        """
        estate = self._estates.get(currency)
        return None if estate is None else estate.outlook(environment, month, band)

    def path(self, environment: str, currency: str, month: Period) -> tuple[Step, ...]:
        """Each day of ``month``: what it cost, or is expected to, and the sums with intervals.

        Without enough history only the days that are known.
        """
        estate = self._estates.get(currency)
        return () if estate is None else estate.path(environment, month)

    def record(
        self, environment: str, currency: str, months: Sequence[Period], after: Sequence[int]
    ) -> list[Past]:
        """What was expected of those of ``months`` that are over, after so many days each.

        Every figure is what the forecast of that day would have been, from the days before it; a
        day for which there was too little history is left out.
        """
        estate = self._estates.get(currency)
        if estate is None:
            return []
        return [
            past
            for month in months
            for days in after
            if (past := estate.past(environment, month, days)) is not None
        ]


@dataclass(frozen=True)
class ConvertedDay:
    """The cost of a day in another currency than that of its charge."""

    day: date
    environment: str
    currency: str
    kind: Kind
    key: str
    cost: Decimal


@dataclass(frozen=True)
class Converted:
    """A forecast in the display currency: each month at its own rates.

    Amounts in other currencies than ``target`` stay what they are.
    """

    forecast: Forecast
    target: str
    rates: Rates

    def outlook(
        self, environment: str, currency: str, month: Period, band: Band | None
    ) -> Outlook | None:
        return self._of(currency, month).outlook(environment, currency, month, band)

    def lacking(self, environment: str, currency: str, month: Period) -> Lacking | None:
        return self._of(currency, month).lacking(environment, currency, month)

    def path(self, environment: str, currency: str, month: Period) -> tuple[Step, ...]:
        return self._of(currency, month).path(environment, currency, month)

    def record(
        self, environment: str, currency: str, months: Sequence[Period], after: Sequence[int]
    ) -> list[Past]:
        return [
            past
            for month in months
            for past in self._of(currency, month).record(environment, currency, [month], after)
        ]

    def in_currency(self, target: str, rates: Rates) -> Converted:
        return Converted(self.forecast, target, rates)

    def _of(self, currency: str, month: Period) -> Forecast:
        if currency != self.target:
            return self.forecast
        factors = {
            code: self.rates.factor(code, self.target, month.start)
            for code in self.forecast.currencies
        }
        return self.forecast.at_rates(self.target, factors)
