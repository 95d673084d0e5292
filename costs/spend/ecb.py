"""The ECB's file of reference rates: one euro on each day, made into rates of months. Pure.

The wide daily ``eurofxref`` CSV has a column ``Date`` and one for each currency, ``N/A`` where
there was no rate, and a comma at the end of each line. Days are written ``2026-11-23`` in the file
of all days and ``23 November 2026`` in that of the last one.

**A month's rate is the mean of its days.** IAS 21 (40) allows an average for the period where
transactions are spread over it, as usage of clouds is; the ECB's own monthly series are means of
the days too. It is rounded half to even to ten significant digits, twice as many as a day's has.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from costs.money import exact_sum, plain
from costs.periods import DAY, Period, month_of
from costs.spend.currency import CODE, LARGEST_RATE, PIVOT, Rate

RULE: Final = "mean of the month's days"
MEAN: Final = Context(prec=10, rounding=ROUND_HALF_EVEN)
"""Ten significant digits: a day's rate has five or six (ours)."""
STARTS_BY: Final = 5
"""Day of the month by which a file must begin to hold all of it: TARGET may be closed from the 1st
to the 4th (ours)."""
ENDS_FROM: Final = 5
"""Days before the month's end from which a file's last day means that the month is whole (ours)."""
ENOUGH: Final = Decimal("0.5")
"""Share of a month's days that a currency needs a rate on to have one for the month (ours)."""
LARGEST_FILE: Final = 5_000_000
"""Bytes: all days since 1999 are 0.7 MB (ours)."""
_MISSING: Final = ("N/A", "-", "")
_RATE: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


class BadFile(ValueError):
    """A file that cannot be read; the message names row and column."""


@dataclass(frozen=True)
class MonthRate:
    """The rate of one currency in one month, and what it was made of."""

    month: Period
    currency: str
    value: Decimal
    """What one euro is."""
    days: int
    through: date
    """The last day that is in it."""
    whole: bool
    """Whether the file holds the month up to its end."""

    @property
    def rate(self) -> Rate:
        return Rate(self.month.start, PIVOT, self.currency, self.value)

    @property
    def origin(self) -> str:
        """Where it comes from, as its history keeps it."""
        days = "1 day" if self.days == 1 else f"{self.days} days"
        so_far = "" if self.whole else f", so far to {self.through}"
        return f"ECB, mean of {days}{so_far}"


@dataclass(frozen=True)
class Read:
    """All months of a file, oldest first, and what was left out of it, in words."""

    rates: tuple[MonthRate, ...]
    left_out: tuple[str, ...]
    currencies: tuple[str, ...]
    """Every column of the file."""
    days: Period


def read(text: str) -> Read:
    """The rates of the months in a file. Raises :class:`BadFile`."""
    lines = csv.reader(text.removeprefix("\ufeff").splitlines())
    header = [name.strip() for name in next(_cells(lines), [])]
    columns = _columns(header)
    by_day: dict[date, dict[str, Decimal]] = {}
    for nth, cells in enumerate(_cells(lines), start=2):
        if not any(cell.strip() for cell in cells):
            continue
        day = _day(cells[0].strip(), nth)
        if day in by_day:
            raise BadFile(f"row {nth}, column Date: {day} stands there twice.")
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            raise BadFile(f"row {nth}: it has {len(cells)} cells, the header {len(header)}.")
        by_day[day] = {
            name: value
            for place, name in columns
            if (value := _value(cells[place] if place < len(cells) else "", nth, name)) is not None
        }
    if not by_day:
        raise BadFile("row 2: there is no day in this file.")
    return _months(by_day, [name for _, name in columns])


