"""Writes the whole demo estate: every delivery of every bill, as the providers would have."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from costs.demo import aws_cur, azure_actual, focus_export
from costs.demo.bills import charges_of
from costs.demo.charges import Charge
from costs.demo.outcome import Outcome, outcome_of
from costs.demo.quantities import View
from costs.demo.schedule import schedule
from costs.demo.truths import Truths, truths
from costs.periods import Period

SUFFIXES = {"aws": ".csv.gz", "azure": ".csv", "saas": ".csv.gz"}
HEADERS = {"aws": aws_cur.HEADER, "azure": azure_actual.HEADER, "saas": focus_export.HEADER}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file: a whole billing period of one source, as known on the UTC day it arrived."""

    path: Path
    delivered_on: date
    source: str
    billing_period: Period
    rows: int


@dataclass(frozen=True)
class Estate:
    """What was written, oldest delivery first, and what is true of it."""

    deliveries: tuple[Delivery, ...]
    truths: Truths
    outcome: Outcome


def write_estate(folder: Path, as_of: date) -> Estate:
    """Write thirteen months of bills under `folder`/<day of arrival>/<source>/.

    `as_of` is the day of the latest delivery; its own charges are not in it, and those of the day
    before only in part. The same `as_of` writes the same bytes. Raises `FileExistsError` rather
    than write over a file.
    """
    planted = truths(as_of)
    bills: dict[View, list[Charge]] = {}
    deliveries = []
    for view in schedule(planted):
        bills[view] = charges_of(planted, view)
        deliveries.append(_write(folder, planted, view, bills[view]))
    return Estate(tuple(deliveries), planted, outcome_of(planted, bills))


def _write(folder: Path, planted: Truths, view: View, charges: list[Charge]) -> Delivery:
    month = f"{view.period.start:%Y-%m}"
    name = f"costs-{month}{SUFFIXES[view.source]}"
    path = folder / view.delivered_on.isoformat() / view.source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADERS[view.source])
        writer.writerows(_rows(planted, view, charges))
    return Delivery(path, view.delivered_on, view.source, view.period, len(charges))


def _rows(planted: Truths, view: View, charges: list[Charge]) -> Iterator[list[str]]:
    if view.source == "aws":
        return aws_cur.rows(charges, planted, view)
    if view.source == "azure":
        return azure_actual.rows(charges, view)
    return focus_export.rows(charges, view)


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    """Text to be written: gzip without a time of day in it, or plain with a byte order mark."""
    with path.open("xb") as raw:
        if path.suffix == ".gz":
            # Level 1 halves the time and these files live for one ingest.
            packed = gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0)
            with packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
                yield text
        else:
            with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
                yield text
