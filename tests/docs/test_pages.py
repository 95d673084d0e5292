"""The pages themselves: links resolve, examples run, nothing is of one machine only."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docs.reading import PAGES, ROOT, Block, anchors, blocks, name_of, prose, text_of

WIDEST = 100
RUNS = ("docs/user/bills.md", "docs/user/bands.md", "docs/operator/people.md")
"""Pages whose Python is to be typed into ``manage.py shell``."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        assert "://" not in target, f"{target}: the docs stand by themselves"
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = re.findall(r"\]\(([^)#\s]+)", prose(page))
        waiting += [(page.parent / target).resolve() for target in targets]
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_path_of_one_machine_and_no_registry(page: Path) -> None:
    text = text_of(page).lower()
    assert not re.search(r"(?<![\w.~$}-])/(?:work|root|tmp|home|mnt|users)\b", text)
    assert not re.search(r"pypi|pythonhosted|npmjs|crates\.io|conda\.|anaconda|ghcr\.io", text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_are_wrapped(page: Path) -> None:
    for line in prose(page).splitlines():
        assert line.lstrip().startswith("|") or len(line) <= WIDEST, line


@pytest.mark.parametrize("page", sorted((ROOT / "docs/adr").glob("0*.md")), ids=name_of)
def test_a_decision_record_is_short_and_listed(page: Path) -> None:
    text = text_of(page)
    assert text.startswith(f"# {page.name[:4]} ")
    assert len(text.splitlines()) < 40
    for part in ("**Context.**", "**Decision.**", "**Consequence.**"):
        assert part in text
    assert page.name in text_of(ROOT / "docs/adr/README.md")


@pytest.mark.parametrize(
    "block",
    [block for page in PAGES for block in blocks(page) if block.language == "json"],
    ids=lambda block: block.name,
)
def test_json_examples_are_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "block",
    [block for name in RUNS for block in blocks(ROOT / name) if block.language == "python"],
    ids=lambda block: block.name,
)
def test_python_examples_run(block: Block) -> None:
    exec(compile(block.text, block.name, "exec"), {})
