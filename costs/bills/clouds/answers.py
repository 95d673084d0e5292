"""Answers of an API as files: one delivery per month, a CSV with a header of ours.

A file with the same charges has the same bytes, so asking again for a month that has not changed
makes no new version of its bill.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Final

from costs.bills.exports import Offer
from costs.money import EXACT, plain
from costs.periods import month_of

SETTLED_DAYS: Final = 10
"""Days into the next month after which a month is not asked for any more: AWS closes one within
five to seven days, Azure within three to five (their guides to billing); the rest is ours."""
FINEST = Decimal("1e-18")
"""What the lake keeps. APIs give doubles, some of which have more digits than that."""


def monthly(name: str, first: date, today: date) -> Iterator[Offer]:
    """One delivery per month up to today's; those of late may still change."""
    month = month_of(first)
    while month.start <= today:
        settled = today >= month.end + timedelta(days=SETTLED_DAYS)
        yield Offer(f"{name} {month.start:%Y-%m}"[:500], month.start, open=not settled)
        month = month_of(month.end)


def money(amount: Decimal) -> str:
    """An amount as the file has it."""
    return plain(amount.quantize(FINEST, rounding=ROUND_HALF_EVEN, context=EXACT))


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a file whole or not at all; without rows there is none."""
    if not rows:
        return
    growing = path.with_name(f".part-{path.name}")
    with growing.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    growing.replace(path)
