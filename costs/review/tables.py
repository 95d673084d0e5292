"""The tables of a weekly review for a spreadsheet: every digit, nothing rounded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.review.week import Change, WeekReview

type Cell = str | Decimal | date


@dataclass(frozen=True)
class Table:
    """Names of columns, and rows with as many cells."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def services(review: WeekReview) -> Table:
    """Each service of this week and the one before."""
    return Table(
        header=("service_name", *_CHANGE),
        rows=[(move.service_name, *_change(move.week, review)) for move in review.services],
    )


def resources(review: WeekReview) -> Table:
    """The resources that moved most, the new and the gone, and the unallocated ones."""
    lists = {
        "moved": review.resources.movers,
        "new": review.resources.new,
        "gone": review.resources.gone,
        "unallocated": review.unallocated.resources,
    }
    return Table(
        header=(
            "list",
            "resource_id",
            "provider_name",
            "service_name",
            "environment",
            *_CHANGE,
        ),
        rows=[
            (
                name,
                move.resource_id,
                move.provider_name,
                move.service_name,
                move.environment,
                *_change(move.week, review),
            )
            for name, moves in lists.items()
            for move in moves
        ],
    )


def month(review: WeekReview) -> Table:
    """Each day of the month: what it cost or is expected to, and the sums up to it."""
    ending = review.ending
    ends = ("low_80", "high_80", "low_95", "high_95")
    return Table(
        header=("environment", "day", "state", "currency", "cost", "total", *ends),
        rows=[
            (
                ending.environment,
                step.day,
                "complete" if step.known else "expected",
                ending.currency,
                step.cost,
                step.total,
                *(getattr(step, name) for name in ends),
            )
            for step in ending.steps
        ]
        if ending
        else [],
    )


def days(review: WeekReview) -> Table:
    """What the daily chart shows: eight weeks by service."""
    return Table(
        header=("day", "service_name", "currency", "metric", "cost", "complete"),
        rows=[
            (
                part.day,
                part.service_name,
                review.currency,
                review.metric,
                part.cost,
                "yes" if part.complete else "no",
            )
            for part in review.days
        ],
    )


_CHANGE = ("currency", "metric", "week_before", "week", "difference")


def _change(change: Change, review: WeekReview) -> tuple[Cell, ...]:
    return review.currency, review.metric, change.before, change.after, change.difference
