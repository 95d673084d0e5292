"""FOCUS 1.0, 1.1, 1.2 and the names of 1.3, as AWS and Azure export them."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.bills.making import Row, focus, ingest, spent, total, write
from tests.bills.test_focus_traps import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

# A commitment of 3 an hour, two thirds of it used, beside usage at the usual price.
CHARGES: list[dict[str, str]] = [
    {"ChargeCategory": "Purchase", "BilledCost": "3", "EffectiveCost": "0"},
    {"CommitmentDiscountStatus": "Used", "BilledCost": "0", "EffectiveCost": "2"},
    {"CommitmentDiscountStatus": "Unused", "BilledCost": "0", "EffectiveCost": "1"},
    {"CommitmentDiscountId": "", "BilledCost": "1.25", "EffectiveCost": "1.25"},
]
COST = Decimal("4.25")


def rows(**more: str) -> list[dict[str, str]]:
    commitment = {"CommitmentDiscountId": "plan-1", "CommitmentDiscountStatus": ""}
    others = {"ListCost": "4", "ContractedCost": ""}
    return [{**focus(), **others, **commitment, **charge, **more} for charge in CHARGES]


def columns_of(shared_data: Path, version: str) -> list[str]:
    with (shared_data / "reference/focus_columns.csv").open() as file:
        found = list(csv.DictReader(file))
    return [row["column_id"] for row in found if row["focus_version"] == version]


def check(bill_format: str) -> None:
    assert bill_format == "focus"
    assert (total(), total("effective_cost")) == (COST, COST)
    used = spent("charge_category", metric="effective_cost", where={"charge_category": ["Usage"]})
    assert used == {("Usage", "USD"): COST}


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
@pytest.mark.parametrize("container", ["csv.gz", "parquet"])
def test_each_version_with_all_its_columns(
    shared_data: Path, tmp_path: Path, version: str, container: str
) -> None:
    names = columns_of(shared_data, version)
    assert len(names) > 40
    every: list[Row] = [{name: row.get(name, "") for name in names} for row in rows()]
    file = write(tmp_path / "in/b.csv.gz", every)
    if container == "parquet":
        with duckdb.connect(":memory:") as connection:
            connection.execute(
                f"COPY (SELECT * FROM read_csv('{file}', all_varchar=true, nullstr=''))"
                f" TO '{file.with_name('b.parquet')}' (FORMAT parquet)"
            )
        file.unlink()
    loaded = ingest(tmp_path / "in")

    assert [(bill.rows, bill.rejected) for bill in loaded] == [(4, 0)]
    check(loaded[0].format)


def test_names_of_1_3(tmp_path: Path) -> None:
    renamed = [
        {**{k: v for k, v in row.items() if k != "ProviderName"}, "ServiceProviderName": "Example"}
        for row in rows()
    ]
    (bill,) = ingest(write(tmp_path / "b.csv", renamed))

    check(bill.format)
    assert {row[0] for row in stored("provider_name")} == {"Example"}


def test_as_aws_exports_it(tmp_path: Path) -> None:
    """Parquet with doubles, timestamps, maps, and columns of its own."""
    own = {
        "x_Discounts": '{"EDP": "0.1"}',
        "x_Operation": "RunInstances",
        "x_ServiceCode": "AmazonEC2",
        "ProviderName": "AWS",
        "InvoiceIssuerName": "Amazon Web Services, Inc.",
        "Tags": '{"environment": "prod"}',
    }
    source = write(tmp_path / "rows.csv", rows(**own))
    file = tmp_path / "in/data/BILLING_PERIOD=2026-01/focus-00001.snappy.parquet"
    file.parent.mkdir(parents=True)
    costs = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity")
    times = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
    changes = [f"CAST({name} AS DOUBLE) AS {name}" for name in costs]
    changes += [f"CAST({name} AS TIMESTAMP) AS {name}" for name in times]
    changes += [
        f"CAST(CAST({name} AS JSON) AS MAP(VARCHAR, VARCHAR)) AS {name}"
        for name in ("Tags", "x_Discounts")
    ]
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE ({', '.join(changes)}) FROM read_csv('{source}',"
            f" all_varchar=true, nullstr='')) TO '{file}' (FORMAT parquet, COMPRESSION snappy)"
        )
    (bill,) = ingest(tmp_path / "in")

    check(bill.format)
    assert bill.source == "aws-account-1-focus"
    assert spent("environment") == {("production", "USD"): COST}


def test_as_azure_exports_it(tmp_path: Path) -> None:
    """A byte order mark, columns of its own, resource ids in any case, tags as JSON."""
    resource = "/subscriptions/0/resourceGroups/RG-Shop-Prod/providers/Vm/vm-1"
    own = {
        "x_BillingProfileId": "8611537",
        "x_ResourceGroupName": "rg-shop-prod",
        "x_SkuMeterCategory": "Virtual Machines",
        "ProviderName": "Microsoft",
        "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/8611537",
        "ResourceId": resource,
        "ChargeFrequency": "Usage-based",
        "Tags": '{"env": "prod", "org": "x"}',
    }
    given = rows(**own)
    given[1]["ResourceId"] = resource.upper()
    file = write(tmp_path / "in/part_0_0001.csv", given)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    (bill,) = ingest(tmp_path / "in")

    check(bill.format)
    assert bill.source.startswith("microsoft-8611537")
    assert spent("resource_id", "environment") == {(resource.lower(), "production", "USD"): COST}
