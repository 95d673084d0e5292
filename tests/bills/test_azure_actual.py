"""Azure cost details, actual cost: agreements spell, date and tag in their own ways."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from costs.bills.building import IngestError
from tests.bills.making import (
    AZURE_EA,
    AZURE_MCA,
    Row,
    csv_text,
    ingest,
    only_version,
    spent,
    total,
    write,
)
from tests.bills.test_focus_traps import reasons, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.mark.parametrize("row", [AZURE_EA, AZURE_MCA], ids=["EA", "MCA"])
def test_both_agreements(tmp_path: Path, row: Row) -> None:
    (bill,) = ingest(write(tmp_path / "b.csv", b"\xef\xbb\xbf" + csv_text([row, row]).encode()))

    assert (bill.format, bill.billing_period, bill.rows) == ("azure-actual", "2026-01", 2)
    assert spent("day", "environment", "service_name", "region_id") == {
        ("2026-01-05", "production", "Virtual Machines", "uksouth", "USD"): Decimal(2)
    }
    assert stored("provider_name, charge_category, charge_frequency, billing_period_end")[0][
        :3
    ] == ("Microsoft", "Usage", "Usage-Based")
    assert str(stored("billing_period_end")[0][0]) == "2026-02-01 00:00:00"
    assert "Only Azure's actual cost is here" in only_version().notices[0]


@pytest.mark.parametrize(
    "written", ["01/05/2026", "1/5/2026", "2026-01-05", "2026-01-05T00:00:00Z", "1/5/2026 0:00:00"]
)
def test_dates(tmp_path: Path, written: str) -> None:
    ingest(write(tmp_path / "b.csv", [{**AZURE_EA, "Date": written}]))

    assert list(spent("day")) == [("2026-01-05", "USD")]


@pytest.mark.parametrize("written", ["13/13/2026", "05.01.2026", "20260105", "soon"])
def test_other_dates_are_refused(tmp_path: Path, written: str) -> None:
    file = write(tmp_path / "b.csv", [AZURE_EA, {**AZURE_EA, "Date": written}])

    assert [found[:2] for found in reasons(file)] == [(3, "Date")]


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ('"env": "prod","org": "x"', {"env": "prod", "org": "x"}),
        ('{"env": "prod"}', {"env": "prod"}),
        (' {"env": "prod"}', {"env": "prod"}),
        ('"env": "p{r}od"', {"env": "p{r}od"}),
    ],
)
def test_tags_without_braces(tmp_path: Path, written: str, tags: dict[str, str]) -> None:
    ingest(write(tmp_path / "b.csv", [{**AZURE_EA, "Tags": written}]))

    ((found,),) = stored("tags")
    assert json.loads(str(found)) == tags


def test_names_that_differ_only_by_case_are_one_resource(tmp_path: Path) -> None:
    path = AZURE_EA["ResourceId"]
    rows = [
        {**AZURE_EA, "ResourceId": path, "ResourceGroup": "rg-shop-prod"},
        {**AZURE_EA, "ResourceId": path.upper(), "ResourceGroup": "RG-SHOP-PROD"},
        {**AZURE_EA, "ResourceId": path.lower(), "ResourceGroup": "Rg-Shop-Prod"},
    ]
    ingest(write(tmp_path / "b.csv", rows))

    assert spent("resource_id") == {(path.lower(), "USD"): Decimal(3)}
    assert spent("environment") == {("production", "USD"): Decimal(3)}
    # What was delivered stays as it was.
    assert [row[0] for row in stored("resource_id")] == [path, path.upper(), path.lower()]


def test_canadian_dollars_stay_apart(tmp_path: Path) -> None:
    rows = [AZURE_EA, {**AZURE_EA, "BillingCurrency": "CAD", "Cost": "1.40"}]
    ingest(write(tmp_path / "b.csv", rows))

    assert spent() == {("USD",): Decimal(1), ("CAD",): Decimal("1.40")}


def test_cost_with_sixteen_decimals(tmp_path: Path) -> None:
    ingest(write(tmp_path / "b.csv", [{**AZURE_EA, "Cost": "0.0123456789012345"}]))

    assert total() == Decimal("0.0123456789012345")


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("Usage", "Usage"),
        ("Purchase", "Purchase"),
        ("Refund", "Adjustment"),
        ("RoundingAdjustment", "Adjustment"),
        ("UnusedReservation", "Usage"),
        ("Tax", "Tax"),
    ],
)
def test_charge_types(tmp_path: Path, kind: str, category: str) -> None:
    ingest(write(tmp_path / "b.csv", [{**AZURE_EA, "ChargeType": kind}]))

    assert list(spent("charge_category")) == [(category, "USD")]


def test_reservation_purchase_keeps_its_commitment(tmp_path: Path) -> None:
    row = {**AZURE_EA, "ChargeType": "Purchase", "ReservationId": "r-1", "Frequency": "Recurring"}
    ingest(write(tmp_path / "b.csv", [row]))

    assert stored("commitment_discount_id, commitment_discount_status, charge_frequency") == [
        ("r-1", None, "Recurring")
    ]


def test_missing_cost_column_is_named(tmp_path: Path) -> None:
    row = {name: value for name, value in AZURE_EA.items() if name != "Cost"}

    with pytest.raises(
        IngestError, match=r"the column CostInBillingCurrency or Cost or PreTaxCost is missing"
    ):
        ingest(write(tmp_path / "b.csv", [row]))


def test_account_with_colons_makes_a_readable_source(tmp_path: Path) -> None:
    (bill,) = ingest(write(tmp_path / "b.csv", [AZURE_MCA]))

    # Some digits of a digest, for “a-b_2019-05-31” would be written the same.
    assert re.fullmatch(r"microsoft-a-b-2019-05-31-[0-9a-f]{6}-cost-details", bill.source)
