"""What the explore page shows: rows with shares and changes, and bars over time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

from costs.charts import HUES, OTHER, DailyCosts, Day, Series, Spec, chart_of, hues
from costs.money import EXACT, exact_sum, split
from costs.periods import DAY, Period, month_of

HUNDRED: Final = Decimal(100)
NAMELESS: Final = "none"
"""What an empty value is called: a charge without a resource, a resource without a cost center."""
CHARTED: Final = HUES
"""Groups with a bar segment of their own, one for each hue; all others are one grey."""


class GroupLike(Protocol):
    """The cost of a group, or of several without ``keys`` (``queries.exploring.Group``)."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def label(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...
    @property
    def before(self) -> Decimal: ...
    @property
    def count(self) -> int: ...


class PartLike(Protocol):
    """The cost of a group in a bucket (``queries.exploring.Part``)."""

    @property
    def start(self) -> date: ...
    @property
    def group(self) -> int | None: ...
    @property
    def cost(self) -> Decimal: ...


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    keys: tuple[str, ...]
    """Empty for Other and for the total."""
    names: tuple[str, ...]
    """As people call the keys: a resource by the last part of its id."""
    label: str
    cost: Decimal
    cents: Decimal
    """``cost`` as shown: the rows' cents add up to the total's."""
    share: Decimal | None
    """Percent of the total; None where the total is not above zero."""
    before: Decimal
    before_cents: Decimal
    count: int
    hue: int = 0

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.cost, self.before)

    @property
    def shown_difference(self) -> Decimal:
        """The difference of what is shown, so that a reader's own sum agrees."""
        return EXACT.subtract(self.cents, self.before_cents)

    @property
    def percent(self) -> Decimal | None:
        """Growth in percent; None when there was nothing before."""
        if self.before <= 0:
            return None
        return EXACT.divide(EXACT.multiply(self.difference, HUNDRED), self.before)

    @property
    def week(self) -> Row:
        """Itself, by the name under which the bars of changes look for a difference."""
        return self

    @property
    def name(self) -> str:
        """All its names in one line."""
        return " · ".join(self.names)


@dataclass(frozen=True)
class Result:
    """The table: rows, largest first, Other as the last, and their total."""

    currency: str
    rows: tuple[Row, ...]
    total: Row

    @property
    def groups(self) -> tuple[Row, ...]:
        """The rows without Other."""
        return tuple(row for row in self.rows if row.keys)

    @property
    def mover(self) -> Row | None:
        """The group that changed most in the direction of the total."""
        rising = self.total.difference > 0
        moved = [row for row in self.groups if row.difference and (row.difference > 0) is rising]
        return max(moved, key=lambda row: abs(row.difference), default=None)


def result_of(groups: Sequence[GroupLike], currency: str, dimensions: Sequence[str] = ()) -> Result:
    """Arrange groups; those without keys become the row Other. Colours go by the largest costs."""
    whole, whole_before = (
        exact_sum(group.cost for group in groups),
        exact_sum(group.before for group in groups),
    )
    cents = split(whole, [group.cost for group in groups])
    cents_before = split(whole_before, [group.before for group in groups])
    rows = [
        Row(
            keys=group.keys,
            names=tuple(map(name_of, group.keys)) if group.keys else (OTHER,),
            label=group.label,
            cost=group.cost,
            cents=shown,
            share=_share(group.cost, whole),
            before=group.before,
            before_cents=shown_before,
            count=group.count,
        )
        for group, shown, shown_before in zip(groups, cents, cents_before, strict=True)
    ]
    chosen = hues([hue_name(row.keys) for row in charted(rows)])
    coloured = {row.keys: chosen[hue_name(row.keys)] for row in charted(rows)}
    total = Row(
        keys=(),
        names=("Total",),
        label="",
        cost=whole,
        cents=exact_sum(cents),
        share=_share(whole, whole),
        before=whole_before,
        before_cents=exact_sum(cents_before),
        count=sum(group.count for group in groups),
    )
    return Result(
        currency=currency,
        rows=tuple(replace(row, hue=coloured.get(row.keys, 0)) for row in rows),
        total=total,
    )


