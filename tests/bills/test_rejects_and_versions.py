"""Refused rows, held bills, restatements: what is counted, shown, and live."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from costs.bills.building import IngestError
from costs.bills.queries import rejects
from costs.lake import operations as lake
from costs.lake.models import BillVersion, Delivery, Generation
from costs.people.models import AuditEntry, Visibility
from costs.stores import open_store
from tests.bills.making import (
    ALL,
    NOW,
    command,
    csv_text,
    cur,
    focus,
    ingest,
    only_version,
    spent,
    total,
    write,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
Status = BillVersion.Status


@pytest.fixture
def person(client: Client, django_user_model: type[User]) -> User:
    user = django_user_model.objects.create_user("reviewer-1", password="correct horse battery")
    client.force_login(user)
    return user


def with_flaws(good: int, *flaws: str) -> str:
    """A bill of ``good`` rows with unreadable costs among them."""
    return csv_text([*[focus()] * good, *[focus(BilledCost=flaw) for flaw in flaws]])


# -- refused rows ----------------------------------------------------------------------------------


def test_row_numbers_count_structurally_broken_rows(tmp_path: Path) -> None:
    """Rows that the parser lost must not shift the numbers of those behind them."""
    lines = csv_text([focus(SkuId=str(n)) for n in range(12)]).splitlines()
    broken = {3: lines[2] + ",more", 7: "too,few", 8: "too,few,again"}
    for row, line in broken.items():
        lines[row - 1] = line
    for row in (2, 5, 9, 13):
        lines[row - 1] = lines[row - 1].replace("1,account-1", f"bad{row},account-1", 1)
    (bill,) = ingest(write(tmp_path / "b.csv", "\n".join(lines) + "\n"), accept=True)

    found = {one.row: one.value for one in rejects(ALL, only_version())}

    assert sorted(found) == [2, 3, 5, 7, 8, 9, 13]
    assert {row: found[row] for row in (2, 5, 9, 13)} == {n: f"bad{n}" for n in (2, 5, 9, 13)}
    assert (bill.rows, bill.rejected) == (5, 7)
    assert sorted(key[0] for key in spent("sku_id")) == sorted(["2", "4", "8", "9", "10"])


def test_rejects_are_counted_once_when_a_file_holds_several_bills(tmp_path: Path) -> None:
    rows = [
        *[focus(BilledCost="1")] * 3,
        *[focus(BillingAccountId="account-2", BilledCost="2")] * 5,
        focus(BilledCost="x"),
        focus(BillingAccountId="account-2", BilledCost="y"),
    ]
    bills = ingest(write(tmp_path / "b.csv", rows), accept=True)

    assert sorted((bill.rows, bill.rejected) for bill in bills) == [(3, 0), (5, 2)]
    with_rejects = BillVersion.objects.get(rejected=2)
    assert [(one.row, one.value) for one in rejects(ALL, with_rejects)] == [(10, "x"), (11, "y")]
    assert rejects(ALL, BillVersion.objects.get(rejected=0)) == []


def test_rejects_of_several_files_keep_their_file(tmp_path: Path) -> None:
    write(tmp_path / "bill/one.csv", with_flaws(2, "x"))
    write(tmp_path / "bill/two.csv", with_flaws(4, "y", "z"))
    ingest(tmp_path / "bill", accept=True)

    assert [(one.file, one.row, one.value) for one in rejects(ALL, only_version())] == [
        ("one.csv", 4, "x"),
        ("two.csv", 6, "y"),
        ("two.csv", 7, "z"),
    ]
    assert [one.row for one in rejects(ALL, only_version(), limit=1, offset=1)] == [6]


def test_rejects_page_and_download_are_safe(tmp_path: Path, client: Client, person: User) -> None:
    flaws = ["<script>alert(1)</script>", "=1+1", "@SUM(A1)", "+1 000", "-1 000", "\tx"]
    ingest(write(tmp_path / "=b<i>.csv", with_flaws(1, *flaws)), accept=True)
    pk = only_version().pk

    page = client.get(reverse("bills:rejects", args=[pk]))
    file = client.get(reverse("bills:rejects_csv", args=[pk]))

    text = page.content.decode()
    assert page.status_code == 200
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert file["Content-Type"].startswith("text/csv")
    assert 'attachment; filename="rejects-' in file["Content-Disposition"]
    body = b"".join(file).decode()
    cells = list(csv.reader(io.StringIO(body)))
    assert cells[0] == ["file", "row", "column", "reason", "value"]
    assert [row[1] for row in cells[1:]] == ["3", "4", "5", "6", "7", "8"]
    for row in cells[1:]:
        assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t")) for cell in row)
    assert [row[4].removeprefix("'") for row in cells[1:]] == flaws


def test_pages_of_rejects(tmp_path: Path, client: Client, person: User) -> None:
    ingest(write(tmp_path / "b.csv", with_flaws(1, *(f"bad-{n}" for n in range(250)))), accept=True)
    url = reverse("bills:rejects", args=[only_version().pk])

    assert b"bad-0<" in client.get(url).content.replace(b" ", b"").replace(b"\n", b"")
    last = client.get(url, {"page": "3"}).content
    assert b"bad-249" in last
    assert b"bad-199" not in last
    for nonsense in ("x", "-1", "1.5", "٣", "9" * 30):
        assert client.get(url, {"page": nonsense}).status_code == 400


def test_who_sees_a_part_sees_no_rejects(tmp_path: Path, client: Client, person: User) -> None:
    ingest(write(tmp_path / "b.csv", with_flaws(1, "secret")), accept=True)
    Visibility.objects.create(user=person, environments=["staging"])

    for name in ("bills:rejects", "bills:rejects_csv"):
        answer = client.get(reverse(name, args=[only_version().pk]))
        assert answer.status_code == 403
        assert b"secret" not in answer.content


def test_unknown_bill_is_not_found(client: Client, person: User) -> None:
    assert client.get(reverse("bills:rejects", args=[999])).status_code == 404


# -- held -----------------------------------------------------------------------------------------


def test_one_percent_of_rejects_is_allowed(tmp_path: Path) -> None:
    (bill,) = ingest(write(tmp_path / "b.csv", with_flaws(99, "x")))

    assert (bill.status, bill.rejected) == ("loaded", 1)


def test_more_than_one_percent_is_held(tmp_path: Path) -> None:
    (bill,) = ingest(write(tmp_path / "b.csv", with_flaws(98, "x")))

    assert bill.status == "held"
    assert bill.why == "1 of its 99 rows (1.0 %) could not be read"
    assert total() == 0
    assert only_version().status == Status.HELD


def test_held_again_is_not_kept_twice_and_accept_makes_it_live(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", with_flaws(3, "x"))
    for _ in range(2):
        (bill,) = ingest(file)
        assert (bill.status, bill.version) == ("held", 1)
    assert BillVersion.objects.count() == 1

    (bill,) = ingest(file, accept=True)

    assert (bill.status, bill.version, bill.why) == ("loaded", 1, "")
    assert total() == 3
    for again in (False, True):
        (bill,) = ingest(file, accept=again)
        assert (bill.status, bill.version) == ("unchanged", 1)
    assert BillVersion.objects.count() == 1


def test_half_the_rows_or_half_the_cost_is_held(tmp_path: Path) -> None:
    ingest(write(tmp_path / "1/b.csv", [focus(BilledCost="10")] * 10))

    (rows,) = ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="100")] * 4))
    (cost,) = ingest(write(tmp_path / "3/b.csv", [focus(BilledCost="4.9")] * 10))
    (half,) = ingest(write(tmp_path / "4/b.csv", [focus(BilledCost="10")] * 5))

    assert (rows.status, rows.why) == ("held", "it has 4 rows where the live version has 10")
    assert (cost.status, cost.why) == ("held", "it costs 49 USD where the live version costs 100")
    assert half.status == "restated"
    assert total() == 50


def test_a_currency_that_is_gone_is_held(tmp_path: Path) -> None:
    cad = focus(BilledCost="10", BillingCurrency="CAD")
    ingest(write(tmp_path / "1/b.csv", [focus(BilledCost="10"), cad]))
    (bill,) = ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="10")] * 2))

    assert bill.why == "it costs 0 CAD where the live version costs 10"
    assert spent() == {("USD",): Decimal(10), ("CAD",): Decimal(10)}


def test_a_second_source_of_the_same_account_would_count_twice(tmp_path: Path) -> None:
    first = write(tmp_path / "cur.csv", [cur()])
    second = write(
        tmp_path / "focus/b.csv",
        [focus(ProviderName="AWS", BillingAccountId="111122223333", BilledCost="1.1")],
    )
    ingest(first)
    (bill,) = ingest(second)

    assert bill.status == "held"
    assert "aws-111122223333-cur already covers this account and month" in bill.why
    assert total() == 1

    (bill,) = ingest(second, accept=True)

    assert bill.status == "loaded"
    assert total() == Decimal("1.1")
    displaced = BillVersion.objects.get(source__name="aws-111122223333-cur")
    assert displaced.status == Status.HELD
    assert "was chosen to count" in displaced.held_reason
    # And back again.
    (bill,) = ingest(first, accept=True)
    assert total() == 1
    assert BillVersion.objects.filter(status=Status.LIVE).count() == 1
    assert BillVersion.objects.count() == 2


def test_accept_refuse_and_their_conflicts(tmp_path: Path) -> None:
    ingest(write(tmp_path / "1/b.csv", [focus(BilledCost="10")] * 4))
    ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="1")] * 4))
    live = BillVersion.objects.get(status=Status.LIVE)
    held = BillVersion.objects.get(status=Status.HELD)
    with pytest.raises(lake.Conflict):
        lake.accept(live, actor="operator", now=NOW)
    assert total() == 40

    lake.accept(held, actor="operator", now=NOW)

    assert total() == 4
    with pytest.raises(lake.Conflict):
        lake.accept(held, actor="operator", now=NOW)
    with pytest.raises(lake.Conflict):
        lake.refuse(held, actor="operator", why="late", now=NOW)
    assert total() == 4
    assert BillVersion.objects.filter(status=Status.LIVE).count() == 1
    assert AuditEntry.objects.filter(action="bill.accepted").count() == 1


def test_refused_never_counts_and_can_come_again(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", with_flaws(3, "x"))
    ingest(file)
    lake.refuse(only_version(), actor="operator", why="not ours", now=NOW)

    assert only_version().status == Status.REFUSED
    assert total() == 0
    assert AuditEntry.objects.get(action="bill.refused").detail == {"why": "not ours"}
    with pytest.raises(lake.Conflict):
        lake.accept(only_version(), actor="operator", now=NOW)
    (bill,) = ingest(file)
    assert bill.status == "held"


# -- restatements ---------------------------------------------------------------------------------


def test_restating_keeps_the_version_before(tmp_path: Path) -> None:
    ingest(write(tmp_path / "1/b.csv", [focus(BilledCost="10")]))
    before = Generation.objects.get().number
    (bill,) = ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="12")]))

    old, new = BillVersion.objects.order_by("number")
    assert (bill.status, bill.version) == ("restated", 2)
    assert (old.status, new.status) == (Status.SUPERSEDED, Status.LIVE)
    assert old.sums["USD"]["billed_cost"] == "10"
    assert old.superseded_at == NOW
    assert Generation.objects.get().number > before
    assert total() == 12
    for version in (old, new):
        assert len(list((Path(settings.LAKE_URL) / version.key).glob("*.parquet"))) == 5


def test_going_back_to_earlier_content_is_a_restatement(tmp_path: Path) -> None:
    one = write(tmp_path / "1/b.csv", [focus(BilledCost="10")])
    two = write(tmp_path / "2/b.csv", [focus(BilledCost="12")])
    for file, status, version in (
        (one, "loaded", 1),
        (one, "unchanged", 1),
        (two, "restated", 2),
        (two, "unchanged", 2),
        (one, "restated", 3),
        (one, "unchanged", 3),
    ):
        (bill,) = ingest(file)
        assert (bill.status, bill.version) == (status, version)
    assert total() == 10


def test_one_of_two_bills_in_a_file_is_restated(tmp_path: Path) -> None:
    other = {"BillingAccountId": "account-2"}
    both = write(tmp_path / "1/b.csv", [focus(BilledCost="1"), focus(BilledCost="2", **other)])
    ingest(both)
    ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="1.5")]))
    assert total() == Decimal("3.5")

    bills = ingest(both)

    assert sorted((bill.source, bill.status) for bill in bills) == [
        ("example-cloud-account-1-focus", "restated"),
        ("example-cloud-account-2-focus", "unchanged"),
    ]
    assert total() == 3


def test_raw_files_are_kept_once(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", [focus()])
    ingest(file)
    ingest(file, source="another name", accept=True)
    raw = [path for path in (Path(settings.LAKE_URL) / "raw").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in raw] == [file.read_bytes()]
    assert Delivery.objects.values_list("raw_key", flat=True).distinct().count() == 1


def test_raw_files_that_were_refused_are_tidied_up_after_a_day(tmp_path: Path) -> None:
    ingest(write(tmp_path / "good.csv", [focus()]))
    with pytest.raises(IngestError):
        ingest(write(tmp_path / "bad.csv", [focus(BilledCost="x")]))
    store = open_store(settings.LAKE_URL)
    assert len(list(store.folders("raw", 2))) == 2
    now = datetime.now(UTC)

    for hours, removed, left in ((23, 0, 2), (25, 1, 1), (25, 0, 1)):
        later = now + timedelta(hours=hours)
        assert lake.tidy(store, now=later, progress=lambda _: None) == removed
        assert len(list(store.folders("raw", 2))) == left
    assert store.path(Delivery.objects.get().raw_key).read_text().startswith("BilledCost")


def test_as_delivered_shows_what_was_known_then(tmp_path: Path) -> None:
    later = NOW + timedelta(days=3)
    ingest(write(tmp_path / "1/b.csv", [focus(BilledCost="10")]), delivered_at=NOW)
    ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="12")]), delivered_at=later)

    assert total(as_delivered=NOW) == 0
    assert total(as_delivered=NOW + timedelta(days=1)) == 10
    assert total(as_delivered=later + timedelta(days=1)) == 12
    assert total() == 12


def test_accepting_through_the_command(tmp_path: Path, capsys: Any) -> None:
    file = write(tmp_path / "b.csv", with_flaws(3, "x"))

    (held,) = command("ingest_bill", file, capsys=capsys)["bills"]
    (loaded,) = command("ingest_bill", file, "--accept", capsys=capsys)["bills"]

    assert (held["status"], held["rejected"]) == ("held", 1)
    assert (loaded["status"], loaded["version"]) == ("loaded", 1)
