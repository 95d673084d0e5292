"""Which exchange rates are in force, and who set them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.currency import Amount, Rate, Rates
from costs.spend.models import DisplayCurrencyChange, RateChange
from costs.spend.queries.totals import Metric, cost_by

type Pair = frozenset[str]


@dataclass(frozen=True)
class RateEdit:
    """One edit of a rate. ``value`` is None where the rate was taken away."""

    key: int
    month: date
    base: str
    quote: str
    value: Decimal | None
    origin: str
    created_at: datetime
    created_by: str
    why: str
    previous: str
    """What held before, in words; empty for the first."""

    @property
    def pair(self) -> Pair:
        return frozenset((self.base, self.quote))

    @property
    def rate(self) -> Rate | None:
        return None if self.value is None else Rate(self.month, self.base, self.quote, self.value)


@dataclass(frozen=True)
class DisplayEdit:
    """One edit of the display currency; an empty one shows all as billed."""

    key: int
    currency: str
    created_at: datetime
    created_by: str
    why: str


def display_edits(scope: Scope) -> list[DisplayEdit]:
    """Every edit of the display currency, the latest first. It is the same for every scope."""
    del scope
    return [
        DisplayEdit(row.pk, row.currency, row.created_at, row.created_by, row.why)
        for row in DisplayCurrencyChange.objects.order_by("-created_at", "-pk")
    ]


def display_currency(scope: Scope) -> str:
    """The currency that pages show sums in; empty for as billed."""
    del scope
    newest = DisplayCurrencyChange.objects.order_by("created_at", "pk").last()
    return newest.currency if newest else ""


def rate_edits(scope: Scope) -> list[RateEdit]:
    """Every edit of every rate, the latest first. Rates are the same for every scope."""
    del scope
    rows = RateChange.objects.select_related("previous").order_by("-created_at", "-pk")
    return [_edit(row) for row in rows]


def rates_in_force(edits: Iterable[RateEdit]) -> dict[tuple[date, Pair], RateEdit]:
    """Of each month and pair the edit that holds; ``edits`` come latest first."""
    held: dict[tuple[date, Pair], RateEdit] = {}
    for edit in edits:
        held.setdefault((edit.month, edit.pair), edit)
    return {key: edit for key, edit in held.items() if edit.value is not None}


def rates(scope: Scope, period: Period | None = None) -> Rates:
    """The rates in force in the months that ``period`` touches, all of them without one."""
    del scope
    rows = RateChange.objects.order_by("created_at", "pk")
    if period is not None:
        first = period.start.replace(day=1)
        rows = rows.filter(month__gte=first, month__lt=period.end)
    held: dict[tuple[date, Pair], Rate | None] = {}
    for row in rows:
        value: Decimal | None = row.value
        rate = None if value is None else Rate(row.month, row.base, row.quote, value)
        held[row.month, frozenset((row.base, row.quote))] = rate
    return Rates(rate for rate in held.values() if rate is not None)


def charges_by_month(scope: Scope, *, metric: Metric = "effective_cost") -> list[Amount]:
    """What was charged in each month of charge days and currency."""
    return [
        Amount(row.currency, date.fromisoformat(f"{row.keys[0]}-01"), row.cost)
        for row in cost_by(scope, by=("month",), metric=metric)
    ]


def _edit(row: RateChange) -> RateEdit:
    before = row.previous
    said = ""
    if before is not None:
        was: Decimal | None = before.value
        said = "no rate" if was is None else f"1 {before.base} = {was:f} {before.quote}"
    return RateEdit(
        key=row.pk,
        month=row.month,
        base=row.base,
        quote=row.quote,
        value=row.value,
        origin=row.origin,
        created_at=row.created_at,
        created_by=row.created_by,
        why=row.why,
        previous=said,
    )
