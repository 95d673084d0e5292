"""Anomalies written down, closed, acknowledged, shown: on the demo and on bills of our own."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.budgets import anomaly_operations as operations
from costs.budgets import anomaly_queries as queries
from costs.budgets import queries as budgets
from costs.budgets import watching
from costs.budgets.anomaly_operations import Overtaken, watch
from costs.budgets.models import AnomalyRecord
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.models import AuditEntry, Visibility
from costs.people.operations import install_roles
from costs.people.scope import Scope
from costs.periods import month_of
from tests.bills.making import csv_text, focus, ingest, write

ALL = Scope.everything()
FIRST = date(2026, 3, 2)
DAYS = 100
SPIKE = FIRST + timedelta(days=80)
AS_OF = FIRST + timedelta(days=DAYS + 3)
NOW = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 7, tzinfo=UTC)


def months(spike: str) -> list[dict[str, str]]:
    rows = []
    for nth in range(DAYS + 3):
        day = FIRST + timedelta(days=nth)
        begin = day.replace(day=1)
        end = (begin + timedelta(days=31)).replace(day=1)
        usual = (20 if day.weekday() < 5 else 8) + nth % 3
        cost = spike if day == SPIKE else str(usual)
        for resource, part in (("disk", "1.5"), ("logs", cost)):
            rows.append(
                focus(
                    BilledCost=part,
                    EffectiveCost=part,
                    BillingPeriodStart=f"{begin}T00:00:00Z",
                    BillingPeriodEnd=f"{end}T00:00:00Z",
                    ChargePeriodStart=f"{day}T00:00:00Z",
                    ChargePeriodEnd=f"{day + timedelta(days=1)}T00:00:00Z",
                    ChargeFrequency="Usage-Based",
                    ServiceName="<b>Logs</b>",
                    RegionId="eu-west-1",
                    ResourceId=resource,
                    Tags='{"environment": "staging"}',
                )
            )
    return rows


@pytest.fixture
def bills(
    db: None, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """``bills(cost)``: a hundred days of one service, with that cost on the day of the spike."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)

    def deliver(spike: str) -> None:
        folder = tmp_path / f"delivery-{spike}"
        ingest(write(folder / "bills.csv", csv_text(months(spike))), now=NOW)

    return deliver


