"""A small lake with all that makes sums hard: two currencies, credits, charges that span days, a
purchase, unknown values, and names that try something."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.serializers import deserialize, serialize
from django.db import transaction
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import Settings

from costs.bills.operations import ingest_bill
from costs.lake.models import BillVersion, Delivery, Generation, Part, Source
from costs.people.models import Visibility

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
EVIL = "<img src=x onerror=alert(1)>"
FORMULA = "=HYPERLINK(1)"
COLUMNS = (
    "BilledCost,EffectiveCost,BillingAccountId,BillingCurrency,BillingPeriodStart,"
    "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ChargeFrequency,"
    "ProviderName,ServiceName,RegionId,ResourceId,SkuId,SkuMeter,CommitmentDiscountId,"
    "CommitmentDiscountStatus,Tags"
)


def charge(
    day: date,
    billed: str,
    *,
    effective: str | None = None,
    days: int = 1,
    currency: str = "USD",
    category: str = "Usage",
    service: str = "Amazon EC2",
    region: str = "eu-central-1",
    resource: str = "i-1",
    sku: str = "sku-a",
    commitment: str = "",
    environment: str = "prod",
    center: str = "web",
) -> str:
    """A row of a FOCUS file; the month is that of ``day``."""
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    tags = ", ".join(
        f'""{key}"": ""{value}""'
        for key, value in (("environment", environment), ("cost-center", center))
        if value
    )
    frequency = "Recurring" if category == "Purchase" else "Usage-Based"
    return (
        f"{billed},{effective or billed},111,{currency},{first}T00:00:00Z,{after}T00:00:00Z,"
        f"{day}T00:00:00Z,{day + timedelta(days=days)}T00:00:00Z,{category},{frequency},AWS,"
        f'"{service}",{region},"{resource}",{sku},meter of {sku},{commitment},'
        f'{"Used" if commitment else ""},"{{{tags}}}"'
    )


def of_day(day: date) -> list[str]:
    """Everything that one day costs."""
    lines = [
        charge(day, "60.000000000000000001"),
        charge(day, "0", effective="7.31", sku="sku-b", commitment="sp-1"),
        charge(day, "10.004", resource="i-2", environment="dev", center=""),
        charge(day, "20.02", service="Amazon RDS", resource="db-1", region="", environment="stage"),
        charge(day, "1.1", service=EVIL, resource=FORMULA, sku="@sku", environment=""),
        charge(day, "0.333", service="Other", resource="", sku="", region="", environment=""),
    ]
    if day.day == 1:
        lines.append(
            charge(
                day,
                "100",
                effective="10.000000000000000007",
                days=min(30, 28),
                category="Purchase",
                resource="ri-1",
                sku="sku-ri",
            )
        )
    if day.day == 3:
        lines.append(charge(day, "-15.5", category="Credit", resource="", environment="dev"))
    if day >= date(2026, 11, 16):
        lines.append(charge(day, "30", service="Amazon RDS", resource="db-2", center="data"))
    if day.day % 9 == 0:
        lines.append(charge(day, "5", currency="EUR", resource="eu-1"))
    return lines


class _Undone(Exception):
    """Ends the transaction in which the lake was filled: its rows go into each test anew."""


@pytest.fixture(scope="session")
def filled_lake(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> tuple[Path, str]:
    """20 August to 23 November 2026, delivered on the 24th: complete through the 22nd.

    The data folder, and the rows that belong to it as JSON.
    """
    folder = tmp_path_factory.mktemp("spend")
    rows = ""
    days = [date(2026, 8, 20) + timedelta(days=n) for n in range(96)]
    with django_db_blocker.unblock(), override_settings(**_places(folder)):
        try:
            with transaction.atomic():
                for month in (8, 9, 10, 11):
                    lines = [line for day in days if day.month == month for line in of_day(day)]
                    file = folder / f"bill-{month}.csv"
                    file.write_text("\n".join([COLUMNS, *lines]) + "\n")
                    bills = ingest_bill([file], actor="test", now=NOW)
                    assert {bill.rejected for bill in bills} == {0}
                rows = serialize("json", [row for model in MANIFEST for row in model.objects.all()])
                raise _Undone
        except _Undone:
            pass
    return folder, rows


MANIFEST: tuple[Any, ...] = (Source, Delivery, BillVersion, Part, Generation)


def _places(folder: Path) -> dict[str, object]:
    return {"DATA_DIR": folder, "LAKE_URL": str(folder / "lake")}


@pytest.fixture
def lake(db: None, filled_lake: tuple[Path, str], settings: Settings) -> None:
    """The small lake in the test's database; its files are shared: only read them."""
    folder, rows = filled_lake
    for name, value in _places(folder).items():
        setattr(settings, name, value)
    for row in deserialize("json", rows):
        row.save()


@pytest.fixture
def user(db: None) -> User:
    """Somebody who may see everything."""
    return get_user_model().objects.create_user("viewer")


@pytest.fixture
def reader(client: Client, user: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The same, signed in, on 24 November 2026."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    client.force_login(user)
    return client


@pytest.fixture
def narrow_reader(reader: Client, user: User) -> Client:
    """Somebody who may see development only."""
    Visibility.objects.create(user=user, environments=["development"], cost_centers=None)
    return reader
