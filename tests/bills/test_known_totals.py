"""Published and generated bills with known totals, through the commands, to the last decimal."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costs.bills.building import IngestError
from costs.lake.engine import cursor
from costs.lake.models import BillVersion
from costs.lake.queries import live_tables
from tests.bills.making import command, ingest, spent, total

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

# file, rows, {(provider, month): billed}, groupings that must all add up
FILES = {
    "focus/focus_1.0_sample_1000.csv": (1000, "20.52022672899"),
    "azure/EA_ActualCost_Small.csv": (11, "8.5450077867419368"),
    "aws/aws_cur_2026-01_static.csv.gz": (3720, "22590.3400000344"),
    "aws/aws_cur_2026-01_sp_ri.csv.gz": (3600, None),
    "azure/azure_export_2026-01_static.csv.gz": (93, "380.315975920627769954"),
}
GROUPINGS = (
    "environment",
    "cost_center",
    "provider_name",
    "sub_account_id",
    "service_name",
    "resource_id",
    "region_id",
    "charge_category",
    "billing_period",
    "day",
)


def by_key(document: Any, *names: str) -> dict[tuple[str, ...], Decimal]:
    return {tuple(row[name] for name in names): Decimal(row["cost"]) for row in document["rows"]}


def summed(document: Any) -> Decimal:
    (one,) = document["totals"]
    assert one["currency"] == "USD"
    return Decimal(one["cost"])


@pytest.mark.parametrize("name", FILES)
def test_rows_and_total_then_unchanged(shared_data: Path, name: str, capsys: Any) -> None:
    rows, billed = FILES[name]
    file = shared_data / "bills" / name

    first = command("ingest_bill", file, capsys=capsys)["bills"]
    shown = command("show_costs", "--metric", "billed_cost", capsys=capsys)

    assert sum(bill["rows"] for bill in first) == rows
    assert {bill["status"] for bill in first} == {"loaded"}
    assert {bill["rejected"] for bill in first} == {0}
    assert sum((Decimal(bill["billed_cost"]) for bill in first), Decimal(0)) == summed(shown)
    if billed is not None:
        assert summed(shown) == Decimal(billed)

    second = command("ingest_bill", file, capsys=capsys)["bills"]

    def order(bill: Any) -> tuple[str, str]:
        return bill["source"], bill["billing_period"]

    wanted = [bill | {"status": "unchanged"} for bill in first]
    assert sorted(wanted, key=order) == sorted(second, key=order)
    assert command("show_costs", "--metric", "billed_cost", capsys=capsys) == shown


@pytest.mark.parametrize("metric", ["billed_cost", "effective_cost"])
def test_every_grouping_adds_up_over_all_files(
    shared_data: Path, metric: str, capsys: Any, tmp_path: Path
) -> None:
    for number, name in enumerate(FILES):
        # Each is a delivery of its own; the two CURs are of the same account and month.
        file = tmp_path / str(number) / Path(name).name
        file.parent.mkdir()
        shutil.copy(shared_data / "bills" / name, file)
        command("ingest_bill", file, "--source", f"s{number}", "--accept", capsys=capsys)
    whole = summed(command("show_costs", "--metric", metric, capsys=capsys))

    for name in GROUPINGS:
        shown = command("show_costs", "--by", name, "--metric", metric, capsys=capsys)
        assert summed(shown) == whole, name
        parts = [Decimal(row["cost"]) for row in shown["rows"]]
        assert sum(parts, Decimal(0)) == whole, name


def test_focus_sample(shared_data: Path, capsys: Any) -> None:
    file = shared_data / "bills/focus/focus_1.0_sample_1000.csv"
    bills = command("ingest_bill", file, capsys=capsys)["bills"]
    by = ("provider_name", "billing_period")

    billed = command("show_costs", "--by", ",".join(by), "--metric", "billed_cost", capsys=capsys)
    effective = command("show_costs", "--by", "provider_name", capsys=capsys)

    assert by_key(billed, *by) == {
        ("AWS", "2024-09"): Decimal("18.0066386184"),
        ("Microsoft", "2024-09"): Decimal("1.97651418586"),
        ("Oracle", "2024-09"): Decimal("0.29707392473"),
        ("Oracle", "2024-10"): Decimal("0.24"),
    }
    assert effective["metric"] == "effective_cost"
    assert by_key(effective, "provider_name") == {
        ("AWS",): Decimal(13),
        ("Microsoft",): Decimal("1.97651418586"),
        ("Oracle",): Decimal(0),
    }
    assert sorted((bill["rows"], bill["billing_period"]) for bill in bills) == [
        (1, "2024-10"),
        (6, "2024-09"),
        (51, "2024-09"),
        (942, "2024-09"),
    ]


def test_azure_enterprise_sample_exactly(shared_data: Path, capsys: Any) -> None:
    file = shared_data / "bills/azure/EA_ActualCost_Small.csv"
    (bill,) = command("ingest_bill", file, capsys=capsys)["bills"]

    shown = command(
        "show_costs", "--by", "charge_category", "--metric", "billed_cost", capsys=capsys
    )

    assert (bill["format"], bill["rows"]) == ("azure-actual", 11)
    # 8.545007786741936 is printed with a double's digits; the file's own decimals have one more.
    assert bill["billed_cost"] == "8.5450077867419368"
    assert bill["billed_cost"].startswith("8.545007786741936")
    assert by_key(shown, "charge_category")["Purchase",] == Decimal("3.25")


def test_aws_static_by_service_and_environment(shared_data: Path, capsys: Any) -> None:
    command("ingest_bill", shared_data / "bills/aws/aws_cur_2026-01_static.csv.gz", capsys=capsys)

    services = spent("service_name")
    ec2 = "Amazon Elastic Compute Cloud"

    assert {row[0]: cost for row, cost in services.items()} == {
        ec2: Decimal("216.7720000344"),
        "Amazon Relational Database Service": Decimal("53.568"),
        "Amazon Simple Storage Service": Decimal(22320),
    }
    resources = spent("environment", "sku_id", where={"service_name": [ec2]})
    environments = [(key[0], cost) for key, cost in resources.items()]
    assert ("production", Decimal("142.848")) in environments
    assert ("staging", Decimal("71.424")) in environments


def test_savings_plan_identities(shared_data: Path, capsys: Any) -> None:
    """Negation cancels covered usage in the invoice; the effective cost is what the plan pays."""
    command("ingest_bill", shared_data / "bills/aws/aws_cur_2026-01_sp_ri.csv.gz", capsys=capsys)
    charges = [one["path"] for one in live_tables() if one["table"] == "charges"]
    with cursor() as connection:
        rows = connection.execute(
            "SELECT CASE WHEN commitment_discount_status IS NOT NULL"
            " THEN commitment_discount_status"
            " WHEN starts_with(charge_description, 'SavingsPlanNegation') THEN 'negation'"
            " ELSE 'usage' END, sum(billed_cost), sum(effective_cost)"
            f" FROM read_parquet({charges}) GROUP BY ALL"
        ).fetchall()
    sums = {kind: (billed, effective) for kind, billed, effective in rows}

    assert sums["Used"] == (Decimal("69.12"), Decimal("43.2"))
    assert sums["negation"] == (Decimal("-69.12"), Decimal(0))
    assert sums["Unused"] == (Decimal(0), Decimal(0))
    assert sums["usage"][0] == Decimal("147.917419344")
    assert total() == Decimal("147.917419344")
    assert total("effective_cost") == sum((one[1] for one in sums.values()), Decimal(0))


def test_azure_static_by_service(shared_data: Path, capsys: Any) -> None:
    command(
        "ingest_bill", shared_data / "bills/azure/azure_export_2026-01_static.csv.gz", capsys=capsys
    )

    assert {key[0]: cost for key, cost in spent("service_name").items()} == {
        "Virtual Machines": Decimal(372),
        "Storage": Decimal("4.522762948169916451"),
        "SQL Database": Decimal("3.793212972457853503"),
    }


def test_spec_examples_are_read_or_refused_row_by_row(shared_data: Path) -> None:
    """The specification's own examples hold typing errors: never a crash, never a guess."""
    refused: dict[str, str] = {}
    for number, file in enumerate(sorted(shared_data.glob("bills/focus/spec-examples-1.2/*.csv"))):
        with pytest.raises(IngestError) as error:
            ingest(file, source=f"spec-{number}", accept=True)
        name, _, why = str(error.value).rpartition(f"{file.name}: ")
        assert name
        assert "\n" not in why
        refused[file.stem] = why

    assert refused["zero_percent_utilization_without_commitment_discount_flexibility"] == (
        "the column BillingAccountId is missing"
    )
    assert refused["saas_spend_agreements_a1"] == (
        "none of its rows is a charge; row 2, column BillingPeriodEnd:"
        " “5/1/25” is not a time between 2000 and 2100"
    )
    assert (
        "row 2, column BilledCost: “$10,000.00 ” is not a number"
        in (refused["simple_saas_agreements_a1"])
    )
    assert not BillVersion.objects.exists()
