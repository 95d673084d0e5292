"""Converted sums: exact, the same however they are grouped, and nothing counts as 1."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.money import exact_sum
from costs.spend.currency import (
    Amount,
    Rate,
    Rates,
    check_rate,
    convert,
    converted,
    said,
    weights,
)

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
UNIT = Fraction(1, 10**18)
CODES = ("EUR", "USD", "CAD", "JPY")

values = st.decimals(Decimal("0.000001"), Decimal(9999), places=6)
amounts = st.decimals(-(10**9), 10**9, places=18)
rates = st.lists(
    st.builds(
        Rate,
        month=st.sampled_from([MAY, JUNE]),
        base=st.sampled_from(CODES),
        quote=st.sampled_from(CODES),
        value=values,
    ).filter(lambda rate: rate.base != rate.quote),
    max_size=8,
).map(Rates)
sums = st.lists(
    st.builds(
        Amount,
        currency=st.sampled_from(CODES),
        month=st.sampled_from([MAY, JUNE]),
        amount=amounts,
    ),
    max_size=12,
)


def exact(of: Rates, one: Amount, target: str) -> Fraction | None:
    factor = of.factor(one.currency, target, one.month)
    if factor is None:
        return None
    return Fraction(one.amount) * Fraction(factor.numerator) / Fraction(factor.denominator)


@given(rates, sums, st.sampled_from(CODES))
def test_every_part_is_right_and_all_add_up(of: Rates, parts: list[Amount], target: str) -> None:
    result = convert(parts, target, of)
    wholes: dict[tuple[str, date], Fraction] = defaultdict(Fraction)
    for part, amount in zip(parts, result.amounts, strict=True):
        expected = exact(of, part, target)
        if expected is None:
            assert amount is None
            continue
        assert amount is not None
        assert abs(Fraction(amount) - expected) < UNIT
        wholes[part.currency, part.month] += Fraction(amount)
    for (currency, month), whole in wholes.items():
        own = exact_sum(
            part.amount for part in parts if (part.currency, part.month) == (currency, month)
        )
        expected = exact(of, Amount(currency, month, own), target)
        assert expected is not None
        # One rounding for all parts together, not one for each.
        assert abs(whole - expected) <= UNIT / 2


@given(rates, sums, st.sampled_from(CODES), st.randoms())
def test_the_total_is_the_same_however_it_is_grouped(
    of: Rates, parts: list[Amount], target: str, random: object
) -> None:
    grouped: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for part in parts:
        grouped[part.currency, part.month] = exact_sum(
            [grouped[part.currency, part.month], part.amount]
        )
    whole = [Amount(*key, amount) for key, amount in grouped.items()]
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert (
        convert(parts, target, of).total
        == convert(shuffled, target, of).total
        == convert(whole, target, of).total
    )


@given(rates, sums, st.sampled_from(CODES))
def test_what_has_no_rate_is_named_and_counts_nowhere(
    of: Rates, parts: list[Amount], target: str
) -> None:
    result = convert(parts, target, of)
    missing = {
        (part.currency, part.month)
        for part in parts
        if of.factor(part.currency, target, part.month) is None
    }
    assert {(one.currency, one.month) for one in result.unconverted} == missing
    for one in result.unconverted:
        assert one.amount == exact_sum(
            part.amount
            for part in parts
            if (part.currency, part.month) == (one.currency, one.month)
        )
    known = [part for part in parts if (part.currency, part.month) not in missing]
    assert convert(known, target, of).total == result.total
    assert target not in result.converted_from


@given(rates, amounts, st.sampled_from(CODES), st.sampled_from(CODES))
def test_one_amount_alone_is_what_its_sum_would_be(
    of: Rates, amount: Decimal, source: str, target: str
) -> None:
    factor = of.factor(source, target, MAY)
    if factor:
        assert convert([Amount(source, MAY, amount)], target, of).amounts == (
            converted(amount, factor),
        )


@given(sums)
def test_nothing_is_converted_into_its_own_currency(parts: list[Amount]) -> None:
    own = [Amount("CAD", part.month, part.amount) for part in parts]
    result = convert(own, "CAD", Rates([Rate(MAY, "CAD", "EUR", Decimal("0.7"))]))
    assert list(result.amounts) == [part.amount for part in own]
    assert (result.converted_from, result.unconverted) == ((), ())


@given(rates, st.sampled_from(CODES), st.sampled_from(CODES), st.sampled_from([MAY, JUNE]))
def test_there_and_back_is_one(of: Rates, source: str, target: str, month: date) -> None:
    there, back = of.factor(source, target, month), of.factor(target, source, month)
    assert (there is None) == (back is None)
    if there and back:
        assert Fraction(there.numerator) * Fraction(back.numerator) == Fraction(
            there.denominator
        ) * Fraction(back.denominator)


def test_a_cross_rate_goes_through_the_euro_exactly() -> None:
    of = Rates([Rate(MAY, "EUR", "USD", Decimal("1.1")), Rate(MAY, "EUR", "JPY", Decimal(170))])
    factor = of.factor("USD", "JPY", MAY)
    assert factor is not None
    assert factor.way == ("USD", "EUR", "JPY")
    assert Fraction(factor.numerator) / Fraction(factor.denominator) == Fraction(1700, 11)
    assert converted(Decimal(11), factor) == Decimal(1700)
    assert factor.value == Decimal("154.545454545455")
    assert of.factor("USD", "JPY", JUNE) is None


def test_a_pair_of_its_own_outranks_the_way_through_the_euro() -> None:
    of = Rates(
        [
            Rate(MAY, "EUR", "USD", Decimal(2)),
            Rate(MAY, "EUR", "CAD", Decimal(3)),
            Rate(MAY, "CAD", "USD", Decimal("0.8")),
        ]
    )
    assert convert([Amount("USD", MAY, Decimal(8))], "CAD", of).total == Decimal(10)


def test_one_rate_a_pair_the_later_one_whichever_way_round() -> None:
    of = Rates([Rate(MAY, "EUR", "USD", Decimal(2)), Rate(MAY, "USD", "EUR", Decimal("0.25"))])
    assert convert([Amount("USD", MAY, Decimal(8))], "EUR", of).total == Decimal(2)
    assert convert([Amount("EUR", MAY, Decimal(2))], "USD", of).total == Decimal(8)


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("120", "CAD 120.00 of May 2026 has no rate"),
        ("1234.565", "CAD 1,234.56 of May 2026 has no rate"),
        ("-3", "CAD −3.00 of May 2026 has no rate"),
        ("0.0004", "CAD 0.0004 of May 2026 has no rate"),
    ],
)
def test_what_is_missing_is_said_by_name(amount: str, sentence: str) -> None:
    assert said(Amount("CAD", MAY, Decimal(amount))) == sentence


def test_weights_are_for_ranking() -> None:
    of = Rates([Rate(MAY, "EUR", "USD", Decimal(2))])
    pairs = [("USD", MAY), ("EUR", MAY), ("USD", JUNE)]
    assert list(weights(pairs, "EUR", of).values()) == [0.5, 1.0, 0.0]


@pytest.mark.parametrize(
    ("changed", "said_"),
    [
        ({"base": "us1"}, "currency code"),
        ({"quote": "EUR"}, "always 1"),
        ({"month": date(2026, 5, 2)}, "first day"),
        ({"value": Decimal(0)}, "above 0"),
        ({"value": Decimal("NaN")}, "above 0"),
        ({"value": Decimal(-1)}, "above 0"),
        ({"value": Decimal("1e9")}, "above 0"),
        ({"value": Decimal("1.0000000000000001")}, "digits"),
    ],
)
def test_rates_that_cannot_be(changed: dict[str, object], said_: str) -> None:
    rate = {"month": MAY, "base": "EUR", "quote": "USD", "value": Decimal("1.1"), **changed}
    with pytest.raises(ValueError, match=said_):
        check_rate(Rate(**rate))  # type: ignore[arg-type]
