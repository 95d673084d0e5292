"""Who may see what, and the log of who did what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from costs.people.models import AuditEntry, Visibility
from costs.people.operations import record
from costs.people.queries import has_role, scope_of
from costs.people.roles import ROLES, at_least
from costs.people.scope import Scope

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 2, 3, tzinfo=UTC)


@pytest.fixture
def person(django_user_model: type[User]) -> User:
    return django_user_model.objects.create_user("viewer-1", password="correct horse battery")


def test_a_group_for_every_role() -> None:
    assert list(ROLES) == ["viewer", "reviewer", "finance", "operator", "administrator"]
    assert set(Group.objects.values_list("name", flat=True)) >= set(ROLES)


def test_each_role_includes_the_lower_ones(person: User) -> None:
    names = list(ROLES)
    for n, role in enumerate(names):
        person.groups.set([Group.objects.get(name=role)])
        assert [has_role(person, other) for other in names] == [m <= n for m in range(len(names))]
        assert at_least(role) == frozenset(names[n:])


def test_nobody_and_superusers(person: User) -> None:
    assert not has_role(AnonymousUser(), "viewer")
    assert not has_role(person, "viewer")
    person.is_superuser = True
    assert has_role(person, "administrator")


def test_scope_of_a_person(person: User) -> None:
    assert scope_of(AnonymousUser()) == Scope(frozenset(), frozenset())
    assert scope_of(person) == Scope.everything()
    row = Visibility.objects.create(user=person, environments=["staging"])
    assert scope_of(person) == Scope(frozenset(["staging"]), None)
    row.environments, row.cost_centers = [], ["cc-7"]
    row.save()
    assert scope_of(person).cost_centers == frozenset(["cc-7"])


def test_the_audit_log_only_grows() -> None:
    record(actor="operator-1", action="band.set", subject="x" * 400, detail={"low": "1"}, now=NOW)
    entry = AuditEntry.objects.get()
    entry.actor = "somebody else"

    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(actor="x"),
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(actor="x"),
        lambda: AuditEntry.objects.bulk_update([entry], ["actor"]),
        lambda: AuditEntry.objects.update_or_create(pk=entry.pk, defaults={"actor": "x"}),
        lambda: AuditEntry.objects.bulk_create(
            [entry], update_conflicts=True, update_fields=["actor"], unique_fields=["id"]
        ),
    ):
        with pytest.raises(TypeError, match="append-only"):
            attempt()
    found = AuditEntry.objects.get()
    assert (found.actor, len(found.subject), found.detail) == ("operator-1", 300, {"low": "1"})


def _addresses(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """An address for every URL pattern, with something plausible for each parameter."""
    made_up = {"int": "1", "slug": "production", "str": "2026-W05", "uuid": "0" * 32, "path": "x"}
    for found in patterns:
        text = str(found.pattern)
        for kind, value in made_up.items():
            while f"<{kind}:" in text:
                head, _, tail = text.partition(f"<{kind}:")
                text = head + value + tail.partition(">")[2]
        while "<" in text:
            converter = text.partition("<")[2].partition(":")[0]
            head, _, tail = text.partition("<")
            text = (
                head
                + {"week": "2026-W05", "month": "2026-01"}.get(converter, "1")
                + (tail.partition(">")[2])
            )
        if isinstance(found, URLResolver):
            yield from _addresses(found.url_patterns, before + text)
        else:
            yield before + text.removeprefix("^").removesuffix("$")


def test_every_page_but_two_asks_for_a_sign_in(client: Client) -> None:
    addresses = list(_addresses(get_resolver().url_patterns))
    assert len(addresses) > 5
    open_to_all = {"/healthz", "/sign-in/"}
    for address in addresses:
        for method in (client.get, client.post):
            answer = method(address)
            if address in open_to_all:
                continue
            # Before anything else: not 404, not 403, not 405.
            assert (address, answer.status_code) == (address, 302)
            assert answer.headers["Location"].startswith("/sign-in/?next=") or (
                address == "/sign-out/" and answer.headers["Location"] == "/sign-in/"
            )
    assert client.get("/healthz").status_code == 200


def test_signing_in_and_out(client: Client, person: User) -> None:
    page = client.get("/sign-in/")
    assert page.status_code == 200
    wrong = client.post("/sign-in/", {"username": "viewer-1", "password": "wrong"})
    assert wrong.status_code == 200
    right = client.post(
        "/sign-in/?next=/bills/", {"username": "viewer-1", "password": "correct horse battery"}
    )
    assert (right.status_code, right.headers["Location"]) == (302, "/bills/")
    elsewhere = client.get("/sign-in/?next=https://example.com/")
    assert elsewhere.headers["Location"] == "/"
    # Signing out by a link would let any page sign people out.
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert client.get("/bills/").status_code == 302
