"""Shared costs: whatever the rules, nothing is lost, nothing is made, nothing is moved twice."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.money import exact_sum
from costs.spend.shared_costs import (
    BadRule,
    Portion,
    RuleSpan,
    SetLike,
    SharedRule,
    Shares,
    check,
    direct_of,
    from_json,
    moved,
    share,
    shared,
    spans,
    targets_of,
    to_json,
    with_rule,
    without_rule,
)

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)
ENVIRONMENTS = ("development", "staging", "production")
CENTERS = ("web", "data")
DIMENSIONS = ("day", "environment", "cost_center")


def rule(id_: str = "a", **changed: Any) -> SharedRule:
    values: dict[str, Any] = {
        "name": f"rule {id_}",
        "over": "environment",
        "way": "even",
        "targets": ENVIRONMENTS,
        "category": "Tax",
        **changed,
    }
    return SharedRule(id=id_, **values)


@st.composite
def rules(draw: st.DrawFn) -> SharedRule:
    over = draw(st.sampled_from(["environment", "cost_center"]))
    names = ENVIRONMENTS if over == "environment" else CENTERS
    targets = tuple(draw(st.lists(st.sampled_from(names), min_size=1, unique=True)))
    way = draw(st.sampled_from(["even", "proportional", "fixed"]))
    cuts = sorted(
        draw(st.lists(st.integers(0, 10_000), min_size=len(targets) - 1, max_size=len(targets) - 1))
    )
    ends = [0, *cuts, 10_000]
    percentages = tuple(Decimal(b - a) / 100 for a, b in pairwise(ends))
    made = rule(
        draw(st.sampled_from("abc")),
        over=over,
        way=way,
        targets=targets,
        percentages=percentages if way == "fixed" else (),
    )
    check(made, [])
    return made


amounts = st.decimals(-(10**9), 10**9, places=18)


@st.composite
def estates(draw: st.DrawFn) -> tuple[RuleSpan, list[Portion]]:
    own = draw(st.lists(rules(), max_size=3, unique_by=lambda one: one.id))
    span = RuleSpan(7, JUNE, None, tuple(own))
    keys = ["", *(span.key(one) for one in own)]
    month = st.sampled_from([JUNE, JULY])
    portions = [
        Portion(
            keys=(f"{at:%Y-%m}-{draw(st.integers(1, 28)):02}", environment, center),
            month=at,
            currency=draw(st.sampled_from(["USD", "EUR"])),
            rule=draw(st.sampled_from(keys)),
            cost=draw(amounts),
        )
        for at, environment, center in draw(
            st.lists(
                st.tuples(
                    month,
                    st.sampled_from([*ENVIRONMENTS, "unallocated"]),
                    st.sampled_from([*CENTERS, ""]),
                ),
                max_size=15,
            )
        )
    ]
    return span, portions


def sums(portions: list[Portion], *places: int) -> dict[tuple[str, ...], Decimal]:
    found: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for one in portions:
        key = (one.currency, f"{one.month}", *(one.keys[place] for place in places))
        found[key] = exact_sum([found[key], one.cost])
    return {key: cost for key, cost in found.items() if cost}


@given(estates())
def test_nothing_is_lost_by_day_month_and_currency(
    estate: tuple[RuleSpan, list[Portion]],
) -> None:
    span, portions = estate
    shares = Shares([span], direct_of(portions, DIMENSIONS))
    after = shared(portions, DIMENSIONS, shares)
    assert sums(after) == sums(portions)
    assert sums(after, 0) == sums(portions, 0)
    for one in after:
        assert one.cost.as_tuple().exponent == -18 or one.cost == one.cost.quantize(
            Decimal("1e-18")
        )


@given(estates())
def test_what_no_rule_selects_stays_and_what_one_does_goes_to_its_targets(
    estate: tuple[RuleSpan, list[Portion]],
) -> None:
    span, portions = estate
    shares = Shares([span], direct_of(portions, DIMENSIONS))
    after = shared(portions, DIMENSIONS, shares)
    assert [one for one in after if not one.rule] == [one for one in portions if not one.rule]
    for one in after:
        if one.rule:
            own = shares.rule(one.rule)
            assert one.keys[DIMENSIONS.index(own.over)] in own.targets


@given(estates())
def test_a_rule_changes_only_its_own_dimension(estate: tuple[RuleSpan, list[Portion]]) -> None:
    span, portions = estate
    shares = Shares([span], direct_of(portions, DIMENSIONS))
    only = [one for one in portions if not one.rule or shares.rule(one.rule).over == "environment"]
    assert sums(shared(only, DIMENSIONS, shares), 0, 2) == sums(only, 0, 2)
    # A question that does not ask for environments is not changed at all.
    narrow = [
        Portion((one.keys[0], one.keys[2]), one.month, one.currency, one.rule, one.cost)
        for one in only
    ]
    assert shared(narrow, ("day", "cost_center"), shares) == narrow


@given(amounts, st.lists(st.decimals("0.01", "1e12", places=2), min_size=1, max_size=6))
def test_shares_are_right_to_the_last_decimal(cost: Decimal, weights: list[Decimal]) -> None:
    parts = share(cost, [(str(nth), weight) for nth, weight in enumerate(weights)])
    assert exact_sum(part for _, part in parts) == cost
    whole = sum((Fraction(weight) for weight in weights), Fraction())
    for (_, part), weight in zip(parts, weights, strict=True):
        assert abs(Fraction(part) - Fraction(cost) * Fraction(weight) / whole) < Fraction(1, 10**18)


def portion(environment: str, cost: str, rule_: str = "", currency: str = "USD") -> Portion:
    return Portion(("2026-06-01", environment, "web"), JUNE, currency, rule_, Decimal(cost))


def after(way: SharedRule, *portions: Portion) -> tuple[dict[str, Decimal], Shares]:
    span = RuleSpan(1, JUNE, None, (way,))
    shares = Shares([span], direct_of(portions, DIMENSIONS))
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in shared(portions, DIMENSIONS, shares):
        found[one.keys[1]] += one.cost
    return dict(found), shares


def test_three_ways() -> None:
    portions = [
        portion("production", "300"),
        portion("staging", "100"),
        portion("unallocated", "10", "1:a"),
    ]
    even, _ = after(rule(), *portions)
    assert even == {
        "production": Decimal("303.333333333333333333"),
        "staging": Decimal("103.333333333333333333"),
        "development": Decimal("3.333333333333333334"),
    }
    proportional, shares = after(rule(way="proportional"), *portions)
    assert proportional == {"production": Decimal("307.5"), "staging": Decimal("102.5")}
    assert not shares.fallbacks
    fixed, _ = after(
        rule(
            way="fixed",
            targets=("production", "staging"),
            percentages=(Decimal("66.6"), Decimal("33.4")),
        ),
        *portions,
    )
    assert fixed == {"production": Decimal("306.66"), "staging": Decimal("103.34")}


def test_credits_are_shared_too_and_a_target_below_zero_gets_nothing() -> None:
    found, _ = after(
        rule(way="proportional"),
        portion("production", "300"),
        portion("staging", "-50"),
        portion("unallocated", "-30", "1:a"),
    )
    assert found == {"production": Decimal(270), "staging": Decimal(-50)}


def test_without_a_cost_above_zero_it_is_split_evenly_and_said() -> None:
    found, shares = after(
        rule(way="proportional", targets=("production", "staging")),
        portion("production", "-300"),
        portion("unallocated", "10", "1:a", currency="EUR"),
    )
    assert found == {"production": Decimal(-295), "staging": Decimal(5)}
    (fallback,) = shares.fallbacks.values()
    assert (fallback.rule, fallback.currency) == ("rule a", "EUR")


def test_what_is_shared_is_no_base_for_sharing() -> None:
    found, _ = after(
        rule(way="proportional", targets=("production", "staging")),
        portion("production", "100"),
        portion("staging", "100"),
        portion("production", "500", "1:a"),
    )
    assert found == {"production": Decimal(350), "staging": Decimal(350)}


# -- which rules hold when -------------------------------------------------------------------------


def test_of_the_sets_valid_by_a_month_the_last_made_holds() -> None:
    first, second, third = (rule(id_) for id_ in "abc")
    found = spans(
        [
            SetLike(1, date(2026, 1, 1), (first,)),
            SetLike(2, date(2026, 6, 1), (second,)),
            SetLike(3, date(2026, 3, 1), (third,)),
        ]
    )
    assert [(one.number, one.start, one.end) for one in found] == [
        (1, date(2026, 1, 1), date(2026, 3, 1)),
        (3, date(2026, 3, 1), None),
    ]
    assert spans([SetLike(1, JUNE, (first,)), SetLike(2, JULY, ())]) == (
        RuleSpan(1, JUNE, JULY, (first,)),
    )
    assert spans([]) == ()


def test_rules_survive_a_database() -> None:
    own = (
        rule(),
        rule("b", way="fixed", targets=("x",), percentages=(Decimal("100.00"),), service="aws*"),
    )
    assert from_json(to_json(own)) == own


def test_order_and_edits() -> None:
    a, b, c = (rule(id_) for id_ in "abc")
    assert moved((a, b, c), "b", up=True) == (b, a, c)
    assert moved((a, b, c), "c", up=False) == moved((a, b, c), "x", up=True) == (a, b, c)
    assert without_rule((a, b), "a") == (b,)
    changed = rule("a", name="other")
    assert with_rule((a, b), changed) == (changed, b)
    assert with_rule((a,), b) == (a, b)
    assert a.seen != changed.seen


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "RULE B"}, "name"),
        ({"category": ""}, "service"),
        ({"category": "tax"}, "category"),
        ({"service": "x" * 201}, "service"),
        ({"over": "team"}, "over"),
        ({"way": "random"}, "way"),
        ({"targets": ()}, "targets"),
        ({"targets": ("a", "a")}, "targets"),
        ({"targets": ("unallocated",)}, "targets"),
        ({"way": "fixed"}, "targets"),
        ({"way": "fixed", "targets": ("a",), "percentages": (Decimal(99),)}, "targets"),
        (
            {"way": "fixed", "targets": ("a", "b"), "percentages": (Decimal(120), Decimal(-20))},
            "targets",
        ),
    ],
)
def test_rules_that_cannot_be(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRule) as caught:
        with_rule([rule("b")], rule("a", **changed))
    assert caught.value.field == field


def test_targets_as_people_type_them() -> None:
    assert targets_of("production: 60 %\nstaging 40", "fixed") == (
        ("production", "staging"),
        (Decimal(60), Decimal(40)),
    )
    assert targets_of("web, data team,", "even") == (("web", "data team"), ())
    for text in ("production", "production x", "60"):
        with pytest.raises(BadRule):
            targets_of(text, "fixed")
