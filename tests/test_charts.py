import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from costs import charts
from costs.money import CENT, exact_sum
from costs.periods import Period, month_of

MONDAY = date(2026, 11, 16)


@dataclass(frozen=True)
class Amount:
    day: date
    service_name: str
    cost: Decimal
    complete: bool = True


def two_weeks() -> list[Amount]:
    return [
        Amount(MONDAY + timedelta(days=n), name, Decimal(cost) + n, complete=n < 13)
        for n in range(14)
        for name, cost in [("EC2", "30.004"), ("RDS", "20.333"), (charts.OTHER, "45.5")]
    ]


amounts = st.lists(
    st.builds(
        Amount,
        day=st.dates(MONDAY, MONDAY + timedelta(days=5)),
        service_name=st.sampled_from(["EC2", "RDS", "S3", "=cmd()", charts.OTHER]),
        cost=st.decimals(min_value=-(10**9), max_value=10**9, places=18),
    )
)


@given(amounts)
def test_every_day_adds_up_to_its_rounded_total(days: list[Amount]) -> None:
    arranged = charts.daily_costs(days, "USD")
    for row in arranged.days:
        exact = exact_sum(part.cost for part in days if part.day == row.day)
        assert abs(row.total - exact) <= CENT / 2
        assert exact_sum(row.costs) == row.total
    assert exact_sum(one.total for one in arranged.series) == arranged.total
    assert abs(arranged.total - exact_sum(part.cost for part in days)) <= CENT / 2


def test_the_largest_service_comes_first_and_other_last() -> None:
    names = [one.name for one in charts.daily_costs(two_weeks(), "USD").series]
    assert names == ["EC2", "RDS", charts.OTHER]


def test_the_specification_holds_the_same_sums() -> None:
    days = two_weeks()
    spec = charts.daily_cost_chart(days, "USD", week=Period(MONDAY, MONDAY + timedelta(days=7)))
    drawn = sum(
        Decimal(str(row[one["key"]]))
        for row in spec["datasets"]["days"]
        for one in spec["usermeta"]["series"]
    )
    assert drawn == sum(Decimal(str(row["total"])) for row in spec["datasets"]["days"])
    assert abs(drawn - exact_sum(day.cost for day in days)) <= 14 * CENT
    assert spec["datasets"]["week"] == [{"first": "2026-11-16", "last": "2026-11-22"}]
    assert [row["complete"] for row in spec["datasets"]["days"]] == [True] * 13 + [False]
    assert spec["datasets"]["days"][-1]["label"] == "Sun 29 Nov · incomplete"


def test_a_band_is_spread_evenly_over_its_month() -> None:
    allowance = charts.Allowance(month_of(MONDAY), Decimal(1500), Decimal(3000))
    spec = charts.daily_cost_chart(two_weeks(), "USD", allowances=[allowance])
    assert [(line["cost"], line["words"]) for line in spec["datasets"]["band"]] == [
        (50.0, "band low $50 a day"),
        (100.0, "band high $100 a day"),
    ]
    elsewhere = charts.Allowance(month_of(date(2025, 1, 1)), Decimal(1), Decimal(2))
    assert (
        charts.daily_cost_chart(two_weeks(), "USD", allowances=[elsewhere])["datasets"]["band"]
        == []
    )


def test_one_chart_leaves_no_trace_in_the_next() -> None:
    first = charts.daily_cost_chart(two_weeks(), "USD")
    charts.daily_cost_chart([Amount(MONDAY, "S3", Decimal(1))], "EUR")
    assert charts.daily_cost_chart(two_weeks(), "USD") == first


def test_the_stored_shapes_are_what_altair_describes() -> None:
    stored = json.loads(charts.SHAPES.read_text(encoding="utf-8"))
    assert stored == charts.describe_shapes(), "run `python -m costs.charts`"


