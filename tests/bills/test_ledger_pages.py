"""Pages of the ledger: what a version changed, and what was restated in a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.bills.changes import UNKNOWN, changed_days
from costs.bills.restatements import Change
from costs.lake.models import BillVersion, Restatement
from costs.people.models import Visibility
from costs.people.operations import install_roles
from costs.people.scope import Scope
from costs.stores import open_store
from tests.bills.making import ALL, Row, focus, ingest, spent, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

SOURCE = "example-cloud-account-1-focus"
PAGE = f"/bills/{SOURCE}/2026-01/changes/2/"
FIRST = datetime(2026, 1, 20, 6, tzinfo=UTC)
SECOND = datetime(2026, 1, 27, 6, tzinfo=UTC)
TODAY = datetime(2026, 2, 3, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: TODAY)


@pytest.fixture
def person(client: Client) -> Callable[..., Client]:
    def sign_in(role: str | None = None) -> Client:
        install_roles()
        user = User.objects.create_user("someone")
        if role:
            user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


def row(number: int, cost: object = 1, day: int = 5, **more: object) -> dict[str, str]:
    return focus(
        ResourceId=f"vm-{number}",
        BilledCost=cost,
        ChargePeriodStart=f"2026-01-{day:02}T00:00:00Z",
        ChargePeriodEnd=f"2026-01-{day + 1:02}T00:00:00Z",
        **more,
    )


def restate(folder: Path, before: list[Row], after: list[Row]) -> None:
    ingest(write(folder / "1/bill.csv", before), now=FIRST)
    ingest(write(folder / "2/bill.csv", after), now=SECOND)


def three_changes(folder: Path) -> None:
    """One charge dearer and named anew, one gone, one new."""
    restate(
        folder,
        [row(1), row(2, day=6), row(3)],
        [row(1, "2.5", ChargeDescription="=Corrected"), row(3), row(4, 7, day=9)],
    )


def cells(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode())))


def test_days_and_resources(tmp_path: Path, person: Callable[..., Client]) -> None:
    three_changes(tmp_path)
    page = person().get(PAGE)
    ledger = page.context["ledger"]
    assert (ledger.added, ledger.removed, ledger.changed) == (1, 1, 1)
    assert [(one.day.day, one.resource_id, one.billed) for one in page.context["rows"]] == [
        (9, "vm-4", Change(Decimal(0), Decimal(7))),
        (5, "vm-1", Change(Decimal(1), Decimal("2.5"))),
        (6, "vm-2", Change(Decimal(1), Decimal(0))),
    ]
    assert "Version 2 changed 3 charges, +7.50 USD billed" in page.text


def test_every_value_with_its_rows(tmp_path: Path, person: Callable[..., Client]) -> None:
    three_changes(tmp_path)
    client = person()
    page = client.get(PAGE, {"show": "charges"})
    found = {(one.kind, one.resource_id, one.column) for one in page.context["rows"]}
    assert ("changed", "vm-1", "charge_description") in found
    assert {one[0] for one in found} == {"changed", "added", "removed"}
    (entry,) = client.get(PAGE, {"show": "charges", "column": "charge_description"}).context["rows"]
    assert (entry.before, entry.after) == ("Machine hours", "=Corrected")
    assert (entry.row_before, entry.row_after) == (2, 2)
    (gone,) = client.get(PAGE, {"show": "charges", "kind": "removed"}).context["rows"]
    assert gone.resource_id == "vm-2"


def test_filters_and_files(tmp_path: Path, person: Callable[..., Client]) -> None:
    three_changes(tmp_path)
    client = person()
    one = client.get(PAGE, {"day": "2026-01-09", "service": "MACH", "resource": "vm-"})
    assert [line.resource_id for line in one.context["rows"]] == ["vm-4"]
    assert "Nothing fits" in client.get(PAGE, {"resource": "%"}).text
    lines = cells(client.get(PAGE[:-1] + ".csv"))
    assert sum(Decimal(one["billed_after"]) - Decimal(one["billed_before"]) for one in lines) == (
        Decimal("7.5")
    )
    listed = cells(client.get(PAGE[:-1] + ".csv", {"show": "charges", "kind": "changed"}))
    assert "'=Corrected" in {one["after"] for one in listed}
    part = client.get(
        PAGE, {"show": "charges"}, headers={"HX-Request": "true", "HX-Target": "changes"}
    )
    assert part.text.lstrip().startswith("<section")


def test_pages_of_many_lines(tmp_path: Path, person: Callable[..., Client]) -> None:
    rows: list[Row] = [row(number) for number in range(230)]
    restate(tmp_path, rows, [{**one, "BilledCost": "2"} for one in rows])
    client = person()
    with CaptureQueriesContext(connection) as few:
        assert len(client.get(PAGE, {"page": "3"}).context["rows"]) == 30
    with CaptureQueriesContext(connection) as more:
        assert len(client.get(PAGE).context["rows"]) == 100
    assert len(few) == len(more)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"show": "everything"}, "no view"),
        ({"day": "yesterday"}, "2026-06-30"),
        ({"day": "0001-01-01"}, "2000"),
        ({"kind": "lost"}, "no kind"),
        ({"page": "0"}, "number of a page"),
        ({"sort": "cost"}, "knows no"),
    ],
)
def test_a_bad_query_is_told(
    tmp_path: Path, person: Callable[..., Client], query: dict[str, str], words: str
) -> None:
    three_changes(tmp_path)
    page = person().get(PAGE, query)
    assert page.status_code == 400
    assert words in page.text


def test_what_has_no_ledger(tmp_path: Path, person: Callable[..., Client]) -> None:
    three_changes(tmp_path)
    client = person()
    for number in (1, 9):
        assert client.get(PAGE.replace("/2/", f"/{number}/")).status_code == 404
    row = Restatement.objects.get()
    row.key = ""
    row.save()
    assert "The files are gone" in client.get(PAGE).text


def test_the_bill_leads_to_its_ledger(tmp_path: Path, person: Callable[..., Client]) -> None:
    three_changes(tmp_path)
    client = person()
    assert PAGE in client.get(f"/bills/{SOURCE}/2026-01/").text
    store = open_store(str(tmp_path / "data" / "lake"))
    store.remove(BillVersion.objects.get(number=1).key)
    page = client.get(f"/bills/{SOURCE}/2026-01/")
    assert "no longer kept" in page.text  # of whole services
    assert PAGE in page.text
    assert client.get(PAGE).status_code == 200
    Restatement.objects.all().delete()
    assert "is being added up" in client.get(f"/bills/{SOURCE}/2026-01/").text


def test_restated_over_all_sources(tmp_path: Path, person: Callable[..., Client]) -> None:
    three_changes(tmp_path)
    other: list[Row] = [row(1, BillingAccountId="account-2"), row(2, BillingAccountId="account-2")]
    ingest(write(tmp_path / "3/bill.csv", other), now=FIRST)
    ingest(write(tmp_path / "4/bill.csv", [{**other[0], "Tags": ""}, other[1]]), now=SECOND)
    client = person()
    page = client.get("/bills/changes/")
    assert {one.source for one in page.context["ledgers"]} == {
        SOURCE,
        "example-cloud-account-2-focus",
    }
    assert [one.source for one in client.get(f"/bills/changes/?source={SOURCE}").context["ledgers"]]
    early = client.get("/bills/changes/", {"since": "2026-01-01", "until": "2026-01-26"})
    assert early.context["ledgers"] == []
    assert "No bill was restated" in early.text
    file = cells(client.get("/bills/changes.csv"))
    assert {(one["version"], one["replaced"]) for one in file} == {("2", "1")}
    assert client.get("/bills/changes/?since=2026-02-01&until=2026-01-01").status_code == 400
    assert client.get("/bills/changes/?until=9999-12-31").status_code == 400


def test_a_part_of_a_bill_is_nobodys(tmp_path: Path, person: Callable[..., Client]) -> None:
    three_changes(tmp_path)
    client = person()
    Visibility.objects.create(user=User.objects.get(), environments=["production"])
    for address in (PAGE, PAGE[:-1] + ".csv", "/bills/changes/", "/bills/changes.csv"):
        assert client.get(address).status_code == 403


# -- changed since --------------------------------------------------------------------------------

PRODUCTION, STAGING = '{"environment": "prod"}', '{"environment": "staging"}'


def changed(scope: Scope = ALL, **more: object) -> dict[str, Decimal]:
    given = {"since": FIRST, "until": TODAY, "before": date(2026, 1, 20)} | more
    return {one.environment: one.billed for one in changed_days(scope, **given)}  # type: ignore[arg-type]


def test_known_days_by_environment(tmp_path: Path) -> None:
    restate(
        tmp_path,
        [row(1, Tags=PRODUCTION), row(2, 5, Tags=STAGING), row(3, 3, Tags=STAGING)],
        [row(1, 4, Tags=PRODUCTION), row(2, 5, Tags=PRODUCTION), row(9, 8, 25, Tags=STAGING)],
    )
    # vm-2 was tagged anew, which costs nothing; the 25th was not known yet; vm-3 is on no live
    # bill any more.
    assert changed() == {"production": Decimal(3), UNKNOWN: Decimal(-3)}
    assert changed(Scope(frozenset({"production"}), None)) == {"production": Decimal(3)}
    assert changed(Scope(frozenset({"staging"}), None)) == {}
    assert changed(since=SECOND + timedelta(seconds=1)) == {}
    assert changed(before=date(2026, 1, 5)) == {}


def test_several_versions_are_one_change(tmp_path: Path) -> None:
    restate(tmp_path, [row(1)], [row(1, 4)])
    ingest(write(tmp_path / "3/bill.csv", [row(1, 3)]), now=SECOND + timedelta(days=1))
    (one,) = changed_days(ALL, since=FIRST, until=TODAY, before=date(2026, 1, 20))
    assert (one.billed, one.versions, one.number) == (Decimal(2), 2, 3)


def test_a_correction_stays_in_the_month_that_bills_it(tmp_path: Path) -> None:
    """ChargeClass = Correction of a January charge on February's bill leaves January alone."""
    ingest(write(tmp_path / "1/bill.csv", [row(1, 10)]), now=FIRST)
    february = {
        "BillingPeriodStart": "2026-02-01T00:00:00Z",
        "BillingPeriodEnd": "2026-03-01T00:00:00Z",
    }
    correction = {**row(1, -4, ChargeClass="Correction"), **february}
    ingest(write(tmp_path / "2/bill.csv", [correction]), now=TODAY)
    assert not Restatement.objects.exists()
    assert BillVersion.objects.get(billing_period=date(2026, 1, 1)).number == 1
    assert spent("billing_period") == {
        ("2026-01", "USD"): Decimal(10),
        ("2026-02", "USD"): Decimal(-4),
    }
