"""What the product has, the documentation names: commands, settings, formats, rules, addresses."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pkgutil import iter_modules
from typing import get_args

import pytest
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.urls import URLPattern, URLResolver, get_resolver

import costs.management.commands
from config.env import NAMES
from config.notices import CHANNEL
from costs.alerts.kinds import KINDS, Kind
from costs.bills.allocation import DEFAULT_ENVIRONMENTS, DEFAULT_RULES, Rule
from costs.bills.description import Reader
from costs.bills.operations import LoadedBill
from costs.bills.readers import all_readers
from costs.budgets.bands import VerdictName
from costs.budgets.operations import DEFAULTS
from costs.people.roles import ROLES
from costs.spend.queries import GROUPINGS
from tests.docs.reading import (
    ADDRESSES,
    COMMANDS,
    PAGES,
    PEOPLE,
    ROOT,
    SETTINGS,
    USER_ALERTS,
    USER_BANDS,
    USER_BILLS,
    blocks,
    name_of,
    rows,
    section,
    text_of,
)

DJANGO = frozenset({"migrate", "createsuperuser", "changepassword", "shell"})
"""Django's own commands that the documentation may name."""
EXAMPLES = {
    "<str:name>": "2026-W47",
    "<int:pk>": "1",
    "<int:number>": "1",
    "<str:source>": "aws-111122223333-cur",
    "<str:month>": "2026-06",
    "<slug:rule>": "one-rule",
    "<slug:kind>": "aws-s3",
    "<slug:environment>": "staging",
    "<slug:alert_kind>": "band-share",
    "<slug:mail>": "digest",
}
"""What stands in an address in the place of a parameter."""


def command_names() -> list[tuple[str, str]]:
    """App and name of every management command of ours."""
    names = [("costs", one.name) for one in iter_modules(costs.management.commands.__path__)]
    folder = ROOT / "capacity/management/commands"
    return [*names, *(("capacity", one.name) for one in iter_modules([str(folder)]))]


def own_options(app: str, name: str) -> Iterator[str]:
    """The options of a command, as typed, without those that Django gives to every command."""

    def options(parser: argparse.ArgumentParser) -> set[str]:
        return {text for action in parser._actions for text in action.option_strings}

    command = load_command_class(app, name)
    every = options(BaseCommand().create_parser("manage.py", name))
    yield from sorted(options(command.create_parser("manage.py", name)) - every)


@pytest.mark.parametrize(("app", "name"), command_names())
def test_every_command_and_option_is_described(app: str, name: str) -> None:
    described = section(COMMANDS, name)
    for option in own_options(app, name):
        assert f"`{option}" in described, f"{option} of {name}"
    assert f"manage.py {name}" in text_of(ROOT / "README.md")


def test_no_command_is_invented() -> None:
    known = {name for _, name in command_names()} | DJANGO
    for page in PAGES:
        named = set(re.findall(r"manage\.py ([a-z_]+)", text_of(page)))
        assert named <= known, name_of(page)


def test_no_option_is_invented() -> None:
    for app, name in command_names():
        named = set(re.findall(r"^\| `(--[a-z-]+)", section(COMMANDS, name), re.MULTILINE))
        assert named == set(own_options(app, name)), name


def test_the_example_of_ingest_bill_has_its_keys() -> None:
    example = next(block for block in blocks(COMMANDS) if block.language == "json")
    (bill,) = json.loads(example.text)["bills"]
    assert list(bill) == [field.name for field in fields(LoadedBill)]


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", text_of(page), re.MULTILINE))
        assert named <= targets, name_of(page)


def test_every_setting_has_a_row() -> None:
    assert rows(SETTINGS) - {"variable", "---"} == NAMES


def test_no_setting_is_invented() -> None:
    for page in PAGES:
        named = set(re.findall(r"\bHEADROOM_[A-Z_]+\b", text_of(page)))
        others = ("HEADROOM_TEST_", "HEADROOM_CHROM", CHANNEL)
        named -= {name for name in named if name.startswith(others)}
        assert named - {"HEADROOM_"} <= NAMES, name_of(page)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_of_alert_has_a_row_with_its_defaults(kind: Kind) -> None:
    table = section(USER_ALERTS, "Kinds")
    row = next(line for line in table.splitlines() if line.startswith(f"| `{kind.name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    if kind.unit == "fixed":
        return
    for figure, cell in zip(
        (kind.defaults.note, kind.defaults.warning, kind.defaults.urgent, kind.margin),
        cells[2:],
        strict=True,
    ):
        assert cell.split()[0] == ("–" if figure is None else f"{figure}"), cell


@pytest.mark.parametrize("reader", all_readers(), ids=lambda reader: reader.name)
def test_every_format_is_described(reader: Reader) -> None:
    name = reader.name
    assert name in rows(USER_BILLS)
    assert f"`{name}`" in section(USER_BILLS, "Effective cost per format")


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.name)
def test_every_default_rule_has_a_row(rule: Rule) -> None:
    belongs = section(USER_BILLS, "Where a charge belongs")
    starts = f"| {rule.name} |"
    row = next((line for line in belongs.splitlines() if line.startswith(starts)), "")
    assert f"`{rule.pattern}`" in row
    for key in rule.keys:
        assert f"`{key}`" in row


def test_every_word_of_an_environment_is_there() -> None:
    belongs = section(USER_BILLS, "Where a charge belongs")
    for environment in DEFAULT_ENVIRONMENTS:
        assert f"| `{environment.name}` | {', '.join(environment.words)} |" in belongs


def test_every_default_band_is_there() -> None:
    for name, (low, high) in DEFAULTS.items():
        assert f"| `{name}` | {low:,} | {high:,} |" in section(USER_BANDS, "Default bands")


def test_every_verdict_is_explained() -> None:
    verdicts = set(get_args(VerdictName.__value__))
    assert verdicts <= rows(USER_BANDS)
    assert verdicts <= rows(ROOT / "README.md")


def test_every_role_is_explained() -> None:
    for role, adds in ROLES.items():
        assert f"| {role} | {adds} |" in section(PEOPLE, "Roles")


def test_every_grouping_is_named() -> None:
    for name in GROUPINGS:
        assert f"`{name}`" in section(COMMANDS, "show_costs")


def addresses(
    patterns: list[URLPattern | URLResolver], namespace: str = "", before: str = "/"
) -> Iterator[tuple[str, str]]:
    """Name and address of every URL, with an example for each parameter."""
    for pattern in patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from addresses(pattern.url_patterns, namespace + inner, address)
        else:
            for parameter, example in EXAMPLES.items():
                address = address.replace(parameter, example)
            yield f"{namespace}{pattern.name}", address


def test_every_address_is_listed() -> None:
    listed = text_of(ADDRESSES)
    found = list(addresses(get_resolver().url_patterns))
    assert found
    for name, address in found:
        assert f"| `{name}` | `{address}` |" in listed
    assert rows(ADDRESSES) - {"name", "---"} == {name for name, _ in found}