def charted(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows that have a colour and a segment of their own."""
    return tuple([row for row in rows if row.keys][:CHARTED])


def hue_name(keys: tuple[str, ...]) -> str:
    """What a group's hue goes by; never the name that is grey."""
    name = " · ".join(keys)
    return f"{name} " if name == OTHER else name


def _share(cost: Decimal, whole: Decimal) -> Decimal | None:
    if whole <= 0:
        return None
    return EXACT.divide(EXACT.multiply(cost, HUNDRED), whole)


def name_of(value: str) -> str:
    """The last part of a path or an ARN; any other value as it is."""
    if not value:
        return NAMELESS
    if value.startswith(("/", "arn:")):
        short = value.rstrip("/").rpartition("/")[2] or value
        return short.rpartition(":")[2] or short
    return value


# -- bars -----------------------------------------------------------------------------------------

LABEL_EVERY: Final = {
    "day": "utcFormat(toDate(datum.value), '%-d %b')",
    "week": "utcFormat(toDate(datum.value), '%-d %b')",
    "month": (
        "utcFormat(toDate(datum.value), utcmonth(toDate(datum.value)) == 0 ? '%b %Y' : '%b')"
    ),
}


def bars_of(
    result: Result,
    parts: Iterable[PartLike],
    *,
    period: Period,
    step: str,
    complete: date | None,
) -> DailyCosts:
    """Costs by bucket of the charted rows, all else as Other; cents add up in every bucket.

    Buckets without a cost between the first and the last one are there too, with zeros. A bucket
    is complete when its days inside ``period`` are, up to ``complete``.
    """
    shown = charted(result.rows)
    by_start: dict[date, list[Decimal]] = {}
    has_other = len(shown) < len(result.rows)
    for part in parts:
        row = by_start.setdefault(part.start, [Decimal(0)] * (len(shown) + 1))
        place = len(shown) if part.group is None else part.group
        has_other = has_other or (part.group is None and part.cost != 0)
        row[place] = EXACT.add(row[place], part.cost)
    width = len(shown) + has_other
    starts = _buckets(min(by_start), max(by_start), step) if by_start else []
    days = []
    for start in starts:
        exact = by_start.get(start, [Decimal(0)] * (len(shown) + 1))[:width]
        cents = split(exact_sum(exact), exact)
        days.append(
            Day(
                day=start,
                label=bucket_label(start, step, period),
                costs=tuple(cents),
                total=exact_sum(cents),
                complete=complete is not None and _end(start, step, period) <= complete + DAY,
            )
        )
    series = [Series(row.name, row.hue, row.cents) for row in shown]
    if has_other:
        rest = [row.cents for row in result.rows if row not in shown]
        series.append(Series(OTHER, 0, exact_sum(rest)))
    return DailyCosts(
        currency=result.currency, series=tuple(series), days=tuple(days), total=result.total.cents
    )


def _buckets(first: date, last: date, step: str) -> list[date]:
    starts = [first]
    while starts[-1] < last:
        starts.append(_next(starts[-1], step))
    return starts


def _next(start: date, step: str) -> date:
    if step == "month":
        return month_of(start).end
    return start + (timedelta(days=7) if step == "week" else DAY)


def _end(start: date, step: str, period: Period) -> date:
    return min(_next(start, step), period.end)


def bucket_label(start: date, step: str, period: Period) -> str:
    """``Mon 16 Nov``; ``16–22 Nov`` and ``November 2026``, cut to the days inside the period."""
    if step == "day":
        return f"{start:%a} {start.day} {start:%b}"
    first, last = max(start, period.start), _end(start, step, period) - DAY
    if step == "month" and (first, last) == (start, month_of(start).last):
        return f"{start:%B %Y}"
    if first == last:
        return f"{first.day} {first:%b %Y}"
    if first.month == last.month:
        return f"{first.day}–{last.day} {last:%b %Y}"
    return f"{first.day} {first:%b} – {last.day} {last:%b %Y}"


def bar_chart(bars: DailyCosts, step: str) -> Spec:
    """The stacked bars as a specification, in the shape of the daily chart."""
    spec = chart_of(bars)
    # No week is marked and no band drawn here; an empty layer is a picture that nobody can name.
    spec["layer"] = [spec["layer"][1], spec["layer"][4]]
    axis: dict[str, Any] = spec["layer"][0]["encoding"]["x"]["axis"]
    axis["labelExpr"] = LABEL_EVERY[step]
    if step != "day" or len(bars.days) <= 14:
        axis["values"] = [day.day.isoformat() for day in bars.days]
        axis["labelAlign"] = "center"
    return spec