def _cells(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from lines
    except csv.Error as error:
        raise BadFile(f"This is no CSV file: {error}.") from None


def _columns(header: Sequence[str]) -> list[tuple[int, str]]:
    if not header or header[0] != "Date":
        first = f"“{header[0][:40]}”" if header and header[0] else "empty"
        raise BadFile(
            f"row 1, column 1: it is {first} and should be “Date”. Take the CSV of daily"
            " reference rates (eurofxref) out of the ECB's zip."
        )
    found: dict[str, int] = {}
    for place, name in enumerate(header[1:], start=1):
        if not name and place == len(header) - 1:
            continue  # the comma at the end of the line
        if not CODE.fullmatch(name):
            raise BadFile(f"row 1, column {place + 1}: “{name[:40]}” is not a currency code.")
        if name in found or name == PIVOT:
            raise BadFile(f"row 1, column {place + 1}: {name} cannot stand here.")
        found[name] = place
    if not found:
        raise BadFile("row 1: there is no currency beside “Date”.")
    return [(place, name) for name, place in found.items()]


def _day(text: str, nth: int) -> date:
    for form in ("%Y-%m-%d", "%d %B %Y"):
        try:
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if 1999 <= day.year <= 2100:
            return day
    raise BadFile(f"row {nth}, column Date: “{text[:40]}” is not a day; it is like 2026-11-23.")


def _value(text: str, nth: int, name: str) -> Decimal | None:
    text = text.strip()
    if text in _MISSING:
        return None
    # Only plain digits: Decimal would also read 1e5, 1_000 and digits of other scripts.
    if not _RATE.fullmatch(text) or not 0 < (value := Decimal(text)) < LARGEST_RATE:
        raise BadFile(f"row {nth}, column {name}: “{text[:40]}” is not a rate.")
    return value


def _months(by_day: dict[date, dict[str, Decimal]], names: Sequence[str]) -> Read:
    first, last = min(by_day), max(by_day)
    months: dict[Period, list[date]] = defaultdict(list)
    for day in sorted(by_day):
        months[month_of(day)].append(day)
    rates: list[MonthRate] = []
    left_out = []
    for month, days in months.items():
        if first in month and first.day > STARTS_BY:
            left_out.append(
                f"{month.start:%B %Y}: the file begins on {first}, so its mean is not known."
            )
            continue
        whole = last >= month.end or (month.end - last).days <= ENDS_FROM
        for name in names:
            own = [by_day[day][name] for day in days if name in by_day[day]]
            if not own:
                continue
            if len(own) < ENOUGH * len(days):
                left_out.append(
                    f"{name} of {month.start:%B %Y}: it has a rate on {len(own)} of"
                    f" {len(days)} days only."
                )
                continue
            through = max(day for day in days if name in by_day[day])
            rates.append(MonthRate(month, name, mean(own), len(own), through, whole))
    return Read(tuple(rates), tuple(left_out), tuple(names), Period(first, last + DAY))


def mean(values: Sequence[Decimal]) -> Decimal:
    """The mean of daily rates, to ten significant digits."""
    return Decimal(plain(MEAN.divide(exact_sum(values), Decimal(len(values)))))


@dataclass(frozen=True)
class Change:
    """A month's rate in a file beside the one in force."""

    found: MonthRate
    before: Rate | None

    @property
    def is_new(self) -> bool:
        return self.before is None


def changes(
    read_file: Read,
    held: Iterable[Rate],
    *,
    wanted: frozenset[str] | None,
    since: date | None,
) -> tuple[list[Change], int]:
    """What a file would change, and how many of its rates are in force already.

    ``wanted`` are the currencies to take, None for all of the file; ``since`` the first month.
    """
    known = {(rate.month, frozenset((rate.base, rate.quote))): rate for rate in held}
    changed, same = [], 0
    for one in read_file.rates:
        if wanted is not None and one.currency not in wanted:
            continue
        if since is not None and one.month.end <= since:
            continue
        before = known.get((one.month.start, frozenset((PIVOT, one.currency))))
        if before and before.base == PIVOT and before.value == one.value:
            same += 1
        else:
            changed.append(Change(one, before))
    return changed, same
