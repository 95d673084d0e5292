"""Exports in a container: the real Azure SDK against a fake Azure on loopback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.bills import connecting, fetching
from costs.bills.clouds import blob, downloading
from costs.bills.fetching import FetchFailed, fetch
from costs.bills.models import Connection
from costs.lake.models import BillVersion
from tests.bills.clouds.azure_fake import AzureFake, Blob, azure_error
from tests.bills.clouds.conftest import Clock
from tests.bills.clouds.gateway import Fault
from tests.bills.making import csv_text, focus, total

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NOW = datetime(2026, 4, 3, 6, tzinfo=UTC)
PLACE = {"account": "examplebilling", "container": "exports", "prefix": "focus/"}


def connection(**parameters: str) -> Connection:
    return connecting.add_connection(
        actor="an operator",
        name="azure-exports",
        kind="azure-blob",
        parameters={**PLACE, **parameters},
        schedule="daily",
        hour=6,
        now=NOW,
    )


def run(known: Connection, clock: Clock) -> Any:
    known.refresh_from_db()
    return fetch(lambda _w, _s: None, known, again=False, now=NOW, patience=clock.patience())


def month_of_focus(month: int, cost: str) -> bytes:
    return csv_text(
        [
            focus(
                BilledCost=cost,
                BillingPeriodStart=f"2026-{month:02}-01T00:00:00Z",
                BillingPeriodEnd=f"2026-{month + 1:02}-01T00:00:00Z",
                ChargePeriodStart=f"2026-{month:02}-05T00:00:00Z",
                ChargePeriodEnd=f"2026-{month:02}-06T00:00:00Z",
                ChargeDescription=f"row {nth}",
            )
            for nth in range(20)
        ]
    ).encode()


def put_export(azure: AzureFake, month: int, cost: str, run: str = "r1", minute: int = 0) -> None:
    """A run of an export of Azure: parts and a manifest in a folder of the month and the run."""
    folder = f"focus/daily/2026{month:02}01-2026{month:02}28/{run}"
    part = f"{folder}/part_0_0001.csv"
    manifest = {
        "exportConfig": {"exportName": "daily", "type": "FocusCost", "resourceId": "/x/daily"},
        "runInfo": {
            "runId": run,
            "startDate": f"2026-{month:02}-01T00:00:00",
            "submittedTime": f"2026-04-01T00:{minute:02}:00Z",
        },
        "blobs": [{"blobName": part, "byteCount": 1}],
    }
    at = datetime(2026, 4, 1, tzinfo=UTC) + timedelta(minutes=minute)
    for name, content in (
        (part, month_of_focus(month, cost)),
        (f"{folder}/manifest.json", json.dumps(manifest).encode()),
    ):
        azure.blobs[f"examplebilling/exports/{name}"] = Blob(content, at)


def three_months(azure: AzureFake) -> None:
    for month, cost in ((1, "1.1"), (2, "2.5"), (3, "4")):
        put_export(azure, month, cost)


def test_three_months_come_in_pages_and_once(
    azure: AzureFake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_months(azure)
    azure.page = 2
    known = connection()
    steps = run(known, clock)
    assert [(one.billing_period, one.state) for one in steps] == [
        ("2026-01", "loaded"),
        ("2026-02", "loaded"),
        ("2026-03", "loaded"),
    ]
    assert len(azure.asked("comp=list")) == 3
    assert total() == Decimal(152)
    azure.seen.clear()
    assert run(known, clock) == []
    assert not azure.asked("part_0_0001.csv")
    put_export(azure, 3, "5", run="r2", minute=9)
    steps = run(known, clock)
    assert [(one.billing_period, one.bills[0]["status"]) for one in steps] == [
        ("2026-03", "restated")
    ]
    assert total() == Decimal(172)


def test_a_body_that_is_cut_off_is_fetched_to_its_end(
    azure: AzureFake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_export(azure, 2, "2.5")
    monkeypatch.setattr("time.sleep", lambda _s: None)  # the SDK itself waits a second, thrice
    azure.faults.append(Fault(lambda _m, p, _b: "part_0_0001" in p, cut=True, times=4))
    run(connection(), clock)
    assert total() == 50


def test_throttling_and_errors_pass(azure: AzureFake, clock: Clock) -> None:
    put_export(azure, 2, "2.5")
    busy = azure_error(503, "ServerBusy") | {"headers": {"Retry-After": "7"}}
    azure.faults.append(Fault(lambda _m, p, _b: "part_0_0001" in p, times=2, **busy))
    azure.faults.append(Fault(lambda _m, p, _b: "comp=list" in p, **azure_error(500, "Internal")))
    run(connection(), clock)
    assert clock.slept == [0.5, 7.5, 8.0]
    assert total() == 50


def test_a_damaged_blob_is_seen_by_its_md5(azure: AzureFake, clock: Clock) -> None:
    put_export(azure, 2, "2.5")
    size = len(month_of_focus(2, "2.5"))
    wrong: dict[str, Any] = {
        "status": 206,
        "body": b"x" * size,
        "headers": {
            "Content-Range": f"bytes 0-{size - 1}/{size}",
            "ETag": '"x"',
            "Content-Type": "text/csv",
            "Last-Modified": "Wed, 01 Apr 2026 00:00:00 GMT",
            "x-ms-blob-type": "BlockBlob",
        },
    }
    azure.faults.append(Fault(lambda _m, p, _b: "part_0_0001" in p, times=2, **wrong))
    known = connection()
    with pytest.raises(FetchFailed, match="arrived damaged twice"):
        run(known, clock)
    assert not BillVersion.objects.exists()
    run(known, clock)
    assert total() == 50


def test_a_blob_that_is_replaced_meanwhile_is_left_for_the_next_run(
    azure: AzureFake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_export(azure, 2, "2.5")
    monkeypatch.setattr(downloading, "PIECE", 1000)
    read = blob.BlobFolder.read

    def replaced(self: blob.BlobFolder, stored: Any, start: int, length: int) -> bytes:
        if start:
            put_export(azure, 2, "3")
        return read(self, stored, start, length)

    monkeypatch.setattr(blob.BlobFolder, "read", replaced)
    known = connection()
    with pytest.raises(FetchFailed, match="was replaced while it was fetched"):
        run(known, clock)
    monkeypatch.setattr(blob.BlobFolder, "read", read)
    run(known, clock)
    assert total() == 60


def test_the_missing_permission_is_named_with_its_container(azure: AzureFake, clock: Clock) -> None:
    def found() -> list[Any]:
        return fetching.check_connection(
            "azure-blob", PLACE, today=NOW.date(), patience=clock.patience(1)
        )

    place = "storageAccounts/examplebilling/blobServices/default/containers/exports"
    read = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    refused = azure_error(403, "x") | {
        "headers": {"x-ms-error-code": "AuthorizationPermissionMismatch"}
    }
    azure.faults.append(Fault(lambda _m, p, _b: "comp=list" in p, **refused))
    (one,) = found()
    assert (one.permission, one.resource, one.good) == (read, place, False)
    azure.faults.append(
        Fault(
            lambda _m, p, _b: "comp=list" in p,
            **refused | {"headers": {"x-ms-error-code": "AuthorizationFailure"}},
        )
    )
    assert "the firewall of the storage account may be in the way" in found()[-1].said
    assert found()[-1].said.startswith(f"{place} does not exist")
    three_months(azure)
    assert [one.said for one in found()] == [
        f"{read} on {place} is granted",
        f"{read} on {place} is granted",
        "3 deliveries found, 2026-01 to 2026-03",
    ]
