"""What the explore page is asked for: its state, how a query string says it, and where links lead.

Pure. A state is one frozen value; every link of the page is the query string of another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final, Literal, Self
from urllib.parse import urlencode

from costs.periods import DAY, Period, month_before, month_of, week_of
from costs.spend.currency import CODE

type Metric = Literal["billed_cost", "effective_cost"]
type Values = tuple[str, ...]
type Filters = tuple[tuple[str, Values], ...]
"""Dimension and its values, in the order of DIMENSIONS, values sorted."""

DIMENSIONS: Final = {
    "environment": "Environment",
    "cost_center": "Cost center",
    "provider_name": "Provider",
    "billing_account_id": "Billing account",
    "sub_account_id": "Account",
    "service_name": "Service",
    "region_id": "Region",
    "resource_id": "Resource",
    "sku_id": "SKU",
    "sku_meter": "Meter",
    "charge_category": "Charge category",
    "charge_class": "Charge class",
    "charge_frequency": "Charge frequency",
    "commitment_discount_id": "Commitment",
    "commitment_discount_status": "Commitment status",
    "pricing_unit": "Pricing unit",
    "billing_period": "Billing period",
}
"""What cost is grouped and filtered by, and its label."""

METRICS: Final[dict[Metric, str]] = {
    "effective_cost": "Effective cost",
    "billed_cost": "Billed cost",
}
STEPS: Final = {"day": "Day", "week": "Week", "month": "Month"}
RANGES: Final = {
    "this_week": "This week",
    "last_week": "Last week",
    "this_month": "This month",
    "last_month": "Last month",
    "3_months": "3 months",
    "12_months": "12 months",
    "all": "All",
}
DEFAULT_RANGE: Final = "3_months"
COMPARISONS: Final = {
    "none": "nothing",
    "before": "the period before",
    "year": "a year earlier",
}
COSTS: Final = {"direct": "Direct", "shared": "With shared costs"}
SORTS: Final = {"cost": "Largest cost", "change": "Largest change"}
TOPS: Final = (5, 8, 20, 50)
DEFAULT_TOP: Final = 8

EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(2101, 1, 1)
"""Days outside of these are typing errors: clouds are younger, and no bill reaches that far."""
DAYS_UNTIL_WEEKS: Final = 45
DAYS_UNTIL_MONTHS: Final = 200
"""Above so many days a step of its own accord is a week, then a month: what fits as bars (ours)."""
MOST_DAYS: Final = 800
"""Days that can be drawn one by one; above, the step must be longer."""

MOST_VALUES: Final = 200
LONGEST_VALUE: Final = 1000
"""Of all filters together, and of one value: an Azure resource id has some hundred characters."""
LONGEST_SEARCH: Final = 100

NEXT: Final = {"sku_id": "resource_id", "sku_meter": "resource_id", "service_name": "sku_id"}
"""Where a click on a row of a grouping leads; from every other grouping to services."""

_CURRENCY = re.compile(r"[A-Za-z0-9]{1,10}")


class Nonsense(ValueError):
    """A parameter that says nothing this page knows; the message begins with its name."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name[:40]}: {why}")


def shown(text: str) -> str:
    """What somebody typed, quoted, cut where it is long."""
    return f"“{text[:40]}{'…' if len(text) > 40 else ''}”"


