"""Shared costs: tax, support and shared services, split over environments or cost centers. Pure.

A view on sums, never a change of facts. Rules have an order, and a charge is shared by **the first
rule that selects it**, by what it is and where allocation has placed it: nothing is moved twice,
and no rule sees what another has moved. A shared charge keeps everything but its environment (or
its cost center), which becomes those of the rule's targets, each with a part of the cost.

Parts are rounded to 1e-18 by largest remainder, so that every sum of a day, a month and a currency
is the same before and after, to the last decimal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, Protocol

from costs.money import EXACT, exact_sum, plain, split

type Over = Literal["environment", "cost_center"]
type Way = Literal["even", "proportional", "fixed"]

OVERS: Final[dict[Over, str]] = {"environment": "environments", "cost_center": "cost centers"}
WAYS: Final[dict[Way, str]] = {
    "even": "evenly",
    "proportional": "in proportion to their own cost of the month",
    "fixed": "by fixed percentages",
}
CATEGORIES: Final = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
"""Charge categories of FOCUS 1.2."""
UNALLOCATED: Final = "unallocated"
NO_COST_CENTER: Final = "none"
"""How a rule names charges without a cost center."""
UNIT: Final = Decimal("1e-18")
HUNDRED: Final = Decimal(100)
MOST_RULES: Final = 50
MOST_TARGETS: Final = 50
LONGEST_PATTERN: Final = 200


class BadRule(ValueError):
    """A rule that cannot work; ``field`` is where to say so."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class SharedRule:
    """What is shared, over what, and how.

    A charge is selected when all that is not empty fits: ``service`` and ``resource`` are globs
    over the whole name (``*`` is anything, letter case does not matter), the others exact.
    ``percentages`` belong to ``targets``, one each, where ``way`` is ``fixed``.
    """

    id: str
    name: str
    over: Over
    way: Way
    targets: tuple[str, ...]
    service: str = ""
    category: str = ""
    resource: str = ""
    environment: str = ""
    cost_center: str = ""
    percentages: tuple[Decimal, ...] = ()

    @property
    def seen(self) -> str:
        """Changes whenever the rule does."""
        text = json.dumps(_rule_json(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def selects(self) -> list[tuple[str, str]]:
        """What must fit: name and value of each condition."""
        conditions = (
            ("category", self.category),
            ("service", self.service),
            ("resource", self.resource),
            ("environment", self.environment),
            ("cost center", self.cost_center),
        )
        return [(name, value) for name, value in conditions if value]

    @property
    def shares(self) -> list[tuple[str, Decimal | None]]:
        """Targets, with their percentage where it is fixed."""
        if self.way == "fixed":
            return list(zip(self.targets, self.percentages, strict=True))
        return [(target, None) for target in self.targets]


@dataclass(frozen=True)
class RuleSpan:
    """Rules in their order, and the days of charges that they hold for."""

    number: int
    start: date
    end: date | None
    """The first day on which they no longer hold; None for open."""
    rules: tuple[SharedRule, ...]

    def key(self, rule: SharedRule) -> str:
        """A name of a rule that no other span has."""
        return f"{self.number}:{rule.id}"


@dataclass(frozen=True)
class SetLike:
    """A set of rules as somebody made it: it holds from a month on, until a later one is made."""

    number: int
    valid_from: date
    rules: tuple[SharedRule, ...]


def spans(sets: Iterable[SetLike]) -> tuple[RuleSpan, ...]:
    """Which rules hold when: for each month the set made last of those valid by then."""
    made = sorted(sets, key=lambda one: one.number)
    starts = sorted({one.valid_from for one in made})
    found: list[RuleSpan] = []
    for nth, start in enumerate(starts):
        held = [one for one in made if one.valid_from <= start][-1]
        end = starts[nth + 1] if nth + 1 < len(starts) else None
        if found and found[-1].number == held.number:
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(RuleSpan(held.number, start, end, held.rules))
    return tuple(span for span in found if span.rules)


# -- sharing ---------------------------------------------------------------------------------------


class Summed(Protocol):
    """A sum by keys (``queries.CostRow``)."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def currency(self) -> str: ...
    @property
    def cost(self) -> Decimal: ...


@dataclass(frozen=True)
class Portion:
    """A sum of a question, and which rule shares it."""

    keys: tuple[str, ...]
    """One value for each dimension of the question."""
    month: date
    currency: str
    rule: str
    """As ``RuleSpan.key`` names it; empty for what no rule selects."""
    cost: Decimal


@dataclass(frozen=True)
class Fallback:
    """A month in which a proportional rule had nothing to go by and split evenly."""

    rule: str
    month: date
    currency: str


type Direct = Mapping[tuple[Over, date, str], Mapping[str, Decimal]]
"""By dimension, month and currency: what each of its values costs without any shared cost."""


class Shares:
    """How each rule splits in each month and currency."""

    def __init__(self, held: Iterable[RuleSpan], direct: Direct) -> None:
        self._rules = {span.key(rule): rule for span in held for rule in span.rules}
        self._direct = direct
        self._weights: dict[tuple[str, date, str], tuple[tuple[str, Decimal], ...]] = {}
        self.fallbacks: dict[tuple[str, date, str], Fallback] = {}
        """Months without a direct cost above zero, by rule, month and currency."""

    def rule(self, key: str) -> SharedRule:
        return self._rules[key]

    def weights(self, key: str, month: date, currency: str) -> tuple[tuple[str, Decimal], ...]:
        """Targets with a weight each; only those above zero, and never none."""
        at = key, month, currency
        if at not in self._weights:
            self._weights[at] = self._found(key, month, currency)
        return self._weights[at]

    def _found(self, key: str, month: date, currency: str) -> tuple[tuple[str, Decimal], ...]:
        rule = self._rules[key]
        if rule.way == "fixed":
            fixed = zip(rule.targets, rule.percentages, strict=True)
            return tuple((target, share) for target, share in fixed if share > 0)
        if rule.way == "proportional":
            own = self._direct.get((rule.over, month, currency), {})
            # A target whose credits outweigh its costs pays nothing; it gets nothing back either.
            found = tuple((name, own[name]) for name in rule.targets if own.get(name, 0) > 0)
            if found:
                return found
            self.fallbacks[key, month, currency] = Fallback(rule.name, month, currency)
        return tuple((target, Decimal(1)) for target in rule.targets)


def share(cost: Decimal, weights: Sequence[tuple[str, Decimal]]) -> list[tuple[str, Decimal]]:
    """``cost`` split by ``weights`` to 1e-18; the parts add up to it exactly."""
    whole = exact_sum(weight for _, weight in weights)
    scaled = [EXACT.multiply(cost, weight) for _, weight in weights]
    # Splitting before dividing: the quotient may have no end, what is split is exact.
    parts = split(EXACT.multiply(cost, whole), scaled, EXACT.multiply(whole, UNIT))
    return [
        (name, EXACT.divide(part, whole)) for (name, _), part in zip(weights, parts, strict=True)
    ]


def shared(portions: Iterable[Portion], dimensions: Sequence[str], shares: Shares) -> list[Portion]:
    """The portions with shared ones in the place of their targets.

    A rule over a dimension that the question does not ask for changes nothing in it.
    """
    result = []
    for one in portions:
        over = shares.rule(one.rule).over if one.rule else ""
        if over not in dimensions:
            result.append(one)
            continue
        place = dimensions.index(over)
        for target, cost in share(one.cost, shares.weights(one.rule, one.month, one.currency)):
            keys = (*one.keys[:place], target, *one.keys[place + 1 :])
            result.append(replace(one, keys=keys, cost=cost))
    return result


def direct_of(rows: Iterable[Portion], dimensions: Sequence[str]) -> Direct:
    """What is not shared, by each dimension a rule can split over."""
    found: dict[tuple[Over, date, str], dict[str, Decimal]] = {}
    for row in rows:
        if row.rule:
            continue
        for over in OVERS:
            sums = found.setdefault((over, row.month, row.currency), {})
            name = row.keys[dimensions.index(over)]
            sums[name] = EXACT.add(sums.get(name, Decimal(0)), row.cost)
    return found


# -- documents -------------------------------------------------------------------------------------


def to_json(rules: Iterable[SharedRule]) -> list[dict[str, Any]]:
    """What a database keeps of them."""
    return [_rule_json(rule) for rule in rules]


def _rule_json(rule: SharedRule) -> dict[str, Any]:
    return {
        **asdict(rule),
        "targets": list(rule.targets),
        "percentages": [plain(one) for one in rule.percentages],
    }


def from_json(kept: Iterable[Mapping[str, Any]]) -> tuple[SharedRule, ...]:
    """The inverse of :func:`to_json`."""
    return tuple(
        SharedRule(
            **{
                **row,
                "targets": tuple(row["targets"]),
                "percentages": tuple(map(Decimal, row["percentages"])),
            }
        )
        for row in kept
    )


def with_rule(rules: Sequence[SharedRule], rule: SharedRule) -> tuple[SharedRule, ...]:
    """``rule`` in the place of the one with its id, or as the last. Raises :class:`BadRule`."""
    check(rule, rules)
    if any(one.id == rule.id for one in rules):
        return tuple(rule if one.id == rule.id else one for one in rules)
    if len(rules) >= MOST_RULES:
        raise BadRule("name", f"There can be {MOST_RULES} rules; remove one first.")
    return (*rules, rule)


def without_rule(rules: Sequence[SharedRule], id: str) -> tuple[SharedRule, ...]:  # noqa: A002
    """All rules but one."""
    return tuple(rule for rule in rules if rule.id != id)


def moved(rules: Sequence[SharedRule], id: str, up: bool) -> tuple[SharedRule, ...]:  # noqa: A002
    """The rule before or behind its neighbour; at an end it stays."""
    ordered = list(rules)
    here = next((nth for nth, rule in enumerate(ordered) if rule.id == id), None)
    there = None if here is None else here + (-1 if up else 1)
    if here is None or there is None or not 0 <= there < len(ordered):
        return tuple(rules)
    ordered[here], ordered[there] = ordered[there], ordered[here]
    return tuple(ordered)


def check(rule: SharedRule, others: Sequence[SharedRule]) -> None:
    """Raise :class:`BadRule` when ``rule`` cannot work beside ``others``."""
    name = rule.name.strip()
    if not name or len(name) > 120:
        raise BadRule("name", "Give the rule a name of up to 120 characters.")
    if any(one.name.casefold() == name.casefold() and one.id != rule.id for one in others):
        raise BadRule("name", "Another rule has this name already.")
    if not rule.selects:
        raise BadRule("service", "Say what is shared: at least one of these has to be given.")
    for field in ("service", "resource"):
        if len(getattr(rule, field)) > LONGEST_PATTERN:
            raise BadRule(field, f"A pattern has up to {LONGEST_PATTERN} characters.")
    if rule.category and rule.category not in CATEGORIES:
        raise BadRule("category", f"A category is one of {', '.join(CATEGORIES)}.")
    if rule.over not in OVERS:
        raise BadRule("over", "A rule splits over environments or cost centers.")
    if rule.way not in WAYS:
        raise BadRule("way", f"A rule splits {', '.join(WAYS.values())}.")
    if not rule.targets or len(rule.targets) > MOST_TARGETS:
        raise BadRule("targets", f"Choose 1 to {MOST_TARGETS} targets.")
    if len(set(rule.targets)) != len(rule.targets):
        raise BadRule("targets", "A target stands there twice.")
    if rule.over == "environment" and UNALLOCATED in rule.targets:
        raise BadRule("targets", "Nothing can be shared with what has no environment.")
    if rule.way == "fixed":
        _check_percentages(rule)


def _check_percentages(rule: SharedRule) -> None:
    if len(rule.percentages) != len(rule.targets):
        raise BadRule("targets", "Give every target a percentage, like production 60.")
    for one in rule.percentages:
        if not one.is_finite() or one < 0 or one > HUNDRED:
            raise BadRule("targets", "A percentage is a number from 0 to 100.")
        if int(one.as_tuple().exponent) < -6:
            raise BadRule("targets", "A percentage has at most 6 decimals.")
    whole = exact_sum(rule.percentages)
    if whole != HUNDRED:
        raise BadRule("targets", f"The percentages add up to {plain(whole)}, not to 100.")


def targets_of(text: str, way: Way) -> tuple[tuple[str, ...], tuple[Decimal, ...]]:
    """Targets as somebody typed them, one a line or by commas: ``production 60``.

    Raises :class:`BadRule`.
    """
    names, percentages = [], []
    for part in text.replace(",", "\n").splitlines():
        words = part.strip().removesuffix("%").strip()
        if not words:
            continue
        if way != "fixed":
            names.append(words)
            continue
        name, _, number = words.rpartition(" ")
        try:
            percentages.append(Decimal(number.strip()))
        except InvalidOperation:
            raise BadRule(
                "targets", f"“{words[:60]}” has no percentage; write it like production 60."
            ) from None
        names.append(name.strip().rstrip(":=").strip())
    if any(not name or len(name) > 100 for name in names):
        raise BadRule("targets", "A target has a name of 1 to 100 characters.")
    return tuple(names), tuple(percentages)
