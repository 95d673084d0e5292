"""Allocation: which rule places which resource, against a slow and obvious implementation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.bills.allocation import (
    DEFAULT_ENVIRONMENTS,
    DEFAULT_RULES,
    UNALLOCATED,
    BadRule,
    EnvironmentWords,
    Rule,
    allocation_sql,
    check,
    rule_set_digest,
    tag_key,
)

type Key = dict[str, str | None]

COLUMNS = (
    "provider_name",
    "sub_account_id",
    "sub_account_name",
    "resource_group",
    "service_name",
    "resource_id",
    "tags",
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        yield connection


def allocated(
    connection: duckdb.DuckDBPyConnection,
    keys: list[Key],
    rules: tuple[Rule, ...] = DEFAULT_RULES,
    environments: tuple[EnvironmentWords, ...] = DEFAULT_ENVIRONMENTS,
) -> list[tuple[str, str, str, str]]:
    """Environment, its rule, cost center, its rule: for each key in order."""
    listed = ", ".join(f"{column} VARCHAR" for column in COLUMNS)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE k (allocation_key UBIGINT, {listed})")
    rows = [[n, *(key.get(column) for column in COLUMNS)] for n, key in enumerate(keys)]
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    connection.executemany(f"INSERT INTO k VALUES ({marks})", rows)
    sql = allocation_sql(rules, environments, "k")
    return connection.execute(
        f"SELECT environment, environment_rule, cost_center, cost_center_rule FROM ({sql})"
        " ORDER BY allocation_key"
    ).fetchall()


def key(tags: Any = None, **fields: str | None) -> Key:
    text = tags if tags is None or isinstance(tags, str) else json.dumps(tags)
    return {"provider_name": "X", "tags": text, **fields}


def environment(connection: duckdb.DuckDBPyConnection, one: Key) -> str:
    return allocated(connection, [one])[0][0]


@pytest.mark.parametrize(
    ("one", "name", "rule"),
    [
        (key({"environment": "prod"}), "production", "environment tag"),
        (key({"env": "DEV"}), "development", "environment tag"),
        (key({"Stage": "stg"}), "staging", "environment tag"),
        (key({"Environment_Name": " Staging "}), "staging", "environment tag"),
        (key({" env ": "production"}), "production", "environment tag"),
        (key({"ENV": "Prd"}), "production", "environment tag"),
        (key({"env": "develop"}), "development", "environment tag"),
        (key({"env": "prod-2"}), UNALLOCATED, ""),
        (key({"env": "production team"}), UNALLOCATED, ""),
        (key({"env": ""}), UNALLOCATED, ""),
        (key({"workspace": "template-stg"}), "staging", "workspace tag"),
        (key({"tf_workspace": "Template-PROD"}), "production", "workspace tag"),
        (key(resource_group="rg-shop-dev"), "development", "resource group rg-*-{env}"),
        (key(resource_group="RG-Shop-Web-PRD"), "production", "resource group rg-*-{env}"),
        (key(resource_group="rg-prod"), "production", "resource group rg-{env}"),
        (key(resource_group="template-dev"), "development", "resource group template-{env}"),
        (key(resource_group="rg-shop-test"), UNALLOCATED, ""),
        (key(resource_group="xrg-shop-prod"), UNALLOCATED, ""),
        (key(resource_group="rg-shop-prod-old"), UNALLOCATED, ""),
        (key(sub_account_name="template-prod"), "production", "account template-{env}"),
        (key(sub_account_id="template-stage"), "staging", "account template-{env}"),
        (key(), UNALLOCATED, ""),
        # A tag decides before a resource group does.
        (key({"env": "dev"}, resource_group="rg-shop-prod"), "development", "environment tag"),
        # A tag that says nothing we know leaves it to the resource group.
        (
            key({"env": "?"}, resource_group="rg-shop-prod"),
            "production",
            "resource group rg-*-{env}",
        ),
        # Of two tags the one that stands first in the rule.
        (key({"env": "dev", "environment": "prod"}), "production", "environment tag"),
    ],
)
def test_default_rules(database: duckdb.DuckDBPyConnection, one: Key, name: str, rule: str) -> None:
    assert allocated(database, [one])[0][:2] == (name, rule)


@pytest.mark.parametrize(
    "spelling",
    ["cost-center", "costcenter", "cost_center", "CostCenter", "Cost Center", " COST-CENTER "],
)
def test_spellings_of_cost_center(database: duckdb.DuckDBPyConnection, spelling: str) -> None:
    found = allocated(database, [key({spelling: " CC-7 "})])[0]

    assert found[2:] == ("cc-7", "cost center tag")


def test_letter_case_of_cost_centers_does_not_split_them(
    database: duckdb.DuckDBPyConnection,
) -> None:
    found = allocated(database, [key({"costcenter": value}) for value in ("CC-7", "cc-7", "Cc-7 ")])

    assert len({row[2] for row in found}) == 1


@pytest.mark.parametrize(
    "tags",
    [
        "",
        "{",
        "not json",
        "[]",
        '["env", "prod"]',
        "null",
        "7",
        '"env"',
        '{"env": {"prod": "x"}}',
        '{"env": ["prod"]}',
        '{"env": null}',
        '{"env": 7}',
        '{"env": true}',
        '{"env": "prod"',
        '{"env": "prod"} trailing',
    ],
)
def test_odd_tags_place_nothing_and_break_nothing(
    database: duckdb.DuckDBPyConnection, tags: str
) -> None:
    found = allocated(database, [key(tags), key({"env": "dev"})])

    assert [row[0] for row in found] == [UNALLOCATED, "development"]


HOSTILE = [
    "'; DROP TABLE k; --",
    '"',
    "a'b",
    "(((((",
    "[a-",
    "\\",
    "\\1",
    "$",
    "^x$",
    "{env",
    "{{}}",
    "a|b",
    ".+?",
    "(?i)x",
    "%_",
    "\n",
    "x" * 200,
    "(a+)+$",
]


def test_hostile_patterns_are_only_text(database: duckdb.DuckDBPyConnection) -> None:
    for text in HOSTILE:
        if not text.strip():
            continue
        rules = (Rule(text, "cost_center", "resource_id", text, value=text),)
        same, other = allocated(
            database, [key(resource_id=text), key(resource_id="aaaaaaaa!")], rules
        )
        assert same[2:] == (text.strip(), text), text
        assert other[2:] == ("", ""), text


def test_hostile_tag_names_and_words(database: duckdb.DuckDBPyConnection) -> None:
    words = (EnvironmentWords("it's", ("a|b", "c.d", "'; --", "(")),)
    rules = (Rule("r'", "environment", "tag", "x-{env}", keys=("te'am\"",)),)
    found = allocated(
        database,
        [key({"te'am\"": f"x-{text}"}) for text in ("a|b", "a", "c.d", "cxd", "'; --", "(")],
        rules,
        words,
    )

    assert [row[0] for row in found] == ["it's", UNALLOCATED, "it's", UNALLOCATED, "it's", "it's"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule("r", "environment", "tag", ""), "1 to 200"),
        (Rule("r", "environment", "service", "x" * 201, value="a"), "1 to 200"),
        (Rule("r", "environment", "service", "{env}-{env}"), "once"),
        (Rule("r", "environment", "service", "{env}{value}"), "once"),
        (Rule("r", "cost_center", "service", "{env}"), "cost center"),
        (Rule("r", "environment", "service", "web-*"), "needs a value"),
        (Rule("r", "environment", "service", "web-*", value="  "), "needs a value"),
        (Rule("r", "environment", "tag", "{env}"), "name of a tag"),
        (Rule("r", "environment", "tag", "{env}", keys=("--", "")), "name of a tag"),
    ],
)
def test_rules_that_cannot_work(rule: Rule, why: str) -> None:
    with pytest.raises(BadRule, match=why) as error:
        check(rule)
    assert "“r”" in str(error.value)


def test_no_environments_and_no_rules(database: duckdb.DuckDBPyConnection) -> None:
    nothing = (UNALLOCATED, "", "", "")

    assert allocated(database, [key({"env": "prod"})], (), ()) == [nothing]
    assert (
        allocated(database, [key({"env": "prod"}), key({"env": ""})], DEFAULT_RULES, ())
        == [nothing] * 2
    )


def test_digest_changes_with_order_and_words() -> None:
    digest = rule_set_digest(DEFAULT_RULES, DEFAULT_ENVIRONMENTS)

    assert re.fullmatch("[0-9a-f]{16}", digest)
    assert digest == rule_set_digest(list(DEFAULT_RULES), list(DEFAULT_ENVIRONMENTS))
    assert digest != rule_set_digest(DEFAULT_RULES[::-1], DEFAULT_ENVIRONMENTS)
    assert digest != rule_set_digest(DEFAULT_RULES, DEFAULT_ENVIRONMENTS[:2])


# -- the slow and obvious implementation -----------------------------------------------------------


def fits(text: str, pattern: str, words: dict[str, str]) -> str | None:
    """The value that a glob gives; tried at every way to cut the text, letter by letter."""

    def match(rest: str, parts: list[str]) -> list[str | None]:
        if not parts:
            return [None] if rest == "" else []
        part, more = parts[0], parts[1:]
        if part == "*":
            # Greedy, like a matcher: the longest star first.
            return [one for cut in range(len(rest), -1, -1) for one in match(rest[cut:], more)]
        if part == "{value}":
            return [rest[:cut] for cut in range(len(rest), 0, -1) if match(rest[cut:], more)]
        if part == "{env}":
            return [
                words[word]
                for word in sorted(words, key=len, reverse=True)
                if rest.startswith(word) and match(rest[len(word) :], more)
            ]
        return match(rest[len(part) :], more) if rest.startswith(part) else []

    parts = [part for part in re.split(r"(\*|\{env\}|\{value\})", pattern.strip().lower()) if part]
    found = match(text.strip(" ").lower(), parts)
    return (found[0] or "\0") if found else None


def slow(rules: tuple[Rule, ...], environments: tuple[EnvironmentWords, ...], one: Key) -> Any:
    words = {word.lower(): e.name for e in environments for word in (e.name, *e.words)}
    tags: dict[str, str] = {}
    for name, value in json.loads(one["tags"] or "{}").items():
        if value.strip(" "):
            tags.setdefault(tag_key(name), value)
    answer: list[str] = []
    for target, otherwise in (("environment", UNALLOCATED), ("cost_center", "")):
        found = (otherwise, "")
        for rule in rules:
            subjects = {
                "tag": [tags.get(tag_key(name)) for name in rule.keys],
                "sub_account": [one.get("sub_account_name"), one.get("sub_account_id")],
                "resource_group": [one.get("resource_group")],
                "service": [one.get("service_name")],
                "resource_id": [one.get("resource_id")],
            }[rule.looks_at]
            values = [
                fits(text, rule.pattern, words)
                for text in subjects
                if text is not None and rule.target == target
            ]
            value = next((value for value in values if value is not None), None)
            if value is not None:
                holes = "{env}" in rule.pattern or "{value}" in rule.pattern
                found = (value if holes else rule.value.strip(), rule.name)
                break
        answer += found
    return tuple(answer)


names = st.sampled_from(["env", "Env ", "team", "cost-center", "costCenter", "app"])
texts = st.one_of(
    st.sampled_from(
        ["prod", "Dev", " stg ", "rg-a-prod", "rg-prod", "RG-x-y-Dev", "template-dev", "", "prodx"]
    ),
    st.text(alphabet="ab-. *'\"(PrOd", max_size=8),
)
tag_sets = st.dictionaries(names, texts, max_size=3).map(json.dumps)
keys = st.fixed_dictionaries(
    {
        "provider_name": st.just("X"),
        "sub_account_id": texts,
        "sub_account_name": st.one_of(st.none(), texts),
        "resource_group": st.one_of(st.none(), texts),
        "service_name": texts,
        "resource_id": st.one_of(st.none(), texts),
        "tags": st.one_of(st.none(), tag_sets),
    }
)
patterns = st.lists(
    st.sampled_from(["*", "a", "rg-", "-", "prod", ".", "'", "(", "P"]), min_size=1, max_size=4
).map("".join)


@st.composite
def some_rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    rules = []
    for n in range(draw(st.integers(0, 4))):
        target = draw(st.sampled_from(["environment", "cost_center"]))
        hole = draw(st.sampled_from(["", "{value}", *["{env}"] * (target == "environment")]))
        pattern = draw(patterns).strip()
        cut = draw(st.integers(0, len(pattern)))
        if hole:
            pattern = pattern[:cut] + hole + pattern[cut:]
        rules.append(
            Rule(
                f"rule {n}",
                target,  # type: ignore[arg-type]
                draw(
                    st.sampled_from(
                        ["tag", "resource_group", "sub_account", "service", "resource_id"]
                    )
                ),
                pattern,
                keys=tuple(draw(st.lists(names, min_size=1, max_size=2))),
                value=draw(st.sampled_from(["x", " y ", "it's"])),
            )
        )
    return tuple(rules)


@settings(max_examples=80)
@given(rules=some_rules(), found=st.lists(keys, min_size=1, max_size=6))
def test_like_the_slow_implementation(rules: tuple[Rule, ...], found: list[Key]) -> None:
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        quick = allocated(connection, found, rules)

    # "{value}" is the text that is left for it: which of several ways is the matcher's affair.
    ambiguous = {rule.name for rule in rules if "*" in rule.pattern and "{" in rule.pattern}
    for one, result in zip(found, quick, strict=True):
        wanted = slow(rules, DEFAULT_ENVIRONMENTS, one)
        assert result[1::2] == wanted[1::2], one
        for n in (0, 2):
            if result[n + 1] not in ambiguous:
                assert result[n] == wanted[n], one


@settings(max_examples=15)
@given(found=st.lists(keys, min_size=1, max_size=25))
def test_default_rules_like_the_slow_implementation(found: list[Key]) -> None:
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        quick = allocated(connection, found)

    assert quick == [slow(DEFAULT_RULES, DEFAULT_ENVIRONMENTS, one) for one in found]
