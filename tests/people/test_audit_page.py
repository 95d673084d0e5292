"""The audit log's page: who may read it, finding, pages, the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from costs.people.operations import record
from costs.people.roles import ADMINISTRATOR, FINANCE, OPERATOR

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 2, 20, 9, tzinfo=UTC)


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def fill(count: int) -> None:
    for nth in range(count):
        record(
            actor="anna" if nth % 2 else "<b>bob</b>",
            action="band.set" if nth % 3 else "rule.added",
            subject=f"thing {nth}",
            detail={"nth": nth, "what": "=1+1"},
            now=NOW + timedelta(minutes=nth),
        )


def test_operators_and_administrators_read_it() -> None:
    fill(3)
    for role in (OPERATOR, ADMINISTRATOR):
        response = signed_in(role).get("/audit/")
        subjects = [entry.subject for entry in response.context["page_obj"]]
        assert subjects == ["thing 2", "thing 1", "thing 0"]
        assert "<b>bob</b>" not in response.text
    others = signed_in(FINANCE)
    assert others.get("/audit/").status_code == 403
    assert others.get("/audit.csv").status_code == 403
    assert Client().get("/audit/").status_code == 302


def test_it_is_found_by_parts_and_paged() -> None:
    fill(120)
    client = signed_in(OPERATOR)
    first = client.get("/audit/")
    assert len(first.context["page_obj"]) == 50
    last = client.get("/audit/?page=3")
    assert [entry.subject for entry in last.context["page_obj"]][-1] == "thing 0"
    found = client.get("/audit/?actor=ANN&action=rule&subject=thing 9")
    assert {entry.subject for entry in found.context["page_obj"]} == {
        "thing 9",
        "thing 93",
        "thing 99",
    }
    part = client.get("/audit/", headers={"HX-Request": "true", "HX-Target": "entries"})
    assert part.text.strip().startswith('<section id="entries"')


@pytest.mark.parametrize("query", ["x=1", "page=0", "page=-1", "page=a", "actor=" + "a" * 151])
def test_nonsense_is_refused(query: str) -> None:
    assert signed_in(OPERATOR).get(f"/audit/?{query}").status_code == 400


@pytest.mark.parametrize("text", ["%", "_", "'; --", "\\", "(", "<script>"])
def test_hostile_texts_are_only_looked_for(text: str) -> None:
    fill(2)
    response = signed_in(OPERATOR).get("/audit/", {"subject": text})
    assert list(response.context["page_obj"]) == []


def test_the_file_holds_all_and_runs_nothing() -> None:
    fill(60)
    response = signed_in(OPERATOR).get("/audit.csv?actor=bob")
    text = b"".join(response).decode()
    assert len(text.strip().splitlines()) == 31
    assert '""what"": ""=1+1""' in text
