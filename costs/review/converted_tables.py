"""The tables of a review in the display currency: as billed and converted, with the rate. Pure.

Every row is of one billing currency and one month, so that it has one rate and the rows add up. A
row without a rate says so and has no converted amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from costs.money import EXACT, exact_sum
from costs.periods import Period
from costs.review.tables import Cell, Table
from costs.review.week import BilledDay, Converted, WeekReview
from costs.spend.currency import Amount

ZERO = Decimal(0)
_CHANGE: Final = (
    *("metric", "month", "billed_currency", "billed_week_before", "billed_week", "rate"),
    *("currency", "week_before", "week", "difference"),
)


def services(review: WeekReview) -> Table:
    """Each service of this week and the one before, by billing currency and month."""
    found = _converted(review)
    this = Period(review.week.start, review.week.end)
    if review.compared_days < 7:
        this = Period(this.start, this.shifted(review.compared_days - 7).end)
    keys: dict[tuple[str, str, date], tuple[list[BilledDay], list[BilledDay]]] = {}
    for one in found.days:
        key = one.service_name, one.amount.currency, one.amount.month
        for nth, days in enumerate((this.shifted(-7), this)):
            if one.day in days:
                keys.setdefault(key, ([], []))[nth].append(one)
    rows = []
    for (service, of, month), (before, after) in sorted(keys.items()):
        billed = [exact_sum(day.amount.amount for day in days) for days in (before, after)]
        there = [exact_sum(day.converted or ZERO for day in days) for days in (before, after)]
        rows.append((service, *_cells(review, of, month, billed, there)))
    return Table(("service_name", *_CHANGE), rows)


def resources(review: WeekReview) -> Table:
    """The resources that were in either week, by billing currency and month."""
    found = _converted(review)
    rows = []
    for one in found.resources:
        move = one.move
        billed = [one.before.amount, one.after.amount]
        there = [one.converted_before or ZERO, one.converted_after or ZERO]
        names = (move.resource_id, move.provider_name, move.service_name, move.environment)
        rows.append((*names, *_cells(review, one.before.currency, one.before.month, billed, there)))
    header = ("resource_id", "provider_name", "service_name", "environment", *_CHANGE)
    return Table(header, rows)


def days(review: WeekReview) -> Table:
    """Eight weeks by service and billing currency."""
    found = _converted(review)
    last = review.last_complete_day
    return Table(
        (
            *("day", "service_name", "metric", "billed_currency", "cost", "rate"),
            *("currency", "converted_cost", "complete"),
        ),
        [
            (
                *(one.day, one.service_name, review.metric, one.amount.currency),
                *(one.amount.amount, _rate(found, one.amount), found.target),
                "" if one.converted is None else one.converted,
                "yes" if last is not None and one.day <= last else "no",
            )
            for one in found.days
        ],
    )


def _converted(review: WeekReview) -> Converted:
    if review.converted is None:
        raise ValueError("this review is as billed")
    return review.converted


def _cells(
    review: WeekReview, of: str, month: date, billed: Sequence[Decimal], there: Sequence[Decimal]
) -> tuple[Cell, ...]:
    found = _converted(review)
    rate = _rate(found, Amount(of, month, ZERO))
    amounts: tuple[Cell, ...] = ("", "", "")
    if rate != "no rate":
        amounts = (*there, EXACT.subtract(there[1], there[0]))
    return (review.metric, f"{month:%Y-%m}", of, *billed, rate, found.target, *amounts)


def _rate(found: Converted, amount: Amount) -> Cell:
    factor = found.rates.factor(amount.currency, found.target, amount.month)
    return factor.value if factor else "no rate"
