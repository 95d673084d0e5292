"""Reading how complete each source's days are: the learned curve, and what it says of each day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from django.conf import settings
from django.db.models import Count, Max

from costs.bills.completeness import COMPLETE, DEFAULT, Curve, Seen, learn
from costs.lake.models import BillVersion, DayCosts
from costs.lake.queries import generation
from costs.people.scope import Scope

LEARNED_FROM = timedelta(days=190)
"""How far back deliveries are looked at: half a year, so that an old habit is forgotten (ours)."""


@dataclass(frozen=True)
class Age:
    """A point of a curve, and the day that is so old now."""

    age: int
    """Days."""
    day: date
    percent: Decimal
    """Of the final cost that is there at that age."""
    complete: bool


@dataclass(frozen=True)
class Completeness:
    """How complete the days of one source are."""

    source: str
    curve: Curve
    delivered: date | None
    """UTC day of its latest live delivery; None without one."""

    def share(self, day: date) -> Decimal | None:
        """Share (0 to 1) of the final cost of ``day`` that is on the bill now; None if unknown."""
        if self.delivered is None:
            return Decimal(0)
        return self.curve.share((self.delivered - day).days)

    @property
    def last_complete_day(self) -> date | None:
        """The latest day that is complete as far as the curve tells."""
        if self.delivered is None:
            return None
        return self.delivered - timedelta(days=self.curve.complete_after)

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        return self.curve.reason

    @property
    def rows(self) -> list[Age]:
        """The learned curve by age, up to the first complete one."""
        if self.delivered is None:
            return []
        return [
            Age(age, self.delivered - timedelta(days=age), 100 * share, share >= COMPLETE)
            for age, share in enumerate(self.curve.shares[: self.curve.complete_after + 1])
        ]


def completeness(scope: Scope) -> dict[str, Completeness]:
    """By source: its curve and how far it reaches.

    ``scope`` restricts figures, not this: who sees a part should know how complete the whole is.
    """
    del scope
    latest: Mapping[str, datetime | None] = dict(
        BillVersion.objects.filter(status=BillVersion.Status.LIVE)
        .order_by()
        .values_list("source__name")
        .annotate(Max("delivered_at"))
    )
    curves = _learned()
    return {
        name: Completeness(name, curves.get(name, DEFAULT), at.date() if at else None)
        for name, at in latest.items()
    }


def _learned() -> Mapping[str, Curve]:
    known = DayCosts.objects.aggregate(Max("pk"), Count("pk"))
    return _curves(settings.LAKE_URL, generation(), known["pk__max"] or 0, known["pk__count"])


@lru_cache(maxsize=8)
def _curves(_lake: str, _generation: int, _newest: int, _count: int) -> Mapping[str, Curve]:
    rows = DayCosts.objects.filter(version__live_since__isnull=False)
    newest = rows.aggregate(at=Max("version__delivered_at"))["at"]
    if newest is None:
        return {}
    seen: dict[tuple[str, str], list[Seen]] = {}
    for name, delivered_at, days in rows.filter(
        version__delivered_at__gte=newest - LEARNED_FROM
    ).values_list("version__source__name", "version__delivered_at", "days"):
        for currency, costs in days.items():
            seen.setdefault((name, currency), []).append(_seen(delivered_at.date(), costs))
    curves: dict[str, Curve] = {}
    for (name, _currency), deliveries in sorted(seen.items()):
        curve = learn(deliveries)
        # Of several currencies the one that was watched most tells how the source delivers.
        if name not in curves or curve.watched > curves[name].watched:
            curves[name] = curve
    return curves


def _seen(delivered: date, costs: Mapping[str, list[str]]) -> Seen:
    """Effective cost of the days of a delivery up to its own: later ones are spread fees."""
    return Seen(
        delivered,
        {
            day: Decimal(amounts[1])
            for text, amounts in costs.items()
            if (day := date.fromisoformat(text)) <= delivered
        },
    )
