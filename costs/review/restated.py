"""What has changed since the last review: days reviewed already that cost otherwise now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from costs.bills import queries as bills
from costs.bills.changes import UNKNOWN, BillChange, changed_days
from costs.bills.completeness import DEFAULT_DAYS
from costs.money import Totals, total
from costs.people.scope import Scope
from costs.periods import DAY, Period
from costs.review.week import UNALLOCATED, Metric

NEXT_REVIEW = timedelta(days=7)
"""After a week's end, when the review of the week after takes over."""


@dataclass(frozen=True)
class BillMove:
    """A bill whose known days cost otherwise, in one currency."""

    source: str
    billing_period: date
    month: str
    """As in addresses."""
    number: int
    """Of its newest version; its page of changes tells more."""
    versions: int
    currency: str
    difference: Decimal
    environments: tuple[tuple[str, Decimal], ...]
    """Label and difference, the largest first; they add up to the whole."""


@dataclass(frozen=True)
class ChangedSince:
    """All of it."""

    since: date
    """First day on which a version counts: until sign-offs exist, that on which the week before
    could be reviewed."""
    before: date
    """Days before this one had been complete then."""
    bills: tuple[BillMove, ...]
    """The largest difference first."""
    totals: Totals


def changed_since(
    scope: Scope, week: Period, *, as_of: date, metric: Metric = "effective_cost"
) -> ChangedSince:
    """What was restated since the review of the week before ``week``, of days complete by then.

    Versions count that became live from the start of ``week`` until a week after its end, when the
    next review takes over. Amounts are in the bills' own currencies, within ``scope``.
    """
    curves = bills.completeness(scope).values()
    incomplete = max((one.curve.complete_after for one in curves), default=DEFAULT_DAYS)
    before = week.start - timedelta(days=incomplete) + DAY
    until = min(as_of + DAY, week.end + NEXT_REVIEW)
    rows = changed_days(
        scope,
        since=datetime.combine(week.start, time(), UTC),
        until=datetime.combine(max(until, week.start), time(), UTC),
        before=before,
    )
    labels = {one.name: one.label for one in bills.environments(scope)}
    labels |= {UNALLOCATED: "Unallocated", UNKNOWN: "no longer on the bill"}
    moves = _moves(rows, metric, labels)
    return ChangedSince(
        since=week.start,
        before=before,
        bills=tuple(moves),
        totals=total((one.currency, one.difference) for one in moves),
    )


def _moves(rows: Sequence[BillChange], metric: Metric, labels: dict[str, str]) -> list[BillMove]:
    of_bill: dict[tuple[str, date, str], list[BillChange]] = {}
    for row in rows:
        of_bill.setdefault((row.source, row.billing_period, row.currency), []).append(row)
    moves = []
    for own in of_bill.values():
        amounts = [(row, row.billed if metric == "billed_cost" else row.effective) for row in own]
        parts = [(labels.get(row.environment, row.environment), amount) for row, amount in amounts]
        parts = [part for part in parts if part[1]]
        if not parts:
            continue
        first = own[0]
        moves.append(
            BillMove(
                source=first.source,
                billing_period=first.billing_period,
                month=first.month,
                number=first.number,
                versions=first.versions,
                currency=first.currency,
                difference=total((first.currency, amount) for _, amount in parts)[first.currency],
                environments=tuple(sorted(parts, key=lambda part: (-abs(part[1]), part[0]))),
            )
        )
    return sorted(moves, key=lambda one: (-abs(one.difference), one.source, one.month))
