"""Reading a series of values over time from a file: ``timestamp,value``, plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TextIO

from costs.money import EXACT
from costs.periods import DAY

LARGEST: Final = Decimal("1e30")
"""Values beyond it are a mistake, and would not survive the arithmetic."""


class BadSeries(ValueError):
    """The file is no series; the message names file, row and column."""


@dataclass(frozen=True)
class DailySeries:
    """``values`` of consecutive UTC days from ``first`` on; None for a day that is not whole."""

    first: date
    values: tuple[Decimal | None, ...]


def read_series(path: Path) -> list[tuple[datetime, Decimal]]:
    """Every moment (UTC; one without a zone is taken as UTC) with its value, in order of time.

    Columns are found by name, others are passed over; several values of one moment are added up.
    Raises :class:`BadSeries` for a file that cannot be read, a missing column, and a cell that is
    no moment or no number.
    """
    try:
        with _open(path) as file:
            found = list(_rows(path, csv.reader(file)))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise BadSeries(f"{path}: cannot be read: {reason}") from None
    except (UnicodeDecodeError, csv.Error):
        raise BadSeries(f"{path}: is not a CSV file in UTF-8") from None
    if not found:
        raise BadSeries(f"{path}: has no values")
    sums: dict[datetime, Decimal] = {}
    for moment, value in found:
        sums[moment] = EXACT.add(sums.get(moment, Decimal(0)), value)
    return sorted(sums.items())


def by_day(series: Sequence[tuple[datetime, Decimal]]) -> DailySeries:
    """Sums of UTC days. A day with fewer values than most days have is not whole."""
    sums: dict[date, Decimal] = {}
    counts: Counter[date] = Counter()
    for moment, value in series:
        day = moment.date()
        sums[day] = EXACT.add(sums.get(day, Decimal(0)), value)
        counts[day] += 1
    usual = Counter(counts.values()).most_common(1)[0][0]
    first, last = min(sums), max(sums)
    days = [first + n * DAY for n in range((last - first).days + 1)]
    return DailySeries(first, tuple(sums[day] if counts[day] >= usual else None for day in days))


def _open(path: Path) -> TextIO:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[tuple[datetime, Decimal]]:
    header = [name.strip().lower() for name in next(lines, [])]
    places = []
    for name in ("timestamp", "value"):
        if name not in header:
            raise BadSeries(f"{path}: row 1: there is no column {name}")
        places.append(header.index(name))
    for row, cells in enumerate(lines, start=2):
        if not any(cells):
            continue
        if len(cells) <= max(places):
            raise BadSeries(f"{path}: row {row}: has {len(cells)} columns, not {len(header)}")
        moment, value = (cells[place].strip() for place in places)
        yield _moment(path, row, moment), _value(path, row, value)


def _moment(path: Path, row: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadSeries(
            f"{path}: row {row}, column timestamp: “{text[:40]}” is not a moment;"
            " write it as 2026-07-01T00:00:00Z"
        ) from None


def _value(path: Path, row: int, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or abs(value) > LARGEST:
        raise BadSeries(f"{path}: row {row}, column value: “{text[:40]}” is not a number")
    return value
