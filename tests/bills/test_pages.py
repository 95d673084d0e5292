"""Pages of bills: the matrix, a bill with its versions, decisions, files, and the first steps."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from costs.bills import queries
from costs.bills.matrix import Version, missing_months
from costs.bills.restatements import restate
from costs.demo import tasks as demo_tasks
from costs.jobs import kinds
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake import operations as lake
from costs.lake.models import BillVersion, Source
from costs.money import cents, exact_sum
from costs.people.models import AuditEntry, Visibility
from costs.people.operations import install_roles
from tests.bills.making import ALL, cur, focus, ingest, total, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

SOURCE = "example-cloud-account-1-focus"
PAGE = f"/bills/{SOURCE}/2026-01/"
TODAY = datetime(2026, 4, 10, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: TODAY)
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


@pytest.fixture
def person(client: Client) -> Callable[..., Client]:
    """``person("operator")``: a client signed in as somebody with that role."""

    def sign_in(role: str | None = None, name: str = "someone") -> Client:
        install_roles()
        user = User.objects.create_user(name)
        if role:
            user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


def period(month: int) -> dict[str, str]:
    """What puts a FOCUS row into a month of 2026."""
    return {
        "BillingPeriodStart": f"2026-{month:02}-01T00:00:00Z",
        "BillingPeriodEnd": f"2026-{month + 1:02}-01T00:00:00Z",
        "ChargePeriodStart": f"2026-{month:02}-05T00:00:00Z",
        "ChargePeriodEnd": f"2026-{month:02}-06T00:00:00Z",
    }


def deliver(folder: Path, cost: object, *, month: int = 1, rows: int = 4, **more: Any) -> None:
    """Ingest a FOCUS bill of ``rows`` rows of ``cost`` each."""
    name = f"{month}-{cost}-{rows}.csv"
    row = focus(BilledCost=cost, **period(month), **more)
    ingest(write(folder / name / name, [row] * rows), now=TODAY)


def hold(folder: Path) -> BillVersion:
    """A live bill of January, and a much smaller delivery that is held."""
    deliver(folder, 10)
    deliver(folder, 1)
    return BillVersion.objects.get(status="held")


# -- the matrix -----------------------------------------------------------------------------------


def test_live_held_and_missing_months(tmp_path: Path, person: Callable[..., Client]) -> None:
    hold(tmp_path)
    deliver(tmp_path, 5, month=3)
    page = person().get("/bills/")
    matrix = page.context["matrix"]
    assert [f"{row.month:%Y-%m}" for row in matrix.rows] == [
        "2026-04",
        "2026-03",
        "2026-02",
        "2026-01",
    ]
    assert [row.cells[0].state for row in matrix.rows] == ["missing", "bills", "missing", "bills"]
    january = matrix.rows[-1]
    assert {one.version.status for one in january.cells[0].bills} == {"live", "held"}
    assert january.totals == {"USD": 40}
    assert "1 delivery waits for a decision" in page.text
    for word in ("live", "held", "missing"):
        assert f"</svg>{word}</span>" in page.text.replace("\n", "")


def test_months_missed_are_those_since_the_first_bill() -> None:
    def of(*months: str) -> list[Version]:
        return [
            Version(
                pk=1,
                source="s",
                billing_period=date.fromisoformat(f"{month}-01"),
                number=1,
                status="live",
                rows=1,
                rejected=0,
                sums=(),
                delivered_at=TODAY,
                delivered_by="x",
                held_reason="",
                notices=(),
            )
            for month in months
        ]

    def missed(today: str, *months: str) -> list[str]:
        found = missing_months(of(*months), date.fromisoformat(today))
        return [f"{month:%Y-%m}" for month in found]

    assert missed("2026-04-10") == []
    assert missed("2026-04-10", "2026-04") == []
    assert missed("2026-04-03", "2026-03") == []
    assert missed("2026-04-04", "2026-03") == ["2026-04"]
    assert missed("2026-02-10", "2025-11", "2026-01") == ["2025-12", "2026-02"]
    assert missed("2026-01-02", "2025-11") == ["2025-12"]
    assert missed("2026-01-10", "2026-03") == []


def test_the_matrix_as_a_file(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path, "0.000000000000000001", month=1, ServiceName="=cmd()")
    deliver(tmp_path, 5, month=3)
    answer = person().get("/bills.csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    found = {(row["billing_period"], row["state"], row["billed_cost"]) for row in rows}
    assert found == {
        ("2026-01", "live", "0.000000000000000004"),
        ("2026-03", "live", "20"),
        ("2026-02", "missing", ""),
        ("2026-04", "missing", ""),
    }


def test_the_other_metric_and_older_months(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path, 5, month=1, EffectiveCost="1")
    client = person()
    assert "20.00" in client.get("/bills/").text
    assert "4.00" in client.get("/bills/?metric=effective_cost").text
    assert client.get("/bills/?until=2026-01").status_code == 200
    assert client.get("/bills/?until=1999-01").status_code == 200
    for nonsense in ("metric=x", "until=x", "until=2026-13", "until=2026-01-01x", "a=b", "until=9"):
        assert client.get(f"/bills/?{nonsense}").status_code == 400, nonsense


def test_more_months_than_a_page_holds(tmp_path: Path, person: Callable[..., Client]) -> None:
    old = {
        "BillingPeriodStart": "2020-01-01T00:00:00Z",
        "BillingPeriodEnd": "2020-02-01T00:00:00Z",
        "ChargePeriodStart": "2020-01-05T00:00:00Z",
        "ChargePeriodEnd": "2020-01-06T00:00:00Z",
    }
    ingest(write(tmp_path / "old.csv", [focus(**old)]))
    deliver(tmp_path, 5, month=3)
    client = person()
    address, seen = "/bills/", []
    while address:
        page = client.get(address)
        matrix = page.context["matrix"]
        seen += [row.month for row in matrix.rows]
        address = f"/bills/?until={matrix.earlier:%Y-%m}" if matrix.earlier else ""
    assert len(seen) == len(set(seen)) == 6 * 12 + 4
    assert seen == sorted(seen, reverse=True)


def test_who_sees_a_part_sees_states_and_no_sums(
    tmp_path: Path, person: Callable[..., Client]
) -> None:
    deliver(tmp_path, "98765.43")
    client = person()
    Visibility.objects.create(user=User.objects.get(), environments=["staging"])
    page = client.get("/bills/")
    assert page.status_code == 200
    assert "395,061" not in page.text
    assert "live" in page.text
    assert "98765" not in b"".join(client.get("/bills.csv")).decode()
    assert "395061" not in b"".join(client.get("/bills.csv")).decode()
    assert client.get(PAGE).status_code == 403


@pytest.mark.parametrize("address", ["/bills/", PAGE])
def test_queries_do_not_grow(tmp_path: Path, person: Callable[..., Client], address: str) -> None:
    deliver(tmp_path, 10)
    client = person("operator")

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    before = count()
    for cost in (11, 12, 13):
        deliver(tmp_path, cost, rows=20)
        deliver(tmp_path, cost, month=2)
    ingest(write(tmp_path / "cur.csv", [cur()] * 5))
    hold_more = write(tmp_path / "small.csv", [focus(BilledCost=1, **period(1))])
    ingest(hold_more)
    assert count() == before


# -- a bill ---------------------------------------------------------------------------------------


def test_a_bill_shows_its_versions_and_what_changed(
    tmp_path: Path, person: Callable[..., Client]
) -> None:
    deliver(tmp_path, 10)
    rows = [focus(BilledCost=10, **period(1))] * 4
    rows += [focus(BilledCost="2.5", ServiceName="Disks", **period(1))]
    ingest(write(tmp_path / "more.csv", rows), now=TODAY)
    page = person().get(PAGE)
    bill = page.context["bill"]
    assert [one.version.number for one in bill.versions] == [2, 1]
    (against,) = bill.versions[0].against
    assert (against.number, against.more_rows) == (1, 1)
    (change,) = against.restatements
    assert change.billed.difference == Decimal("2.5")
    assert [(one.name, one.billed.difference) for one in change.services] == [
        ("Disks", Decimal("2.5"))
    ]
    assert "+2.50" in page.text
    assert "42.50" in page.text
    assert bill.versions[1].against == ()
    assert 'aria-current="page">January 2026' in page.text


def test_a_version_is_compared_with_what_was_live_before(tmp_path: Path) -> None:
    version = hold(tmp_path)
    lake.refuse(version, actor="a", why="", now=TODAY)
    deliver(tmp_path, 12)
    bill = queries.bill_page(ALL, SOURCE, date(2026, 1, 1), as_of=TODAY.date())
    assert bill is not None
    compared = {
        one.version.number: [(other.number, other.status) for other in one.against]
        for one in bill.versions
    }
    assert compared == {3: [(1, "superseded")], 2: [(3, "live")], 1: []}


def test_files_that_are_gone_are_said(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path, 10)
    deliver(tmp_path, 11)
    old = BillVersion.objects.get(status="superseded")
    for file in (tmp_path / "data/lake" / old.key).iterdir():
        file.unlink()
    page = person().get(PAGE)
    assert page.status_code == 200
    assert "no longer kept" in page.text


def test_addresses_that_lead_nowhere(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path, 10)
    client = person("operator")
    assert client.get(f"/bills/{SOURCE}/2026-02/").status_code == 404
    assert client.get("/bills/nobody/2026-01/").status_code == 404
    assert client.get(f"{PAGE}?page=2").status_code == 404
    assert client.get("/bills/files/99/raw").status_code == 404
    for nonsense in ("2026-13", "x", "2026", "0000-01", "%00"):
        assert client.get(f"/bills/{SOURCE}/{nonsense}/").status_code in (400, 404), nonsense
    for nonsense in ("page=0", "page=x", "page=1&page=1", "sort=x"):
        assert client.get(f"{PAGE}?{nonsense}").status_code == 400, nonsense


def test_a_billing_period_that_is_no_calendar_month(
    tmp_path: Path, person: Callable[..., Client]
) -> None:
    odd = {
        "BillingPeriodStart": "2026-01-15T00:00:00Z",
        "BillingPeriodEnd": "2026-02-15T00:00:00Z",
        "ChargePeriodStart": "2026-01-20T00:00:00Z",
        "ChargePeriodEnd": "2026-01-21T00:00:00Z",
    }
    ingest(write(tmp_path / "odd.csv", [focus(**odd)]))
    client = person()
    assert f"/bills/{SOURCE}/2026-01-15/" in client.get("/bills/").text
    assert client.get(f"/bills/{SOURCE}/2026-01-15/").status_code == 200
    assert client.get(f"/bills/{SOURCE}/2026-01/")["Location"].endswith("/2026-01-15/")


def test_the_file_as_it_came(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path, 10)
    delivery = BillVersion.objects.get().parts.get().delivery
    client = person("finance")
    assert client.get(f"/bills/files/{delivery.pk}/raw").status_code == 403
    User.objects.get().groups.add(Group.objects.get(name="operator"))
    answer = client.get(f"/bills/files/{delivery.pk}/raw")
    assert b"".join(answer) == (tmp_path / "1-10-4.csv/1-10-4.csv").read_bytes()
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="1-10-4.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    Visibility.objects.create(user=User.objects.get(), environments=["staging"])
    assert client.get(f"/bills/files/{delivery.pk}/raw").status_code == 404


# -- what changed adds up -------------------------------------------------------------------------

AMOUNT = st.decimals(-(10**6), 10**6, places=18)
COSTS = st.dictionaries(
    st.tuples(st.text("abcdefghij", min_size=1, max_size=2), st.sampled_from(["USD", "EUR"])),
    st.tuples(AMOUNT, AMOUNT),
    max_size=25,
)


@given(COSTS, COSTS, st.integers(0, 8))
def test_differences_add_up_exactly(before: Any, after: Any, listed: int) -> None:
    for change in restate(before, after, listed=listed):
        lines = [*change.services, *([change.others] if change.others else [])]
        for nth, metric in enumerate(("billed", "effective")):
            whole = getattr(change, metric)
            parts = [getattr(line, metric) for line in lines]
            own = [
                exact_sum(costs[nth] for (_, one), costs in side.items() if one == change.currency)
                for side in (before, after)
            ]
            assert [whole.before, whole.after] == own
            assert exact_sum(part.difference for part in parts) == whole.difference
            assert exact_sum(part.shown for part in parts) == whole.shown
            assert whole.shown == cents(own[1]) - cents(own[0])
            for part in parts:
                assert part.shown == part.shown_after - part.shown_before
        assert len(change.services) <= listed


def test_the_tables_of_two_versions_add_up_to_their_sums(tmp_path: Path) -> None:
    rows = [
        focus(BilledCost=f"{n}.{n:018}", ServiceName=f"Service {n % 11}", **period(1))
        for n in range(1, 40)
    ]
    ingest(write(tmp_path / "a/b.csv", rows), now=TODAY)
    spanning = {"ChargePeriodEnd": "2026-01-12T00:00:00Z", "ChargeCategory": "Purchase"}
    rows[3] |= spanning | {"EffectiveCost": "0.000000000000000007"}
    rows[5]["BilledCost"] = "-17.3"
    ingest(write(tmp_path / "c/b.csv", rows[:-4]), now=TODAY)
    bill = queries.bill_page(ALL, SOURCE, date(2026, 1, 1), as_of=TODAY.date())
    assert bill is not None
    new, old = bill.versions[0].version, bill.versions[1].version
    (change,) = bill.versions[0].against[0].restatements or ()
    lines = [*change.services, *([change.others] if change.others else [])]
    (_, billed, effective), (_, billed_before, effective_before) = new.sums[0], old.sums[0]
    assert exact_sum(one.billed.difference for one in lines) == billed - billed_before
    assert exact_sum(one.effective.difference for one in lines) == effective - effective_before


# -- decisions ------------------------------------------------------------------------------------


def decide(client: Client, version: BillVersion, decision: str, **more: object) -> Any:
    live = BillVersion.objects.filter(status="live").first()
    data = {"version": version.pk, "compared_with": live.pk if live else "", "decision": decision}
    return client.post(f"{PAGE}decision/", data | more)


def test_an_operator_accepts(tmp_path: Path, person: Callable[..., Client]) -> None:
    version = hold(tmp_path)
    client = person("operator", name="operator-1")
    page = client.get(PAGE)
    assert "where the live version costs" in page.text
    assert "Accept: make it live" in page.text
    assert "−36.00" in page.text
    answer = decide(client, version, "accept")
    assert answer.status_code == 302
    assert "Version 2 is live now" in client.get(answer["Location"]).text
    assert total() == 4
    entry = AuditEntry.objects.get(action="bill.accepted")
    assert entry.actor == "operator-1"


def test_an_operator_refuses_and_says_why(tmp_path: Path, person: Callable[..., Client]) -> None:
    version = hold(tmp_path)
    client = person("operator")
    assert decide(client, version, "refuse", why="half a file").status_code == 302
    assert total() == 40
    version.refresh_from_db()
    assert version.status == "refused"
    assert AuditEntry.objects.get(action="bill.refused").detail == {"why": "half a file"}
    assert "refused" in client.get(PAGE).text


@pytest.mark.parametrize("role", [None, "viewer", "reviewer", "finance"])
def test_others_look_and_do_not_decide(
    tmp_path: Path, person: Callable[..., Client], role: str | None
) -> None:
    version = hold(tmp_path)
    client = person(role)
    page = client.get(PAGE)
    assert "An operator decides" in page.text
    assert "Accept: make it live" not in page.text
    assert decide(client, version, "accept").status_code == 403
    assert client.get(f"{PAGE}decision/").status_code == 405
    version.refresh_from_db()
    assert version.status == "held"


def test_somebody_else_was_quicker(tmp_path: Path, person: Callable[..., Client]) -> None:
    version = hold(tmp_path)
    client = person("operator")
    seen = BillVersion.objects.get(status="live").pk
    lake.refuse(version, actor="another", why="", now=TODAY)
    answer = decide(client, version, "accept")
    assert answer.status_code == 409
    assert "somebody decided before you" in answer.text
    assert "This is how the bill stands now" in answer.text
    assert total() == 40

    deliver(tmp_path, 2)
    other = BillVersion.objects.get(status="held")
    deliver(tmp_path, 11)
    answer = decide(client, other, "accept", compared_with=seen)
    assert answer.status_code == 409
    assert "not what you compared it with" in answer.text
    assert total() == 44
    assert not AuditEntry.objects.filter(action="bill.accepted").exists()


def test_decisions_about_nonsense(tmp_path: Path, person: Callable[..., Client]) -> None:
    version = hold(tmp_path)
    client = person("operator")
    address = f"{PAGE}decision/"
    for data in (
        {},
        {"version": version.pk},
        {"version": "x", "decision": "accept"},
        {"version": version.pk, "decision": "delete"},
        {"version": 10**30, "decision": "accept"},
        {"version": version.pk, "decision": "refuse", "why": "x" * 301},
    ):
        assert client.post(address, data).status_code == 400, data
    missing = {"version": 999, "decision": "accept"}
    assert client.post(address, missing).status_code == 404
    elsewhere = {"version": version.pk, "decision": "accept"}
    assert client.post("/bills/nobody/2026-01/decision/", elsewhere).status_code == 404
    version.refresh_from_db()
    assert version.status == "held"


def test_a_bill_that_another_source_covers_is_compared_with_it(
    tmp_path: Path, person: Callable[..., Client]
) -> None:
    deliver(tmp_path, 10)
    row = [focus(BilledCost="3", **period(1))] * 4
    ingest(write(tmp_path / "x.csv", row), source="other", now=TODAY)
    client = person("operator")
    page = client.get("/bills/other/2026-01/")
    assert "already covers this account and month" in page.text
    held = BillVersion.objects.get(status="held")
    (against,) = page.context["bill"].held[0].against
    assert (against.source, against.rows) == (SOURCE, 4)
    data = {"version": held.pk, "compared_with": "", "decision": "accept"}
    assert client.post("/bills/other/2026-01/decision/", data).status_code == 302
    assert total() == 12


# -- first steps ----------------------------------------------------------------------------------


def test_an_empty_installation_says_what_to_do(person: Callable[..., Client]) -> None:
    client = person()
    assert "ask one to do it" in client.get("/").text
    assert "No bill has arrived yet" in client.get("/bills/").text
    assert client.post("/demo/load/").status_code == 403
    User.objects.get().groups.add(Group.objects.get(name="operator"))
    page = client.get("/").text
    assert "/bills/upload/" in page
    assert "/demo/load/" in page
    assert client.get("/demo/load/").status_code == 405
    assert client.get("/demo/loading/").status_code == 404


def test_the_demo_is_loaded_in_the_background(
    person: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(tell: Any, *, as_of: str) -> dict[str, int]:
        asked.append(as_of)
        return {"deliveries": 43, "new": 43}

    monkeypatch.setitem(kinds._kinds, demo_tasks.LOAD, kinds.Kind(demo_tasks.LOAD, "long", load))
    client = person("operator")
    answer = client.post("/demo/load/")
    assert answer["Location"] == "/demo/loading/"
    assert client.post("/demo/load/").status_code == 302  # pressed twice
    run = JobRun.objects.get()
    assert "Waiting for a worker" in client.get("/demo/loading/").text
    jobs.run(run.pk)
    assert asked == ["2026-04-10"]
    shown = client.get("/demo/loading/").text
    assert "43 deliveries" in shown
    assert "hx-trigger" not in shown


def test_the_demo_is_never_mixed_with_bills(tmp_path: Path, person: Callable[..., Client]) -> None:
    deliver(tmp_path, 10)
    answer = person("operator").post("/demo/load/")
    assert answer.status_code == 409
    assert "bills already" in answer.text
    assert not JobRun.objects.exists()
    assert Source.objects.count() == 1


# -- pages about the product ----------------------------------------------------------------------


def test_who_sees_the_style_guide(person: Callable[..., Client]) -> None:
    client = person("finance")
    assert client.get("/styleguide/").status_code == 403
    assert client.get("/glossary/").status_code == 200
    User.objects.get().groups.add(Group.objects.get(name="operator"))
    page = client.get("/styleguide/")
    assert page.status_code == 200
    for verdict in ("inside", "at risk", "over", "under", "unknown"):
        assert f"</svg>{verdict}" in page.text.replace("\n", "")
    assert " style=" not in page.text


def test_every_page_helps_with_keys_and_skips(person: Callable[..., Client]) -> None:
    client = person()
    for address in ("/", "/bills/", "/glossary/"):
        page = client.get(address).text
        assert 'href="#main"' in page
        assert '<dialog class="dialog" id="keyboard"' in page
        assert 'data-keys="g b"' in page
    assert "keyboard" not in Client().get("/sign-in/").text
