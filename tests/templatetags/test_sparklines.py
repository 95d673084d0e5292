from decimal import Decimal
from types import SimpleNamespace as Namespace
from xml.etree import ElementTree as ET

from django.template import Context, Template

from costs.templatetags.sparklines import change_bar, largest_change


def test_bars_start_at_zero_and_the_last_is_marked() -> None:
    page = Template('{% load sparklines %}{% sparkline values "Last <b>weeks" %}')
    svg = ET.fromstring(
        page.render(Context({"values": (Decimal(0), Decimal(50), Decimal(100), Decimal(-5))}))
    )
    bars = svg.findall("rect")
    assert [float(bar.attrib["height"]) for bar in bars] == [1, 11, 22, 1]
    assert all(float(bar.attrib["y"]) + float(bar.attrib["height"]) == 22 for bar in bars)
    assert "is-last" in bars[-1].attrib["class"]
    title = svg.find("title")
    assert title is not None
    assert title.text == "Last <b>weeks: 0.00, 50.00, 100.00, −5.00"


def test_no_values_draw_nothing() -> None:
    page = Template('{% load sparklines %}{% sparkline values "none" %}')
    assert "<rect" not in page.render(Context({"values": ()}))


def test_changes_share_a_scale() -> None:
    moves = [Namespace(week=Namespace(difference=Decimal(amount))) for amount in (10, -40, 0)]
    largest = largest_change(moves)
    assert largest == 40
    drawn = [change_bar(move.week, largest) for move in moves]
    assert [(bar["start"], bar["width"]) for bar in drawn] == [
        ("50.00%", "12.50%"),
        ("0.00%", "50.00%"),
        ("50.00%", "0.00%"),
    ]
    assert change_bar(moves[2].week, Decimal(0))["width"] == "0.00%"
