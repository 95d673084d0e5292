"""Charts: the hues of services, the theme, one function per chart, and the bundle that draws them.

A function arranges exact amounts into rows and returns one Vega-Lite specification. Colours in it
are CSS variables (``var(--hue-3)``): drawn as SVG in a page they follow light, dark and paper
without being drawn again.

Altair describes the shape of each chart; the shapes stand in ``charts.json`` beside this file and a
page puts its rows into a copy, which takes 2 ms. Importing Altair in the web process would cost its
first visitor 1 s and every process 50 MB. After a change to a shape: ``python -m costs.charts``; a
test compares the file with what Altair says.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from costs.money import CENT, EXACT, exact_sum, split
from costs.periods import Period

type Spec = dict[str, Any]

OTHER = "Other"
HUES = 8
"""How many hues ``static/app.css`` defines as ``--hue-1`` …; ``--hue-0`` is the grey of Other."""
VEGA_LITE = "6.4"
BUNDLE_NAME = "vega.js"
SHAPES = Path(__file__).with_suffix(".json")
SNIPPET = "window.vegaEmbed = vegaEmbed;"

BAND_FILL = "color-mix(in oklab, var(--accent-fill) 14%, var(--surface))"
BAND_EDGE = "color-mix(in oklab, var(--accent) 60%, var(--surface))"
"""A band looks as it does in the gauge (``.gauge-band`` in app.css)."""
TICK_DAYS = (1, 8, 15, 22, 29)
"""Days of a month that its chart names."""

GAP = 0.24
"""Space between two bars, in shares of a day's width."""
WHOLE = round(1 / (1 - GAP), 3)
"""A whole day's width, in widths of its bar."""

COST_LABEL = (
    "(datum.value < 0 ? '−' : '') + symbol + (abs(datum.value) < 1000"
    " ? format(abs(datum.value), ',.4~r') : replace(format(abs(datum.value), '.3~s'), 'G', 'B'))"
)
"""Labels of an axis of money: ``$1.2k``."""

# What Vega draws is styled by the same variables as the rest of the page.
THEME: Spec = {
    "background": "transparent",
    "font": "Inter, system-ui, sans-serif",
    "padding": 0,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--text-2)",
        "labelFontSize": 11,
        "labelPadding": 6,
        "titleColor": "var(--text-2)",
        "gridColor": "var(--line)",
        "domain": False,
        "ticks": False,
        "title": None,
    },
    "axisX": {"grid": False},
}


