"""The ECB's file: months from days, and what is wrong with a file is said by row and column."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.periods import month_of
from costs.spend.currency import Rate
from costs.spend.ecb import BadFile, changes, mean, read

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def weekdays(first: date, last: date) -> list[date]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]


def file(first: date = date(2026, 4, 30), last: date = date(2026, 6, 12), **others: str) -> str:
    """All weekdays, the newest first, as the ECB writes them."""
    lines = ["Date,USD,CAD,RUB,"]
    for day in reversed(weekdays(first, last)):
        usd = others.get(day.isoformat().replace("-", "_"), f"1.{day.day:02}")
        lines.append(f"{day},{usd},1.5,N/A,")
    return "\n".join(lines) + "\n"


def test_a_month_is_the_mean_of_its_days() -> None:
    found = read(file())
    may = {one.currency: one for one in found.rates if one.month.start == MAY}
    days = weekdays(MAY, date(2026, 5, 31))
    expected = sum((Fraction(f"1.{day.day:02}") for day in days), Fraction()) / len(days)
    assert abs(Fraction(may["USD"].value) - expected) < Fraction(1, 10**9)
    assert (may["USD"].days, may["USD"].whole) == (21, True)
    assert may["CAD"].value == Decimal("1.5")
    assert may["USD"].origin == "ECB, mean of 21 days"
    assert found.currencies == ("USD", "CAD", "RUB")
    assert not [one for one in found.rates if one.currency == "RUB"]
    assert found.days.last == date(2026, 6, 12)


def test_the_month_under_way_is_marked_and_one_begun_in_the_middle_left_out() -> None:
    found = read(file())
    assert {one.month.start for one in found.rates} == {MAY, JUNE}
    june = next(one for one in found.rates if one.month.start == JUNE)
    assert not june.whole
    assert june.origin == "ECB, mean of 10 days, so far to 2026-06-12"
    assert found.left_out == (
        "April 2026: the file begins on 2026-04-30, so its mean is not known.",
    )


def test_a_holiday_at_either_end_leaves_a_month_whole() -> None:
    # New Year's Day and Easter Monday are no days of TARGET.
    found = read(file(date(2026, 1, 2), date(2026, 4, 28)))
    assert not found.left_out
    assert all(one.whole for one in found.rates)


def test_a_currency_that_ends_in_a_month_has_no_rate_for_it() -> None:
    text = file().replace(",N/A,", ",80.5,", 1)
    found = read(text)
    assert found.left_out[-1] == "RUB of June 2026: it has a rate on 1 of 10 days only."


def test_the_file_of_the_last_day_is_read_too() -> None:
    found = read("Date, USD, JPY, \n01 December 2026, 1.1, 170.25, \n")
    assert [one.value for one in found.rates] == [Decimal("1.1"), Decimal("170.25")]
    assert not found.rates[0].whole


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "row 1, column 1"),
        ("<html>", "row 1, column 1"),
        ("Date,\n2026-05-01,\n", "row 1"),
        ("Date,USD,us1\n", "row 1, column 3"),
        ("Date,USD,USD\n", "row 1, column 3"),
        ("Date,EUR\n", "row 1, column 2"),
        ("Date,USD\n", "row 2"),
        ("Date,USD\n2026-13-01,1\n", "row 2, column Date"),
        ("Date,USD\n1066-10-14,1\n", "row 2, column Date"),
        ("Date,USD\n2026-05-01,1\n2026-05-01,1\n", "row 3, column Date"),
        ("Date,USD\n2026-05-01,abc\n", "row 2, column USD"),
        ("Date,USD\n2026-05-01,1e5\n", "row 2, column USD"),
        ("Date,USD\n2026-05-01,-1\n", "row 2, column USD"),
        ("Date,USD\n2026-05-01,0\n", "row 2, column USD"),
        ('Date,USD\n2026-05-01,"1,1"\n', "row 2, column USD"),
        ("Date,USD\n2026-05-01,1.1\n2026-05-02,NaN\n", "row 3, column USD"),
        ("Date,USD\n2026-05-01,1.1,7\n", "row 2"),
    ],
)
def test_what_cannot_be_read_is_named_by_row_and_column(text: str, where: str) -> None:
    with pytest.raises(BadFile, match=where):
        read(text)


@given(st.lists(st.decimals(Decimal("0.0001"), Decimal(20000), places=4), min_size=1))
def test_a_mean_lies_between_its_days(values: list[Decimal]) -> None:
    found = mean(values)
    slack = Decimal("1e-9") * max(values)
    assert min(values) - slack <= found <= max(values) + slack


def test_what_a_file_would_change() -> None:
    found = read(file())
    may = {one.currency: one.value for one in found.rates if one.month.start == MAY}
    held = [
        Rate(MAY, "EUR", "USD", may["USD"]),
        Rate(MAY, "EUR", "CAD", Decimal("1.4")),
    ]
    changed, same = changes(found, held, wanted=frozenset({"USD", "CAD"}), since=None)
    assert same == 1
    assert [(one.found.currency, one.found.month, one.is_new) for one in changed] == [
        ("CAD", month_of(MAY), False),
        ("USD", month_of(JUNE), True),
        ("CAD", month_of(JUNE), True),
    ]
    only_june, _ = changes(found, held, wanted=frozenset({"CAD"}), since=JUNE)
    assert [one.found.month.start for one in only_june] == [JUNE]
