"""Two ingests of the same bill at once: one after the other, never two live."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connections

from costs.bills.building import IngestError
from costs.lake.models import BillVersion
from tests.bills.making import focus, ingest, total, write

Status = BillVersion.Status


@pytest.mark.django_db(transaction=True)
def test_at_once(data_dir: Path, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}/b.csv", [focus(BilledCost=f"1.{n}")] * 3) for n in range(4)]
    together = threading.Barrier(len(files))
    statuses: list[str] = []
    errors: list[Exception] = []

    def deliver(file: Path) -> None:
        together.wait(30)
        try:
            statuses.extend(bill.status for bill in ingest(file))
        except IngestError as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(statuses) == ["loaded", "restated", "restated", "restated"]
    versions = BillVersion.objects.order_by("number")
    assert [version.number for version in versions] == [1, 2, 3, 4]
    assert [version.status for version in versions] == [*[Status.SUPERSEDED] * 3, Status.LIVE]
    (live,) = BillVersion.objects.filter(status=Status.LIVE)
    assert total() == Decimal(live.sums["USD"]["billed_cost"])


@pytest.mark.django_db(transaction=True)
def test_the_database_itself_allows_one_live_version(data_dir: Path, tmp_path: Path) -> None:
    from django.db import IntegrityError

    ingest(write(tmp_path / "1/b.csv", [focus(BilledCost="1")]))
    ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="2")]))

    with pytest.raises(IntegrityError):
        BillVersion.objects.update(status=Status.LIVE)
    assert total() == 2
