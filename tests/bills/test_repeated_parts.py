"""Two deliveries of one month in one folder would count twice: they are held, not added."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from costs.bills.operations import LoadedBill, ingest_bill

NOW = datetime(2026, 7, 4, tzinfo=UTC)
HEADER = (
    "BilledCost,EffectiveCost,BillingAccountId,BillingCurrency,BillingPeriodStart,"
    "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,"
    "ServiceName,ResourceId"
)
pytestmark = pytest.mark.django_db


def write(file: Path, days: range, cost: str = "1.5") -> None:
    lines = [
        f"{cost},{cost},42,USD,2026-06-01,2026-07-01,2026-06-{day:02},2026-06-{day + 1:02},"
        f"Usage,Acme,Compute,vm-{day}"
        for day in days
    ]
    file.write_text("\n".join([HEADER, *lines]) + "\n")


def ingest(*files: Path) -> list[LoadedBill]:
    return ingest_bill(list(files), actor="tester", now=NOW)


def test_parts_of_a_month_are_added(data_dir: Path, tmp_path: Path) -> None:
    write(tmp_path / "one.csv", range(1, 11))
    write(tmp_path / "two.csv", range(11, 21))
    assert {bill.status for bill in ingest(tmp_path)} == {"loaded"}


def test_an_earlier_delivery_beside_the_later_one_is_held(data_dir: Path, tmp_path: Path) -> None:
    write(tmp_path / "monday.csv", range(1, 25))
    write(tmp_path / "tuesday.csv", range(1, 26))
    held = ingest(tmp_path)
    assert {bill.status for bill in held} == {"held"}
    assert "100% of one file's charges" in held[0].why
    [live] = ingest(tmp_path / "tuesday.csv")
    assert (live.status, live.billed_cost) == ("loaded", Decimal("37.5"))


def test_few_charges_in_common_are_no_reason(data_dir: Path, tmp_path: Path) -> None:
    write(tmp_path / "one.csv", range(1, 29))
    write(tmp_path / "two.csv", range(27, 30), "2.5")
    assert {bill.status for bill in ingest(tmp_path)} == {"loaded"}