@dataclass(frozen=True)
class Selection:
    """Which charges: their days, their dimensions, a word in their names."""

    period: Period
    range: str = ""
    """A name of RANGES that gave the days; empty where days were typed."""
    where: Filters = ()
    without: Filters = ()
    search: str = ""
    metric: Metric = "effective_cost"
    currency: str = ""
    """Empty: the one with the largest cost."""

    @property
    def _days(self) -> list[tuple[str, str]]:
        if self.range:
            return [("range", self.range)] if self.range != DEFAULT_RANGE else []
        return [("from", self.period.start.isoformat()), ("to", self.period.last.isoformat())]

    @property
    def _filters(self) -> list[tuple[str, str]]:
        pairs = [(name, value) for name, values in self.where for value in values]
        pairs += [(f"not.{name}", value) for name, values in self.without for value in values]
        return pairs

    @property
    def selection_pairs(self) -> list[tuple[str, str]]:
        """Names and values of the query string that asks for these charges."""
        pairs = [*self._days, *self._filters]
        if self.search:
            pairs.append(("search", self.search))
        if self.metric != "effective_cost":
            pairs.append(("metric", self.metric))
        if self.currency:
            pairs.append(("currency", self.currency))
        return pairs

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Names and values of the query string that asks for this; defaults stay unsaid."""
        return self.selection_pairs

    @property
    def query(self) -> str:
        """``?range=all&service_name=…``, ``?`` alone where everything is as by default."""
        return "?" + urlencode(self.pairs)

    @property
    def filtered(self) -> bool:
        """Whether anything but days restricts it."""
        return bool(self.where or self.without or self.search)

    @property
    def chips(self) -> list[Chip]:
        """Every filter value with the query that lacks it."""
        return [
            Chip(
                label=DIMENSIONS[name],
                value=value,
                excluded=excluded,
                without=self.toggled(name, value, excluded=excluded).query,
            )
            for filters, excluded in ((self.where, False), (self.without, True))
            for name, values in filters
            for value in values
        ]

    def among(self, name: str, *, excluded: bool = False) -> Values:
        """The values that ``name`` is restricted to, or that are left out."""
        return dict(self.without if excluded else self.where).get(name, ())

    def only(self, name: str, *values: str) -> Self:
        """This with ``name`` restricted to ``values``; no longer restricted without any."""
        return replace(
            self,
            where=ordered({**dict(self.where), name: values}),
            without=ordered({**dict(self.without), name: ()}),
        )

    def toggled(self, name: str, value: str, *, excluded: bool = False) -> Self:
        """This with one filter value more, or less where it is there."""
        filters = dict(self.without if excluded else self.where)
        values = set(filters.get(name, ())) ^ {value}
        changed = ordered({**filters, name: tuple(values)})
        return replace(self, without=changed) if excluded else replace(self, where=changed)

    @property
    def unfiltered(self) -> Self:
        """The same days without any filter."""
        return replace(self, where=(), without=(), search="")


@dataclass(frozen=True)
class Chip:
    """A filter value to show and to take away."""

    label: str
    value: str
    excluded: bool
    without: str


@dataclass(frozen=True)
class Explore(Selection):
    """The whole state of the explore page."""

    by: str = "service_name"
    then: str = ""
    """The second grouping, or none."""
    asked_step: str = ""
    top: int = DEFAULT_TOP
    compare: str = "none"
    sort: str = "cost"
    pick: str = ""
    """The dimension whose values are offered as filters, or none."""
    find: str = field(default="")
    """Which of them: a part of their name."""
    shown_in: str = ""
    """The currency that all sums are converted into; empty for as billed."""
    costs: str = "direct"
    """``shared`` puts shared costs where rules split them."""

    @property
    def keys(self) -> tuple[str, ...]:
        """One or two dimensions."""
        return (self.by, self.then) if self.then else (self.by,)

    @property
    def step(self) -> str:
        """The length of a bar."""
        return self.asked_step or step_for(self.period)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        pairs = []
        if self.by != "service_name":
            pairs.append(("by", self.by))
        if self.then:
            pairs.append(("then", self.then))
        pairs += self.selection_pairs
        if self.shown_in:
            pairs.append(("in", self.shown_in))
        if self.costs != "direct":
            pairs.append(("costs", self.costs))
        if self.asked_step:
            pairs.append(("step", self.asked_step))
        if self.compare != "none":
            pairs.append(("compare", self.compare))
        if self.sort != "cost":
            pairs.append(("sort", self.sort))
        if self.top != DEFAULT_TOP:
            pairs.append(("top", str(self.top)))
        if self.pick:
            pairs.append(("pick", self.pick))
            if self.find:
                pairs.append(("find", self.find))
        return pairs

    @property
    def saved(self) -> str:
        """The query string without what is open for picking: what a saved view keeps."""
        return replace(self, pick="", find="").query.removeprefix("?")

    @property
    def selection(self) -> Selection:
        """What is selected, without how it is arranged."""
        return Selection(
            period=self.period,
            range=self.range,
            where=self.where,
            without=self.without,
            search=self.search,
            metric=self.metric,
            currency=self.currency,
        )

    @property
    def compared(self) -> Period | None:
        """The days that a change is measured against."""
        return compared_period(self.period, self.compare)

    def drilled(self, keys: Sequence[str]) -> Explore:
        """The state behind a row: restricted to its keys, grouped by what is below them."""
        below = self
        for name, value in zip(self.keys, keys, strict=True):
            below = below.only(name, value)
        settled = {name for name, values in below.where if len(values) == 1}
        by = NEXT.get(self.keys[-1], "service_name")
        while by in settled and by in NEXT:
            by = NEXT[by]
        return replace(below, by=by, then="", pick="", find="")


def ordered(filters: Mapping[str, Iterable[str]]) -> Filters:
    """Filters in the one order that makes equal states equal queries."""
    return tuple(
        (name, tuple(sorted(set(filters[name]))))
        for name in DIMENSIONS
        if name in filters and set(filters[name])
    )


# -- days -----------------------------------------------------------------------------------------


def step_for(period: Period) -> str:
    """The step that gives a readable number of bars."""
    if period.days <= DAYS_UNTIL_WEEKS:
        return "day"
    return "week" if period.days <= DAYS_UNTIL_MONTHS else "month"


def range_period(name: str, today: date, known: Period) -> Period:
    """The days of a preset as of ``today``; ``all`` is every day with a charge, ``known``.

    What is under way ends with today, so that it can be compared with as many days before.
    3 months are this one and the two before; 12 months likewise.
    """
    tomorrow = today + DAY
    if name == "all":
        return known
    if name == "this_week":
        return week_of(today).before(tomorrow)
    if name == "last_week":
        return week_of(today).shifted(-7)
    month = month_of(today)
    if name == "last_month":
        return month_before(month)
    back = {"this_month": 0, "3_months": 2, "12_months": 11}[name]
    return Period(months_earlier(month.start, back), tomorrow)


def months_earlier(day: date, months: int) -> date:
    """The same day of an earlier month, its last day where it is shorter."""
    nth = day.year * 12 + day.month - 1 - months
    month = month_of(date(nth // 12, nth % 12 + 1, 1))
    return min(date(nth // 12, nth % 12 + 1, 1) + timedelta(days=day.day - 1), month.last)


def compared_period(period: Period, compare: str) -> Period | None:
    """The days before ``period`` to compare it with, as ``compare`` says; None for nothing.

    ``before``: whole months and months to date with as many months before, up to the same day;
    whole weeks and weeks to date with as many weeks before; all else with the same number of days
    just before. ``year``: the same dates a year earlier, whole weeks 52 weeks earlier, so that
    weekdays match.
    """
    if compare == "none" or period.days == 0:
        return None
    weekly = period.start.weekday() == 0 and period.days <= 7
    if compare == "year":
        if weekly:
            return _kept(period.shifted(-364))
        return _kept(
            Period(months_earlier(period.start, 12), months_earlier(period.last, 12) + DAY)
        )
    if weekly:
        return _kept(period.shifted(-7))
    if period.start.day == 1:
        last = period.last
        months = (last.year - period.start.year) * 12 + last.month - period.start.month + 1
        end = months_earlier(last, months)
        if last == month_of(last).last:
            end = month_of(end).last
        return _kept(Period(months_earlier(period.start, months), end + DAY))
    return _kept(period.shifted(-period.days))


def _kept(period: Period) -> Period:
    """No day before EARLIEST: nothing lies there, and Python's calendar ends somewhere."""
    return Period(max(period.start, EARLIEST), max(period.end, EARLIEST))


