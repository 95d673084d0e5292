"""The whole way of a bill with a lake in S3 and in Blob, seen from two machines."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from costs.bills import drafting, reallocation
from costs.bills.allocation import Rule
from costs.bills.rule_sets import PlacedRule, with_rule
from costs.lake import operations as lake
from costs.lake.models import BillVersion
from costs.lake.queries import live_files
from costs.stores import bucket, open_store
from costs.stores.cached import CachedStore
from tests.bills.making import command, focus, ingest, spent, total, write
from tests.stores.faulty import Fault
from tests.stores.places import Place

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

NOW = datetime(2026, 2, 3, 9, tzinfo=UTC)
MONTH = "from=2026-01-01&to=2026-01-31"


@pytest.fixture(params=["s3_lake", "blob_lake"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(bucket, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("viewer"))
    return client


@pytest.fixture
def other_machine(settings: Settings, tmp_path: Path) -> Machine:
    return Machine(settings, tmp_path / "other")


class Machine:
    """A machine with a data folder of its own, that is, with an empty cache."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder

    def __enter__(self) -> Machine:
        self._before = self._settings.DATA_DIR
        self._settings.DATA_DIR = self._folder
        return self

    def __exit__(self, *_: object) -> None:
        self._settings.DATA_DIR = self._before


def delivery(folder: Path, cost: str = "10.000000000000000001") -> Path:
    """Two parts of one bill, with a row that is no charge."""
    write(folder / "one.csv", [focus(BilledCost=cost, EffectiveCost=cost)] * 200)
    other = focus(BilledCost="2", EffectiveCost="2", ResourceId="vm-2", ServiceName="Disks")
    write(folder / "two.csv", [other, focus(ChargePeriodStart="not a day")])
    return folder


def test_two_machines_see_the_same(
    place: Place, other_machine: Machine, reader: Client, tmp_path: Path
) -> None:
    ingest(delivery(tmp_path / "first"))
    ingest(delivery(tmp_path / "second", "11.5"))
    version = BillVersion.objects.get(status="live")
    assert total() == 200 * Decimal("11.5") + 2

    with other_machine:
        assert total() == 200 * Decimal("11.5") + 2
        review = reader.get("/weeks/2026-W02/").content.decode()
        assert "2,302" in review
        explored = reader.get(f"/costs/?{MONTH}&by=service_name").content.decode()
        assert "Disks" in explored
        listed = reader.get(f"/costs/charges.csv?{MONTH}&resource_id=vm-2")
        rows = list(csv.DictReader(b"".join(listed).decode("utf-8-sig").splitlines()))
        assert [(row["file"], row["row"]) for row in rows] == [("two.csv", "2")]
        rejected = reader.get(f"/bills/{version.pk}/rejects/").content.decode()
        assert "not a day" in rejected
        part = version.parts.get(number=1)
        raw = reader.get(f"/bills/files/{part.delivery_id}/raw")
        assert b"".join(raw) == (tmp_path / "second/two.csv").read_bytes()
        bill = reader.get(f"/bills/{version.source.name}/2026-01/").content.decode()
        assert "Disks" in bill or "Machines" in bill  # what the restatement changed, by service


def test_rules_are_put_in_force_by_the_other_machine(
    place: Place, other_machine: Machine, tmp_path: Path
) -> None:
    ingest(delivery(tmp_path / "first"))
    rule = Rule("found", "cost_center", "resource_id", "vm-2", value="found")
    with other_machine:
        put_in_force(rule)
    assert spent("cost_center")["found", "USD"] == 2
    version = BillVersion.objects.get()
    store = open_store(place.url)
    tables = {one.key.rpartition("/")[2] for one in store.files(version.key)}
    assert len(tables) == 2 + 1 + 2 * 3
    # The old tables go a day later, from the store and from what this machine keeps of it.
    assert version.allocated_at is not None
    for hours, removed in ((23, 0), (25, 3), (25, 0)):
        now = datetime.now(UTC) + timedelta(hours=hours)
        assert lake.tidy(store, now=now, progress=lambda _: None) == removed
    assert len(list(store.files(version.key))) == 2 + 1 + 3
    assert spent("cost_center")["found", "USD"] == 2


def put_in_force(rule: Rule) -> None:
    drafting.change(
        lambda document: with_rule(document, PlacedRule("x", rule), after=""),
        what="Added a rule",
        action="rule.added",
        subject=rule.name,
        actor="op",
        now=NOW,
    )
    drafting.apply(version=drafting.read_draft().version, why="because", actor="op", now=NOW)
    reallocation.work(lambda what, share: None)


