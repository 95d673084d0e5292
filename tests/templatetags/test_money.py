from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.templatetags import money


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal("1234.56"), "1,234.56"),
        (Decimal(-12), "−12.00"),
        (Decimal("0.005"), "0.00"),
        (Decimal("-0.001"), "0.00"),
        (Decimal("1234567890.129999999999999999"), "1,234,567,890.13"),
        (None, "–"),
    ],
)
def test_money(amount: Decimal | None, shown: str) -> None:
    assert money.money(amount) == shown


@pytest.mark.parametrize(
    ("amount", "shown"), [(Decimal(3), "+3.00"), (Decimal(-3), "−3.00"), (Decimal("0.001"), "0.00")]
)
def test_signed_money(amount: Decimal, shown: str) -> None:
    assert money.signed_money(amount) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (Decimal(0), "USD", "$0"),
        (Decimal("0.04"), "USD", "$0.04"),
        (Decimal("9.96"), "USD", "$10"),
        (Decimal("399.6"), "EUR", "€400"),
        (Decimal("999.6"), "USD", "$1k"),
        (Decimal(1234), "USD", "$1.2k"),
        (Decimal(4200), "", "4.2k"),
        (Decimal(999_960), "USD", "$1M"),
        (Decimal(-2500), "CHF", "−CHF\N{NO-BREAK SPACE}2.5k"),
        (Decimal(12_345_678_901_234), "USD", "$12,346B"),
        (None, "USD", "–"),
    ],
)
def test_money_short(amount: Decimal | None, currency: str, shown: str) -> None:
    assert money.money_short(amount, currency) == shown


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=4))
def test_a_short_amount_is_short_and_near(amount: Decimal) -> None:
    shown = money.money_short(amount)
    assert len(shown.removeprefix("−")) <= 12
    units = {"k": 10**3, "M": 10**6, "B": 10**9}
    size = Decimal(shown.rstrip("kMB").replace("−", "-").replace(",", ""))
    assert abs(size * units.get(shown[-1], 1) - amount) <= max(abs(amount) / 18, Decimal("0.005"))


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (Decimal("18.24"), "+18.2\N{NO-BREAK SPACE}%"),
        (Decimal(-3), "−3.0\N{NO-BREAK SPACE}%"),
        (Decimal("1234.5"), "+1,234\N{NO-BREAK SPACE}%"),
        (None, "–"),
    ],
)
def test_signed_percent(share: Decimal | None, shown: str) -> None:
    assert money.signed_percent(share) == shown


def test_count() -> None:
    assert money.count(12345) == "12,345"
    assert money.count(None) == "–"
