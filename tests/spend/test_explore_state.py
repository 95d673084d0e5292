"""The state of the explore page: reading query strings, days, comparisons, where links lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.periods import Period
from costs.spend.explore import (
    COMPARISONS,
    DIMENSIONS,
    METRICS,
    RANGES,
    SORTS,
    STEPS,
    TOPS,
    Explore,
    Nonsense,
    compared_period,
    months_earlier,
    ordered,
    range_period,
    read_explore,
    step_for,
)

TODAY = date(2026, 11, 24)
KNOWN = Period(date(2025, 11, 1), date(2026, 12, 1))


def read(query: str = "") -> Explore:
    parsed = parse_qs(query.removeprefix("?"), keep_blank_values=True)
    return read_explore(parsed, today=TODAY, known=KNOWN)


def test_nothing_asked_is_three_months_by_service() -> None:
    state = read()
    assert state.period == Period(date(2026, 9, 1), date(2026, 11, 25))
    assert (state.by, state.then, state.step, state.metric) == (
        "service_name",
        "",
        "week",
        "effective_cost",
    )
    assert state.query == "?"


DAYS = st.dates(date(2001, 1, 1), date(2100, 1, 1))
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
FILTERS = st.dictionaries(
    st.sampled_from(sorted(DIMENSIONS)), st.sets(VALUES, min_size=1, max_size=3), max_size=3
)


@st.composite
def states(draw: st.DrawFn) -> Explore:
    """Any state that the page can be in."""
    name = draw(st.sampled_from(["", *RANGES]))
    start = draw(DAYS)
    period = (
        range_period(name, TODAY, KNOWN)
        if name
        else Period(start, start + timedelta(days=draw(st.integers(1, 600))))
    )
    by, then = draw(
        st.lists(st.sampled_from(list(DIMENSIONS)), min_size=2, max_size=2, unique=True)
    )
    pick = draw(st.sampled_from(["", *DIMENSIONS]))
    return Explore(
        period=period,
        range=name,
        where=ordered(draw(FILTERS)),
        without=ordered(draw(FILTERS)),
        search=draw(VALUES).strip(),
        metric=draw(st.sampled_from(list(METRICS))),
        currency=draw(st.sampled_from(["", "USD", "EUR"])),
        by=by,
        then=draw(st.sampled_from(["", then])),
        asked_step=draw(st.sampled_from(["", *STEPS])),
        top=draw(st.sampled_from(TOPS)),
        compare=draw(st.sampled_from(list(COMPARISONS))),
        sort=draw(st.sampled_from(list(SORTS))),
        pick=pick,
        find=draw(VALUES).strip() if pick else "",
    )


@given(states())
def test_every_state_is_a_link(state: Explore) -> None:
    assert read(state.query) == state


@given(states(), st.text(max_size=30), st.text(max_size=30))
def test_a_drilled_state_is_one_too(state: Explore, first: str, second: str) -> None:
    keys = (first.replace("\0", ""), second.replace("\0", ""))[: len(state.keys)]
    keys = tuple(key.encode("utf-8", "ignore").decode() for key in keys)
    below = state.drilled(keys)
    assert read(below.query) == below
    assert all(below.among(name) == (key,) for name, key in zip(state.keys, keys, strict=True))
    # Only below a SKU of one resource there is nothing left to group by: its charges come next.
    assert below.by in ("service_name", "sku_id", "resource_id")
    assert len(below.among(below.by)) != 1 or below.by == "resource_id"


def test_the_way_down() -> None:
    services = read("by=environment").drilled(("production",))
    skus = services.drilled(("Amazon EC2",))
    resources = skus.drilled(("sku-a",))
    assert [services.by, skus.by, resources.by] == ["service_name", "sku_id", "resource_id"]
    assert resources.where == (
        ("environment", ("production",)),
        ("service_name", ("Amazon EC2",)),
        ("sku_id", ("sku-a",)),
    )


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("nonsense=1", "nonsense"),
        ("not.nonsense=1", "not.nonsense"),
        ("by=day", "by"),
        ("then=costs", "then"),
        ("metric=list_cost", "metric"),
        ("step=hour", "step"),
        ("top=7", "top"),
        ("top=8&top=8", "top"),
        ("compare=yesterday", "compare"),
        ("sort=name", "sort"),
        ("range=decade", "range"),
        ("pick=1", "pick"),
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("from=1999-12-31", "from"),
        ("to=2101-01-01", "to"),
        ("to=20261101", "to"),
        ("from=2026-11-02&to=2026-11-01", "to"),
        ("from=2000-01-01&to=2010-01-01&step=day", "step"),
        ("currency=US-D", "currency"),
        (f"search={'x' * 101}", "search"),
        ("search=%00", "search"),
        ("find=%00", "find"),
        (f"service_name={'x' * 1001}", "service_name"),
        ("not.region_id=%00", "not.region_id"),
        ("&".join(f"sku_id={n}" for n in range(201)), "sku_id"),
    ],
)
def test_nonsense_is_named(query: str, name: str) -> None:
    with pytest.raises(Nonsense, match=f"^{name}: "):
        read(query)


def complaint(query: dict[str, list[str]], known: Period | None = KNOWN) -> str | None:
    """What is said against a query; None when it is read."""
    try:
        read_explore(query, today=TODAY, known=known)
    except Nonsense as nonsense:
        return str(nonsense)
    return None


@given(st.dictionaries(st.text(max_size=12), st.lists(st.text(max_size=20), max_size=3)))
def test_no_query_does_worse_than_nonsense(query: dict[str, list[str]]) -> None:
    assert complaint(query, None) != ""


@given(st.sampled_from(["range", "from", "to", "step", "top", "currency", "by"]), st.text())
def test_any_value_of_a_parameter_is_read_or_named(name: str, value: str) -> None:
    said = complaint({name: [value]})
    assert said is None or said.startswith(f"{name}: ")


def test_days_changed_by_hand_win_over_the_preset_that_a_form_sends_along() -> None:
    same = read("range=this_month&from=2026-11-01&to=2026-11-24")
    assert same.range == "this_month"
    other = read("range=this_month&from=2026-11-02&to=2026-11-24")
    assert (other.range, other.period.start) == ("", date(2026, 11, 2))


@pytest.mark.parametrize(
    ("name", "start", "last"),
    [
        ("this_week", "2026-11-23", "2026-11-24"),
        ("last_week", "2026-11-16", "2026-11-22"),
        ("this_month", "2026-11-01", "2026-11-24"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("3_months", "2026-09-01", "2026-11-24"),
        ("12_months", "2025-12-01", "2026-11-24"),
        ("all", "2025-11-01", "2026-11-30"),
    ],
)
def test_presets(name: str, start: str, last: str) -> None:
    period = range_period(name, TODAY, KNOWN)
    assert (period.start.isoformat(), period.last.isoformat()) == (start, last)


@pytest.mark.parametrize(
    ("days", "compare", "before"),
    [
        (("2026-11-01", "2026-11-24"), "before", ("2026-10-01", "2026-10-24")),
        (("2026-03-01", "2026-03-31"), "before", ("2026-02-01", "2026-02-28")),
        (("2026-02-01", "2026-02-28"), "before", ("2026-01-01", "2026-01-31")),
        (("2026-09-01", "2026-11-24"), "before", ("2026-06-01", "2026-08-24")),
        (("2026-11-16", "2026-11-22"), "before", ("2026-11-09", "2026-11-15")),
        (("2026-11-16", "2026-11-18"), "before", ("2026-11-09", "2026-11-11")),
        (("2026-11-10", "2026-11-19"), "before", ("2026-10-31", "2026-11-09")),
        (("2026-11-16", "2026-11-22"), "year", ("2025-11-17", "2025-11-23")),
        (("2026-11-01", "2026-11-24"), "year", ("2025-11-01", "2025-11-24")),
        (("2024-02-29", "2024-02-29"), "year", ("2023-02-28", "2023-02-28")),
    ],
)
def test_comparisons(days: tuple[str, str], compare: str, before: tuple[str, str]) -> None:
    def period(ends: tuple[str, str]) -> Period:
        return Period(date.fromisoformat(ends[0]), date.fromisoformat(ends[1]) + timedelta(days=1))

    assert compared_period(period(days), compare) == period(before)


@given(DAYS, st.integers(1, 900), st.sampled_from(["before", "year"]))
def test_what_is_compared_lies_before(start: date, days: int, compare: str) -> None:
    period = Period(start, start + timedelta(days=days))
    before = compared_period(period, compare)
    assert before is not None
    assert before.start < period.start
    assert before.end <= period.end
    if compare == "before":
        assert before.end <= period.start


@given(DAYS, st.integers(0, 500))
def test_months_earlier_is_the_same_day_or_the_month_s_last(day: date, months: int) -> None:
    if day.year * 12 + day.month - months < 12 * 5:
        return
    earlier = months_earlier(day, months)
    assert (day.year - earlier.year) * 12 + day.month - earlier.month == months
    assert earlier.day <= day.day
    assert earlier.day == day.day or (earlier + timedelta(days=1)).day == 1


def test_a_step_that_fits() -> None:
    def of(days: int) -> str:
        return step_for(Period(TODAY, TODAY + timedelta(days=days)))

    assert [of(1), of(45), of(46), of(200), of(201)] == ["day", "day", "week", "week", "month"]


def test_filters_come_and_go() -> None:
    state = read("service_name=A&service_name=B&not.region_id=x&cost_center=")
    assert state.among("service_name") == ("A", "B")
    assert state.among("cost_center") == ("",)
    assert [(chip.label, chip.value, chip.excluded) for chip in state.chips] == [
        ("Cost center", "", False),
        ("Service", "A", False),
        ("Service", "B", False),
        ("Region", "x", True),
    ]
    assert read(state.chips[1].without).among("service_name") == ("B",)
    assert read(state.chips[3].without).without == ()
    assert not state.unfiltered.filtered
    assert replace(state, pick="sku_id", find="x").saved == state.query.removeprefix("?")
