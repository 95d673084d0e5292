"""The documentation as its tests read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
"""Every page of the documentation."""

USER_BILLS = ROOT / "docs/user/bills.md"
USER_ALERTS = ROOT / "docs/user/alerts.md"
USER_BANDS = ROOT / "docs/user/bands.md"
ADDRESSES = ROOT / "docs/user/addresses.md"
SETTINGS = ROOT / "docs/operator/settings.md"
COMMANDS = ROOT / "docs/operator/commands.md"
PEOPLE = ROOT / "docs/operator/people.md"


@dataclass(frozen=True)
class Block:
    """A fenced block of code: its language (``""`` without one), text and page."""

    page: Path
    language: str
    text: str
    number: int
    """Of the blocks of its page, 1 the first."""

    @property
    def name(self) -> str:
        """``docs/user/bands.md 2``: how a failing test names a block."""
        return f"{name_of(self.page)} {self.number}"


def name_of(page: Path) -> str:
    """``docs/user/bills.md``: how a failing test names a page."""
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)
    for number, one in enumerate(found, 1):
        yield Block(page, one[1], one[2], number)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def section(page: Path, heading: str) -> str:
    """The text below ``## heading``, up to the next heading of that level."""
    for part in re.split(r"^## ", text_of(page), flags=re.MULTILINE)[1:]:
        first, _, rest = part.partition("\n")
        if first.strip() == heading:
            return rest
    raise LookupError(f"{name_of(page)} has no section “{heading}”")


def anchors(page: Path) -> set[str]:
    """What ``page.md#…`` may name: its headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page: Path) -> set[str]:
    """The first cell of every row of every table, without backticks."""
    found = re.findall(r"^\s*\| ([^|]+?) \|", text_of(page), re.MULTILINE)
    return {cell.replace("`", "").strip() for cell in found}
