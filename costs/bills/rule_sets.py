"""A whole set of allocation rules and environments: edited, checked, compared. Pure.

Rules and environments have an id that survives edits and moves, so that two people who look at the
same one can be told about each other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from costs.bills.allocation import (
    FIELDS,
    UNALLOCATED,
    BadRule,
    EnvironmentWords,
    Rule,
    check,
    rule_set_digest,
    tag_key,
)

MOST_RULES: Final = 200
MOST_ENVIRONMENTS: Final = 40
MOST_WORDS: Final = 40
"""Limits that keep one SQL statement readable by DuckDB and a page readable by people (ours)."""
RESERVED: Final = frozenset({"total", UNALLOCATED})
"""What no environment may be called: pages have rows of these names."""
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")

type Way = Literal["up", "down"]


class BadField(BadRule):
    """A rule or environment that cannot work; ``field`` is where to say so."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Gone(LookupError):
    """What was to be changed is not there any more."""


@dataclass(frozen=True)
class PlacedRule:
    """A rule in its place, with who wrote it last."""

    id: str
    rule: Rule
    by: str = ""

    @property
    def seen(self) -> str:
        """Changes whenever the rule does; who edits it says which one they saw."""
        return _digest(asdict(self.rule))


@dataclass(frozen=True)
class NamedEnvironment:
    """An environment with the label that pages show."""

    name: str
    label: str
    words: tuple[str, ...]
    by: str = ""

    @property
    def seen(self) -> str:
        """Changes whenever the environment does."""
        return _digest([self.name, self.label, list(self.words)])


@dataclass(frozen=True)
class Document:
    """Rules in order, and environments in the order in which pages show them."""

    rules: tuple[PlacedRule, ...]
    environments: tuple[NamedEnvironment, ...]

    @property
    def plain_rules(self) -> list[Rule]:
        return [placed.rule for placed in self.rules]

    @property
    def words(self) -> list[EnvironmentWords]:
        return [EnvironmentWords(one.name, one.words) for one in self.environments]

    @property
    def digest(self) -> str:
        """Equal for sets that allocate alike, whatever labels they have."""
        return rule_set_digest(self.plain_rules, self.words)

    def same(self, other: Document) -> bool:
        """Whether both hold the same rules and environments, whoever wrote them."""
        return [(one.id, one.rule) for one in self.rules] == [
            (one.id, one.rule) for one in other.rules
        ] and [one.seen for one in self.environments] == [one.seen for one in other.environments]

    def of_target(self, target: str) -> list[PlacedRule]:
        """The rules that decide on ``environment`` or on ``cost_center``, in order."""
        return [placed for placed in self.rules if placed.rule.target == target]

    def rule(self, id: str) -> PlacedRule:  # noqa: A002 - an id is an id
        """The rule with that id. Raises :class:`Gone`."""
        for placed in self.rules:
            if placed.id == id:
                return placed
        raise Gone("This rule has been removed.")

    def environment(self, name: str) -> NamedEnvironment:
        """The environment of that name. Raises :class:`Gone`."""
        for one in self.environments:
            if one.name == name:
                return one
        raise Gone("This environment has been removed.")


def to_json(document: Document) -> dict[str, Any]:
    """What a database keeps of it."""
    return {
        "rules": [
            {"id": placed.id, "by": placed.by, **asdict(placed.rule)} for placed in document.rules
        ],
        "environments": [asdict(one) for one in document.environments],
    }


def from_json(kept: Mapping[str, Any]) -> Document:
    """The inverse of :func:`to_json`."""
    return Document(
        rules=tuple(
            PlacedRule(
                id=row["id"],
                by=row["by"],
                rule=Rule(
                    name=row["name"],
                    target=row["target"],
                    looks_at=row["looks_at"],
                    pattern=row["pattern"],
                    keys=tuple(row["keys"]),
                    value=row["value"],
                ),
            )
            for row in kept["rules"]
        ),
        environments=tuple(
            NamedEnvironment(
                name=row["name"], label=row["label"], words=tuple(row["words"]), by=row["by"]
            )
            for row in kept["environments"]
        ),
    )


# -- edits: each gives a new, checked document -----------------------------------------------------


def with_rule(document: Document, placed: PlacedRule, *, after: str | None = None) -> Document:
    """``placed`` in the place of the rule with its id, or as a new one.

    A new rule comes last, or first of its target when ``after`` is ``""``, or right behind the rule
    with the id ``after``. Raises :class:`BadField`.
    """
    check_rule(placed.rule, document, id=placed.id)
    rules = list(document.rules)
    known = [nth for nth, one in enumerate(rules) if one.id == placed.id]
    if known:
        rules[known[0]] = placed
    elif after is None:
        rules.append(placed)
    else:
        places = [nth + 1 for nth, one in enumerate(rules) if one.id == after]
        rules.insert(places[0] if places else 0, placed)
    if len(rules) > MOST_RULES:
        raise BadField("name", f"There can be {MOST_RULES} rules; remove one first.")
    return replace(document, rules=tuple(rules))