# -- reading a query string -----------------------------------------------------------------------

_OF_SELECTION: Final = ("range", "from", "to", "search", "metric", "currency")
_OF_EXPLORE: Final = (
    *_OF_SELECTION,
    *("by", "then", "in", "costs", "step", "compare", "sort", "top", "pick", "find"),
)


def read_explore(
    query: Mapping[str, Sequence[str]], *, today: date, known: Period | None
) -> Explore:
    """The state that ``query`` (names and their values) asks for.

    ``known`` are the days with charges, None for none. Raises :class:`Nonsense`.
    """
    single, where, without = _sorted_out(query, _OF_EXPLORE)
    by = _choice(single, "by", DIMENSIONS, "service_name")
    then = _choice(single, "then", DIMENSIONS, "")
    top = _choice(single, "top", tuple(map(str, TOPS)), str(DEFAULT_TOP))
    selection = _selection(single, where, without, today, known)
    return Explore(
        **selection,
        by=by,
        then="" if then == by else then,
        asked_step=checked_step(single.get("step", ""), selection["period"]),
        top=int(top),
        compare=_choice(single, "compare", COMPARISONS, "none"),
        sort=_choice(single, "sort", SORTS, "cost"),
        pick=_choice(single, "pick", DIMENSIONS, ""),
        find=_text(single, "find"),
        shown_in=_code(single, "in"),
        costs=_choice(single, "costs", COSTS, "direct"),
    )


def _code(single: Mapping[str, str], name: str) -> str:
    text = single.get(name, "").strip()
    if text and not CODE.fullmatch(text):
        raise Nonsense(name, f"{shown(text)} is not a currency; write it as EUR")
    return text


def checked_step(text: str, period: Period) -> str:
    """The step asked for, empty for none. Raises :class:`Nonsense`."""
    step = _choice({"step": text}, "step", STEPS, "")
    if step == "day" and period.days > MOST_DAYS:
        raise Nonsense(
            "step", f"{period.days} days cannot be drawn one by one; choose week or month"
        )
    return step


