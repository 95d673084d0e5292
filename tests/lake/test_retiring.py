"""Old versions give up their files, in a folder and in object stores, on the page, by command."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from costs.errors import OutOfReach
from costs.lake import operations as lake
from costs.lake import retiring, tasks
from costs.lake.models import BillVersion, Delivery
from costs.lake.retention import Policy
from costs.people.models import AuditEntry
from costs.stores import Store, open_store
from tests.bills.making import command, focus, ingest, total, write

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
START = datetime(2026, 2, 1, 6, tzinfo=UTC)


@pytest.fixture(params=["folder", "s3_lake", "blob_lake"])
def store(request: pytest.FixtureRequest, data_dir: Path, settings: Settings) -> Store:
    if request.param != "folder":
        request.getfixturevalue(request.param)
    return open_store(settings.LAKE_URL)


@pytest.fixture
def local(data_dir: Path, settings: Settings) -> Store:
    return open_store(settings.LAKE_URL)


def deliver(folder: Path, days: int, *, rejects: bool = False) -> None:
    """The same bill once a day, a little dearer each time."""
    for nth in range(days):
        rows = [focus(BilledCost=f"{nth + 1}")] * 3
        bad = [focus(ChargePeriodStart="not a day")] if rejects else []
        file = write(folder / f"{nth}/b.csv", [*rows * 40, *bad])
        ingest(file, now=START + nth * DAY, delivered_at=START + nth * DAY)


def folders(store: Store) -> set[str]:
    return {key for key, _ in [*store.folders("charges", 3), *store.folders("raw", 2)]}


def run(store: Store, now: datetime, policy: Policy | None = None) -> set[str]:
    """What the hourly task does twice; keys of the folders that are left."""
    for _ in range(2):
        lake.tidy(store, now=now, progress=lambda _: None)
        retiring.retire(store, policy or Policy(), now=now)
    return folders(store)


def later() -> datetime:
    """Old enough for what was written just now, and for what was superseded in the tests' past."""
    return datetime.now(UTC) + 2 * DAY


def test_old_versions_and_their_delivered_files_go(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path, 6, rejects=True)
    first, second, *kept = BillVersion.objects.order_by("number")
    lake.pin(second, holder="month 2026-01", now=START)
    before = folders(store)
    assert len(before) == 12
    policy = Policy(versions=3, days=40_000)

    left = run(store, later(), policy)

    gone = {first.key, first.deliveries.get().raw_key.rpartition("/")[0]}
    assert before - left == gone
    assert not list(store.files(first.key))
    assert total() == 6 * 120
    first.refresh_from_db()
    assert first.files_removed_at is not None
    assert first.sums["USD"]["billed_cost"] == "120"  # its row says all it said
    (entry,) = AuditEntry.objects.filter(action="lake.tidied")
    assert entry.actor == "retention"
    assert entry.detail["versions"] == [f"{first}: superseded, and not among the last 3"]
    assert entry.detail["bytes"] > 0
    assert entry.detail["delivered_files"] == 1
    # Once more: nothing.
    assert run(store, later(), policy) == left
    assert AuditEntry.objects.filter(action="lake.tidied").count() == 1
    # By age only the pinned and the live ones are left.
    left = run(store, later(), Policy(versions=3, days=1))
    assert {key for key in left if key.startswith("charges")} == {second.key, kept[-1].key}
    with pytest.raises(lake.Conflict, match="are gone"):
        lake.pin(first, holder="review 2026-W05", now=START)
    lake.pin(second, holder="review 2026-W05", now=START)


def test_a_delivered_file_of_two_sources_stays_for_the_other(local: Store, tmp_path: Path) -> None:
    both = write(tmp_path / "both/b.csv", [focus(BilledCost="5")] * 3)
    ingest(both, now=START)
    ingest(both, now=START, source="by hand", accept=True)
    for nth in range(2):
        ingest(
            write(tmp_path / f"{nth}/b.csv", [focus(BilledCost=f"{nth + 6}")] * 3),
            now=START + (nth + 1) * DAY,
            source="by hand",
            accept=True,
        )
    raw = BillVersion.objects.filter(source__name="by hand").order_by("number")[0]
    key = raw.deliveries.get().raw_key
    run(local, later(), Policy(versions=0, days=1))
    assert BillVersion.objects.exclude(files_removed_at=None).count() == 2
    assert local.has(key)
    # Delivered again, a file that went is kept again.
    other = Delivery.objects.exclude(raw_key=key).order_by("pk")[0]
    assert not local.has(other.raw_key)
    ingest(tmp_path / "0/b.csv", source="by hand", accept=True, now=START + 3 * DAY)
    assert local.has(other.raw_key)
    assert local.has(BillVersion.objects.latest("pk").key + "/keys.parquet")


def test_killed_between_the_row_and_the_files(local: Store, tmp_path: Path) -> None:
    deliver(tmp_path, 3)
    policy = Policy(versions=0, days=1)
    retiring.retire(local, policy, now=later())
    assert len(folders(local)) == 6  # the rows say so, the files are still there
    assert total() == 3 * 120
    assert len(run(local, later(), policy)) == 2
    assert AuditEntry.objects.filter(action="lake.tidied").count() == 1


