"""The environments of one currency as series: their calendar, their usage, their months' ends.

Pure. Parts add up: a total is expected to be the sum of what its parts are expected to be, to the
cent, and its interval comes from the errors made on all of them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final, Literal, Protocol

import numpy as np

from costs.budgets.bands import Band, Outlook
from costs.budgets.fixed_charges import AHEAD, fixed_charges
from costs.budgets.outlooks import RestOfMonth, cents_of, certain
from costs.budgets.paths import Past, Step
from costs.budgets.rolling import Rolling
from costs.budgets.usage_model import Floats
from costs.money import EXACT, exact_sum
from costs.periods import DAY, Period

TOTAL: Final = "total"
ZERO: Final = Decimal(0)
SILENT: Final = 28
"""Days without any charge after which an environment begins anew: what it cost before says nothing
about what it costs now, and a month whose bill is missing is no month of zeros."""

type Kind = Literal["usage", "recurring", "once"]


class DayCost(Protocol):
    """The cost of a day, of one environment and currency."""

    @property
    def day(self) -> date: ...
    @property
    def environment(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def kind(self) -> Kind:
        """``recurring``: on some days only and, by its bill, again; ``once``: never again."""
        ...

    @property
    def key(self) -> str:
        """What recurs or comes once; empty for usage."""
        ...

    @property
    def cost(self) -> Decimal: ...


class Estate:
    """The environments of one currency, as series."""

    def __init__(
        self,
        rows: Sequence[DayCost],
        first: date,
        through: date,
        *,
        visible: Sequence[float] = (),
        trust: Mapping[tuple[str, date], float] | None = None,
    ) -> None:
        self.first, self.length = first, (through - first).days + 1
        self.names = sorted({row.environment for row in rows})
        place = {name: nth for nth, name in enumerate(self.names)}
        keys = sorted({(row.environment, row.key, row.kind) for row in rows if row.kind != "usage"})
        key_place = {key: len(self.names) + nth for nth, key in enumerate(keys)}
        self.spent: dict[str, dict[date, Decimal]] = {name: {} for name in self.names}
        sums: dict[tuple[int, int], Decimal] = {}
        for row in rows:
            if row.day <= through:
                days = self.spent[row.environment]
                days[row.day] = EXACT.add(days.get(row.day, ZERO), row.cost)
            own = place[row.environment]
            if row.kind != "usage":
                own = key_place[row.environment, row.key, row.kind]
            cell = own, (row.day - first).days
            sums[cell] = EXACT.add(sums.get(cell, ZERO), row.cost)
        # Days after the last complete one stand behind it, as far as they are visible enough.
        costs = np.zeros((len(self.names) + len(keys), self.length + len(visible)))
        for cell, cost in sums.items():
            costs[cell] = float(cost)
        count = len(self.names)
        seen = costs[:count, self.length :] / np.array(visible)
        costs = costs[:, : self.length]
        owners = np.array([*range(count), *(place[environment] for environment, _, _ in keys)])
        # What comes once is no usage. When it comes again after all, it is on the calendar.
        fixed = fixed_charges(
            costs, first, [False] * count + [kind == "recurring" for _, _, kind in keys]
        )
        # A series begins with its usage; one that is all calendar, with its first charge.
        every = np.zeros((count, self.length))
        np.add.at(every, owners, np.abs(costs))
        self.starts = np.array(
            [
                _start(own) if own.any() else _start(whole)
                for own, whole in zip(costs[:count], every, strict=True)
            ],
            dtype=np.int64,
        )
        self._pasts: dict[tuple[str, Period, int], Past | None] = {}
        usage = costs[:count] - fixed.actual[:count]
        trusted = None
        if known := [(place[name], day) for name, day in trust or () if name in place]:
            trusted = np.ones_like(usage)
            for nth, day in known:
                if first <= day <= through:
                    trusted[nth, (day - first).days] = (trust or {})[self.names[nth], day]
        self.rolling = Rolling(
            usage, fixed.of(owners, count), self.starts, trust=trusted, seen=seen
        )

    def rows(self, environment: str) -> list[int]:
        """Where its parts are: one, all of a total, none of what is not known."""
        if environment == TOTAL:
            return list(range(len(self.names)))
        return [self.names.index(environment)] if environment in self.names else []

    def history(self, environment: str) -> int:
        rows = self.rows(environment)
        return max((self.rolling.history(row, self.length) for row in rows), default=0)

    def cost(self, environment: str, days: Iterable[date]) -> Decimal:
        """What ``days`` cost, exactly."""
        names = [self.names[row] for row in self.rows(environment)]
        return exact_sum(self.spent[name].get(day, ZERO) for day in days for name in names)

    def outlook(self, environment: str, month: Period, band: Band | None) -> Outlook | None:
        done = self._done(month)
        spent = self.cost(environment, month.before(month.start + done * DAY))
        if done == month.days:
            return certain(spent, band)
        rest = self._rest(environment, self.length, month, done, month.days)
        return None if rest is None else rest.outlook(spent, band)

    def path(self, environment: str, month: Period) -> tuple[Step, ...]:
        done = self._done(month)
        steps, total = [], ZERO
        for day in month.before(month.start + done * DAY):
            cost = self.cost(environment, [day])
            total = EXACT.add(total, cost)
            steps.append(Step(day, cost, total, total, total, total, total, known=True))
        spent = total
        for end in range(done + 1, month.days + 1):
            rest = self._rest(environment, self.length, month, done, end)
            if rest is None:
                break
            seen = rest.outlook(spent, None)
            steps.append(
                Step(
                    day=month.start + (end - 1) * DAY,
                    cost=EXACT.subtract(seen.expected, total),
                    total=seen.expected,
                    low_80=seen.low_80,
                    high_80=seen.high_80,
                    low_95=seen.low_95,
                    high_95=seen.high_95,
                    known=False,
                )
            )
            total = seen.expected
        return tuple(steps)

    def past(self, environment: str, month: Period, days: int) -> Past | None:
        key = environment, month, days
        if key not in self._pasts:
            self._pasts[key] = self._past(environment, month, days)
        return self._pasts[key]

    def _past(self, environment: str, month: Period, days: int) -> Past | None:
        start = (month.start - self.first).days
        if start < 0 or start + month.days > self.length:
            return None
        rest = self._rest(environment, start + days, month, days, month.days)
        if rest is None:
            return None
        seen = rest.outlook(self.cost(environment, month.before(month.start + days * DAY)), None)
        return Past(
            month=month,
            days=days,
            expected=seen.expected,
            low_80=seen.low_80,
            high_80=seen.high_80,
            ended=self.cost(environment, month),
        )

    def _done(self, month: Period) -> int:
        """How many days of ``month`` are known."""
        return min(month.days, max(0, self.length - (month.start - self.first).days))

    def _rest(
        self, environment: str, day: int, month: Period, done: int, end: int
    ) -> RestOfMonth | None:
        """The days of ``month`` from its ``done``-th to its ``end``-th, known up to ``day``."""
        rows, ahead = self.rows(environment), end - done
        skip = (month.start - self.first).days + done - day
        if skip + ahead > AHEAD:
            return None
        joint = self.rolling.rest(rows, day, ahead, skip)
        if joint is None:
            return None
        old = self.rolling.old(rows, day)
        expected = [cents_of(part) for part in self.rolling.expected(old, day, ahead, skip)]
        stopgaps = [cents_of(self.rolling.mean(row, day) * ahead) for row in rows if row not in old]
        return RestOfMonth(
            expected=exact_sum([*expected, *stopgaps]),
            joint=replace(joint, due=joint.due + float(exact_sum(stopgaps))),
            may_fall=self.rolling.ever_negative(rows, day),
        )


def _start(costs: Floats) -> int:
    """The first day of a series, after the last silence of four weeks or more.

    A series that has costs on fewer than one day in seven is silent by nature.
    """
    days = np.flatnonzero(costs)
    if not len(days):
        return len(costs)
    first = int(days[0])
    if len(days) * 7 < len(costs) - first:
        return first
    if len(costs) - 1 - days[-1] >= SILENT:
        return len(costs)
    breaks = np.flatnonzero(np.diff(days) > SILENT)
    return int(days[breaks[-1] + 1]) if len(breaks) else first