def without_rule(document: Document, id: str) -> Document:  # noqa: A002
    """All rules but one. Raises :class:`Gone`."""
    gone = document.rule(id)
    return replace(document, rules=tuple(one for one in document.rules if one is not gone))


def moved(document: Document, id: str, way: Way) -> Document:  # noqa: A002
    """The rule before or behind its neighbour of the same target; at the end it stays.

    Rules of the other target do not matter to it and keep their places.
    """
    rule = document.rule(id)
    places = [nth for nth, one in enumerate(document.rules) if one.rule.target == rule.rule.target]
    here = places.index(document.rules.index(rule))
    there = here + (-1 if way == "up" else 1)
    if not 0 <= there < len(places):
        return document
    rules = list(document.rules)
    a, b = places[here], places[there]
    rules[a], rules[b] = rules[b], rules[a]
    return replace(document, rules=tuple(rules))


def with_environment(document: Document, environment: NamedEnvironment) -> Document:
    """``environment`` in the place of the one of its name, or as a new last one.

    Raises :class:`BadField`.
    """
    check_environment(environment, document)
    environments = list(document.environments)
    for nth, one in enumerate(environments):
        if one.name == environment.name:
            environments[nth] = environment
            break
    else:
        environments.append(environment)
    if len(environments) > MOST_ENVIRONMENTS:
        raise BadField("name", f"There can be {MOST_ENVIRONMENTS} environments.")
    return replace(document, environments=tuple(environments))


def without_environment(document: Document, name: str) -> Document:
    """All environments but one. Raises :class:`Gone`; :class:`BadField` where a rule names it."""
    gone = document.environment(name)
    for placed in document.rules:
        rule = placed.rule
        if rule.target == "environment" and rule.value.strip().lower() == name:
            raise BadField(
                "name", f"The rule “{rule.name}” gives this environment; change that rule first."
            )
    kept = tuple(one for one in document.environments if one is not gone)
    return replace(document, environments=kept)


# -- checks ----------------------------------------------------------------------------------------


def check_rule(rule: Rule, document: Document, *, id: str = "") -> None:  # noqa: A002
    """Raise :class:`BadField` when ``rule`` cannot work beside the others in ``document``."""
    pattern = rule.pattern.strip()
    if not rule.name.strip():
        raise BadField("name", "Give the rule a name: charges say which rule placed them.")
    same = rule.name.strip().casefold()
    if any(one.rule.name.strip().casefold() == same and one.id != id for one in document.rules):
        raise BadField("name", "Another rule has this name already.")
    if rule.target not in ("environment", "cost_center"):
        raise BadField("target", "A rule gives an environment or a cost center.")
    if rule.looks_at not in FIELDS:
        raise BadField("looks_at", f"A rule looks at one of: {', '.join(FIELDS)}.")
    try:
        check(rule)
    except BadRule as error:
        field, message = _where(rule, str(error))
        raise BadField(field, message) from None
    if rule.looks_at == "tag" and len(rule.keys) > 20:
        raise BadField("keys", "A rule looks at 20 tags at most.")
    has_hole = "{env}" in pattern or "{value}" in pattern
    if rule.target == "environment":
        if "{value}" in pattern:
            raise BadField(
                "pattern",
                "{value} would make an environment of any text; write {env} for a known one.",
            )
        names = [one.name for one in document.environments]
        if not has_hole and rule.value.strip() not in names:
            raise BadField("value", f"Choose an environment: {', '.join(names)}.")
        if has_hole and not names:
            raise BadField("pattern", "There is no environment that {env} could mean.")
    if has_hole and rule.value.strip():
        raise BadField(
            "value", "The pattern gives the value already; leave this empty, or take the {…} out."
        )


def _where(rule: Rule, message: str) -> tuple[str, str]:
    """The field that a message of :func:`~costs.bills.allocation.check` is about."""
    said = message.partition("”: ")[2] or message
    sentence = said[0].upper() + said[1:] + "."
    if "needs a value" in said:
        return "value", sentence
    if "name of a tag" in said:
        return "keys", sentence
    return "pattern", sentence


