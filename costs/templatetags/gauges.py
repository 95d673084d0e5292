"""The band gauge: one month of one environment against its band, readable in a second.

Positions are percentages of the drawing's width, so that shapes stretch with the column while
letters and strokes keep their size: the same markup serves a wide row and a 120 px cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django import template

from costs.budgets.bands import Gauge, Verdict
from costs.templatetags.money import SPACE, money, money_short

register = template.Library()

BAND_HIGH_AT = 76
"""Where a band's high stands by default, in percent of the width: beyond it is room for over."""
EDGE = 97
"""The furthest that a whisker or a bar may reach when they set the scale, in percent."""
LABELS_APART = 24
"""Two figures closer than this (percent) would touch in a 120 px cell; they then lean outwards."""


@dataclass(frozen=True)
class Drawing:
    """Positions in percent of the width, as text; None where there is nothing to draw."""

    sentence: str
    verdict: str
    bar: str
    band_start: str | None = None
    band_width: str | None = None
    band_end: str | None = None
    low: str = ""
    high: str = ""
    low_anchor: str = "middle"
    high_anchor: str = "middle"
    pace: str | None = None
    expected: str | None = None
    from_80: str = ""
    width_80: str = ""
    from_95: str = ""
    to_95: str = ""


@register.inclusion_tag("marks/gauge.html")
def gauge(gauge: Gauge, verdict: Verdict, label: str) -> dict[str, object]:
    """Draw ``gauge``; ``label`` names the environment (and month) in its sentence."""
    return {"drawing": draw(gauge, verdict, label)}


def draw(gauge: Gauge, verdict: Verdict, label: str) -> Drawing:
    """Place everything on one scale from zero to beyond the band's high."""
    scale = _scale(gauge)

    def at(amount: Decimal) -> float:
        return min(100.0, max(0.0, float(amount) / scale * 100))

    parts: dict[str, str | None] = {}
    if band := gauge.band:
        start, end = at(band.low), at(band.high)
        apart = end - start >= LABELS_APART
        parts |= {
            "band_start": _percent(start),
            "band_width": _percent(end - start),
            "band_end": _percent(end),
            "low": money_short(band.low, band.currency),
            "high": money_short(band.high, band.currency),
            "low_anchor": "start" if start < 8 else "middle" if apart else "end",
            "high_anchor": "end" if end > 92 else "middle" if apart else "start",
            "pace": None if gauge.pace is None else _percent(at(gauge.pace)),
        }
    if outlook := gauge.outlook:
        parts |= {
            "expected": _percent(at(outlook.expected)),
            "from_80": _percent(at(outlook.low_80)),
            "width_80": _percent(at(outlook.high_80) - at(outlook.low_80)),
            "from_95": _percent(at(outlook.low_95)),
            "to_95": _percent(at(outlook.high_95)),
        }
    return Drawing(
        sentence=sentence(gauge, verdict, label),
        verdict=verdict.name.replace(" ", "-"),
        bar=_percent(at(gauge.month_to_date)),
        **parts,  # type: ignore[arg-type]  # every key above is a field of Drawing
    )


def sentence(gauge: Gauge, verdict: Verdict, label: str) -> str:
    """All that the gauge shows, in words, for who cannot see it."""
    unit = f"{SPACE}{gauge.currency}"
    said = [f"{label}: {money(gauge.month_to_date)}{unit} so far this month"]
    if gauge.pace is not None:
        said.append(f"an even pace to the middle of the band would be {money(gauge.pace)}{unit}")
    if outlook := gauge.outlook:
        said.append(
            f"expected at month end {money(outlook.expected)}{unit}, "
            f"80{SPACE}% likely {money(outlook.low_80)} to {money(outlook.high_80)}, "
            f"95{SPACE}% likely {money(outlook.low_95)} to {money(outlook.high_95)}"
        )
    if gauge.band:
        said.append(f"band {money(gauge.band.low)} to {money(gauge.band.high)}{unit}")
    else:
        said.append("no band is set")
    return "; ".join(said) + f". Verdict: {verdict.name}."


def _scale(gauge: Gauge) -> float:
    """The amount at the right end. Above zero, also when a month holds nothing but credits."""
    reach = [gauge.month_to_date]
    if gauge.outlook:
        reach.append(gauge.outlook.high_95)
    if gauge.pace is not None:
        reach.append(gauge.pace)
    ends = [float(max(reach)) / EDGE * 100]
    if gauge.band:
        ends.append(float(gauge.band.high) / BAND_HIGH_AT * 100)
    return max(ends) if max(ends) > 0 else 1.0


def _percent(position: float) -> str:
    return f"{position:.2f}%"