def test_a_page_needs_no_altair() -> None:
    code = (
        "import sys; from costs import charts; charts.daily_cost_chart([], 'USD'); "
        "assert 'altair' not in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_of_services_stay_data() -> None:
    hostile = "</script><script>alert(1)</script>' + alert(1) + '"
    spec = charts.daily_cost_chart([Amount(MONDAY, hostile, Decimal(1))], "USD")
    assert spec["usermeta"]["series"][0]["name"] == hostile
    del spec["usermeta"]
    assert "alert" not in json.dumps(spec)


def test_no_days_make_a_chart_all_the_same() -> None:
    assert charts.daily_cost_chart([], "USD")["datasets"]["days"] == []


def test_colours_are_variables_of_the_page() -> None:
    spec = charts.daily_cost_chart(two_weeks(), "USD")
    assert "#" not in json.dumps(spec)


@given(st.sets(st.text(min_size=1), max_size=12))
def test_hues_are_distinct_while_there_are_enough(names: set[str]) -> None:
    names -= {charts.OTHER}
    assigned = charts.hues(names | {charts.OTHER})
    assert assigned.pop(charts.OTHER) == 0
    assert set(assigned) == names
    assert all(1 <= hue <= charts.HUES for hue in assigned.values())
    assert len(set(assigned.values())) == min(len(names), charts.HUES)


def test_hues_do_not_depend_on_order() -> None:
    names = ["Amazon EC2", "Amazon RDS", "Virtual Machines", "Azure App Service"]
    assert charts.hues(names) == charts.hues(names[::-1])


def test_the_shape_is_drawn_by_vega_lite() -> None:
    spec = charts.daily_cost_chart(two_weeks(), "USD")
    spec["width"] = 600
    # Outside a page there are no variables.
    drawn = json.loads(re.sub(r"var\(--[\w-]+\)", "#888888", json.dumps(spec)))
    svg = vl_convert.vegalite_to_svg(drawn, vl_version=charts.VEGA_LITE)
    assert svg.count('aria-roledescription="bar"') == 14 * 3
    assert "$100" in svg


def test_the_bundle_holds_an_interpreter_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "made" / charts.BUNDLE_NAME
    path.parent.mkdir()
    path.write_text("old")
    charts.write_bundle(path)
    script = path.read_text(encoding="utf-8")
    assert "window.vegaEmbed" in script
    assert "expressionInterpreter" in script
    assert 500_000 < len(script) < 1_500_000
    assert list(path.parent.iterdir()) == [path]


@dataclass(frozen=True)
class Step:
    day: date
    known: bool
    total: Decimal

    cost = Decimal("10.004")

    @property
    def low_80(self) -> Decimal:
        return self.total - (0 if self.known else 1)

    @property
    def high_80(self) -> Decimal:
        return self.total + (0 if self.known else 1)

    @property
    def low_95(self) -> Decimal:
        return self.total - (0 if self.known else 2)

    @property
    def high_95(self) -> Decimal:
        return self.total + (0 if self.known else 2)


def a_month(known: int) -> list[Step]:
    month = month_of(MONDAY)
    return [Step(day, nth < known, Decimal("10.004") * (nth + 1)) for nth, day in enumerate(month)]


def test_a_month_draws_what_is_known_and_what_is_expected() -> None:
    spec = charts.month_chart(
        a_month(22),
        "EUR",
        band=(Decimal(200), Decimal("400.004")),
        incomplete=Period(date(2026, 11, 23), date(2026, 11, 24)),
    )
    rows = spec["datasets"]
    assert (len(rows["days"]), len(rows["known"])) == (30, 22)
    # The fan opens from the last known day.
    assert [row["day"] for row in rows["expected"]][:2] == ["2026-11-22", "2026-11-23"]
    assert rows["band"] == [{"low": 200.0, "high": 400.0}]
    assert [edge["words"] for edge in rows["edges"]] == ["low €200", "high €400"]
    assert rows["incomplete"] == [{"first": "2026-11-23", "last": "2026-11-23"}]
    assert spec["usermeta"] == {"kind": "month", "symbol": "€"}
    assert rows["days"][0]["total"] == 10.0
    picture = vl_convert.vegalite_to_svg(spec, vl_version=charts.VEGA_LITE)
    assert "high €400" in picture
    assert "29 Nov" in picture


def test_a_month_that_is_over_has_no_fan_and_one_that_begins_no_line() -> None:
    over = charts.month_chart(a_month(30), "USD")["datasets"]
    assert (len(over["known"]), over["expected"], over["band"]) == (30, [], [])
    begun = charts.month_chart(a_month(0), "USD")["datasets"]
    assert (begun["known"], len(begun["expected"])) == ([], 30)
    assert charts.month_chart([], "USD")["datasets"]["days"] == []
