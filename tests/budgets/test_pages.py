"""The bands pages over HTTP: roles, locking, bad input, the year, files."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.bills.operations import ingest_bill
from costs.budgets.models import BandChange, DriverChange
from costs.budgets.operations import set_band, set_driver
from costs.budgets.queries import band_of_months, bands_for
from costs.people.models import AuditEntry, Visibility
from costs.people.roles import OPERATOR, VIEWER
from costs.people.scope import Scope
from costs.periods import month_of
from tests.bills.test_reallocation import HEADER, row

NOW = datetime(2026, 2, 20, 9, tzinfo=UTC)
ALL = Scope.everything()


@pytest.fixture
def bills(data_dir: Path, tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    rows = [
        *(row(f"2026-01-{day:02}", "100", "i-1", '{"env": "prod"}') for day in range(1, 32)),
        *(row(f"2026-01-{day:02}", "9", "i-2", '{"env": "dev"}') for day in range(1, 11)),
        *(row(f"2026-02-{day:02}", "60", "i-1", '{"env": "prod"}') for day in range(1, 19)),
        row("2026-01-05", "7", "lost"),
    ]
    for month in ("2026-01", "2026-02"):
        file = tmp_path / f"{month}.csv"
        lines = [one for one in rows if f",{month}-01," in one]
        file.write_text("\n".join([HEADER, *lines]) + "\n")
        ingest_bill([file], actor="test", now=NOW, accept=True)
    return data_dir


def signed_in(role: str, name: str = "") -> Client:
    user = User.objects.create_user(name or role)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(bills: Path) -> Client:
    return signed_in(OPERATOR)


def edit(client: Client, **changed: str) -> dict[str, str]:
    form = client.get("/budgets/staging/").context["form"]
    values = {name: str(value) for name, value in form.initial.items()}
    return {**values, "why": "More of it.", **changed}


def test_the_year_against_the_bands(operator: Client) -> None:
    year = operator.get("/budgets/").context["year"]
    rows = {one.environment: one.cells for one in year.rows}
    assert list(rows) == ["development", "staging", "production", "unallocated", "total"]
    january, february = rows["production"][-2:]
    assert (january.gauge.month_to_date, january.verdict.name) == (Decimal(3100), "over")
    assert january.complete
    assert not february.complete
    assert rows["development"][-2].verdict.name == "under"
    assert rows["total"][-2].gauge.month_to_date == Decimal(3197)
    assert rows["total"][-2].gauge.band.high == Decimal(4200)
    assert all(cell.empty for cell in rows["production"][:10])


def test_an_edit_is_added_and_found(operator: Client) -> None:
    posted = edit(operator, low="450.5", high="900", valid_from="2026-03")
    assert operator.post("/budgets/staging/", posted).status_code == 302
    page = operator.get("/budgets/")
    assert "450 – 900 USD from March 2026 on" in page.text
    assert bands_for(ALL, month_of(date(2026, 2, 1)))["staging"].high == Decimal(800)
    assert bands_for(ALL, month_of(date(2026, 3, 1)))["staging"].low == Decimal("450.5")
    change = BandChange.objects.order_by("-pk")[0]
    assert (change.created_by, change.why) == (OPERATOR, "More of it.")
    assert AuditEntry.objects.get(action="band.set").subject == "staging"


def test_the_second_of_two_sees_the_first_and_loses_nothing(operator: Client) -> None:
    second = signed_in(OPERATOR, "second")
    theirs, mine = edit(operator, high="850"), edit(second, high="990")
    assert operator.post("/budgets/staging/", theirs).status_code == 302
    response = second.post("/budgets/staging/", mine)
    assert response.status_code == 409
    assert ("high", "850", "990") in response.context["pairs"]
    assert "operator has changed this" in response.text
    assert 'value="990"' in response.text
    assert bands_for(ALL, month_of(NOW.date()))["staging"].high == Decimal(850)
    again = {**mine, "seen": str(response.context["seen"])}
    assert second.post("/budgets/staging/", again).status_code == 302
    assert bands_for(ALL, month_of(NOW.date()))["staging"].high == Decimal(990)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"low": "900", "high": "100"}, "low"),
        ({"low": "NaN"}, "low"),
        ({"low": "-1"}, "low"),
        ({"high": "1e40"}, "high"),
        ({"high": "1.1234567890123456789"}, "high"),
        ({"currency": "us1"}, "currency"),
        ({"valid_from": "2026-13"}, "valid_from"),
        ({"valid_from": "'; --"}, "valid_from"),
        ({"why": "  "}, "why"),
        ({"why": "x" * 501}, "why"),
        ({"seen": "x"}, "seen"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    operator: Client, changed: dict[str, str], field: str
) -> None:
    count = BandChange.objects.count()
    response = operator.post("/budgets/staging/", edit(operator, **changed))
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert BandChange.objects.count() == count


def test_only_operators_change_bands(bills: Path) -> None:
    viewer = signed_in(VIEWER)
    assert viewer.get("/budgets/").status_code == 200
    for path in ("/budgets/staging/", "/budgets/staging/driver/"):
        assert viewer.get(path).status_code == 403
        assert viewer.post(path, {}).status_code == 403
    assert "Edit" not in viewer.get("/budgets/").text
    assert Client().get("/budgets/").status_code == 302


def test_scope_restricts_pages_and_files(bills: Path) -> None:
    client = signed_in(OPERATOR)
    Visibility.objects.create(user=User.objects.get(username=OPERATOR), environments=["staging"])
    page = client.get("/budgets/")
    assert [one.environment for one in page.context["year"].rows] == ["staging", "total"]
    assert {one.environment for one in page.context["edits"]} == {"staging"}
    assert client.get("/budgets/production/").status_code == 404
    for path in ("/budgets/history.csv", "/budgets/year.csv"):
        text = b"".join(client.get(path)).decode()
        assert "production" not in text


def test_a_driver_is_kept_and_no_number_made_up(operator: Client) -> None:
    form = operator.get("/budgets/production/driver/").context["form"]
    posted = {
        "metric": "requests",
        "baseline": "1000000",
        "fixed_share": "0.4",
        "why": "It serves the public.",
        "seen": str(form.initial["seen"]),
    }
    assert operator.post("/budgets/production/driver/", posted).status_code == 302
    page = operator.get("/budgets/")
    assert "needs utilization data, which is not there yet" in page.text
    overtaken = operator.post("/budgets/production/driver/", {**posted, "fixed_share": "0.5"})
    assert overtaken.status_code == 409
    assert ("fixed share", "0.4", "0.5") in overtaken.context["pairs"]
    newest = DriverChange.objects.latest("pk").pk
    ended = {**posted, "metric": "", "seen": str(newest)}
    assert operator.post("/budgets/production/driver/", ended).status_code == 302
    assert "not there yet" not in operator.get("/budgets/").text
    assert AuditEntry.objects.filter(action="driver.set").count() == 2


@pytest.mark.parametrize(
    ("metric", "baseline", "share", "said"),
    [
        ("requests", None, Decimal("0.5"), "baseline"),
        ("requests", Decimal(0), Decimal("0.5"), "baseline"),
        ("requests", Decimal(1), Decimal("1.5"), "fixed share"),
        ("Requests!", Decimal(1), Decimal(1), "metric"),
    ],
)
@pytest.mark.django_db
def test_drivers_that_cannot_be(
    metric: str, baseline: Decimal | None, share: Decimal, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        set_driver(
            actor="op",
            environment="staging",
            metric=metric,
            baseline=baseline,
            fixed_share=share,
            why="x",
            now=NOW,
        )


@pytest.mark.django_db
def test_drivers_are_append_only() -> None:
    set_driver(
        actor="op",
        environment="staging",
        metric="requests",
        baseline=Decimal(5),
        fixed_share=Decimal(0),
        why="x",
        now=NOW,
    )
    with pytest.raises(TypeError):
        DriverChange.objects.all().delete()
    with pytest.raises(TypeError):
        DriverChange.objects.get().delete()
    with pytest.raises(TypeError):
        DriverChange.objects.get().save()


def test_files(operator: Client) -> None:
    set_band(
        actor="=cmd()",
        environment="staging",
        valid_from=date(2026, 2, 1),
        low=Decimal(1),
        high=Decimal(2),
        currency="USD",
        why="@why",
        now=NOW,
    )
    history = b"".join(operator.get("/budgets/history.csv")).decode()
    first = next(csv.DictReader(io.StringIO(history)))
    assert (first["set_by"], first["why"], first["previous_high"]) == ("'=cmd()", "'@why", "800")
    year = b"".join(operator.get("/budgets/year.csv")).decode()
    rows = {(one["month"], one["environment"]): one for one in csv.DictReader(io.StringIO(year))}
    assert rows["2026-01", "production"]["effective_cost"] == "3100"
    assert rows["2026-01", "production"]["verdict"] == "over"


def test_one_query_gives_the_bands_of_all_months(db: None) -> None:
    months = [month_of(date(2026, month, 1)) for month in range(1, 13)]
    for first in (3, 7):
        set_band(
            actor="op",
            environment="staging",
            valid_from=date(2026, first, 1),
            low=Decimal(first),
            high=Decimal(1000),
            currency="USD",
            why="x",
            now=NOW,
        )
    together = band_of_months(ALL, months)
    for month in months:
        for name, band in bands_for(ALL, month).items():
            assert together[name, month] == band


def test_queries_do_not_grow_with_edits(operator: Client) -> None:
    def count() -> int:
        operator.get("/budgets/")
        with CaptureQueriesContext(connection) as found:
            operator.get("/budgets/")
        return len(found)

    before = count()
    for nth in range(12):
        set_band(
            actor="op",
            environment="staging",
            valid_from=date(2026, 3 + nth % 6, 1),
            low=Decimal(nth),
            high=Decimal(500),
            currency="USD",
            why="x",
            now=NOW,
        )
    assert count() == before
    assert before < 25