def read_selection(
    query: Mapping[str, Sequence[str]],
    *,
    today: date,
    known: Period | None,
    also: Sequence[str] = (),
) -> tuple[Selection, dict[str, str]]:
    """The charges that ``query`` asks for, and the values of the parameters ``also``.

    Raises :class:`Nonsense`.
    """
    single, where, without = _sorted_out(query, (*_OF_SELECTION, *also))
    selection = Selection(**_selection(single, where, without, today, known))
    return selection, {name: single.get(name, "") for name in also}


def _sorted_out(
    query: Mapping[str, Sequence[str]], names: Sequence[str]
) -> tuple[dict[str, str], dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Parameters that stand once, filters, and filters that exclude."""
    single: dict[str, str] = {}
    where: dict[str, Sequence[str]] = {}
    without: dict[str, Sequence[str]] = {}
    for name, values in query.items():
        if name in names:
            if len(values) > 1:
                raise Nonsense(name, "stands there more than once")
            single[name] = values[0] if values else ""
        elif name in DIMENSIONS:
            where[name] = values
        elif name.startswith("not.") and name[4:] in DIMENSIONS:
            without[name[4:]] = values
        else:
            raise Nonsense(name, "is nothing this page knows; it knows " + ", ".join(names))
    total = 0
    for filters, prefix in ((where, ""), (without, "not.")):
        for name, values in filters.items():
            total += len(values)
            for value in values:
                if len(value) > LONGEST_VALUE:
                    raise Nonsense(
                        prefix + name, f"{shown(value)} is longer than {LONGEST_VALUE} characters"
                    )
                if "\0" in value:
                    raise Nonsense(prefix + name, "holds a character that no name has")
            if total > MOST_VALUES:
                raise Nonsense(prefix + name, f"more than {MOST_VALUES} filter values")
    return single, where, without


def _selection(
    single: Mapping[str, str],
    where: Mapping[str, Sequence[str]],
    without: Mapping[str, Sequence[str]],
    today: date,
    known: Period | None,
) -> dict[str, Any]:
    period, range_name = _days(single, today, known)
    currency = single.get("currency", "").strip()
    if currency and not _CURRENCY.fullmatch(currency):
        raise Nonsense("currency", f"{shown(currency)} is not a currency; write it as USD")
    metric: Metric = (
        "billed_cost"
        if _choice(single, "metric", METRICS, "effective_cost") == "billed_cost"
        else "effective_cost"
    )
    return {
        "period": period,
        "range": range_name,
        "where": ordered(where),
        "without": ordered(without),
        "search": _text(single, "search"),
        "metric": metric,
        "currency": currency,
    }


def _days(single: Mapping[str, str], today: date, known: Period | None) -> tuple[Period, str]:
    """The period asked for, and the preset that gave it.

    A form sends its preset along with the days it showed: days that were changed by hand win.
    """
    name = _choice(single, "range", RANGES, "")
    start, last = _day(single, "from"), _day(single, "to")
    every = known or Period(today, today + DAY)
    preset = range_period(name or DEFAULT_RANGE, today, every)
    if start is None and last is None:
        return preset, name or DEFAULT_RANGE
    if start is None:
        start = min(every.start, last or every.start)
    if last is None:
        last = max(start, today)
    if last < start:
        raise Nonsense("to", f"{last} lies before {start}, the day that “from” names")
    period = Period(start, last + DAY)
    return (period, name) if name and period == preset else (period, "")


def _day(single: Mapping[str, str], name: str) -> date | None:
    text = single.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise Nonsense(name, f"{shown(text)} is not a day; write it as 2026-11-16")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Nonsense(name, f"{shown(text)} is in no calendar") from None
    if not EARLIEST <= day < LATEST:
        raise Nonsense(name, f"{day} lies outside of {EARLIEST.year} to {LATEST.year - 1}")
    return day


def _choice(single: Mapping[str, str], name: str, known: Iterable[str], default: str) -> str:
    text = single.get(name, "").strip()
    if not text:
        return default
    choices = tuple(known)
    if text not in choices:
        raise Nonsense(name, f"{shown(text)} is not one of {', '.join(choices)}")
    return text


def _text(single: Mapping[str, str], name: str) -> str:
    text = single.get(name, "").strip()
    if len(text) > LONGEST_SEARCH:
        raise Nonsense(name, f"{shown(text)} is longer than {LONGEST_SEARCH} characters")
    if "\0" in text:
        raise Nonsense(name, "holds a character that no name has")
    return text
