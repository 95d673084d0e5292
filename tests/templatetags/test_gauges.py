from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from costs.budgets.bands import Band, Gauge, Outlook, Verdict
from costs.templatetags.gauges import draw

INSIDE = Verdict("inside", "all is well")
OUTLOOK = Outlook(
    Decimal(2500), Decimal(2400), Decimal(2600), Decimal(2300), Decimal(2700), 0.0, 0.1
)
GAUGE = Gauge(
    "USD", Band(Decimal(1000), Decimal(3000), "USD"), Decimal(1500), Decimal(1400), OUTLOOK
)

amounts = st.decimals(min_value=-(10**6), max_value=10**6, places=2)


def at(position: str | None) -> float:
    assert position is not None
    return float(position.removesuffix("%"))


def test_all_stands_on_one_scale() -> None:
    drawing = draw(GAUGE, INSIDE, "Production")
    assert at(drawing.band_end) == 76
    assert at(drawing.bar) == 38
    for position, amount in [
        (drawing.band_start, 1000),
        (drawing.pace, 1400),
        (drawing.from_95, 2300),
        (drawing.expected, 2500),
    ]:
        assert at(position) == pytest.approx(amount / 3000 * 76, abs=0.01)
    assert (drawing.low, drawing.high) == ("$1k", "$3k")


def test_the_sentence_holds_all_figures() -> None:
    said = draw(GAUGE, INSIDE, "Production").sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "Production: 1,500.00 USD so far this month; an even pace to the middle of the band would "
        "be 1,400.00 USD; expected at month end 2,500.00 USD, 80 % likely 2,400.00 to 2,600.00, "
        "95 % likely 2,300.00 to 2,700.00; band 1,000.00 to 3,000.00 USD. Verdict: inside."
    )


@given(amounts, amounts, amounts, st.booleans(), st.booleans())
def test_nothing_leaves_the_drawing(
    a: Decimal, b: Decimal, c: Decimal, banded: bool, forecast: bool
) -> None:
    low, high = sorted([abs(a), abs(b)])
    wide = abs(c) / 3
    outlook = Outlook(c, c - wide / 2, c + wide / 2, c - wide, c + wide, None, None)
    gauge = Gauge(
        "USD",
        Band(low, high, "USD") if banded else None,
        c,
        a if banded else None,
        outlook if forecast else None,
    )
    drawing = draw(gauge, INSIDE, "x")
    places = [drawing.bar, drawing.band_start, drawing.band_end, drawing.expected, drawing.pace]
    assert all(0 <= at(place) <= 100 for place in places if place is not None)
    if banded:
        assert at(drawing.band_start) <= at(drawing.band_end)


def render(gauge: Gauge, verdict: Verdict, label: str) -> str:
    page = Template("{% load gauges %}{% gauge gauge verdict label %}")
    return page.render(Context({"gauge": gauge, "verdict": verdict, "label": label}))


def test_the_markup_is_an_image_with_a_name_and_well_formed() -> None:
    svg = ET.fromstring(render(GAUGE, Verdict("at risk", "why"), "<script>alert(1)</script>"))
    assert svg.attrib["role"] == "img"
    assert "verdict-at-risk" in svg.attrib["class"]
    title = svg.find("title")
    assert title is not None
    assert (title.text or "").startswith("<script>alert(1)</script>: 1,500.00")


def test_without_a_band_it_says_so() -> None:
    shown = render(Gauge("USD", None, Decimal(5), None, None), INSIDE, "Unallocated")
    assert "no band set" in shown
    assert "gauge-band" not in shown
