"""Connections in the browser: who may, adding, testing, changing, running, removing."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from costs.bills import connecting
from costs.bills.connections import KINDS
from costs.bills.models import Connection, FetchedDelivery
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.models import AuditEntry
from costs.people.operations import install_roles
from tests.bills.making import focus, ingest, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
LIST = "/bills/connections/"
NEW = "/bills/connections/new/aws-s3/"
NOW = datetime(2026, 4, 3, 6, tzinfo=UTC)
TYPED = {
    "name": "aws-main",
    "bucket": "example-billing",
    "prefix": "cur/",
    "schedule": "daily",
    "hour": "6",
}


@pytest.fixture(autouse=True)
def _quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


@pytest.fixture
def operator(client: Client) -> Client:
    install_roles()
    user = User.objects.create_user("operator-1", password="correct horse battery")
    user.groups.add(Group.objects.get(name="operator"))
    client.force_login(user)
    return client


def add(name: str = "aws-main", **more: Any) -> Connection:
    values = {
        "kind": "aws-s3",
        "parameters": {"bucket": "example-billing", "prefix": "cur/"},
        "schedule": "daily",
        "hour": 6,
        **more,
    }
    return connecting.add_connection(actor="operator-1", name=name, now=NOW, **values)


def lines_of(client: Client, address: str) -> list[str]:
    """The lines of a CSV file."""
    return b"".join(client.get(address)).decode("utf-8-sig").splitlines()


@pytest.mark.parametrize("role", [None, "viewer", "reviewer", "finance"])
def test_connections_are_for_operators(client: Client, role: str | None) -> None:
    known = add()
    install_roles()
    user = User.objects.create_user("reader")
    if role:
        user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    one = f"{LIST}{known.pk}/"
    for address in (LIST, "/bills/connections.csv", f"{LIST}new/", NEW, one, f"{one}edit/"):
        assert client.get(address).status_code == 403
    for action in ("run/", "pause/", "remove/"):
        assert client.post(one + action).status_code == 403
    assert client.post(NEW, TYPED).status_code == 403
    assert Connection.objects.count() == 1
    assert not JobRun.objects.exists()


def test_before_the_first_one_the_page_says_what_to_do(operator: Client) -> None:
    shown = operator.get(LIST)
    assert "No cloud is connected yet" in shown.text
    assert f'href="{LIST}new/"' in shown.text
    assert f'href="{LIST}"' in operator.get("/bills/").text
    assert f'href="{LIST}new/"' in operator.get("/").text, "the first page leads here too"
    choices = operator.get(f"{LIST}new/")
    for kind in KINDS:
        assert f'href="{LIST}new/{kind.name}/"' in choices.text
        form = operator.get(f"{LIST}new/{kind.name}/")
        for parameter in kind.parameters:
            assert f'name="{parameter.name}"' in form.text
    assert operator.get(f"{LIST}new/gcp/").status_code == 404


def test_saving_keeps_it_and_asks_for_a_first_run(operator: Client) -> None:
    answer = operator.post(NEW, {**TYPED, "save": "1"})
    known = Connection.objects.get()
    assert answer["Location"] == f"{LIST}{known.pk}/"
    assert known.parameters == {"bucket": "example-billing", "prefix": "cur/"}
    run = JobRun.objects.get()
    assert (run.kind, run.subject, run.requested_by) == ("bills.fetch", "aws-main", "operator-1")
    shown = operator.get(answer["Location"])
    assert "its first run has been asked for" in shown.text
    assert "Waiting for a worker" in shown.text
    assert 'hx-trigger="every 1s"' in shown.text
    assert [one.action for one in AuditEntry.objects.order_by("pk")] == [
        "connection.added",
        "connection.run",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bucket": "http://169.254.169.254/"}, "is no name of a bucket"),
        ({"bucket": ""}, "This field is required."),
        ({"name": "AWS main"}, "slug"),
        ({"name": "Main"}, "Use small letters, digits and dashes"),
        ({"prefix": "AKIAABCDEFGHIJKLMNOP"}, "This looks like an access key"),
        ({"role": "headroom"}, "is no ARN of a role"),
        ({"hour": "24"}, "24 is not one of the available choices"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_nothing_is_kept(
    operator: Client, change: dict[str, str], said: str
) -> None:
    answer = operator.post(NEW, {**TYPED, **change, "save": "1"})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'class="field-error"' in answer.text
    assert not Connection.objects.exists()


def test_an_address_to_talk_to_cannot_be_typed(operator: Client) -> None:
    operator.post(NEW, {**TYPED, "endpoint_url": "http://127.0.0.1:1/", "save": "1"})
    assert "endpoint" not in str(Connection.objects.get().parameters)


def test_a_test_keeps_nothing_but_what_was_typed_and_says_what_is_missing(
    operator: Client,
) -> None:
    answer = operator.post(NEW, {**TYPED, "test": "1"})
    run = JobRun.objects.get()
    assert not Connection.objects.exists()
    assert run.kind == "bills.check"
    assert run.arguments == {
        "kind": "aws-s3",
        "parameters": {"bucket": "example-billing", "prefix": "cur/"},
    }
    waiting = operator.get(answer["Location"])
    assert 'value="example-billing"' in waiting.text
    assert 'value="aws-main"' in waiting.text
    assert 'hx-target="#check"' in waiting.text
    arn = "arn:aws:s3:::example-billing"
    JobRun.objects.update(
        state="done",
        result={
            "findings": [
                {
                    "permission": "s3:ListBucket",
                    "resource": arn,
                    "good": False,
                    "said": f"s3:ListBucket on {arn} is denied",
                }
            ]
        },
    )
    part = operator.get(answer["Location"], headers={"HX-Request": "true", "HX-Target": "check"})
    assert "<html" not in part.text
    assert "S3:ListBucket" not in part.text, "names of permissions keep their case"
    assert "s3:ListBucket" in part.text
    assert arn in part.text
    assert "denied" in part.text
    assert "manage.py cloud_policy aws" in part.text
    assert "hx-trigger" not in part.text
    assert operator.get(f"{NEW}?check={run.pk + 1}").status_code == 200
    assert operator.get(f"{NEW}?check=x").status_code == 200


def test_changing_shows_the_change_of_somebody_else_first(operator: Client) -> None:
    known = add()
    here = f"{LIST}{known.pk}/edit/"
    form = operator.get(here)
    assert 'name="seen" value="1"' in form.text
    assert 'name="name"' not in form.text, "the name stays"
    connecting.change_connection(
        known.pk,
        actor="operator-2",
        parameters={"bucket": "their-billing"},
        schedule="hourly",
        hour=6,
        seen=1,
        now=timezone.now(),
    )
    mine = {"bucket": "my-billing", "schedule": "daily", "hour": "6", "seen": "1", "save": "1"}
    answer = operator.post(here, mine)
    assert answer.status_code == 409
    assert "operator-2 has changed this" in answer.text
    assert "their-billing" in answer.text
    assert 'value="my-billing"' in answer.text
    assert 'name="seen" value="2"' in answer.text
    assert operator.post(here, {**mine, "seen": "2"}).status_code == 302
    known.refresh_from_db()
    assert (known.parameters, known.schedule) == ({"bucket": "my-billing"}, "daily")


def test_run_pause_resume_and_remove(operator: Client) -> None:
    known = add()
    one = f"{LIST}{known.pk}/"
    operator.post(f"{one}run/")
    again = operator.post(f"{one}run/", follow=True)
    assert "aws-main is being fetched already" in again.text
    asked = operator.get(f"{one}remove/")
    assert "Remove aws-main?" in asked.text
    busy = operator.post(f"{one}remove/")
    assert busy.status_code == 409
    assert "is being fetched right now" in busy.text
    JobRun.objects.update(state="done", result={"steps": []})

    paused = operator.post(f"{one}pause/", follow=True)
    assert "is paused" in paused.text
    assert operator.post(f"{one}pause/", {"resume": "1"}, follow=True).status_code == 200
    known.refresh_from_db()
    assert known.enabled
    gone = operator.post(f"{one}remove/", follow=True)
    assert "aws-main is removed. Its bills stay." in gone.text
    assert operator.get(one).status_code == 404
    for action in ("run/", "pause/"):
        assert operator.get(one + action).status_code == 405


def test_the_list_says_how_each_is_the_worst_first(operator: Client, tmp_path: Any) -> None:
    (loaded,) = ingest(write(tmp_path / "a" / "b.csv", [focus(BilledCost=2)]))
    good, bad, paused = add("good"), add("bad"), add("zpaused")
    Connection.objects.filter(pk=good.pk).update(last_run_at=NOW, last_success_at=NOW)
    Connection.objects.filter(pk=bad.pk).update(
        last_run_at=NOW, last_error="s3:GetObject on arn:aws:s3:::example-billing/cur/* is denied"
    )
    connecting.set_enabled(paused.pk, actor="x", enabled=False, now=NOW)
    FetchedDelivery.objects.create(
        connection=good,
        name="cur 2026-01",
        state="loaded",
        fetched_at=NOW,
        bills=[{"source": loaded.source, "billing_period": "2026-01", "status": "loaded"}],
    )
    shown = operator.get(LIST).text
    assert "1 connection needs somebody" in shown
    assert shown.index(">bad<") < shown.index(">good<") < shown.index(">zpaused<")
    assert "S3:GetObject on arn:aws:s3:::example-billing/cur/* is denied." not in shown
    assert "s3:GetObject on arn:aws:s3:::example-billing/cur/* is denied." in shown
    assert "5 Jan" in shown, "the newest day with cost"
    rows = list(csv.DictReader(lines_of(operator, "/bills/connections.csv")))
    assert [(row["name"], row["state"]) for row in rows] == [
        ("bad", "failing"),
        ("good", "working"),
        ("zpaused", "paused"),
    ]
    assert rows[1]["costs_until"] == "2026-01-05"


def test_a_run_that_died_is_an_error_too(operator: Client) -> None:
    known = add()
    run, _ = connecting.request_run(known, actor="x", now=NOW)
    JobRun.objects.filter(pk=run.pk).update(state="failed", error="its worker died 3 times")
    assert (
        "Its worker died 3 times" in operator.get(LIST).text
        or "its worker died 3 times" in operator.get(LIST).text
    )


def test_what_it_has_brought_is_on_its_page_and_in_a_file(operator: Client) -> None:
    known = add()
    bill = {
        "source": "aws-1-cur",
        "billing_period": "2026-01",
        "version": 2,
        "status": "held",
        "rows": 7,
        "rejected": 1,
        "billed_cost": "2.5",
        "currency": "USD",
        "why": "x",
    }
    FetchedDelivery.objects.create(
        connection=known,
        name="cur 2026-01",
        size=2048,
        state="loaded",
        fetched_at=NOW,
        bills=[bill],
    )
    FetchedDelivery.objects.create(
        connection=known,
        name="<script>",
        state="failed",
        error="the manifest names a.csv, which is not there",
        fetched_at=NOW,
    )
    shown = operator.get(f"{LIST}{known.pk}/").text
    assert '<a href="/bills/aws-1-cur/2026-01/">aws-1-cur</a>' in shown
    assert "held" in shown
    assert "manifest names a.csv, which is not there." in shown
    assert "<script>" not in shown.split("<main", 1)[1]
    lines = lines_of(operator, f"{LIST}{known.pk}/deliveries.csv")
    assert lines[0].startswith("delivery,billing_period,state,error")
    assert any("aws-1-cur,2,held,7,1,USD,2.5" in line for line in lines)


def test_queries_do_not_grow_with_connections(
    operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for nth in range(12):
        known = add(f"aws-{nth}")
        connecting.request_run(known, actor="x", now=NOW)
        FetchedDelivery.objects.create(
            connection=known,
            name="x",
            state="loaded",
            fetched_at=NOW,
            bills=[{"source": f"s-{nth}"}],
        )
    with django_assert_max_num_queries(12):
        operator.get(LIST)
