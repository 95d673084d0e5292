"""The tables of a weekly review as rows of a CSV file. Pure.

Names in bills are other people's text. A spreadsheet runs a cell that begins with ``=`` as a
formula, so such text gets an apostrophe in front (OWASP, CSV injection); numbers stay numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from costs.money import plain
from costs.review.week import ResourceMove, WeekReview

type Cell = str | Decimal | date | bool | None

DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def services(review: WeekReview) -> Iterator[list[Cell]]:
    """Each service of this week and the one before."""
    yield ["service_name", "currency", "metric", "week_before", "week", "difference"]
    for move in review.services:
        change = move.week
        yield [
            move.service_name,
            review.currency,
            review.metric,
            change.before,
            change.after,
            change.difference,
        ]


def resources(review: WeekReview) -> Iterator[list[Cell]]:
    """The resources that moved most, the new and the gone, and the unallocated ones."""
    yield [
        "list",
        "resource_id",
        "provider_name",
        "service_name",
        "environment",
        "currency",
        "metric",
        "week_before",
        "week",
        "difference",
    ]
    lists = {
        "moved": review.resources.movers,
        "new": review.resources.new,
        "gone": review.resources.gone,
        "unallocated": review.unallocated.resources,
    }
    for name, moves in lists.items():
        for move in moves:
            yield [name, *_resource(move, review)]


def _resource(move: ResourceMove, review: WeekReview) -> list[Cell]:
    return [
        move.resource_id,
        move.provider_name,
        move.service_name,
        move.environment,
        review.currency,
        review.metric,
        move.week.before,
        move.week.after,
        move.week.difference,
    ]


def days(review: WeekReview) -> Iterator[list[Cell]]:
    """The daily chart: eight weeks by service."""
    yield ["day", "service_name", "currency", "metric", "cost", "complete"]
    for part in review.days:
        yield [
            part.day,
            part.service_name,
            review.currency,
            review.metric,
            part.cost,
            part.complete,
        ]


def written(cell: Cell) -> str:
    """A cell as text: amounts as digits, dates as ISO 8601, other people's text made harmless."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case Decimal():
            return plain(cell)
        case date():
            return cell.isoformat()
        case _:
            return f"'{cell}" if cell.startswith(DANGEROUS) else cell