class DayAmount(Protocol):
    """One bar segment: a service's exact cost on one UTC day."""

    @property
    def day(self) -> date: ...
    @property
    def service_name(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...
    @property
    def complete(self) -> bool: ...


@dataclass(frozen=True)
class Allowance:
    """A month's band, in money per month."""

    month: Period
    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class Series:
    """A service of a chart: its hue (0 is the grey of Other) and its sum, rounded to the cent."""

    name: str
    hue: int
    total: Decimal


@dataclass(frozen=True)
class Day:
    """One bar: cents by service, in the order of the series; they add up to ``total``."""

    day: date
    label: str
    costs: tuple[Decimal, ...]
    total: Decimal
    complete: bool


@dataclass(frozen=True)
class DailyCosts:
    """Daily costs arranged for a chart, its legend and the table behind it."""

    currency: str
    series: tuple[Series, ...]
    """Largest first, Other last."""
    days: tuple[Day, ...]
    total: Decimal


def hues(names: Collection[str]) -> dict[str, int]:
    """A hue (1 to 8) for each service name, 0 for ``Other``.

    Every name likes every hue by a hash of the two; the strongest likings are granted first. So a
    service keeps its hue from page to page, whatever its rank, and a service that joins or leaves
    a chart changes few others. A ninth name and those after it share hues.
    """
    named = set(names) - {OTHER}
    likings = sorted(
        (zlib.crc32(f"{name.casefold()}/{hue}".encode()), name, hue)
        for name in named
        for hue in range(1, HUES + 1)
    )
    assigned: dict[str, int] = {}
    free = set(range(1, HUES + 1))
    for _, name, hue in likings:
        if name not in assigned and hue in free:
            assigned[name] = hue
            free.discard(hue)
    for _, name, hue in likings:
        assigned.setdefault(name, hue)
    return assigned | {OTHER: 0}


def daily_costs(days: Sequence[DayAmount], currency: str) -> DailyCosts:
    """Arrange ``days``; each day's parts are rounded to cents that add up to its rounded total."""
    sums: dict[str, Decimal] = {}
    by_day: dict[date, dict[str, Decimal]] = {}
    complete: dict[date, bool] = {}
    for part in days:
        sums[part.service_name] = EXACT.add(sums.get(part.service_name, Decimal(0)), part.cost)
        row = by_day.setdefault(part.day, {})
        row[part.service_name] = EXACT.add(row.get(part.service_name, Decimal(0)), part.cost)
        complete[part.day] = complete.get(part.day, True) and part.complete
    names = sorted(sums, key=lambda name: (name == OTHER, -sums[name], name))
    chosen = hues(names)
    whole = exact_sum(sums.values())
    totals = split(whole, [sums[name] for name in names])
    rows = []
    for day, row in sorted(by_day.items()):
        parts = [row.get(name, Decimal(0)) for name in names]
        costs = split(exact_sum(parts), parts)
        label = f"{day:%a} {day.day} {day:%b}"
        rows.append(Day(day, label, tuple(costs), exact_sum(costs), complete[day]))
    return DailyCosts(
        currency=currency,
        series=tuple(
            Series(name, chosen[name], total) for name, total in zip(names, totals, strict=True)
        ),
        days=tuple(rows),
        total=exact_sum(totals),
    )


def daily_cost_chart(
    days: Sequence[DayAmount],
    currency: str,
    *,
    week: Period | None = None,
    allowances: Sequence[Allowance] = (),
) -> Spec:
    """Stacked bars of daily cost by service, the tooltip of a day naming all of them.

    ``week`` is marked behind the bars. ``allowances`` draw a band's low and high as an even
    amount a day, over the days of their month.
    """
    return chart_of(daily_costs(days, currency), week=week, allowances=allowances)


def chart_of(
    costs: DailyCosts, *, week: Period | None = None, allowances: Sequence[Allowance] = ()
) -> Spec:
    """The same, of costs already arranged."""
    spec = deepcopy(_shapes()["daily_cost"])
    keys = [f"s{position}" for position in range(len(costs.series))]
    shown = {day.day for day in costs.days}
    spec["datasets"] = {
        "days": [
            {
                "day": day.day.isoformat(),
                "label": day.label if day.complete else f"{day.label} · incomplete",
                "complete": day.complete,
                "total": float(day.total),
                **dict(zip(keys, map(float, day.costs), strict=True)),
            }
            for day in costs.days
        ],
        "week": _marked_week(week, shown),
        "band": [line for month in allowances for line in _lines(month, shown, costs.currency)],
    }
    spec["params"] = [
        *spec.get("params", []),
        {"name": "symbol", "value": _symbol(costs.currency)},
    ]
    bars = spec["layer"][1]
    bars["transform"][0]["fold"] = keys or ["total"]
    bars["encoding"]["color"]["scale"] = {
        "domain": keys,
        "range": [f"var(--hue-{one.hue})" for one in costs.series],
    }
    bars["encoding"]["x"]["axis"]["values"] = [
        day.day.isoformat() for day in costs.days if day.day.weekday() == 0
    ]
    bars["encoding"]["x"]["scale"]["domain"] = [day.day.isoformat() for day in costs.days]
    # Vega passes this on untouched: static/app.js writes a day's tooltip with it. Names stay out of
    # the specification's expressions, whatever a bill calls its services.
    spec["usermeta"] = {
        "symbol": _symbol(costs.currency),
        "series": [
            {"key": key, "name": one.name, "hue": one.hue}
            for key, one in zip(keys, costs.series, strict=True)
        ],
    }
    return spec


def month_chart(
    points: Sequence[PointLike],
    currency: str,
    *,
    band: tuple[Decimal, Decimal] | None = None,
    incomplete: Period | None = None,
) -> Spec:
    """The sum of a month day by day: what is spent, where it is going and how sure that is.

    ``band`` is the low and the high of the month; ``incomplete`` days are shaded.
    """
    spec = deepcopy(_shapes()["month"])
    # The fan opens from the last day that is known.
    last = max((nth for nth, one in enumerate(points) if one.known), default=0)
    rows = [_point(one) for one in points]
    shown = {one.day for one in points}
    spec["datasets"] = {
        "days": rows,
        "known": rows[: last + 1] if points and points[last].known else [],
        "expected": rows[last:] if len(rows) > last + 1 else [],
        "band": []
        if band is None
        else [{"low": float(band[0].quantize(CENT)), "high": float(band[1].quantize(CENT))}],
        "edges": []
        if band is None or not points
        else [
            {
                "day": points[0].day.isoformat(),
                "cost": float(amount.quantize(CENT)),
                "words": f"{word} {_symbol(currency)}{amount:,.0f}",
            }
            for word, amount in (("low", band[0]), ("high", band[1]))
        ],
        "incomplete": _marked_week(incomplete, shown),
    }
    spec["params"] = [
        *spec.get("params", []),
        {"name": "symbol", "value": _symbol(currency)},
    ]
    for layer in spec["layer"]:
        if layer.get("encoding", {}).get("x", {}).get("scale") is not None:
            layer["encoding"]["x"]["scale"]["domain"] = [one["day"] for one in rows]
    axis = next(
        layer["encoding"]["x"]["axis"]
        for layer in spec["layer"]
        if layer.get("encoding", {}).get("x", {}).get("axis")
    )
    axis["values"] = [one.day.isoformat() for one in points if one.day.day in TICK_DAYS]
    spec["usermeta"] = {"kind": "month", "symbol": _symbol(currency)}
    return spec


class PointLike(Protocol):
    """A day of a month's path (:class:`costs.budgets.paths.Step`)."""

    @property
    def day(self) -> date: ...
    @property
    def cost(self) -> Decimal: ...
    @property
    def total(self) -> Decimal: ...
    @property
    def low_80(self) -> Decimal: ...
    @property
    def high_80(self) -> Decimal: ...
    @property
    def low_95(self) -> Decimal: ...
    @property
    def high_95(self) -> Decimal: ...
    @property
    def known(self) -> bool: ...


def _point(one: PointLike) -> Spec:
    return {
        "day": one.day.isoformat(),
        "label": f"{one.day:%a} {one.day.day} {one.day:%b}",
        "known": one.known,
        **{
            name: float(getattr(one, name).quantize(CENT, context=EXACT))
            for name in ("cost", "total", "low_80", "high_80", "low_95", "high_95")
        },
    }


def marked(spec: Spec, days: Collection[date]) -> Spec:
    """``spec`` with a mark above the bar that holds each of ``days``; those before all bars have
    none."""
    bars = [date.fromisoformat(row["day"]) for row in spec["datasets"]["days"]]
    holding = {max(bar for bar in bars if bar <= day) for day in days if bars and bars[0] <= day}
    if not holding:
        return spec
    spec = deepcopy(spec)
    spec["datasets"]["marks"] = [{"day": day.isoformat()} for day in sorted(holding)]
    mark = {
        "data": {"name": "marks"},
        "mark": {
            "type": "point",
            "shape": "triangle-down",
            "filled": True,
            "size": 80,
            "opacity": 1,
            "color": "var(--at-risk)",
        },
        "encoding": {"x": {"field": "day", "type": "ordinal"}, "y": {"value": 5}},
    }
    spec["layer"].insert(-1, mark)  # under the targets of the tooltip
    return spec


def _marked_week(week: Period | None, shown: Collection[date]) -> list[Mapping[str, str]]:
    inside = [day for day in sorted(shown) if week is not None and day in week]
    if not inside:
        return []
    return [{"first": inside[0].isoformat(), "last": inside[-1].isoformat()}]


def _lines(allowance: Allowance, shown: Collection[date], currency: str) -> list[Spec]:
    inside = [day for day in sorted(shown) if day in allowance.month]
    if not inside:
        return []
    ends = {"first": inside[0].isoformat(), "last": inside[-1].isoformat()}
    return [
        {
            **ends,
            "cost": float((amount / allowance.month.days).quantize(CENT)),
            "words": f"{word} {_symbol(currency)}{amount / allowance.month.days:,.0f} a day",
        }
        for word, amount in (("band low", allowance.low), ("band high", allowance.high))
    ]


def _symbol(currency: str) -> str:
    return {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}.get(currency, f"{currency} ")


@cache
def _shapes() -> dict[str, Spec]:
    shapes: dict[str, Spec] = json.loads(SHAPES.read_text(encoding="utf-8"))
    return shapes


def describe_shapes() -> dict[str, Spec]:
    """Every shape by name, by Altair: what ``charts.json`` has to hold."""
    return {"daily_cost": _describe_daily_cost(), "month": _describe_month()}


def _describe_daily_cost() -> Spec:
    """The chart without rows. Its layers, in order: week, bars, band, the band's words, targets."""
    import altair as alt

    first = alt.X("first:O", bandPosition=0)
    last = alt.X2("last", bandPosition=1)
    cost_axis = alt.Axis(labelExpr=COST_LABEL, tickCount=4)

    week = (
        alt.Chart(alt.NamedData("week"))
        .mark_rect(fill="var(--wash)", cornerRadius=3)
        .encode(x=first, x2=last)
    )
    bars = (
        alt.Chart(alt.NamedData("days"))
        .transform_fold(["total"], as_=["series", "cost"])
        .mark_bar(stroke="var(--surface)", strokeWidth=0.6)
        .encode(
            x=alt.X(
                "day:O",
                axis=alt.Axis(
                    labelExpr="utcFormat(toDate(datum.value), '%-d %b')",
                    labelAngle=0,
                    labelAlign="left",
                    labelOverlap="greedy",
                    labelSeparation=8,
                    labelFlush=False,
                ),
                scale=alt.Scale(paddingInner=GAP, paddingOuter=0.12),
            ),
            y=alt.Y("cost:Q", axis=cost_axis, stack="zero"),
            color=alt.Color("series:O", legend=None),
            order=alt.Order("series:O"),
            opacity=alt.condition("datum.complete", alt.value(1), alt.value(0.4)),
        )
    )
    band = (
        alt.Chart(alt.NamedData("band"))
        .mark_rule(stroke="var(--text-2)", strokeDash=[4, 3])
        .encode(x=first, x2=last, y="cost:Q")
    )
    words = (
        alt.Chart(alt.NamedData("band"))
        .mark_text(
            align="left",
            baseline="bottom",
            dy=-3,
            fontSize=11,
            fill="var(--text)",
            # A halo, painted first (paint-order in app.css): the words lie on coloured bars.
            stroke="var(--surface)",
            strokeWidth=3,
        )
        .encode(x=first, y="cost:Q", text="words:N")
    )
    # One invisible target a day over the whole height: the tooltip needs no aiming.
    hover = alt.selection_point(
        name="hover", fields=["day"], on="mouseover", clear="mouseout", empty=False
    )
    targets = (
        alt.Chart(alt.NamedData("days"))
        .mark_rect(
            fill="var(--text)",
            tooltip=alt.TooltipContent("data"),
            width=alt.RelativeBandSize(WHOLE),
        )
        .encode(
            x="day:O",
            opacity=alt.condition(hover, alt.value(0.08), alt.value(0)),
        )
        .add_params(hover)
    )
    chart = alt.layer(week, bars, band, words, targets).properties(
        width="container", height=260, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    spec: Spec = chart.to_dict()
    spec["config"] = THEME
    return spec


def _describe_month() -> Spec:
    """The month without rows. Its layers, in order: band, incomplete days, 95 %, 80 %, the edges of
    the band, the expected way, what is spent, the band's words, targets."""
    import altair as alt

    x = alt.X(
        "day:O",
        axis=alt.Axis(
            labelExpr="utcFormat(toDate(datum.value), '%-d %b')",
            labelAngle=0,
            labelAlign="left",
            labelOverlap="greedy",
            labelSeparation=8,
            labelFlush=False,
        ),
        scale=alt.Scale(type="band", paddingOuter=0, paddingInner=0),
    )

    def data(name: str) -> alt.Chart:
        return alt.Chart(alt.NamedData(name))

    def fan(low: str, high: str, opacity: float) -> alt.Chart:
        drawn: alt.Chart = (
            data("expected")
            .mark_area(fill="var(--accent)", opacity=opacity)
            .encode(x="day:O", y=alt.Y(f"{low}:Q"), y2=high)
        )
        return drawn

    incomplete = (
        data("incomplete")
        .mark_rect(fill="var(--text)", opacity=0.07)
        .encode(x=alt.X("first:O", bandPosition=0), x2=alt.X2("last", bandPosition=1))
    )
    band = data("band").mark_rect(fill=BAND_FILL).encode(y="low:Q", y2="high")
    edges = data("edges").mark_rule(stroke=BAND_EDGE, strokeDash=[4, 3]).encode(y=alt.Y("cost:Q"))
    expected = (
        data("expected")
        .mark_line(stroke="var(--accent)", strokeWidth=1.5, strokeDash=[5, 3])
        .encode(x="day:O", y="total:Q")
    )
    spent = (
        data("known")
        .mark_line(stroke="var(--text)", strokeWidth=2, point={"fill": "var(--text)", "size": 14})
        .encode(x=x, y=alt.Y("total:Q", axis=alt.Axis(labelExpr=COST_LABEL, tickCount=4)))
    )
    words = (
        data("edges")
        .mark_text(
            align="left",
            baseline="bottom",
            dy=-3,
            fontSize=11,
            fill="var(--text)",
            stroke="var(--surface)",
            strokeWidth=3,
        )
        .encode(x=alt.X("day:O", bandPosition=0), y="cost:Q", text="words:N")
    )
    hover = alt.selection_point(
        name="hover", fields=["day"], on="mouseover", clear="mouseout", empty=False
    )
    targets = (
        data("days")
        .mark_rect(fill="var(--text)", tooltip=alt.TooltipContent("data"))
        .encode(x="day:O", opacity=alt.condition(hover, alt.value(0.08), alt.value(0)))
        .add_params(hover)
    )
    chart = alt.layer(
        band,
        incomplete,
        fan("low_95", "high_95", 0.2),
        fan("low_80", "high_80", 0.34),
        edges,
        expected,
        spent,
        words,
        targets,
    ).properties(
        width="container", height=260, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    spec: Spec = chart.to_dict()
    spec["config"] = THEME
    return spec


def write_bundle(path: Path) -> None:
    """Write the script that draws charts: Vega, Vega-Lite and vega-embed with its interpreter.

    It comes out of the installed ``vl-convert-python``, so nothing is fetched and no third-party
    script lies in the repository; about 0.9 MB, 0.3 MB compressed, written in about a second. An
    existing file is replaced as a whole.
    """
    import vl_convert

    script = vl_convert.javascript_bundle(SNIPPET, vl_version=VEGA_LITE)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    unfinished.write_text(script, encoding="utf-8")
    unfinished.replace(path)


if __name__ == "__main__":
    SHAPES.write_text(json.dumps(describe_shapes(), indent=1) + "\n", encoding="utf-8")