def check_environment(environment: NamedEnvironment, document: Document) -> None:
    """Raise :class:`BadField` when ``environment`` cannot stand beside the others."""
    name = environment.name
    if name in RESERVED:
        raise BadField("name", f"No environment can be called {name}: pages have a row of it.")
    if not NAME.fullmatch(name) or len(name) > 60:
        raise BadField(
            "name", "A name has up to 60 small letters, digits, - and _, for example “testing”."
        )
    if not environment.label.strip() or len(environment.label) > 60:
        raise BadField("label", "A label has 1 to 60 characters.")
    if len(environment.words) > MOST_WORDS:
        raise BadField("words", f"An environment has {MOST_WORDS} words at most.")
    taken = {
        word.lower(): other
        for other in document.environments
        if other.name != name
        for word in (other.name, *other.words)
    }
    for word in (name, *environment.words):
        field = "name" if word == name else "words"
        if not word.strip() or len(word) > 60:
            raise BadField(field, "A word has 1 to 60 characters.")
        if word.lower() in RESERVED:
            raise BadField(field, f"“{word}” can mean no environment.")
        if other := taken.get(word.lower()):
            raise BadField(field, f"“{word}” means {other.name} already.")


# -- differences -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One change between two documents, in words, with the fields that differ."""

    what: str
    fields: tuple[tuple[str, str, str], ...] = ()
    """Name, before, after."""


LABELS: Final = {
    "name": "name",
    "target": "gives",
    "looks_at": "looks at",
    "keys": "tags",
    "pattern": "pattern",
    "value": "value",
}
"""What a field of a rule is called on pages."""


def differences(before: Document, after: Document) -> list[Difference]:
    """What it takes to come from ``before`` to ``after``."""
    found: list[Difference] = []
    old = {one.id: one for one in before.rules}
    new = {one.id: one for one in after.rules}
    for id_, placed in new.items():
        if id_ not in old:
            found.append(Difference(f"New rule “{placed.rule.name}”", _fields(None, placed.rule)))
        elif old[id_].rule != placed.rule:
            changed = _fields(old[id_].rule, placed.rule)
            found.append(Difference(f"Changed rule “{old[id_].rule.name}”", changed))
    found += [
        Difference(f"Removed rule “{one.rule.name}”") for id_, one in old.items() if id_ not in new
    ]
    for target in ("environment", "cost_center"):
        was = [one.id for one in before.of_target(target) if one.id in new]
        now = [one.id for one in after.of_target(target) if one.id in old]
        if was != now and set(was) == set(now):
            names = ", ".join(f"“{new[id_].rule.name}”" for id_ in _moved(was, now))
            found.append(Difference(f"Moved {names}"))
    olds = {one.name: one for one in before.environments}
    news = {one.name: one for one in after.environments}
    for name, one in news.items():
        if name not in olds:
            words = ", ".join((name, *one.words))
            found.append(Difference(f"New environment “{one.label}”", (("words", "", words),)))
        elif olds[name].seen != one.seen:
            was_one = olds[name]
            fields = (
                ("label", was_one.label, one.label),
                ("words", ", ".join(was_one.words), ", ".join(one.words)),
            )
            kept = tuple(field for field in fields if field[1] != field[2])
            found.append(Difference(f"Changed environment “{was_one.label}”", kept))
    found += [
        Difference(f"Removed environment “{one.label}”")
        for name, one in olds.items()
        if name not in news
    ]
    return found


def _moved(was: Sequence[str], now: Sequence[str]) -> list[str]:
    """The fewest to name for a new order: one that was carried past others, else all that moved."""
    for id_ in now:
        if [one for one in was if one != id_] == [one for one in now if one != id_]:
            return [id_]
    return [id_ for id_, before in zip(now, was, strict=True) if id_ != before]


def fields_of(rule: Rule) -> dict[str, str]:
    """The fields of a rule as text, by their names in forms."""
    return {
        "name": rule.name,
        "target": "cost center" if rule.target == "cost_center" else rule.target,
        "looks_at": rule.looks_at.replace("_", " ").replace("sub account", "account"),
        "keys": ", ".join(rule.keys),
        "pattern": rule.pattern,
        "value": rule.value,
    }


def _fields(before: Rule | None, after: Rule) -> tuple[tuple[str, str, str], ...]:
    old = fields_of(before) if before else dict.fromkeys(LABELS, "")
    new = fields_of(after)
    return tuple(
        (label, old[name], new[name]) for name, label in LABELS.items() if old[name] != new[name]
    )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def keys_of(text: str) -> tuple[str, ...]:
    """Names of tags as somebody typed them: by commas or lines, each once."""
    keys: dict[str, str] = {}
    for part in re.split(r"[,\n]", text):
        if tag_key(part):
            keys.setdefault(tag_key(part), part.strip())
    return tuple(keys.values())


def words_of(text: str) -> tuple[str, ...]:
    """Words of an environment as somebody typed them: by commas, spaces or lines, each once."""
    return tuple(dict.fromkeys(word.lower() for word in re.split(r"[\s,]+", text) if word))
