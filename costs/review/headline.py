"""The sentence above a weekly review: what needs a decision first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from costs.budgets.bands import figures
from costs.money import EXACT
from costs.review.week import (
    TOTAL,
    EnvironmentWeek,
    MonthGauge,
    ServiceMove,
    SourceState,
    Unallocated,
)

NOTABLE_CHANGE: Final = Decimal(5)
"""Percent of last week's total by which one environment must move to be news (ours)."""
NOTABLE_UNALLOCATED: Final = Decimal(10)
"""Percent of the week above which what nobody could place is news (ours)."""
MOSTLY: Final = Decimal(50)
"""Percent of a change above which one service is said to be most of it (ours)."""
NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def headline(
    environments: Sequence[EnvironmentWeek],
    *,
    services: Mapping[str, Sequence[ServiceMove]],
    unallocated: Unallocated,
    sources: Sequence[SourceState],
    currency: str,
    compared_days: int,
    through: date | None,
) -> str:
    """One sentence: the first of these that there is.

    A band that is or will be broken; a week without a complete day; the largest change of an
    environment; a large unallocated share; a stale source; a band that is not reached; all well.

    ``environments`` ends with the total; ``services`` are each environment's, largest move first.
    A source counts as stale only where it is behind ``through``, the last day that counts. A fall
    is no news while a source is stale: its missing bills are the likelier reason.
    """
    behind = [
        source
        for source in sources
        if source.stale
        and (
            source.last_complete_day is None
            or (through is not None and source.last_complete_day < through)
        )
    ]
    return (
        _broken_band(environments)
        or _nothing_complete(compared_days)
        or _largest_change(environments, services, currency, compared_days, bool(behind))
        or _unplaced(unallocated, currency)
        or _stale(behind)
        or _under(environments)
        or _calm(environments[-1], environments[:-1], currency, compared_days)
    )


@dataclass(frozen=True)
class _Judged:
    row: EnvironmentWeek
    month: MonthGauge
    is_latest: bool

    @property
    def rank(self) -> int:
        """0 over, 1 urgently at risk, 2 at risk, 3 anything else."""
        judged = self.month.verdict
        if judged.name == "over":
            return 0
        return 3 if judged.name != "at risk" else 1 if judged.urgent else 2

    @property
    def subject(self) -> str:
        return "The total" if self.row.environment == TOTAL else self.row.label

    def sentence(self, others: str = "") -> str:
        """``Staging is at risk in November: expected $812, …``."""
        judged = self.month.verdict
        month = f"{self.month.month.start:%B}"
        reason = f"{judged.reason[:1].lower()}{judged.reason[1:].rstrip('.')}"
        if self.is_latest:
            return f"{self.subject} is {_standing(judged.name, month)}: {reason}{others}."
        return f"{self.subject} ended {month} {judged.name} its band: {reason}{others}."


def _standing(verdict_name: str, month: str) -> str:
    if verdict_name == "at risk":
        return f"at risk of passing its {month} band"
    return f"{verdict_name} its {month} band"


def _judged(environments: Iterable[EnvironmentWeek]) -> list[_Judged]:
    return [
        _Judged(row, month, is_latest=month is row.months[-1])
        for row in environments
        for month in row.months
    ]


def _broken_band(environments: Sequence[EnvironmentWeek]) -> str | None:
    """The worst first: this month before the one that has ended, an environment before the total;
    the others are only named."""
    broken = [one for one in _judged(environments) if one.rank < 3]
    # sorted() is stable: what is equally bad stays in the order of the page.
    broken.sort(key=lambda one: (not one.is_latest, one.rank, one.row.environment == TOTAL))
    if not broken:
        return None
    first = broken[0]
    others = [
        f"{one.row.label} is {one.month.verdict.name}"
        for one in broken[1:]
        if one.is_latest and one.row is not first.row and one.row.environment != TOTAL
    ]
    return first.sentence("".join(f"; {other}" for other in others))


def _nothing_complete(compared_days: int) -> str | None:
    return None if compared_days else "No day of this week is complete yet."


