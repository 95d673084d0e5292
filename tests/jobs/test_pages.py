"""The page about background work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from costs.jobs import kinds
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep asks for nothing, and nobody is rung for."""
    monkeypatch.setattr(kinds, "_on_sweep", {})
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    return client


def run(subject: str, **values: object) -> JobRun:
    made = {"kind": "bills.ingest", "requested_by": "somebody", "requested_at": timezone.now()}
    return JobRun.objects.create(subject=subject, **{**made, **values})


def text(client: Client, query: str = "") -> str:
    return client.get(reverse("jobs:background") + query).content.decode()


def test_it_says_when_nothing_works(operator: Client) -> None:
    assert "The schedule has never come" in text(operator)
    assert "Nothing has been asked for yet" in text(operator)
    jobs.sweep(timezone.now() - timedelta(minutes=6))
    assert "Nothing works in the background" in text(operator)
    jobs.sweep(timezone.now())
    assert "All background work is done" in text(operator)
    assert "every 3s" not in text(operator)


def test_what_is_at_work_comes_first(operator: Client) -> None:
    jobs.sweep(timezone.now())
    run("<b>june</b>", state="failed", error="the disk was full", attempt=3)
    whole = run("july", state="running", message="reading", attempt=2, worker="vm:7")
    run("part 001 of work", state="done", parent=whole)
    run("part 002 of work", state="queued", parent=whole)
    page = text(operator)
    assert page.index("july") < page.index("june")
    assert "1 at work, 1 waiting" in page
    assert "1 of 2 parts." in page
    assert "Attempt 2." in page
    assert "By vm:7." in page
    assert "The disk was full" in page
    assert "part 001" not in page
    assert "<b>june" not in page
    lines = operator.get(reverse("jobs:background_csv")).getvalue().decode().splitlines()
    assert len(lines) == 3
    assert "the disk was full" in lines[2]


def test_the_page_of_an_upload_that_waits_in_vain_says_so(operator: Client) -> None:
    one = run("june", arguments={"files": [["a.csv", "june.csv"]]})
    answer = operator.get(reverse("bills:uploaded", args=[one.pk])).content.decode()
    assert "Nothing works in the background" in answer
    jobs.sweep(timezone.now())
    answer = operator.get(reverse("bills:uploaded", args=[one.pk])).content.decode()
    assert "Nothing works in the background" not in answer


def test_queries_do_not_grow(
    operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for nth in range(60):
        run(f"bill {nth}", state="done")
    with django_assert_max_num_queries(8):
        page = text(operator, "?page=2")
    assert "2 of 2" in page


def test_only_operators_see_it() -> None:
    client = Client()
    client.force_login(User.objects.create_user("viewer"))
    assert client.get(reverse("jobs:background")).status_code == 403