def test_the_task(local: Store, tmp_path: Path, settings: Settings, monkeypatch: Any) -> None:
    deliver(tmp_path, 3)
    settings.KEEP_VERSIONS = 1
    settings.KEEP_DAYS = 40_000
    monkeypatch.setattr(timezone, "now", later)
    tasks.tidy()
    tasks.tidy()
    assert BillVersion.objects.exclude(files_removed_at=None).count() == 1
    assert len(folders(local)) == 4


def test_as_delivered_says_that_the_files_are_gone(local: Store, tmp_path: Path) -> None:
    deliver(tmp_path, 4)
    run(local, later(), Policy(versions=1, days=40_000))
    assert total(as_delivered=START + 4 * DAY) == 4 * 120
    with pytest.raises(OutOfReach, match=r"version 1, .* were removed on .* by retention"):
        total(as_delivered=START + DAY / 2)
    with pytest.raises(CommandError, match="ask for a later day"):
        call_command("show_costs", "--as-of", "2026-02-02", "--as-delivered")


def test_the_command(
    local: Store, tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(tmp_path, 4)
    settings.KEEP_VERSIONS = 2
    settings.KEEP_DAYS = 40_000
    BillVersion.objects.update(superseded_at=None)
    old = datetime.now(UTC) - 3 * DAY
    BillVersion.objects.filter(status="superseded").update(superseded_at=old)
    said = command("tidy_lake", "--dry-run", capsys=capsys)
    assert said["removed"] is False
    (one,) = said["versions"]
    assert (one["version"], one["why"]) == (1, "superseded, and not among the last 2")
    sizes = {file.key: file.size for file in local.files("charges")}
    assert one["bytes"] == sum(
        size for key, size in sizes.items() if BillVersion.objects.get(number=1).key in key
    )
    (source,) = said["sources"]
    assert source["versions"] == 4
    assert source["version_bytes"] == sum(sizes.values())
    assert source["delivered_bytes"] == sum(file.size for file in local.files("raw"))
    assert said["delivered_files"] == 1
    assert not BillVersion.objects.exclude(files_removed_at=None).exists()
    # On an earlier day nothing would have gone.
    assert (
        command("tidy_lake", "--dry-run", "--as-of", "2026-02-01", capsys=capsys)["versions"] == []
    )
    with pytest.raises(CommandError, match="--as-of: goes with --dry-run only"):
        call_command("tidy_lake", "--as-of", "2026-02-01")
    assert command("tidy_lake", capsys=capsys)["removed"] is True
    assert BillVersion.objects.exclude(files_removed_at=None).count() == 1
    call_command("tidy_lake")
    assert "0 delivered files went with them" in capsys.readouterr().out


def test_the_page(
    local: Store, client: Client, tmp_path: Path, settings: Settings, monkeypatch: Any
) -> None:
    operator = get_user_model().objects.create_superuser("operator")
    client.force_login(operator)
    assert "The lake is empty" in client.get("/bills/space/").content.decode()
    deliver(tmp_path, 5, rejects=True)
    settings.KEEP_VERSIONS = 2
    settings.KEEP_DAYS = 40_000
    now = datetime.now(UTC) + 2 * DAY
    monkeypatch.setattr(timezone, "now", lambda: now)
    page = client.get("/bills/space/").content.decode()
    assert "2 old versions give up" in page
    assert "Superseded, and not among the last 2" in page
    answer = client.get("/bills/space.csv")
    rows = list(csv.DictReader(b"".join(answer).decode().splitlines()))
    assert [row["version"] for row in rows] == ["1", "2"]
    run(local, now, retiring.policy())
    page = client.get("/bills/space/").content.decode()
    assert "nothing of it may go" in page
    version = BillVersion.objects.get(number=1)
    bill = client.get(f"/bills/{version.source.name}/2026-01/").content.decode()
    assert bill.count("by retention") == 2
    rejects = client.get(f"/bills/{version.pk}/rejects/").content.decode()
    assert "with the files of this version" in rejects
    raw = client.get(f"/bills/files/{version.parts.get().delivery_id}/raw")
    assert raw.status_code == 404
    assert "no longer kept" in raw.content.decode()


def test_the_page_is_for_operators(local: Store, client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("viewer"))
    for page in ("/bills/space/", "/bills/space.csv"):
        assert client.get(page).status_code == 403


def test_queries_do_not_grow_with_versions(
    local: Store, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    deliver(tmp_path, 8)
    with django_assert_max_num_queries(8):
        found = retiring.space(local, Policy(versions=1), now=later())
    assert len(found.leaving) == 6
    assert sum(one.size for one in found.leaving) == found.sources[0].leaving_bytes
    assert found.total == sum(file.size for file in local.files(""))
    assert Decimal(found.raw_leaving) == 6
