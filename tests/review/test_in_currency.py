"""A review in the display currency: bands and costs by the rates of their months."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from costs.money import exact_sum
from costs.review import converted_tables
from costs.review.compose import WeekFacts, week_review
from costs.review.in_currency import in_currency
from costs.review.week import WeekReview
from costs.spend.currency import Amount, Rate, Rates, convert
from tests.review.facts import BANDS, Row, facts, row, span, steady

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
MONTHS = (date(2026, 9, 1), OCTOBER, NOVEMBER)
RATES = Rates(
    [Rate(month, "EUR", "USD", Decimal("1.1") + Decimal(month.month) / 100) for month in MONTHS]
)


@dataclass(frozen=True)
class Resource:
    resource_id: str
    before: Decimal
    after: Decimal
    currency: str = "USD"
    is_new: bool = False
    is_gone: bool = False
    provider_name: str = "AWS"
    service_name: str = "EC2"
    environment: str = "production"

    @property
    def before_by_month(self) -> tuple[tuple[date, Decimal], ...]:
        return ((NOVEMBER, self.before),)

    @property
    def after_by_month(self) -> tuple[tuple[date, Decimal], ...]:
        return ((NOVEMBER, self.after),)


def review(given_: WeekFacts, rates: Rates = RATES, target: str = "EUR") -> WeekReview:
    changed, converted = in_currency(given_, target, rates)
    return replace(week_review(changed), converted=converted)


def test_bands_and_costs_are_held_in_the_display_currency() -> None:
    chosen = span()
    shown = review(facts(steady(chosen, production="121"), chosen))
    assert shown.currency == "EUR"
    production = next(one for one in shown.environments if one.environment == "production")
    gauge = production.months[-1].gauge
    assert gauge.band is not None
    assert gauge.band.currency == "EUR"
    assert gauge.band.high == Decimal("2479.338842975206611570")
    assert gauge.month_to_date == exact_sum([Decimal(100)] * 22)
    assert production.week.after == Decimal(700)
    assert shown.other_currencies == {}
    total = shown.environments[-1].months[-1].gauge
    assert total.band is not None
    expected = sum(Fraction(band.high) for band in BANDS.values()) / Fraction("1.21")
    assert abs(Fraction(total.band.high) - expected) < Fraction(3, 10**18)


def test_each_week_has_the_rate_of_its_days() -> None:
    chosen = span()
    shown = review(
        facts(
            [row(date(2026, 10, 31), "production", "120"), row(NOVEMBER, "production", "121")],
            chosen,
        )
    )
    production = next(one for one in shown.environments if one.environment == "production")
    # The week of 26 October has a day of each month.
    assert exact_sum(production.weeks) == Decimal(200)


def test_currencies_without_a_rate_are_named_and_left_out() -> None:
    chosen = span()
    lines = steady(chosen, production="121")
    lines.append(row(date(2026, 11, 17), "production", "120", currency="CAD"))
    shown = review(facts(lines, chosen))
    assert shown.converted is not None
    assert shown.converted.missing == ("CAD 120.00 of November 2026 has no rate",)
    assert shown.other_currencies == {"CAD": Decimal(120)}
    assert shown.environments[-1].week.after == Decimal(700)
    assert shown.converted.sources == ("USD",)


def test_bands_that_cannot_be_converted_keep_the_review_as_billed() -> None:
    chosen = span()
    some = Rates([Rate(NOVEMBER, "EUR", "USD", Decimal("1.21"))])
    shown = review(facts(steady(chosen, production="121"), chosen), some)
    assert shown.currency == "USD"
    assert shown.shown_in is None
    assert shown.converted is not None
    assert shown.converted.refused == "USD of October 2026 and of 1 more has no rate into EUR"
    assert shown == replace(
        week_review(facts(steady(chosen, production="121"), chosen)), converted=shown.converted
    )


def test_nothing_is_converted_into_its_own_currency() -> None:
    chosen = span()
    given_ = facts(steady(chosen, production="121"), chosen)
    changed, converted = in_currency(given_, "USD", RATES)
    assert converted is None
    assert week_review(changed) == week_review(given_)


def test_resources_are_converted_or_stay_what_they_are() -> None:
    chosen = span()
    rows = [
        Resource("i-1", Decimal("12.1"), Decimal("24.2")),
        Resource("ca", Decimal(1), Decimal(2), currency="CAD"),
    ]
    shown = review(facts(steady(chosen, production="121"), chosen, resources=rows))
    assert [(one.resource_id, one.week.after) for one in shown.resources.movers] == [
        ("i-1", Decimal(20))
    ]
    table = converted_tables.resources(shown)
    ca = next(line for line in table.rows if line[0] == "ca")
    assert dict(zip(table.header, ca, strict=True))["rate"] == "no rate"


@given(
    st.lists(
        st.builds(
            Row,
            keys=st.tuples(
                st.integers(0, 55).map(
                    lambda nth: (date(2026, 9, 28) + timedelta(days=nth)).isoformat()
                ),
                st.sampled_from(["production", "staging", ""]),
                st.sampled_from(["EC2", "RDS"]),
            ),
            currency=st.sampled_from(["USD", "EUR", "CAD"]),
            cost=st.decimals(-(10**6), 10**6, places=18),
        ),
        max_size=30,
    )
)
def test_whatever_the_costs_parts_add_up(rows: list[Row]) -> None:
    chosen = span()
    # The currency of the bands is spent in, or another one would be the page's.
    every = [row(NOVEMBER, "production", "1"), *rows]
    shown = review(facts(every, chosen))
    assert shown.converted is not None
    amounts = [
        Amount(one.currency, date.fromisoformat(one.keys[0]).replace(day=1), one.cost)
        for one in every
    ]
    expected = convert(amounts, "EUR", RATES)
    assert exact_sum(part.cost for part in shown.days) == expected.total
    assert shown.converted.unconverted == expected.unconverted
    for nth in range(8):
        assert shown.environments[-1].weeks[nth] == exact_sum(
            one.weeks[nth] for one in shown.environments[:-1]
        )
    table = converted_tables.days(shown)
    column = table.header.index("converted_cost")
    cells = [line[column] for line in table.rows]
    assert exact_sum(cell for cell in cells if isinstance(cell, Decimal)) == expected.total
    services = converted_tables.services(shown)
    week = services.header.index("week")
    in_week = [line[week] for line in services.rows]
    assert (
        exact_sum(cell for cell in in_week if isinstance(cell, Decimal))
        == shown.environments[-1].week.after
    )