@pytest.fixture
def operator(db: None) -> Client:
    install_roles()
    user = User.objects.create_user("operator-1")
    user.groups.add(Group.objects.get(name="operator"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def viewer(db: None) -> Client:
    install_roles()
    user = User.objects.create_user("viewer-1")
    user.groups.add(Group.objects.get(name="viewer"))
    client = Client()
    client.force_login(user)
    return client


def only() -> queries.AnomalyRow:
    (row,) = queries.anomalies(ALL)
    return row


def test_a_spike_opens_with_its_driver_and_twice_is_once(bills: Callable[[str], None]) -> None:
    bills("95.5")
    assert watch(AS_OF, now=NOW) == operations.Watched(1, 0)
    assert watch(AS_OF, now=NOW) == operations.Watched(0, 0)
    row = only()
    assert (row.kind, row.state, row.days) == ("spike", "open", (SPIKE,))
    assert row.actual == Decimal(97)
    (driver,) = row.drivers
    assert (driver.region_id, driver.resource_id) == ("eu-west-1", "logs")
    assert driver.share == Decimal(100)


def test_a_restatement_closes_it_and_another_brings_it_back(bills: Callable[[str], None]) -> None:
    bills("95.5")
    watch(AS_OF, now=NOW)
    bills("21")
    assert watch(AS_OF, now=NOW) == operations.Watched(0, 1)
    assert only().state == "closed"
    assert "restated" in only().closed_why
    bills("88")
    assert watch(AS_OF, now=NOW) == operations.Watched(1, 0)
    assert (only().state, only().actual) == ("open", Decimal("89.5"))


def test_what_is_old_closes_by_itself(bills: Callable[[str], None]) -> None:
    bills("95.5")
    watch(AS_OF, now=NOW)
    later = SPIKE + operations.OPEN_FOR + timedelta(days=1)
    watch(later, now=NOW)
    assert only().state == "closed"
    assert "60 days" in only().closed_why


def test_an_acknowledged_one_is_normal_from_then_on(bills: Callable[[str], None]) -> None:
    bills("95.5")
    watch(AS_OF, now=NOW)
    key = only().key
    operations.acknowledge(key, note="Load test", seen="open", actor="operator-1", now=NOW)
    assert queries.look(ALL, AS_OF).anomalies == ()
    assert watch(AS_OF, now=NOW) == operations.Watched(0, 0)
    assert (only().state, only().note) == ("acknowledged", "Load test")
    with pytest.raises(Overtaken, match="acknowledged by now by operator-1"):
        operations.acknowledge(key, note="Mine", seen="open", actor="operator-2", now=NOW)
    operations.reopen(key, seen="acknowledged", actor="operator-1", now=NOW)
    assert len(queries.look(ALL, AS_OF).anomalies) == 1
    actions = list(AuditEntry.objects.values_list("action", flat=True))
    assert {"anomaly.acknowledged", "anomaly.reopened"} <= set(actions)


def test_a_doubted_day_hardly_lifts_the_forecast(bills: Callable[[str], None]) -> None:
    """The day after the spike: is it the new level, or an anomaly?"""
    bills("60")
    month = month_of(SPIKE)

    def expected() -> Decimal:
        outlook = budgets.forecast(ALL, SPIKE).outlook("staging", "USD", month, None)
        assert outlook is not None
        return outlook.expected

    plain = expected()
    watch(AS_OF, now=NOW)
    doubted = expected()
    assert doubted < plain
    operations.acknowledge(only().key, note="Now and then", seen="open", actor="o", now=NOW)
    assert expected() == plain


def test_only_what_had_arrived_is_seen(bills: Callable[[str], None]) -> None:
    bills("95.5")
    before = NOW - timedelta(days=1)
    assert queries.look(ALL, AS_OF, through=AS_OF, as_delivered=before).anomalies == ()


def test_scopes_hold(bills: Callable[[str], None]) -> None:
    bills("95.5")
    watch(AS_OF, now=NOW)
    other = Scope(frozenset({"production"}), None)
    some = Scope(None, frozenset({"cc"}))
    for scope in (other, some):
        assert queries.anomalies(scope) == []
        assert queries.anomaly(scope, only().key) is None
    assert queries.look(some, AS_OF) == queries.NOTHING
    assert queries.look(other, AS_OF).anomalies == ()


def test_the_sweep_asks_once_for_each_state_of_the_lake(
    bills: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ring", lambda run, now: None)
    watching.on_sweep(NOW)
    assert not JobRun.objects.filter(kind=watching.KIND).exists()
    bills("95.5")
    for _ in range(2):
        watching.on_sweep(NOW)
    run = JobRun.objects.get(kind=watching.KIND)
    jobs.run(run.pk)
    run.refresh_from_db()
    assert run.state == "done"
    assert run.result is not None
    assert run.result["opened"] == 1
    watching.on_sweep(NOW)
    assert JobRun.objects.filter(kind=watching.KIND).count() == 1
    watching.on_sweep(NOW + timedelta(days=1))
    assert JobRun.objects.filter(kind=watching.KIND).count() == 2


# -- pages -----------------------------------------------------------------------------------------


def test_the_page_says_what_how_much_and_why(bills: Callable[[str], None], viewer: Client) -> None:
    assert b"Nothing has stood out" in viewer.get("/anomalies/").content
    bills("95.5")
    watch(AS_OF, now=NOW)
    page = viewer.get("/anomalies/").content.decode()
    assert "1 anomaly to look at" in page
    assert "&lt;b&gt;Logs&lt;/b&gt; in staging: cost more than expected" in page
    assert "logs" in page
    assert "Acknowledge</button>" not in page
    assert viewer.post(f"/anomalies/{only().key}/acknowledge/").status_code == 403


def test_acknowledging_in_place_and_taking_it_back(
    bills: Callable[[str], None], operator: Client
) -> None:
    bills("95.5")
    watch(AS_OF, now=NOW)
    address = f"/anomalies/{only().key}/acknowledge/"
    answer = operator.post(address, {"note": "", "seen": "open"}, follow=True)
    assert "Say in a few words" in answer.content.decode()
    hostile = "<script>alert(1)</script>"
    headers = {"HX-Request": "true", "HX-Target": "anomalies"}
    answer = operator.post(address, {"note": hostile, "seen": "open"}, headers=headers)
    assert answer.content.decode().lstrip().startswith('<section id="anomalies"')
    page = operator.get("/anomalies/?state=acknowledged").content.decode()
    assert hostile not in page
    assert "Expected, says operator-1" in page
    answer = operator.post(
        f"/anomalies/{only().key}/reopen/", {"seen": "open", "back": "?state=all"}, follow=True
    )
    assert "is acknowledged by now by operator-1" in answer.content.decode()
    operator.post(f"/anomalies/{only().key}/reopen/", {"seen": "acknowledged"})
    assert only().state == "open"
    assert operator.post("/anomalies/999999/reopen/", {"seen": "open"}).status_code == 404


@pytest.mark.parametrize(
    "query", ["?state=sleeping", "?nonsense=1", f"?environment={'x' * 101}", "?state[]=open"]
)
def test_nonsense_is_refused(viewer: Client, query: str) -> None:
    assert viewer.get(f"/anomalies/{query}").status_code == 400
    assert viewer.get(f"/anomalies.csv{query}").status_code == 400


def test_the_file_has_every_digit(bills: Callable[[str], None], viewer: Client) -> None:
    bills("95.123456789")
    watch(AS_OF, now=NOW)
    answer = viewer.get("/anomalies.csv?state=all&environment=staging")
    assert 'filename="anomalies-all.csv"' in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    (row,) = csv.DictReader(text.splitlines())
    assert Decimal(row["actual"]) == Decimal("96.623456789")
    assert Decimal(row["impact"]) == Decimal(row["actual"]) - Decimal(row["expected"])
    assert row["drivers"] == "logs 100 %"


def test_review_and_explore_mark_it(bills: Callable[[str], None], viewer: Client) -> None:
    bills("95.5")
    watch(AS_OF, now=NOW)
    week = f"{SPIKE.isocalendar().year}-W{SPIKE.isocalendar().week:02d}"
    page = viewer.get(f"/weeks/{week}/").content.decode()
    assert "cost more than expected" in page
    assert f'"marks": [{{"day": "{SPIKE}"}}]' in page
    asked = f"?from={SPIKE - timedelta(days=3)}&to={SPIKE}&step=day"
    assert "1 anomaly in these days" in viewer.get(f"/costs/{asked}").content.decode()
    elsewhere = viewer.get(f"/costs/{asked}&not.environment=staging").content.decode()
    assert "anomaly in these days" not in elsewhere
    monthly = viewer.get("/costs/?range=all&step=month").content.decode()
    assert f'"marks": [{{"day": "{SPIKE.replace(day=1)}"}}]' in monthly


def test_queries_do_not_grow(bills: Callable[[str], None], viewer: Client) -> None:
    bills("95.5")
    watch(AS_OF, now=NOW)

    def count() -> int:
        with CaptureQueriesContext(connection) as found:
            assert viewer.get("/anomalies/?state=all").status_code == 200
        return len(found)

    count()
    few = count()
    first = AnomalyRecord.objects.get()
    for nth in range(30):
        first.pk, first.service_name = None, f"Service {nth}"
        first.save(force_insert=True)
    assert count() == few


def test_who_sees_some_cost_centers_is_told_so(bills: Callable[[str], None], db: None) -> None:
    install_roles()
    user = User.objects.create_user("finance-1")
    user.groups.add(Group.objects.get(name="viewer"))
    Visibility.objects.create(user=user, cost_centers=["cc-1"])
    client = Client()
    client.force_login(user)
    assert "You see only some cost centers" in client.get("/anomalies/").content.decode()


def test_the_demo_has_its_spike_and_nothing_else(demo: Path) -> None:
    rows = queries.anomalies(ALL, states=frozenset({"open"}))
    assert [(row.environment, row.service_name) for row in rows] == [
        ("staging", "AmazonCloudWatch")
    ]
    assert rows[0].drivers[0].resource_id.endswith("log-group:/template/staging/app")
