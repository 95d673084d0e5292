"""The finding above the page: what needs a decision first."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.periods import iso_week
from costs.review.compose import week_review
from costs.review.headline import signed_percent
from costs.review.span import Span, span_of
from tests.review.facts import AS_OF, Row, facts, row, source, span, steady

LAST_DAY = date(2026, 11, 22)
NB = "\N{NO-BREAK SPACE}"


def inside(chosen: Span | None = None, **changes: str) -> list[Row]:
    """Every environment in the middle of its band."""
    return steady(chosen or span(), **{
        "development": "10", "staging": "20", "production": "60", **changes
    })  # fmt: skip


def finding(costs: list[Row], chosen: Span | None = None, **changes: object) -> str:
    return week_review(facts(costs, chosen, **changes)).finding


def test_all_is_well() -> None:
    assert finding(inside()) == (
        f"Every environment is inside its band; the week cost $630, ±0.0{NB}% on last week."
    )


def test_an_unfinished_calm_week_says_which_days_it_means() -> None:
    chosen = span(as_of=date(2026, 11, 20), last_complete=date(2026, 11, 18))
    assert finding(inside(chosen), chosen) == (
        "Every environment is inside its band; its first 3 days cost $270,"
        f" ±0.0{NB}% on the same 3 days of last week."
    )


def test_a_broken_band_comes_first() -> None:
    """Over before at risk, whatever moved and however little is placed."""
    costs = [
        *inside(staging="45", production="105", unallocated="50"),
        row(LAST_DAY, "development", "500"),
    ]
    assert finding(costs) == (
        "Development is over its November band: spent $720, above the high of $400;"
        " Staging is over; Production is at risk."
    )


def test_urgent_before_merely_at_risk() -> None:
    uneven = [
        row(day, "development", str(13.15 + (day.toordinal() * 7919 % 11 - 5)))
        for day in span().shown
    ]
    costs = [*uneven, *steady(span(), staging="20", production="110")]
    said = finding(costs)
    assert said.startswith("Production is at risk of passing its November band: expected $3,300,")
    assert said.endswith("; Development is at risk.")


def test_only_the_total_is_at_risk() -> None:
    assert finding(inside(unallocated="55")).startswith(
        "The total is at risk of passing its November band: expected $4,350, 100 % chance"
    )


def test_a_month_that_ended_over_its_band_is_said_after_the_running_one() -> None:
    chosen = span_of(iso_week("2026-W40"), as_of=AS_OF, last_complete=LAST_DAY)
    dear = [row(date(2026, 9, 28), "staging", "900"), *inside(chosen)]
    assert finding(dear, chosen) == (
        "Staging ended September over its band: spent $1,500, above the high of $800."
    )
    both = [*dear, row(date(2026, 10, 2), "production", "4000")]
    assert finding(both, chosen).startswith("Production is over its October band")


def test_the_largest_change_and_its_main_service() -> None:
    costs = [
        *inside(),
        *(row(date(2026, 11, n), "production", "11", service="RDS") for n in range(16, 23)),
        row(LAST_DAY, "development", "12", service="S3"),
    ]
    assert finding(costs) == f"Production +18{NB}% on last week, mostly RDS."


def test_a_change_of_many_services_is_led_by_the_largest() -> None:
    costs = [
        *inside(),
        *(row(LAST_DAY, "production", str(30 + n), service=f"S{n}") for n in range(3)),
    ]
    assert finding(costs) == f"Production +22{NB}% on last week, led by S2."


def test_a_fall_names_what_fell() -> None:
    costs = [
        *inside(),
        *(row(date(2026, 11, n), "production", "30", service="RDS") for n in range(9, 16)),
    ]
    assert finding(costs) == f"Production −33{NB}% on last week, mostly RDS."


def test_an_unfinished_week_is_compared_with_the_same_days() -> None:
    chosen = span(as_of=date(2026, 11, 18), last_complete=date(2026, 11, 17))
    costs = [*inside(chosen), row(date(2026, 11, 16), "production", "60")]
    assert finding(costs, chosen) == (
        f"Production +50{NB}% on the same 2 days of last week, mostly EC2."
    )


def test_growth_from_nothing_is_an_amount() -> None:
    costs = [*inside(), *(row(date(2026, 11, n), "unallocated", "9") for n in range(16, 23))]
    assert finding(costs) == "Unallocated +$63 on last week, mostly EC2."


def test_what_nobody_could_place() -> None:
    assert finding(inside(unallocated="15")) == (
        f"14{NB}% of this week is unallocated: no rule places $105 of it."
    )
    # A tenth, exactly, is not more than a tenth.
    assert finding(inside(unallocated="10")).startswith("Every environment is inside")


def test_a_stale_source() -> None:
    old = source("azure", stale=True, last_complete_day=date(2026, 11, 12))
    never = source("focus", stale=True, last_complete_day=None)
    assert finding(inside(), sources=[source(), old]) == (
        "The bills of azure are stale, complete only to 12 November."
    )
    assert finding(inside(), sources=[source(), old, never]) == (
        "The bills of focus are stale, it has no complete day, and 1 more source is."
    )


def test_a_source_that_went_stale_after_the_week_is_no_news_in_it() -> None:
    old = source("azure", stale=True, last_complete_day=LAST_DAY)
    assert finding(inside(), sources=[old]).startswith("Every environment is inside")


def test_missing_bills_are_not_taken_for_savings() -> None:
    costs = [*inside(), row(date(2026, 11, 10), "production", "200")]
    assert finding(costs).startswith(f"Production −32{NB}%")
    old = source("azure", stale=True, last_complete_day=date(2026, 11, 12))
    assert finding(costs, sources=[source(), old]).startswith("The bills of azure are stale")


def test_a_band_that_is_not_reached() -> None:
    assert finding(inside(development="2")) == (
        "Development is under its November band: expected $60, 100 % chance of ending below $200."
    )


def test_nothing_is_complete() -> None:
    chosen = span(as_of=date(2026, 11, 17), last_complete=date(2026, 11, 15))
    assert finding(inside(chosen), chosen) == "No day of this week is complete yet."


def test_an_empty_week_without_bands() -> None:
    assert finding([], bands={}) == "Nothing stands out; the week cost $0."


costs_of = st.decimals(0, 500, places=2)


@given(
    st.fixed_dictionaries(
        dict.fromkeys(("development", "staging", "production", "unallocated"), costs_of)
    ),
    st.lists(st.tuples(st.integers(1, 22), costs_of), max_size=5),
    st.booleans(),
)
def test_always_one_sentence(
    daily: dict[str, Decimal], extra: list[tuple[int, Decimal]], stale: bool
) -> None:
    costs = [
        *steady(span(), **{name: str(cost) for name, cost in daily.items()}),
        *(row(date(2026, 11, day), "production", cost, service="RDS") for day, cost in extra),
    ]
    sources = [source(stale=stale, last_complete_day=date(2026, 11, 3) if stale else LAST_DAY)]
    said = finding(costs, sources=sources)
    assert said == finding(costs, sources=sources)
    assert said.endswith(".")
    assert said[0].isupper() or said[0].isdigit()
    assert ".." not in said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        ("18.4", f"+18{NB}%"),
        ("1.92", f"+1.9{NB}%"),
        ("-0.04", f"±0.0{NB}%"),
        ("-12.5", f"−12{NB}%"),
        ("1234.5", f"+1,234{NB}%"),
    ],
)
def test_percentages(share: str, said: str) -> None:
    assert signed_percent(Decimal(share)) == said
