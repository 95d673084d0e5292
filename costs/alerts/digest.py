"""The weekly digest: what the review will be about, before it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from costs.alerts.wording import SHOWN, Told
from costs.budgets.bands import figures
from costs.money import plain
from costs.review.headline import signed_percent
from costs.review.week import Change, EnvironmentWeek, MonthGauge, ServiceMove, WeekReview

MOVED: Final = 5
"""Services that a digest names."""
NOTABLE: Final = Decimal("0.005")
"""Part of last week's total by which a service must have moved to be named (ours)."""


def digest_payload(
    review: WeekReview | None,
    told: Sequence[Told],
    *,
    closed: Sequence[Mapping[str, str]] = (),
    sections: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What a digest says. ``sections`` are those of other parts: a title and lines each.

    A section without a line is left out. ``told`` are the open alerts, the loudest first.
    """
    if review is None:
        payload: dict[str, Any] = {
            "headline": "There are no bills to review yet.",
            "week": "",
            "basis": "",
            "environments": [],
            "sections": [],
            "link": "/",
        }
    else:
        payload = {
            "headline": review.finding,
            "week": f"Week {int(review.name[-2:])} of {review.name[:4]}",
            "basis": _basis(review),
            "environments": [_environment(row, review.currency) for row in review.environments],
            "sections": [
                section
                for section in (
                    {"title": "What moved on last week", "lines": list(_moved(review))},
                    {"title": "New and gone", "lines": list(_comings(review))},
                    {"title": "Without a place", "lines": list(_unallocated(review))},
                    *({"title": one["title"], "lines": list(one["lines"])} for one in sections),
                    {"title": "Sources that need somebody", "lines": list(_sources(review))},
                )
                if section["lines"]
            ],
            "link": f"/weeks/{review.name}/",
        }
    return payload | {
        "alerts": [one.as_json() | {"evidence": {}} for one in told[:SHOWN]],
        "count": len(told),
        "more_count": max(0, len(told) - SHOWN),
        "closed": [dict(one) for one in closed[:SHOWN]],
    }


def _basis(review: WeekReview) -> str:
    through = review.last_complete_day
    return "" if through is None else f"complete through {through:%a} {through.day} {through:%b}"


def _environment(row: EnvironmentWeek, currency: str) -> dict[str, Any]:
    month = row.months[-1]
    (week,) = figures(currency, row.week.after)
    return {
        "environment": row.environment,
        "label": row.label,
        "verdict": month.verdict.name,
        "urgent": month.verdict.urgent,
        "reason": month.verdict.reason,
        "week": week,
        "change": _change(row.week, currency),
        "evidence": _evidence(row, month, currency),
    }


def _change(change: Change, currency: str) -> str:
    if change.percent is not None:
        return signed_percent(change.percent)
    (by,) = figures(currency, change.difference)
    return by if change.difference < 0 else f"+{by}"


def _evidence(row: EnvironmentWeek, month: MonthGauge, currency: str) -> dict[str, Any] | None:
    gauge = month.gauge
    if gauge.band is None:
        return None
    found: dict[str, Any] = {
        "label": row.label,
        "month": f"{month.month.start:%Y-%m}",
        "complete_days": month.complete_days,
        "currency": currency,
        "month_to_date": plain(gauge.month_to_date),
        "pace": None if gauge.pace is None else plain(gauge.pace),
        "band": {"low": plain(gauge.band.low), "high": plain(gauge.band.high)},
    }
    if gauge.outlook:
        found["outlook"] = {
            name: plain(getattr(gauge.outlook, name))
            for name in ("expected", "low_80", "high_80", "low_95", "high_95")
        }
    return found


def _moved(review: WeekReview) -> Iterator[str]:
    total = review.environments[-1].week
    worth = max(Decimal(1), abs(total.before) * NOTABLE)
    moves: Sequence[ServiceMove] = [
        one for one in review.services if abs(one.week.difference) >= worth
    ]
    for one in moves[:MOVED]:
        by, now = figures(review.currency, abs(one.week.difference), one.week.after)
        way = "more" if one.week.difference > 0 else "less"
        yield f"{one.service_name}: {by} {way}, {now} this week."


def _comings(review: WeekReview) -> Iterator[str]:
    for count, cost, word in (
        (review.resources.new_count, review.resources.new_cost, "new"),
        (review.resources.gone_count, review.resources.gone_cost, "gone"),
    ):
        if count:
            (said,) = figures(review.currency, cost)
            when = "this week" if word == "new" else "last week"
            are = "resource is" if count == 1 else "resources are"
            yield f"{count:,} {are} {word}: {said} {when}."


def _unallocated(review: WeekReview) -> Iterator[str]:
    one = review.unallocated
    if one.cost > 0 and one.share is not None:
        (cost,) = figures(review.currency, one.cost)
        share = one.share.quantize(Decimal("0.1"))
        yield f"No rule places {cost}, {share} % of the week."


def _sources(review: WeekReview) -> Iterator[str]:
    for one in review.sources:
        if one.stale:
            day = one.last_complete_day
            reach = "no day is complete" if day is None else f"complete to {day.day} {day:%B}"
            yield f"{one.name} is late: {reach}."
        if one.held:
            yield f"{one.name}: {one.held} held, waiting for a decision."
