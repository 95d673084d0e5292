"""Allocation: ordered rules that say which environment and cost center pays for a resource.

Pure. Rules are compiled into one SQL statement over a version's distinct resources, so that the
decision is made by DuckDB's linear-time matcher: no pattern can run away.

Letter case, and spaces around names and values, never matter. The first rule whose pattern fits
decides. What no rule fits is ``unallocated``; without a cost center it is ``""``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from costs.bills.description import sql_text

UNALLOCATED: Final = "unallocated"

type Target = Literal["environment", "cost_center"]
type Looks = Literal["tag", "resource_group", "sub_account", "service", "resource_id"]

FIELDS: Final[dict[Looks, str]] = {
    "tag": "tag",
    "resource_group": "resource_group",
    "sub_account": "sub_account",
    "service": "service_name",
    "resource_id": "resource_id",
}


@dataclass(frozen=True)
class EnvironmentWords:
    """An environment and the words that mean it, for example ``prd`` for ``production``."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """Look at one field; when the pattern fits, the value is the target.

    ``pattern`` is a glob over the whole field: ``*`` is anything; ``{env}`` stands for any word of
    an environment and ``{value}`` for any text, and is then the value. Without either, ``value``
    is. ``keys`` are the tag names to look at, in order, when ``looks_at`` is ``tag``.
    """

    name: str
    target: Target
    looks_at: Looks
    pattern: str
    keys: tuple[str, ...] = ()
    value: str = ""


class BadRule(ValueError):
    """A rule that cannot work; the message says which and why."""


DEFAULT_ENVIRONMENTS: Final = (
    EnvironmentWords("development", ("development", "develop", "dev")),
    EnvironmentWords("staging", ("staging", "stage", "stg")),
    EnvironmentWords("production", ("production", "prod", "prd")),
)

DEFAULT_RULES: Final = (
    Rule(
        "environment tag",
        "environment",
        "tag",
        "{env}",
        keys=("environment", "env", "stage", "environment name"),
    ),
    Rule(
        "workspace tag",
        "environment",
        "tag",
        "template-{env}",
        keys=("workspace", "terraform workspace", "tf workspace"),
    ),
    Rule("resource group rg-*-{env}", "environment", "resource_group", "rg-*-{env}"),
    Rule("resource group rg-{env}", "environment", "resource_group", "rg-{env}"),
    Rule("resource group template-{env}", "environment", "resource_group", "template-{env}"),
    Rule("account template-{env}", "environment", "sub_account", "template-{env}"),
    Rule(
        "cost center tag",
        "cost_center",
        "tag",
        "{value}",
        keys=("cost-center", "costcenter", "cost_center"),
    ),
)


def rule_set_digest(rules: Sequence[Rule], environments: Sequence[EnvironmentWords]) -> str:
    """16 hex digits that change when any rule, its order or an environment's words change."""
    document = [[asdict(rule) for rule in rules], [asdict(words) for words in environments]]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def tag_key(key: str) -> str:
    """What tag names are compared by: ``Cost-Center``, ``cost_center``, ``CostCenter`` agree."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


def check(rule: Rule) -> None:
    """Raise :class:`BadRule` when ``rule`` can never decide anything, or is ambiguous."""
    pattern = rule.pattern.strip()
    if not pattern or len(pattern) > 200:
        raise BadRule(f"rule “{rule.name}”: a pattern has 1 to 200 characters")
    holes = len(re.findall(r"\{(?:env|value)\}", pattern))
    if holes > 1:
        raise BadRule(f"rule “{rule.name}”: {{env}} or {{value}} may stand once only")
    if "{env}" in pattern and rule.target != "environment":
        raise BadRule(f"rule “{rule.name}”: {{env}} gives an environment, not a cost center")
    if not holes and not rule.value.strip():
        raise BadRule(f"rule “{rule.name}”: without {{env}} or {{value}} it needs a value")
    if rule.looks_at == "tag" and not any(map(tag_key, rule.keys)):
        raise BadRule(f"rule “{rule.name}”: a tag rule needs the name of a tag")


def allocation_sql(
    rules: Sequence[Rule], environments: Sequence[EnvironmentWords], keys: str
) -> str:
    """SELECT allocation_key, environment, environment_rule, cost_center, cost_center_rule.

    ``keys`` is a FROM clause over a version's keys. One row for each of them.
    """
    for rule in rules:
        check(rule)
    wanted = sorted({tag_key(k) for rule in rules for k in rule.keys if tag_key(k)})
    columns = "".join(
        # Of two names that agree (``org`` and `` org``) the one that comes first in the tags.
        f", arg_min(value, nth) FILTER (tag = {sql_text(tag)}) AS {_tag_column(tag)}"
        for tag in wanted
    )
    listed = ", ".join(map(sql_text, wanted)) or "''"
    environment = [rule for rule in rules if rule.target == "environment"]
    cost_center = [rule for rule in rules if rule.target == "cost_center"]
    return f"""
    WITH keys AS (SELECT * FROM {keys}),
    tagged AS (
        SELECT allocation_key, provider_name{columns} FROM (
            SELECT k.allocation_key, k.provider_name,
                regexp_replace(lower(t.key), '[^a-z0-9]', '', 'g') AS tag,
                trim(t.value ->> '$') AS value, t.id AS nth
            FROM keys k, json_each(CASE WHEN json_valid(k.tags) AND starts_with(ltrim(k.tags), '{{')
                                   THEN k.tags ELSE '{{}}' END) t
        ) WHERE tag IN ({listed}) AND value <> ''
        GROUP BY ALL
    ),
    matched AS (
        SELECT k.allocation_key, k.provider_name,
            {_first_match(environment, environments)} AS e,
            {_first_match(cost_center, environments)} AS c
        FROM keys k LEFT JOIN tagged USING (allocation_key, provider_name)
    )
    SELECT allocation_key, provider_name,
        coalesce(e.value, {sql_text(UNALLOCATED)}) AS environment,
        coalesce(e.rule, '') AS environment_rule,
        coalesce(c.value, '') AS cost_center,
        coalesce(c.rule, '') AS cost_center_rule
    FROM matched"""


def _tag_column(tag: str) -> str:
    return f'"tag {tag}"'


def _first_match(rules: Sequence[Rule], environments: Sequence[EnvironmentWords]) -> str:
    """A struct of value and rule name of the first rule that fits, NULL fields when none does."""
    nothing = "{'value': CAST(NULL AS VARCHAR), 'rule': CAST(NULL AS VARCHAR)}"
    cases = []
    for rule in rules:
        for subject in _subjects(rule):
            value = _value(rule, subject, environments)
            cases.append(
                f"WHEN {value} IS NOT NULL THEN {{'value': {value}, 'rule': {sql_text(rule.name)}}}"
            )
    return f"CASE {' '.join(cases)} ELSE {nothing} END" if cases else nothing


def _subjects(rule: Rule) -> list[str]:
    """The SQL expressions that a rule looks at, in order."""
    if rule.looks_at == "tag":
        tags = dict.fromkeys(tag_key(key) for key in rule.keys)
        return [f"tagged.{_tag_column(tag)}" for tag in tags if tag]
    if rule.looks_at == "sub_account":
        return ["k.sub_account_name", "k.sub_account_id"]
    return [f"k.{FIELDS[rule.looks_at]}"]


def _value(rule: Rule, subject: str, environments: Sequence[EnvironmentWords]) -> str:
    """SQL for the value that ``rule`` gives to ``subject``, NULL when the pattern does not fit."""
    pattern = rule.pattern.strip().lower()
    text = f"lower(trim({subject}))"
    words = {word.lower(): e.name for e in environments for word in (e.name, *e.words)}
    if "{env}" in pattern and not words:
        return "CAST(NULL AS VARCHAR)"
    # Longer words first, so that "production" is not read as "prod" and a rest.
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    holes = {"*": ".*", "{env}": f"({alternatives})", "{value}": "(.+)"}
    parts = re.split(r"(\*|\{env\}|\{value\})", pattern)
    regex = sql_text("(?s)" + "".join(holes.get(part) or re.escape(part) for part in parts))
    if "{env}" in pattern:
        cases = " ".join(f"WHEN {sql_text(w)} THEN {sql_text(n)}" for w, n in words.items())
        return f"CASE regexp_extract({text}, '^' || {regex} || '$', 1) {cases} END"
    if "{value}" in pattern:
        return f"nullif(regexp_extract({text}, '^' || {regex} || '$', 1), '')"
    return f"CASE WHEN regexp_full_match({text}, {regex}) THEN {sql_text(rule.value.strip())} END"
