"""Pages of column mappings and of charges typed by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from costs.bills.models import ManualCharge, SourceMapping
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.models import AuditEntry
from costs.people.operations import install_roles
from tests.bills.making import ingest, total, write
from tests.bills.test_mapping import SENDGRID, TWILIO

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(autouse=True)
def _quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


@pytest.fixture
def person(client: Client) -> Callable[..., Client]:
    def sign_in(role: str | None, name: str = "someone") -> Client:
        install_roles()
        user, _ = User.objects.get_or_create(username=name)
        if role:
            user.groups.add(Group.objects.get(name=role))
        signed_in = Client()
        signed_in.force_login(user)
        return signed_in

    return sign_in


def begin(client: Client, text: str = TWILIO, source: str = "twilio") -> Any:
    file = SimpleUploadedFile("usage.csv", text.encode())
    return client.post("/bills/mappings/new/", {"source": source, "sample": file})


def chosen(**changes: Any) -> dict[str, Any]:
    return {
        "provider": "Twilio",
        "date": "Date",
        "date_format": "iso",
        "cost": "Price",
        "currency": "Price Unit",
        "service": "Category",
        "account": "Account SID",
        "quantity": "Count",
        "seen": "0",
        "do": "save",
        **changes,
    }


@pytest.mark.parametrize(
    "address",
    [
        "/bills/mappings/",
        "/bills/mappings.csv",
        "/bills/mappings/new/",
        "/bills/mappings/1/",
        "/bills/entered/",
        "/bills/entered.csv",
        "/bills/entered/new/",
        "/bills/entered/1/",
    ],
)
def test_only_operators(person: Callable[..., Client], address: str) -> None:
    assert person("reviewer").get(address).status_code == 403
    assert person("operator", "operator-1").get(address).status_code in {200, 404}


def test_from_a_sample_to_a_bill(person: Callable[..., Client], tmp_path: Path) -> None:
    client = person("operator")
    answer = begin(client)
    row = SourceMapping.objects.get()
    assert answer["Location"] == reverse("bills:mapping", args=[row.pk])

    # Names of columns are guessed, so the first rows are shown at once.
    page = client.get(answer["Location"]).text
    assert "Not saved yet" in page
    assert "sms-outbound" in page
    answer = client.post(answer["Location"], chosen(do="preview", cost="Description"))
    assert answer.status_code == 200
    assert "row 2, column Description: <code>Outbound SMS</code> is not a number" in answer.text
    assert SourceMapping.objects.get().document is None

    answer = client.post(reverse("bills:mapping", args=[row.pk]), chosen())
    assert answer.status_code == 302
    assert ingest(write(tmp_path / "in/b.csv", TWILIO))[0].source == "twilio"
    assert total() == 18
    listed = client.get("/bills/mappings/").text
    assert "Twilio" in listed
    assert "twilio,cost,Price,1," in b"".join(client.get("/bills/mappings.csv")).decode()


def test_errors_stand_at_their_field(person: Callable[..., Client]) -> None:
    client = person("operator")
    begin(client)
    address = reverse("bills:mapping", args=[SourceMapping.objects.get().pk])
    answer = client.post(address, chosen(cost="", currency="", fixed_currency="US"))
    assert answer.status_code == 422
    assert "Choose the column that holds the cost." in answer.text
    assert "give a three-letter code" in answer.text
    assert client.post(address, chosen(cost="No such column")).status_code == 422


@pytest.mark.parametrize(
    ("source", "content", "said"),
    [
        ("../x", TWILIO, "This is no name"),
        ("twilio", "", "empty"),
        ("twilio", "one\n1\n", "This file cannot be a sample: the header has no commas"),
    ],
)
def test_what_cannot_begin(
    person: Callable[..., Client], source: str, content: str, said: str
) -> None:
    answer = begin(person("operator"), content, source)
    assert answer.status_code == 422
    assert said in answer.text
    assert not SourceMapping.objects.exists()


def test_the_second_sees_what_the_first_saved(person: Callable[..., Client]) -> None:
    one, other = person("operator", "one"), person("operator", "other")
    begin(one)
    address = reverse("bills:mapping", args=[SourceMapping.objects.get().pk])
    assert one.post(address, chosen(service="Description")).status_code == 302
    answer = other.post(address, chosen(provider="Twilio Inc."))
    assert answer.status_code == 409
    assert "one has changed this" in answer.text
    assert "Twilio Inc." in answer.text
    assert other.post(address, chosen(provider="Twilio Inc.", seen="1")).status_code == 302
    assert SourceMapping.objects.get().version == 2


def test_a_newer_sample_and_removal(person: Callable[..., Client]) -> None:
    client = person("operator")
    begin(client)
    row = SourceMapping.objects.get()
    sample = SimpleUploadedFile("b.csv", SENDGRID.encode())
    answer = client.post(f"/bills/mappings/{row.pk}/sample/", {"sample": sample}, follow=True)
    assert "Pro 300K" in answer.text
    answer = client.post(f"/bills/mappings/{row.pk}/sample/", follow=True)
    assert "choose one first" in answer.text
    assert client.post(f"/bills/mappings/{row.pk}/remove/", {"seen": "7"}).status_code == 302
    assert SourceMapping.objects.exists()
    client.post(f"/bills/mappings/{row.pk}/remove/", {"seen": "0"})
    assert not SourceMapping.objects.exists()
    assert list(AuditEntry.objects.values_list("action", flat=True)) == [
        "mapping.removed",
        "mapping.sampled",
        "mapping.begun",
    ]


def test_hostile_names_of_columns_are_only_text(person: Callable[..., Client]) -> None:
    client = person("operator")
    text = '<script>x</script>,"a""; DROP TABLE x; --"\n2026-01-05,1\n'
    answer = begin(client, text)
    page = client.get(answer["Location"]).text
    assert "<script>x" not in page
    columns = {"date": "<script>x</script>", "cost": 'a"; DROP TABLE x; --'}
    fixed = {"currency": "", "fixed_currency": "usd", "service": "", "fixed_service": "it's"}
    names = {"account": "", "quantity": ""}
    answer = client.post(answer["Location"], chosen(do="preview", **columns, **fixed, **names))
    assert answer.status_code == 200
    assert "it&#x27;s" in answer.text
    assert "1.00" in answer.text


def typed(**changes: Any) -> dict[str, Any]:
    return {
        "provider_name": "Example",
        "service_name": "Support",
        "amount": "310",
        "currency": "usd",
        "first_month": "2026-01",
        "last_month": "2026-02",
        "environment": "production",
        "cost_center": "cc-7",
        "note": "",
        "seen": "0",
        **changes,
    }


def test_a_charge_from_the_form_to_its_bills(person: Callable[..., Client]) -> None:
    client = person("operator")
    assert "No charge is entered" in client.get("/bills/entered/").text
    assert client.post("/bills/entered/new/", typed()).status_code == 302
    assert "are being made" in client.get("/bills/entered/").text
    for run in JobRun.objects.all():
        jobs.run(run.pk)
    page = client.get("/bills/entered/").text
    assert "manual-example" in page
    assert "are being made" not in page
    assert total() == 620
    row = ManualCharge.objects.get()
    answer = client.post(f"/bills/entered/{row.pk}/", typed(amount="1.5", seen="1"))
    assert answer.status_code == 302
    other = person("operator", "other")
    answer = other.post(f"/bills/entered/{row.pk}/", typed(amount="7", seen="1"))
    assert answer.status_code == 409
    assert "someone has changed this" in answer.text
    assert "<code>1.5</code>" in answer.text
    for run in JobRun.objects.filter(state="queued"):
        jobs.run(run.pk)
    assert total() == 3
    lines = b"".join(client.get("/bills/entered.csv")).decode()
    assert "Example,Support,1.5,USD,2026-01,2026-02,production,cc-7," in lines
    client.post(f"/bills/entered/{row.pk}/remove/", {"seen": "2"})
    assert client.get(f"/bills/entered/{row.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount": "1,000"}, "Enter a number"),
        ({"amount": "1e30"}, "no more than"),
        ({"currency": "US"}, "three-letter code"),
        ({"first_month": "January"}, "Write a month like 2026-12"),
        ({"last_month": "2025-01"}, "The last month lies before the first"),
        ({"environment": "moon"}, "not one of the available choices"),
        ({"provider_name": " "}, "This field is required"),
    ],
)
def test_a_charge_that_cannot_be(
    person: Callable[..., Client], changes: dict[str, Any], said: str
) -> None:
    answer = person("operator").post("/bills/entered/new/", typed(**changes))
    assert answer.status_code == 422
    assert said in answer.text
    assert not ManualCharge.objects.exists()


def test_queries_do_not_grow_with_rows(person: Callable[..., Client]) -> None:
    client = person("operator")
    counts = []
    for nth in range(2):
        for n in range(3):
            begin(client, source=f"source {nth} {n}")
            client.post("/bills/entered/new/", typed(service_name=f"{nth} {n}"))
        with CaptureQueriesContext(
            connection,
        ) as found:
            client.get("/bills/mappings/")
            client.get("/bills/entered/")
        counts.append(len(found))
    assert counts[0] == counts[1]
