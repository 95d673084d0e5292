"""Exact sums, and parts that add up."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costs.money import (
    CENT,
    EXACT,
    MixedCurrencies,
    cents,
    exact_sum,
    only,
    plain,
    split,
    total,
)

# What DECIMAL(38,18) can hold, signs included.
amounts = st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1).map(
    lambda units: EXACT.scaleb(Decimal(units), -18)
)
small = st.integers(-(10**24), 10**24).map(lambda units: EXACT.scaleb(Decimal(units), -18))
parts_of_a_bill = st.lists(st.one_of(amounts, small), max_size=12)


@given(parts_of_a_bill, st.sampled_from([CENT, Decimal(1), Decimal("1e-18"), Decimal("0.05")]))
@example([Decimal("99999999999.123456789012345678"), Decimal("1e-18")], CENT)
def test_split_parts_add_up_to_the_rounded_whole(parts: list[Decimal], unit: Decimal) -> None:
    whole = exact_sum(parts)
    shown = split(whole, parts, unit)
    if not parts:
        assert shown == []
        return
    units = EXACT.divide(whole, unit).to_integral_value(rounding="ROUND_HALF_EVEN")
    assert exact_sum(shown) == EXACT.multiply(units, unit)


@given(parts_of_a_bill)
def test_split_moves_no_part_by_a_cent_or_more(parts: list[Decimal]) -> None:
    shown = split(exact_sum(parts), parts)
    for exact, part in zip(parts, shown, strict=True):
        assert abs(EXACT.subtract(exact, part)) <= CENT
        assert part == cents(part)


@given(parts_of_a_bill)
def test_split_leaves_whole_cents_alone(parts: list[Decimal]) -> None:
    rounded = [cents(part) for part in parts]
    assert split(exact_sum(rounded), rounded) == rounded


def test_split_gives_the_cent_to_the_part_that_lost_most() -> None:
    third = Decimal("0.333333333333333333")
    rest = Decimal("0.333333333333333334")
    assert split(Decimal(1), [third, rest, third]) == [
        Decimal("0.33"),
        Decimal("0.34"),
        Decimal("0.33"),
    ]


def test_split_refuses_parts_of_something_else() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        split(Decimal(3), [Decimal(1), Decimal(1)])
    with pytest.raises(ValueError, match="do not add up"):
        split(Decimal(3), [])


@given(st.permutations([Decimal("1e20"), Decimal("-1e20"), Decimal("1e-18"), Decimal("0.1")]))
def test_a_sum_is_exact_in_any_order(parts: list[Decimal]) -> None:
    assert exact_sum(parts) == Decimal("0.100000000000000001")


@given(st.lists(st.tuples(st.sampled_from(["USD", "EUR", "JPY"]), amounts)))
def test_totals_never_cross_currencies(pairs: list[tuple[str, Decimal]]) -> None:
    sums = total(pairs)
    assert set(sums) == {currency for currency, _ in pairs}
    for currency, amount in sums.items():
        assert amount == exact_sum(one for code, one in pairs if code == currency)


def test_only_refuses_a_second_currency() -> None:
    assert only({"USD": Decimal(3)}, "USD") == 3
    assert only({}, "USD") == 0
    with pytest.raises(MixedCurrencies, match="expected only USD, found EUR, JPY"):
        only({"USD": Decimal(3), "JPY": Decimal(1), "EUR": Decimal(1)}, "USD")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("4E-8", "0.00000004"),
        ("12.300", "12.3"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("-0.00", "0"),
        ("-1.50", "-1.5"),
        ("8.545007786741936", "8.545007786741936"),
    ],
)
def test_plain_writes_digits_only(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text


@given(amounts)
def test_plain_keeps_every_digit(amount: Decimal) -> None:
    assert Decimal(plain(amount)) == amount
    assert "E" not in plain(amount)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0.125", "0.12"), ("0.135", "0.14"), ("-0.125", "-0.12"), ("0.1251", "0.13")],
)
def test_cents_rounds_half_to_even(amount: str, rounded: str) -> None:
    assert cents(Decimal(amount)) == Decimal(rounded)
