"""Pictures for mails: the page's own gauge and chart, drawn as PNG.

Mail programs know no style sheet of ours and no script. So the gauge is the page's SVG and the
chart the page's Vega-Lite specification, both with colours put in, and drawn here. They are drawn
without a background and in tones that hold on light and on dark ground.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any, Final

from django.template.loader import render_to_string

from costs.budgets.bands import Band, Gauge, Outlook, Verdict
from costs.charts import OTHER, Allowance, DayAmount, daily_cost_chart
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import DAY, Period, month_of
from costs.spend import queries as spend

WIDTH: Final = 536
"""Pixels of a picture: 600 of the mail less its margins. Drawn at twice that."""
SCALE: Final = 2.0
NAMED: Final = 6
"""Services with a colour of their own; the rest is Other."""
SHOWN_DAYS: Final = 35

COLOURS: Final = {
    "--ground": "transparent",
    "--surface": "transparent",
    "--line": "#a6adb7",
    "--line-strong": "#8a929e",
    "--wash": "transparent",
    "--text": "#757d8a",
    "--text-2": "#757d8a",
    "--accent": "#5b82e8",
    "--accent-fill": "#4a72de",
    "--hue-0": "#98a0ad",
    "--hue-1": "#4163d8",
    "--hue-2": "#2aa38d",
    "--hue-3": "#b98b2c",
    "--hue-4": "#9088fb",
    "--hue-5": "#8f5c99",
    "--hue-6": "#9aa32f",
    "--hue-7": "#3fb6ee",
    "--hue-8": "#cc5c20",
}
"""The variables of ``static/app.css``, in tones between its light and its dark ones. Opaque: the
drawer multiplies colours by their opacity once too often."""

FILLS: Final = {
    "over": "#dc4c42",
    "at-risk": "#d08a1c",
    "inside": "#2ea374",
    "under": "#8c70e0",
    "unknown": "#7d8796",
}
GAUGE_STYLE: Final = """
.gauge-band { fill: #94a8de } .gauge-edge { stroke: #5b82e8 }
.gauge-figure { fill: #757d8a; font-size: 11px; font-family: Inter, Arial, sans-serif }
.gauge-track { stroke: #8a929e; } .gauge-bar { fill: FILL }
.gauge-pace { stroke: #757d8a; stroke-dasharray: 2 2 } .gauge-caret { fill: #757d8a }
.gauge-95 { stroke: #757d8a; stroke-width: 1.25 } .gauge-80 { fill: #757d8a }
.gauge-mark { fill: FILL; stroke: #ffffff; stroke-width: 1.25 }
"""


@dataclass(frozen=True)
class Picture:
    """A PNG and what it shows, in words."""

    png: bytes
    alt: str
    height: int
    """In the mail's pixels; the width is :data:`WIDTH`."""


def gauge_picture(evidence: Mapping[str, Any], verdict: str) -> Picture | None:
    """The gauge of a band's alert, from its evidence; None where it holds no band."""
    if "band" not in evidence:
        return None
    context = {
        "gauge": gauge_of(evidence),
        "verdict": Verdict(verdict, ""),  # type: ignore[arg-type]  # a name of ours
        "label": str(evidence["label"]),
    }
    svg = str(render_to_string("email/_gauge.html", context))
    title = re.search(r"<title>(.*?)</title>", svg, flags=re.DOTALL)
    alt = unescape(title[1]) if title else str(evidence["label"])
    style = GAUGE_STYLE.replace("FILL", FILLS[verdict.replace(" ", "-")])
    svg = re.sub(
        r"<svg class=\"gauge[^>]*>",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="48"'
        f' viewBox="0 0 {WIDTH} 48"><style>{style}</style>',
        svg,
        count=1,
    )
    svg = re.sub(r"<title>.*?</title>", "", svg, flags=re.DOTALL)
    import vl_convert

    png = vl_convert.svg_to_png(_measured(svg), scale=SCALE)
    return Picture(smaller(png), alt, 48)


def _measured(svg: str) -> str:
    """Percentages as pixels: inside a mail nothing stretches."""
    return re.sub(
        r'\b(x|x1|x2|width)="([\d.]+)%"',
        lambda found: f'{found[1]}="{float(found[2]) * WIDTH / 100:.2f}"',
        svg,
    )


def gauge_of(evidence: Mapping[str, Any]) -> Gauge:
    """The gauge that an alert's evidence describes."""
    currency = str(evidence["currency"])
    band, outlook = evidence["band"], evidence.get("outlook")
    pace = evidence.get("pace")
    return Gauge(
        currency=currency,
        band=Band(Decimal(band["low"]), Decimal(band["high"]), currency),
        month_to_date=Decimal(evidence["month_to_date"]),
        pace=None if pace is None else Decimal(pace),
        outlook=Outlook(
            **{name: Decimal(value) for name, value in outlook.items()},
            chance_below=None,
            chance_above=None,
        )
        if outlook
        else None,
    )


@dataclass(frozen=True)
class _Day:
    day: date
    service_name: str
    cost: Decimal
    complete: bool


def chart_picture(evidence: Mapping[str, Any], environment: str) -> Picture | None:
    """Daily cost of an environment by service up to its last complete day, with its band."""
    if "band" not in evidence or not evidence.get("complete_days"):
        return None
    month = month_of(date.fromisoformat(f"{evidence['month']}-01"))
    end = month.start + timedelta(days=int(evidence["complete_days"]))
    period = Period(end - timedelta(days=SHOWN_DAYS), end)
    where = {} if environment == "total" else {"environment": [environment]}
    rows = spend.cost_by(Scope.everything(), by=("day", "service_name"), period=period, where=where)
    currency = str(evidence["currency"])
    days = _days([row for row in rows if row.currency == currency])
    if not days:
        return None
    band = evidence["band"]
    allowance = Allowance(month, Decimal(band["low"]), Decimal(band["high"]))
    last = end - DAY
    return chart_of_days(
        days,
        currency,
        allowances=[allowance],
        alt=f"Daily cost of {evidence['label']} by service, to {last.day} {last:%B},"
        " with its band as an even amount a day.",
    )


def chart_of_days(
    days: Sequence[DayAmount],
    currency: str,
    *,
    allowances: Sequence[Allowance] = (),
    week: Period | None = None,
    alt: str,
) -> Picture:
    """The page's daily chart as a picture."""
    import vl_convert

    spec = daily_cost_chart(days, currency, week=week, allowances=allowances)
    # A legend is HTML beside the chart on a page; in a mail the table below it names services.
    spec = json.loads(
        re.sub(
            r"var\((--[a-z0-9-]+)\)",
            lambda found: COLOURS.get(found[1], "#757d8a"),
            json.dumps(spec),
        )
    )
    spec |= {"width": WIDTH, "height": 150, "autosize": {"type": "fit", "contains": "padding"}}
    # Words on bars need a halo in the colour of the ground, which a picture does not know; the
    # invisible targets of a tooltip are for a mouse.
    spec["layer"] = [layer for layer in spec["layer"] if _is_drawn(layer)]
    png = vl_convert.vegalite_to_png(spec, scale=SCALE, allowed_base_urls=[])
    return Picture(smaller(png), alt, 150)


def _is_drawn(layer: Mapping[str, Any]) -> bool:
    mark = layer["mark"]
    kind = mark if isinstance(mark, str) else mark["type"]
    return kind != "text" and "tooltip" not in (mark if isinstance(mark, dict) else {})


def smaller(png: bytes) -> bytes:
    """The same picture, compressed as well as can be: a mail is kept for years."""
    head, chunks, at = png[:8], [], 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + size]))
        at += size + 12
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    packed = zlib.compress(pixels, 9)
    first = next(nth for nth, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    kept = [one for one in chunks if one[0] != b"IDAT"]
    kept.insert(first, (b"IDAT", packed))
    return head + b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
        for kind, data in kept
    )


def _days(rows: Sequence[spend.CostRow]) -> list[_Day]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        name = row.keys[1] or "No service"
        sums[name] = EXACT.add(sums.get(name, Decimal(0)), row.cost)
    named = set(sorted(sums, key=lambda name: (-sums[name], name))[:NAMED])
    parts: dict[tuple[date, str], Decimal] = {}
    for row in rows:
        name = row.keys[1] or "No service"
        key = date.fromisoformat(row.keys[0]), name if name in named else OTHER
        parts[key] = EXACT.add(parts.get(key, Decimal(0)), row.cost)
    return [_Day(day, name, cost, True) for (day, name), cost in sorted(parts.items())]
