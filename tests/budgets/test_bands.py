"""The verdict table of METHODS.md section 1, and the figures in its sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.budgets.bands import (
    Band,
    Gauge,
    Lacking,
    Outlook,
    Verdict,
    chance,
    figures,
    pace,
    total_band,
    verdict,
)
from costs.money import MixedCurrencies
from costs.periods import Period, month_of

NOVEMBER = month_of(date(2026, 11, 1))
STAGING = Band(Decimal(400), Decimal(800), "USD")


def outlook(expected: str = "600", below: float = 0.0, above: float = 0.0) -> Outlook:
    amount = Decimal(expected)
    return Outlook(amount, amount, amount, amount, amount, below, above)


def judge(
    spent: str,
    seen: Outlook | None,
    *,
    band: Band | None = STAGING,
    complete_days: int = 18,
    currency: str = "USD",
    month: Period = NOVEMBER,
) -> Verdict:
    gauge = Gauge(currency, band, Decimal(spent), None, seen, None if seen else Lacking(9, 28))
    return verdict(gauge, month, complete_days=complete_days)


@pytest.mark.parametrize(
    ("spent", "seen", "complete_days", "expected"),
    [
        (
            "812",
            outlook("1300", above=1.0),
            18,
            Verdict("over", "Spent $812, above the high of $800."),
        ),
        # Over needs no forecast: what is spent is spent.
        ("812", None, 1, Verdict("over", "Spent $812, above the high of $800.")),
        ("800.01", None, 30, Verdict("over", "Spent $800.01, above the high of $800.")),
        (
            "500",
            outlook("812", above=0.64),
            18,
            Verdict("at risk", "Expected $812, 64 % chance of passing $800."),
        ),
        (
            "500",
            outlook("800", above=0.5),
            18,
            Verdict("at risk", "Expected $800, 50 % chance of passing $800."),
        ),
        (
            "500",
            outlook("912", above=0.8),
            18,
            Verdict("at risk", "Expected $912, 80 % chance of passing $800.", urgent=True),
        ),
        (
            "500",
            outlook("799", above=0.4999),
            18,
            Verdict("inside", "Expected $799, 49 % chance of passing $800."),
        ),
        (
            "200",
            outlook("350", below=0.8),
            18,
            Verdict("under", "Expected $350, 80 % chance of ending below $400."),
        ),
        (
            "200",
            outlook("410", below=0.45, above=0.001),
            18,
            Verdict("inside", "Expected $410, 45 % chance of ending below $400."),
        ),
        # Both at once needs a very wide outlook; the table puts risk first.
        (
            "200",
            outlook("600", below=0.8, above=0.5),
            18,
            Verdict("at risk", "Expected $600, 50 % chance of passing $800."),
        ),
        (
            "30",
            None,
            2,
            Verdict("unknown", "Not enough data for a forecast: 9 of 28 days."),
        ),
        # A complete month needs no chance, whatever one says.
        (
            "399.99",
            outlook(above=1.0),
            30,
            Verdict("under", "The month ended at $399.99, below the low of $400."),
        ),
        (
            "400",
            outlook(above=1.0),
            30,
            Verdict("inside", "The month ended at $400, inside $400 to $800."),
        ),
        ("0", None, 30, Verdict("under", "The month ended at $0, below the low of $400.")),
        ("800", None, 30, Verdict("inside", "The month ended at $800, inside $400 to $800.")),
    ],
)
def test_the_table(spent: str, seen: Outlook | None, complete_days: int, expected: Verdict) -> None:
    assert judge(spent, seen, complete_days=complete_days) == expected


def test_without_a_band_nothing_is_judged() -> None:
    assert judge("99999", None, band=None) == Verdict("unknown", "No band is set.")


def test_a_band_in_another_currency_judges_nothing() -> None:
    judged = judge("99999", outlook(above=1.0), currency="EUR")
    assert judged.name == "unknown"
    assert "band is in USD" in judged.reason
    assert "in EUR" in judged.reason


ORDER = {"under": 0, "inside": 1, "at risk": 2, "over": 3}
dollars = st.integers(0, 200_000).map(lambda cents: Decimal(cents) / 100)


@given(dollars, dollars, dollars, st.integers(0, 1000), st.integers(0, 1000))
def test_a_wider_band_never_judges_more_harshly(
    low: Decimal, width: Decimal, spent: Decimal, permille: int, more: int
) -> None:
    """Raising the high (and with it lowering the chance of passing it) cannot worsen a verdict."""
    band = Band(low, low + width, "USD")
    above = permille / 1000
    higher = replace(band, high=band.high + more)
    # A higher high is passed with a chance that is no larger.
    first = judge(str(spent), outlook(above=above), band=band)
    second = judge(str(spent), outlook(above=above if more == 0 else above / 2), band=higher)
    assert ORDER[second.name] <= ORDER[first.name]


@given(dollars, dollars, dollars, dollars)
def test_more_spent_in_a_complete_month_is_never_judged_lower(
    low: Decimal, width: Decimal, spent: Decimal, more: Decimal
) -> None:
    band = Band(low, low + width, "USD")
    first = judge(str(spent), None, band=band, complete_days=30)
    second = judge(str(spent + more), None, band=band, complete_days=30)
    assert ORDER[first.name] <= ORDER[second.name]


def test_the_total_band_is_the_sum() -> None:
    bands = [
        Band(Decimal(200), Decimal(400), "USD"),
        STAGING,
        Band(Decimal(1000), Decimal(3000), "USD"),
    ]
    assert total_band(bands) == Band(Decimal(1600), Decimal(4200), "USD")
    assert total_band([]) is None


def test_bands_of_two_currencies_have_no_sum() -> None:
    with pytest.raises(MixedCurrencies, match="USD and EUR have no sum"):
        total_band([STAGING, replace(STAGING, currency="EUR")])


def test_pace_is_the_middle_of_the_band_spent_evenly() -> None:
    assert pace(STAGING, NOVEMBER, 0) == 0
    assert pace(STAGING, NOVEMBER, 15) == 300
    assert pace(STAGING, NOVEMBER, 30) == 600
    assert pace(STAGING, NOVEMBER, 1) == 20


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        (["812.4", "800"], ["$812", "$800"]),
        (["1234567.89"], ["$1,234,568"]),
        (["800.40", "800"], ["$800.40", "$800"]),
        (["800.001", "800"], ["$800.001", "$800"]),
        (["9.5"], ["$9.50"]),
        (["0.004"], ["$0.004"]),
        (["0"], ["$0"]),
        (["-12.5"], ["−$12"]),
    ],
)
def test_figures_differ_where_amounts_do(amounts: list[str], said: list[str]) -> None:
    assert figures("USD", *map(Decimal, amounts)) == said


def test_a_currency_without_a_sign_stands_behind_the_figure() -> None:
    assert figures("CHF", Decimal(1200)) == ["1,200 CHF"]
    assert figures("EUR", Decimal(1200)) == ["€1,200"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0 %"),
        (0.004, "less than 1 %"),
        (0.29, "29 %"),
        (0.4999, "49 %"),
        (0.5, "50 %"),
        (0.995, "more than 99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_chance_is_cut_not_rounded(value: float, said: str) -> None:
    assert chance(value) == said
