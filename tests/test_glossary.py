"""The glossary: every term once, every word that a page explains is in it, and in the docs."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.template import Context, Template

from costs import glossary
from costs.glossary import TERMS, Term
from tests.docs.reading import ROOT, text_of

TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))
USED = {
    name
    for path in TEMPLATES
    for name in re.findall(r'{% term "([^"]+)"', path.read_text(encoding="utf-8"))
}
DOCS = text_of(ROOT / "docs/user/glossary.md").lower()


def test_pages_explain_words() -> None:
    assert {"effective cost", "band", "verdict", "held"} <= USED


@pytest.mark.parametrize("name", sorted(USED))
def test_every_explained_word_is_a_term(name: str) -> None:
    assert glossary.term(name).meaning


def test_an_unknown_word_is_an_error() -> None:
    with pytest.raises(LookupError, match="glossary"):
        glossary.term("unblended cost")


@pytest.mark.parametrize("one", TERMS, ids=lambda one: one.slug)
def test_a_meaning_is_one_or_two_sentences(one: Term) -> None:
    assert one.meaning.endswith(".")
    assert 1 <= len(re.findall(r"[.:](?:\s|$)", one.meaning)) <= 4
    assert len(one.meaning) < 220
    assert not one.meaning.lower().startswith(f"{one.name} is")


def test_no_term_twice() -> None:
    assert len({one.name for one in TERMS}) == len({one.slug for one in TERMS}) == len(TERMS)


@pytest.mark.parametrize("one", TERMS, ids=lambda one: one.slug)
def test_the_guide_has_it_too(one: Term) -> None:
    assert one.name in DOCS


def test_terms_of_one_page_have_ids_of_their_own() -> None:
    shown = Template(
        '{% load terms %}{% term "band" %}{% term "band" "Bands" %}{% term "verdict" %}'
    ).render(Context({"request": SimpleNamespace()}))
    ids = re.findall(r' id="([^"]+)"', shown)
    assert len(set(ids)) == 3
    assert re.findall(r'popovertarget="([^"]+)"', shown) == ids
    assert ">Bands</button>" in shown


def test_a_part_that_htmx_fetches_clashes_with_nothing() -> None:
    template = Template('{% load terms %}{% term "band" %}')
    whole = template.render(Context({"request": SimpleNamespace(htmx=None)}))
    part = template.render(Context({"request": SimpleNamespace(htmx=SimpleNamespace(target="a"))}))
    assert re.findall(r' id="([^"]+)"', whole) != re.findall(r' id="([^"]+)"', part)


def test_a_word_and_its_full_stop_stand_together() -> None:
    shown = Template('{% load terms %}{% term "band" %}.').render(Context())
    assert shown.endswith("</span>.")