def _largest_change(
    environments: Sequence[EnvironmentWeek],
    services: Mapping[str, Sequence[ServiceMove]],
    currency: str,
    compared_days: int,
    is_behind: bool,
) -> str | None:
    *rows, total = environments
    if total.week.before <= 0:
        return None
    moved = [
        row
        for row in rows
        if abs(row.week.difference) * 100 >= total.week.before * NOTABLE_CHANGE
        and not (is_behind and row.week.difference < 0)
    ]
    if not moved:
        return None
    row = max(moved, key=lambda one: abs(one.week.difference))
    return (
        f"{row.label} {_by_how_much(row, currency)} on {_last_week(compared_days)}"
        f"{_mainly(row, services.get(row.environment, ()))}."
    )


def _by_how_much(row: EnvironmentWeek, currency: str) -> str:
    if row.week.percent is not None:
        return signed_percent(row.week.percent)
    (amount,) = figures(currency, row.week.difference)
    return amount if row.week.difference < 0 else f"+{amount}"


def _mainly(row: EnvironmentWeek, services: Sequence[ServiceMove]) -> str:
    """The service that moved most the same way, and how much of it that was."""
    rises = row.week.difference > 0
    same_way = [one for one in services if (one.week.difference > 0) == rises]
    if not same_way or same_way[0].week.difference == 0:
        return ""
    service = same_way[0]
    share = EXACT.divide(service.week.difference * 100, row.week.difference)
    return f", {'mostly' if share > MOSTLY else 'led by'} {service.service_name}"


def _unplaced(unallocated: Unallocated, currency: str) -> str | None:
    if unallocated.share is None or unallocated.share <= NOTABLE_UNALLOCATED:
        return None
    (cost,) = figures(currency, unallocated.cost)
    share = unallocated.share.quantize(Decimal(1), ROUND_HALF_EVEN, EXACT)
    return f"{share:f}{NO_BREAK}% of this week is unallocated: no rule places {cost} of it."


def _stale(behind: Sequence[SourceState]) -> str | None:
    if not behind:
        return None
    first = min(behind, key=lambda one: (one.last_complete_day or date.min, one.name))
    day = first.last_complete_day
    words = "it has no complete day" if day is None else f"complete only to {day.day} {day:%B}"
    more = len(behind) - 1
    others = f", and {more} more {'source is' if more == 1 else 'sources are'}" if more else ""
    return f"The bills of {first.name} are stale, {words}{others}."


def _under(environments: Sequence[EnvironmentWeek]) -> str | None:
    under = [one for one in _judged(environments) if one.month.verdict.name == "under"]
    under.sort(key=lambda one: (not one.is_latest, one.row.environment == TOTAL))
    return under[0].sentence() if under else None


def _calm(
    total: EnvironmentWeek,
    rows: Sequence[EnvironmentWeek],
    currency: str,
    compared_days: int,
) -> str:
    banded = [row for row in rows if row.months[-1].gauge.band is not None]
    inside = bool(banded) and all(row.months[-1].verdict.name == "inside" for row in banded)
    start = "Every environment is inside its band" if inside else "Nothing stands out"
    (cost,) = figures(currency, total.week.after)
    days = "the week" if compared_days == 7 else _days(compared_days)
    change = total.week.percent
    versus = "" if change is None else f", {signed_percent(change)} on {_last_week(compared_days)}"
    return f"{start}; {days} cost {cost}{versus}."


def _days(count: int) -> str:
    return "its first day" if count == 1 else f"its first {count} days"


def _last_week(compared_days: int) -> str:
    if compared_days == 7:
        return "last week"
    same = "the same day" if compared_days == 1 else f"the same {compared_days} days"
    return f"{same} of last week"


def signed_percent(share: Decimal) -> str:
    """``+18 %``, with one decimal below 10."""
    step = Decimal("0.1") if abs(share) < 10 else Decimal(1)
    rounded = share.quantize(step, ROUND_HALF_EVEN, EXACT)
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{abs(rounded):,f}{NO_BREAK}%"
