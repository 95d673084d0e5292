"""The engine: raised once, escalates, closes with a reason, is raised anew only when true again."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.alerts.alerting import (
    Close,
    Decision,
    Escalate,
    Held,
    Keep,
    Key,
    Measure,
    Raise,
    decide,
    level_of,
)
from costs.alerts.kinds import KINDS, Level, Levels, Rule, RuleBook

SHARE = Key("band-share", "staging", "", "2026-11")
CHANCE = Key("forecast-over", "staging", "", "2026-11")


def measure(value: str | None, key: Key = SHARE, *, waned: bool = False) -> Measure:
    number = None if value is None else Decimal(value)
    return Measure(key, number, "A title", f"{value} now", f"back at {value}", waned=waned)


@dataclass
class Log:
    """What the database does with decisions, in memory."""

    rules: RuleBook = field(default_factory=lambda: RuleBook({}))
    open: dict[Key, Held] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    _next: int = 0

    def evaluate(
        self, *measures: Measure, looked_at: frozenset[str] = frozenset(KINDS)
    ) -> list[str]:
        decisions = decide(list(self.open.values()), measures, self.rules, looked_at=looked_at)
        return [word for one in decisions if (word := self._apply(one))]

    def _apply(self, one: Decision) -> str:
        match one:
            case Raise(found, level, threshold):
                self._next += 1
                self.open[found.key] = Held(self._next, found.key, level, level)
                return f"raised {threshold}"
            case Escalate(held, _, level, threshold):
                self.open[held.key] = Held(held.pk, held.key, level, level)
                return f"escalated {threshold}"
            case Keep(held, _, level, _):
                self.open[held.key] = Held(held.pk, held.key, level, max(level, held.highest))
                return ""
            case Close(held, reason, _):
                del self.open[held.key]
                self.reasons.append(reason)
                return "closed"


def test_the_life_of_a_share() -> None:
    log = Log()
    values = ["49.9", "50", "70", "80", "85", "79", "83", "100", "120"]
    said = [log.evaluate(measure(value)) for value in values]
    assert said == [[], ["raised 50"], [], ["escalated 80"], [], [], [], ["escalated 100"], []]
    # Less loud by a restatement, and loud again: it has been told of already.
    assert log.evaluate(measure("60")) == []
    assert log.evaluate(measure("101")) == []
    assert log.evaluate(measure("30")) == ["closed"]
    assert log.reasons == ["back at 30"]
    # True again: raised anew.
    assert log.evaluate(measure("81")) == ["raised 80"]


def test_a_chance_that_wavers_is_told_once() -> None:
    log = Log()
    chances = ["48", "51", "49", "52", "41", "55", "39", "45", "50"]
    said = [log.evaluate(measure(value, CHANCE)) for value in chances]
    assert said == [[], ["raised 50"], [], [], [], [], ["closed"], [], ["raised 50"]]


def test_the_same_evaluation_twice_says_nothing_new() -> None:
    log = Log()
    found = [measure("90"), measure("85", CHANCE)]
    assert log.evaluate(*found) == ["raised 80", "raised 80"]
    assert log.evaluate(*found) == []


def test_what_is_not_measured_any_more_closes_where_it_was_looked_for() -> None:
    log = Log()
    log.evaluate(measure("90"), measure("60", CHANCE))
    assert log.evaluate(measure("90"), looked_at=frozenset({"band-share"})) == []
    assert log.evaluate(measure("90")) == ["closed"]
    assert log.reasons == [KINDS["forecast-over"].gone]


def test_what_cannot_be_told_changes_nothing() -> None:
    log = Log()
    assert log.evaluate(measure(None)) == []
    log.evaluate(measure("90"))
    assert log.evaluate(measure(None)) == []
    assert SHARE in log.open


def test_a_period_that_is_over_only_closes() -> None:
    log = Log()
    assert log.evaluate(measure("120", waned=True)) == []
    log.evaluate(measure("120"))
    assert log.evaluate(measure("120", waned=True)) == ["closed"]


def test_rules_of_an_environment_come_first() -> None:
    lax = Rule(True, Levels(None, Decimal(95), None))
    off = Rule(False, Levels(None, Decimal(95), None))
    log = Log(RuleBook({("band-share", "staging"): lax, ("band-share", ""): off}))
    production = Key("band-share", "production", "", "2026-11")
    assert log.evaluate(measure("90"), measure("99", production)) == []
    assert log.evaluate(measure("96"), measure("99", production)) == ["raised 95"]


def test_a_rule_switched_off_closes_and_says_so() -> None:
    log = Log()
    log.evaluate(measure("90"))
    log.rules = RuleBook({("band-share", "staging"): Rule(False, Levels())})
    assert log.evaluate(measure("90")) == ["closed"]
    assert log.reasons == ["The rule was switched off."]


def test_of_two_measures_of_one_thing_the_larger_counts() -> None:
    assert Log().evaluate(measure("85"), measure("120"), measure(None)) == ["raised 100"]


@pytest.mark.parametrize(
    "levels", [(-1, None, None), (50, 40, None), (50, None, 50), ("NaN", None, None)]
)
def test_levels_rise(levels: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"higher than|0 or more"):
        Levels(*(None if one is None else Decimal(str(one)) for one in levels))


values = st.one_of(st.none(), st.decimals(0, 150, places=1).map(str))


@given(st.lists(st.dictionaries(st.sampled_from([SHARE, CHANCE]), values), max_size=12))
def test_every_history_keeps_the_promises(history: list[dict[Key, str | None]]) -> None:
    """Never two of a key; each louder level told once while open; twice the same says nothing."""
    log, told = Log(), dict[tuple[int, Key], Decimal]()
    for seen in history:
        found = [measure(value, key) for key, value in seen.items()]
        decisions = decide(list(log.open.values()), found, log.rules, looked_at=KINDS)
        assert decisions == decide(
            list(reversed(log.open.values())), reversed(found), log.rules, looked_at=KINDS
        )
        keys = [one.measure.key if isinstance(one, Raise) else one.held.key for one in decisions]
        assert len(keys) == len(set(keys))
        for one in decisions:
            if isinstance(one, Escalate):
                before = told.get((one.held.pk, one.held.key), Decimal(-1))
                assert one.threshold > before
                told[one.held.pk, one.held.key] = one.threshold
            if isinstance(one, Close):
                assert one.reason
            log._apply(one)
        again = decide(list(log.open.values()), found, log.rules, looked_at=KINDS)
        assert all(isinstance(one, Keep) for one in again)


@given(st.decimals(0, 200, places=2), st.sampled_from([None, *Level]))
def test_a_level_lets_go_only_below_its_margin(value: Decimal, held: Level | None) -> None:
    levels = KINDS["forecast-over"].defaults
    free = level_of(value, levels)
    kept = level_of(value, levels, held=held, margin=Decimal(10))
    assert (kept[0] if kept else 0) >= (free[0] if free else 0)
    if held is None:
        assert kept == free
