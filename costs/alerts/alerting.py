"""When an alert is raised, escalates and closes. Pure and deterministic.

An evaluation measures: each :class:`Measure` is the value of one kind for one environment, subject
and period. The rules turn a value into a level, and :func:`decide` compares it with the alerts that
are open. An alert is raised once, escalates, and closes with the reason when what it says is no
longer true; after that it can be raised anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from costs.alerts.kinds import KINDS, Level, Levels, RuleBook


@dataclass(frozen=True, order=True)
class Key:
    """What an alert is about; no two open alerts share one."""

    kind: str
    environment: str
    """A name, ``unallocated``, or ``total`` for what is about everything."""
    subject: str
    """The source, service or resource; empty where the environment says it all."""
    period: str
    """``2026-11``, ``2026-11-16`` or empty: the month or day it is about."""


@dataclass(frozen=True)
class Measure:
    """What an evaluation found for one key."""

    key: Key
    value: Decimal | None
    """In the unit of its kind; None where it cannot be told (too few days): nothing changes."""
    title: str
    """One line, without a full stop: ``Staging has spent 83 % of November's high``."""
    message: str
    """What happened, with figures."""
    closing: str
    """The reason to give when no level holds any more."""
    why: tuple[str, ...] = ()
    look_at: tuple[str, ...] = ()
    link: str = "/"
    """Path of the page that shows it."""
    action: str = ""
    """What is asked for: page, investigate, scale, urgent, roll back; empty where people decide."""
    currency: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """JSON: the figures behind it, and what a picture needs."""
    waned: bool = False
    """It was raised for a period that is over: it may close, and is not raised any more."""


@dataclass(frozen=True)
class Held:
    """An open alert, as the log has it."""

    pk: int
    key: Key
    level: Level
    highest: Level
    """The loudest that it has been since it was raised."""


@dataclass(frozen=True)
class Raise:
    """Nothing was open, and a level holds."""

    measure: Measure
    level: Level
    threshold: Decimal


@dataclass(frozen=True)
class Escalate:
    """It is louder than it has ever been since it was raised."""

    held: Held
    measure: Measure
    level: Level
    threshold: Decimal


@dataclass(frozen=True)
class Keep:
    """Still open, perhaps less loud; its figures are brought up to date and nobody is told."""

    held: Held
    measure: Measure | None
    level: Level
    threshold: Decimal | None


@dataclass(frozen=True)
class Close:
    """No longer true."""

    held: Held
    reason: str
    measure: Measure | None = None


type Decision = Raise | Escalate | Keep | Close


def level_of(
    value: Decimal, levels: Levels, *, held: Level | None = None, margin: Decimal = Decimal(0)
) -> tuple[Level, Decimal] | None:
    """The highest level that ``value`` reaches, and its figure; None below all of them.

    A level that an alert has already reached lets go only ``margin`` below its figure.
    """
    found = None
    for level, figure in levels.rising:
        lets_go = figure - margin if held is not None and level <= held else figure
        if value >= lets_go:
            found = (level, figure)
    return found


def decide(
    held: Sequence[Held],
    measures: Iterable[Measure],
    rules: RuleBook,
    *,
    looked_at: Collection[str],
) -> list[Decision]:
    """What becomes of every open alert, and which new ones there are, in the order of their keys.

    ``looked_at`` names the kinds of which ``measures`` hold all that there is: an open alert of
    such a kind without a measure closes; one of another kind stays as it is. Of two measures of one
    key the larger value counts.
    """
    measured = _largest(measures)
    open_ones = {one.key: one for one in held}
    decisions: list[Decision] = []
    for key in sorted({*measured, *open_ones}):
        found = _decide(open_ones.get(key), measured.get(key), rules, key.kind in looked_at)
        if found is not None:
            decisions.append(found)
    return decisions


def _largest(measures: Iterable[Measure]) -> dict[Key, Measure]:
    kept: dict[Key, Measure] = {}
    for measure in measures:
        other = kept.get(measure.key)
        if other is None or _rank(measure) > _rank(other):
            kept[measure.key] = measure
    return kept


def _rank(measure: Measure) -> tuple[Decimal, str]:
    return (Decimal(-1) if measure.value is None else measure.value, measure.message)


def _decide(
    held: Held | None, measure: Measure | None, rules: RuleBook, looked_at: bool
) -> Decision | None:
    key = held.key if held else measure.key if measure else None
    if key is None:
        return None
    kind, rule = KINDS[key.kind], rules.rule(key.kind, key.environment)
    if not rule.on or not rule.levels.rising:
        return Close(held, "The rule was switched off.", measure) if held else None
    if measure is None:
        if held is None:
            return None
        return Close(held, kind.gone) if looked_at else Keep(held, None, held.level, None)
    if measure.value is None:
        return Keep(held, None, held.level, None) if held else None
    reached = level_of(
        measure.value, rule.levels, held=held.level if held else None, margin=kind.margin
    )
    if held is None:
        return Raise(measure, *reached) if reached and not measure.waned else None
    if measure.waned or reached is None:
        return Close(held, measure.closing, measure)
    if reached[0] > held.highest:
        return Escalate(held, measure, *reached)
    return Keep(held, measure, *reached)