def test_what_other_pages_need_comes_meanwhile(
    place: Place, other_machine: Machine, tmp_path: Path
) -> None:
    """One small question after a flip, and the daily tables of all live bills are at hand."""
    for account in ("a", "b", "c"):
        ingest(write(tmp_path / f"{account}.csv", [focus(BillingAccountId=account)] * 3))
    with other_machine:
        store = open_store(place.url)
        assert isinstance(store, CachedStore)
        live_files("daily_summary")
        for thread in store.warming:
            thread.join()
        place.proxy.faults = [Fault("drop")]
        assert total() == 9
        assert spent("resource_id", "sku_id")
        assert len(list(store.root.glob("files/charges/*/*/*/*.parquet"))) == 6
        # A version that came since is fetched when somebody asks again.
        place.proxy.faults = []
    ingest(write(tmp_path / "again.csv", [focus(BillingAccountId="a")] * 4))
    with other_machine:
        live_files("daily_summary")
        for thread in store.warming:
            thread.join()
        assert len(list(store.root.glob("files/charges/*/*/*/*.parquet"))) == 8


def test_a_lake_that_cannot_be_reached_is_no_error_of_the_warm_up(
    place: Place, other_machine: Machine, tmp_path: Path
) -> None:
    ingest(delivery(tmp_path / "first"))
    with other_machine:
        place.proxy.faults = [Fault("drop")]
        assert len(live_files("daily_summary")) == 1
        store = open_store(place.url)
        assert isinstance(store, CachedStore)
        for thread in store.warming:
            thread.join()
        place.proxy.faults = []
        assert total() == 200 * Decimal("10.000000000000000001") + 2


def test_addresses_for_other_engines(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(delivery(tmp_path / "first"))
    version = BillVersion.objects.get()
    place.proxy.requests.clear()
    files = command("live_files", capsys=capsys)["files"]
    assert place.proxy.requests == []  # the manifest knows them
    assert {one["path"] for one in files} == {
        f"{place.url}/{one.key}" for one in open_store(place.url).files(version.key)
    }
    assert sorted(one["table"] for one in files) == [
        *("allocation", "charges", "charges", "daily_facts", "daily_summary", "keys")
    ]


def test_a_page_of_a_machine_that_cannot_reach_the_lake(
    place: Place, other_machine: Machine, reader: Client, tmp_path: Path
) -> None:
    ingest(delivery(tmp_path / "first"))
    page = f"/costs/?{MONTH}&by=service_name"
    with other_machine:
        place.proxy.faults = [Fault("drop")]
        answer = reader.get(page)
        assert answer.status_code == 503
        assert answer["Retry-After"] == "30"
        said = answer.content.decode()
        assert f"the lake {place.url} cannot be reached" in said
        assert "Nothing is lost" in said
        place.proxy.faults = []
        assert reader.get(page).status_code == 200
        place.proxy.faults = [Fault("drop")]
        # What this machine keeps is shown all the same.
        assert reader.get(f"{page}&metric=billed_cost").status_code == 200


def test_a_file_that_somebody_removed_is_named(
    place: Place, other_machine: Machine, reader: Client, tmp_path: Path
) -> None:
    """Never a sum without it."""
    ingest(delivery(tmp_path / "first"))
    version = BillVersion.objects.get()
    with other_machine:
        open_store(place.url).remove(f"{version.key}/charges-001.parquet")
        answer = reader.get(f"/costs/charges/?{MONTH}")
        assert answer.status_code == 503
        assert f"the lake has no {version.key}/charges-001.parquet" in answer.content.decode()


@pytest.mark.parametrize("action", ["drop", 500, 429])
def test_a_command_without_the_lake_says_so_and_keeps_nothing(
    place: Place, tmp_path: Path, action: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = delivery(tmp_path / "first")
    place.proxy.faults = [Fault(action, "PUT", "/charges/")]
    with pytest.raises(CommandError) as caught:
        call_command("ingest_bill", str(file))
    assert "\n" not in str(caught.value)
    assert f"the lake {place.url}" in str(caught.value)
    assert not BillVersion.objects.exists()
    assert list(open_store(place.url).folders("staging", 1)) == []
    place.proxy.faults = []
    call_command("ingest_bill", str(file))
    assert total() == 200 * Decimal("10.000000000000000001") + 2
