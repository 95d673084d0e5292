"""The arithmetic of the weekly review."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.budgets.bands import Band
from costs.money import EXACT, exact_sum
from costs.periods import iso_week
from costs.review.compose import main_currency, short_name, week_review
from costs.review.span import span_of
from costs.review.week import Change, EnvironmentWeek, WeekReview
from tests.review.facts import (
    AS_OF,
    BANDS,
    W47,
    Count,
    Resource,
    Row,
    facts,
    row,
    source,
    span,
    steady,
)

amounts = st.integers(-(10**29), 10**29).map(lambda units: EXACT.scaleb(Decimal(units), -18))
week_days = st.integers(0, 58).map(lambda n: date(2026, 9, 28) + timedelta(days=n))
rows = st.builds(
    lambda day, environment, service, currency, cost: Row(
        (day.isoformat(), environment, service), currency, cost
    ),
    week_days.filter(lambda day: day < date(2026, 11, 23)),
    st.sampled_from(["development", "staging", "production", "unallocated", "", "laboratory"]),
    st.sampled_from(["", "Other", *(f"service {n}" for n in range(10))]),
    st.sampled_from(["USD", "USD", "EUR"]),
    amounts,
)
last_days = st.one_of(st.none(), st.dates(date(2026, 10, 1), date(2026, 12, 31)))


def named(review: WeekReview, environment: str) -> EnvironmentWeek:
    return next(one for one in review.environments if one.environment == environment)


@given(st.lists(rows, max_size=60), last_days)
def test_the_rows_add_up_to_the_total(costs: list[Row], last_complete: date | None) -> None:
    """Exactly: week, week before, each of the eight weeks, month to date, and by service."""
    chosen = span(last_complete=last_complete)
    review = week_review(facts(costs, chosen))
    *parts, total = review.environments
    assert total.environment == "total"
    assert parts[-1].environment == "unallocated"
    assert total.week.before == exact_sum(one.week.before for one in parts)
    assert total.week.after == exact_sum(one.week.after for one in parts)
    assert total.week.after == exact_sum(one.week.after for one in review.services)
    assert total.week.before == exact_sum(one.week.before for one in review.services)
    for n in range(8):
        assert total.weeks[n] == exact_sum(one.weeks[n] for one in parts)
    assert total.weeks[-1] == total.week.after
    for n, month in enumerate(total.months):
        assert month.gauge.month_to_date == exact_sum(
            one.months[n].gauge.month_to_date for one in parts
        )
    in_week = exact_sum(
        one.cost
        for one in costs
        if one.currency == review.currency and date.fromisoformat(one.keys[0]) in chosen.this
    )
    assert total.week.after == in_week


@given(st.lists(rows, max_size=60), last_days)
def test_the_chart_loses_nothing(costs: list[Row], last_complete: date | None) -> None:
    review = week_review(facts(costs, span(last_complete=last_complete)))
    expected: dict[date, Decimal] = defaultdict(Decimal)
    for one in costs:
        if one.currency == review.currency:
            day = date.fromisoformat(one.keys[0])
            expected[day] = EXACT.add(expected[day], one.cost)
    shown: dict[date, Decimal] = defaultdict(Decimal)
    for part in review.days:
        shown[part.day] = EXACT.add(shown[part.day], part.cost)
        assert part.complete == (last_complete is not None and part.day <= last_complete)
    assert {day: cost for day, cost in shown.items() if cost} == {
        day: cost for day, cost in expected.items() if cost
    }
    services = list(dict.fromkeys(part.service_name for part in review.days))
    assert len(services) <= 8
    assert "Other" not in services[:-1]


@given(st.lists(rows, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(costs: list[Row], random: object) -> None:
    shuffled = list(costs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert week_review(facts(costs)) == week_review(facts(shuffled))


def test_currencies_are_never_added() -> None:
    chosen = span()
    costs = [
        *steady(chosen, production="10"),
        row(date(2026, 11, 17), "production", "1000", currency="EUR"),
        row(date(2026, 11, 10), "production", "5000", currency="EUR"),
        row(date(2026, 11, 18), "", "7", currency="INR"),
    ]
    review = week_review(facts(costs, chosen))
    assert review.currency == "USD"
    assert named(review, "total").week == Change(Decimal(70), Decimal(70))
    assert review.other_currencies == {"EUR": Decimal(1000), "INR": Decimal(7)}


def test_an_estate_in_another_currency_is_shown_in_it_and_not_judged() -> None:
    chosen = span()
    costs = [row(day, "production", "500", currency="EUR") for day in chosen.shown]
    review = week_review(facts(costs, chosen))
    assert review.currency == "EUR"
    month = named(review, "production").months[0]
    assert month.gauge.band is None
    assert month.gauge.month_to_date == 500 * 22
    assert month.verdict.name == "unknown"
    assert "The band is in USD" in month.verdict.reason


def test_bands_of_two_currencies_give_no_total() -> None:
    chosen = span()
    bands = {**BANDS, "staging": Band(Decimal(300), Decimal(700), "EUR")}
    review = week_review(
        facts(
            steady(chosen, production="50", staging="9"),
            chosen,
            bands=dict.fromkeys(chosen.months, bands),
        )
    )
    assert review.currency == "USD"
    assert named(review, "production").months[0].verdict.name == "inside"
    assert named(review, "staging").months[0].verdict.name == "unknown"
    total = named(review, "total").months[0]
    assert total.gauge.band is None
    assert total.verdict.reason == "Bands in EUR and USD have no sum: no exchange rate is known."


@pytest.mark.parametrize(
    ("codes", "charged", "expected"),
    [
        ([], [], "USD"),
        (["EUR"], [], "EUR"),
        (["USD", "USD", "EUR"], ["EUR"], "EUR"),
        (["USD", "USD", "EUR"], ["EUR", "EUR", "USD"], "USD"),
        (["USD"], ["JPY", "JPY", "INR"], "JPY"),
    ],
)
def test_the_currency_of_the_page(codes: list[str], charged: list[str], expected: str) -> None:
    month = span().months[0]
    bands = {str(n): Band(Decimal(0), Decimal(1), code) for n, code in enumerate(codes)}
    costs = [row(date(2026, 11, 17), "production", "1", currency=code) for code in charged]
    assert main_currency({month: bands}, costs) == expected


def test_an_unfinished_week_compares_like_with_like() -> None:
    """Three complete days stand beside the same three, whatever the weekend cost."""
    chosen = span(as_of=date(2026, 11, 20), last_complete=date(2026, 11, 18))
    costs = [row(day, "production", "10" if day.weekday() < 5 else "100") for day in chosen.shown]
    review = week_review(facts(costs, chosen))
    assert review.compared_days == 3
    assert review.last_complete_day == date(2026, 11, 18)
    assert named(review, "production").week == Change(Decimal(30), Decimal(30))
    assert named(review, "production").weeks[-2:] == (Decimal(250), Decimal(30))
    assert [part.day for part in review.days if not part.complete] == [date(2026, 11, 19)]


def test_the_month_stops_where_the_days_are_complete() -> None:
    chosen = span(as_of=date(2026, 11, 20), last_complete=date(2026, 11, 18))
    review = week_review(
        facts(
            steady(chosen, production="100"),
            chosen,
            billed={chosen.months[0]: [Row(("production",), "USD", Decimal(1700))]},
        )
    )
    month = named(review, "production").months[0]
    assert month.complete_days == 18
    assert month.gauge.month_to_date == 1800
    assert month.gauge.pace == 1200
    assert month.gauge.outlook is not None
    assert month.gauge.outlook.expected == 3000
    assert month.billed_month_to_date == 1700
    assert named(review, "total").months[0].billed_month_to_date == 1700


def test_a_week_across_months_has_two_gauges() -> None:
    chosen = span_of(iso_week("2026-W40"), as_of=AS_OF, last_complete=date(2026, 11, 22))
    review = week_review(facts(steady(chosen, production="50"), chosen))
    older, newer = named(review, "production").months
    assert (older.complete_days, newer.complete_days) == (30, 4)
    assert older.verdict.reason == "The month ended at $1,500, inside $1,000 to $3,000."
    assert newer.gauge.month_to_date == 200
    assert review.name == "2026-W40"
    assert review.next == "2026-W41"


def test_gauges_stay_effective_when_the_page_shows_billed_cost() -> None:
    chosen = span()
    effective = [Row((day.isoformat(), "production"), "USD", Decimal(40)) for day in chosen.shown]
    review = week_review(
        facts(steady(chosen, production="10"), chosen, metric="billed_cost", effective=effective)
    )
    production = named(review, "production")
    assert review.metric == "billed_cost"
    assert production.week.after == 70
    assert production.months[0].gauge.month_to_date == 40 * 22


def test_an_environment_that_only_charges_know_has_its_row() -> None:
    chosen = span()
    review = week_review(facts(steady(chosen, laboratory="1", production="10"), chosen))
    assert [one.environment for one in review.environments] == [
        "development",
        "staging",
        "production",
        "laboratory",
        "unallocated",
        "total",
    ]
    assert named(review, "laboratory").months[0].verdict.reason == "No band is set."


def test_who_may_not_see_the_unallocated_has_no_such_row() -> None:
    chosen = span()
    review = week_review(
        facts(
            steady(chosen, production="10"),
            chosen,
            environments=[("production", "Production")],
            sees_unallocated=False,
        )
    )
    assert [one.environment for one in review.environments] == ["production", "total"]
    # The total band is that of what is seen.
    assert named(review, "total").months[0].gauge.band == BANDS["production"]


def test_part_of_the_cost_centers_is_not_held_against_the_whole_band() -> None:
    chosen = span()
    review = week_review(
        facts(steady(chosen, production="10"), chosen, sees_all_cost_centers=False)
    )
    for environment in ("production", "total"):
        month = named(review, environment).months[0]
        assert month.gauge.band is None
        assert month.verdict.name == "unknown"
        assert "only some cost centers" in month.verdict.reason


def test_the_unallocated_share_and_its_resources() -> None:
    chosen = span()
    ids = [("/subscriptions/s/resourceGroups/rg/x/vm-1", "Microsoft", "Virtual Machines")]
    review = week_review(
        facts(
            [*steady(chosen, production="9"), *steady(chosen, unallocated="1")],
            chosen,
            unallocated_after=[
                Row(ids[0], "USD", Decimal(4)),
                Row(("", "AWS", "Tax"), "USD", Decimal(3)),
            ],
            unallocated_before=[Row(ids[0], "USD", Decimal(2))],
            resource_counts=[Count("USD", unallocated_count=2), Count("EUR", 5, Decimal(9))],
        )
    )
    assert review.unallocated.share == 10
    assert review.unallocated.resource_count == 2
    first, second = review.unallocated.resources
    assert (first.resource_name, first.week) == ("vm-1", Change(Decimal(2), Decimal(4)))
    assert (second.resource_name, second.week) == ("no resource", Change(Decimal(0), Decimal(3)))
    assert review.resources.new_count == 0


def test_a_week_without_cost_has_no_share() -> None:
    assert week_review(facts([])).unallocated.share is None


def test_resources_stand_in_one_list_each() -> None:
    review = week_review(
        facts(
            [],
            resources=[
                Resource("arn:aws:ec2:eu-west-1:1:instance/i-1", Decimal(5), Decimal(9)),
                Resource("i-2", Decimal(0), Decimal(7), is_new=True),
                Resource("i-3", Decimal(8), Decimal(0), is_gone=True),
                Resource("i-4", Decimal(50), Decimal(20)),
                Resource("i-5", Decimal(50), Decimal(20), currency="EUR"),
            ],
            resource_counts=[Count("USD", 12, Decimal(70), 3, Decimal(80))],
        )
    )
    moves = review.resources
    assert [one.resource_name for one in moves.movers] == ["i-4", "i-1"]
    assert [one.resource_name for one in moves.new] == ["i-2"]
    assert [one.resource_name for one in moves.gone] == ["i-3"]
    assert (moves.new_count, moves.new_cost) == (12, Decimal(70))
    assert (moves.gone_count, moves.gone_cost) == (3, Decimal(80))


def test_a_page_cuts_its_lists_and_not_its_sums() -> None:
    costs = [
        row(date(2026, 11, 17), "production", str(n), service=f"s{n:02}") for n in range(1, 31)
    ]
    review = week_review(facts(costs, listed=10))
    assert [one.service_name for one in review.services[:2]] == ["s30", "s29"]
    assert len(review.services) == 10
    assert named(review, "total").week.after == sum(range(1, 31))


def test_the_latest_week_has_no_next() -> None:
    review = week_review(facts([], as_of=date(2026, 11, 22), sources=[source()]))
    assert (review.previous, review.name, review.next) == ("2026-W46", "2026-W47", None)
    assert week_review(facts([], as_of=date(2026, 11, 23))).next == "2026-W48"
    assert review.week == W47


@pytest.mark.parametrize(
    ("resource_id", "name"),
    [
        ("arn:aws:ec2:eu-west-1:123456789012:instance/i-0abc", "i-0abc"),
        ("arn:aws:s3:::my-bucket", "my-bucket"),
        ("/subscriptions/1/resourceGroups/rg-app-dev/providers/x/vm-app/", "vm-app"),
        ("i-0abc", "i-0abc"),
        ("", "no resource"),
        ("/", "no resource"),
    ],
)
def test_short_names(resource_id: str, name: str) -> None:
    assert short_name(resource_id) == name


def test_growth_from_nothing_has_no_percentage() -> None:
    assert Change(Decimal(0), Decimal(5)).percent is None
    assert Change(Decimal(-3), Decimal(5)).percent is None
    assert Change(Decimal(4), Decimal(5)).percent == 25
