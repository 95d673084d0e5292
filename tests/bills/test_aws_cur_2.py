"""CUR 2.0 and the legacy report as Parquet: hand-written, in every container they come in."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from costs.bills.readers import reader_for
from tests.bills.making import CUR, Row, ingest, spent, total, write
from tests.bills.test_focus_traps import reasons, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

PLAN = "arn:aws:savingsplans::111122223333:savingsplan/p"
RESERVATION = "arn:aws:ec2:us-east-1:111122223333:reserved-instances/r"


def snake(name: str) -> str:
    """``savingsPlan/SavingsPlanARN`` as ``savings_plan_savings_plan_a_r_n``, as AWS does."""
    return "_".join(
        part.lower() for part in re.findall(r"[A-Z](?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    )


NESTED = {
    "product": {"product_name": "Amazon Elastic Compute Cloud", "region": "us-east-1"},
    "resource_tags": {"user_environment": "prod", "user_cost_center": "cc-7", "user_empty": ""},
    "discount": {},
    "cost_category": {"team": "shop"},
}
CUR_2: Row = {
    **{
        snake(name): value
        for name, value in CUR.items()
        if not name.startswith(("product/", "resourceTags/"))
    },
    "bill_payer_account_name": "Example payer",
    "line_item_usage_account_name": "Shop",
    "product_product_family": "Compute Instance",
    "product_region_code": "us-east-1",
    "product_sku": "SKU1",
    **{name: json.dumps(members) for name, members in NESTED.items()},
}

# A plan of 4 and a reservation of 3 an hour, each partly used: by type, what it is billed at and
# further columns.
LINES: list[tuple[str, str, dict[str, str]]] = [
    ("Usage", "5.25", {}),
    (
        "SavingsPlanCoveredUsage",
        "4.4",
        {"savingsPlan/SavingsPlanEffectiveCost": "3.1", "savingsPlan/SavingsPlanARN": PLAN},
    ),
    ("SavingsPlanNegation", "-4.4", {"savingsPlan/SavingsPlanARN": PLAN}),
    (
        "SavingsPlanRecurringFee",
        "4",
        {
            "savingsPlan/TotalCommitmentToDate": "4",
            "savingsPlan/UsedCommitment": "3.1",
            "savingsPlan/SavingsPlanARN": PLAN,
        },
    ),
    (
        "DiscountedUsage",
        "0",
        {"reservation/EffectiveCost": "2.5", "reservation/ReservationARN": RESERVATION},
    ),
    (
        "RIFee",
        "3",
        {"reservation/UnusedRecurringFee": "0.5", "reservation/ReservationARN": RESERVATION},
    ),
    ("Tax", "0.75", {}),
]
BILLED, EFFECTIVE = Decimal(13), Decimal(13)


def rows(style: dict[str, str] | None = None) -> list[dict[str, str]]:
    """The bill above, as CUR 2.0."""
    return [
        {
            **CUR_2,
            "line_item_line_item_type": kind,
            "line_item_unblended_cost": billed,
            **{snake(name): value for name, value in more.items()},
            **(style or {}),
        }
        for kind, billed, more in LINES
    ]


def parquet(folder: Path, rows: list[dict[str, str]], *, nested: str) -> Path:
    """Rows as AWS types them: doubles, timestamps, and maps as MAP or STRUCT."""
    source = write(folder / "rows.csv", rows)
    changes = [
        f"CAST({name} AS DOUBLE) AS {name}"
        for name in rows[0]
        if name.endswith(("_cost", "_fee", "_amount", "_to_date", "_used_commitment"))
    ]
    changes += [
        f"CAST({name} AS TIMESTAMP) AS {name}"
        for name in rows[0]
        if name.endswith(("start_date", "end_date"))
    ]
    for name, members in NESTED.items():
        if name not in rows[0]:
            continue
        if nested == "MAP":
            changes.append(f"CAST(CAST({name} AS JSON) AS MAP(VARCHAR, VARCHAR)) AS {name}")
        elif members:
            fields = ", ".join(f"{key} VARCHAR" for key in members)
            changes.append(f"CAST(CAST({name} AS JSON) AS STRUCT({fields})) AS {name}")
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE ({', '.join(changes)}) FROM read_csv('{source}',"
            f" all_varchar=true, nullstr='')) TO '{folder / 'b.parquet'}' (FORMAT parquet)"
        )
    source.unlink()
    return folder / "b.parquet"


def delivered(folder: Path, container: str) -> Path:
    if container == "csv.gz":
        return write(folder / "b.csv.gz", rows())
    folder.mkdir(parents=True, exist_ok=True)
    return parquet(folder, rows(), nested=container)


@pytest.mark.parametrize("container", ["csv.gz", "MAP", "STRUCT"])
def test_known_total_in_every_container(tmp_path: Path, container: str) -> None:
    (bill,) = ingest(delivered(tmp_path / "in", container))

    assert (bill.format, bill.rows, bill.rejected) == ("aws-cur-2", len(LINES), 0)
    assert bill.source == "aws-111122223333-cur-2"
    assert (bill.billed_cost, bill.effective_cost) == (BILLED, EFFECTIVE)
    assert spent("environment", "cost_center", "service_name", "region_id") == {
        ("production", "cc-7", "Amazon Elastic Compute Cloud", "us-east-1", "USD"): BILLED
    }
    ((tags, account, sub_account),) = set(stored("tags, billing_account_name, sub_account_name"))
    assert json.loads(str(tags)) == {"environment": "prod", "cost_center": "cc-7"}
    assert (account, sub_account) == ("Example payer", "Shop")


@pytest.mark.parametrize("container", ["csv.gz", "MAP"])
@pytest.mark.parametrize("commitment", [PLAN, RESERVATION])
def test_commitment_identities(tmp_path: Path, container: str, commitment: str) -> None:
    """Of each commitment: effective usage and unused part are what was bought."""
    ingest(delivered(tmp_path / "in", container))

    sums = {
        tuple(key): (Decimal(str(billed)), Decimal(str(effective)))
        for one, *key, billed, effective in stored(
            "commitment_discount_id, charge_category, commitment_discount_status, billed_cost,"
            " effective_cost"
        )
        if one == commitment
    }
    bought = sums["Purchase", "Unused"][0]
    used, unused = sums["Usage", "Used"][1], sums["Purchase", "Unused"][1]
    assert bought == Decimal(4 if commitment == PLAN else 3)
    assert used + unused == bought
    assert used > 0
    assert unused > 0


def test_tags_that_are_no_object_are_kept_as_they_came(tmp_path: Path) -> None:
    broken = [{**CUR_2, "resource_tags": "{oops", "product": "[1"}]
    (bill,) = ingest(write(tmp_path / "b.csv", broken))

    assert bill.rows == 1
    assert stored("tags, service_name") == [("{oops", "AmazonEC2")]


def test_empty_maps_are_no_tags(tmp_path: Path) -> None:
    ingest(write(tmp_path / "b.csv", [{**CUR_2, "resource_tags": "{}", "product": ""}]))

    assert stored("tags, service_name") == [(None, "AmazonEC2")]


def test_quotes_in_keys_and_values_survive(tmp_path: Path) -> None:
    tags = {'user_a"b': 'x "y" \\ z', "user_user_x": "1", "aws_created_by": "root"}
    ingest(write(tmp_path / "b.csv", [{**CUR_2, "resource_tags": json.dumps(tags)}]))

    ((found,),) = stored("tags")
    assert json.loads(str(found)) == {
        'a"b': 'x "y" \\ z',
        "user_x": "1",
        "aws_created_by": "root",
    }


def test_a_cost_that_is_no_number_is_a_reject(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", [CUR_2, {**CUR_2, "line_item_unblended_cost": "1,5"}])

    assert [found[:2] for found in reasons(file)] == [(3, "line_item_unblended_cost")]


LEGACY = {snake(name): value for name, value in CUR.items()}


def test_legacy_report_as_parquet(tmp_path: Path) -> None:
    lines = [
        {
            **LEGACY,
            "line_item_line_item_type": kind,
            "line_item_unblended_cost": billed,
            **{snake(name): value for name, value in more.items()},
        }
        for kind, billed, more in LINES
    ]
    (bill,) = ingest(parquet(tmp_path, lines, nested="none"))

    assert (bill.format, bill.rows, bill.rejected) == ("aws-cur", len(LINES), 0)
    assert (bill.billed_cost, bill.effective_cost) == (BILLED, EFFECTIVE)
    assert spent("environment") == {("production", "USD"): BILLED}


def test_both_reports_tell_each_other_apart() -> None:
    for columns, name in (
        (CUR, "aws-cur"),
        (LEGACY, "aws-cur"),
        (CUR_2, "aws-cur-2"),
        ([one for one in CUR_2 if one != "resource_tags"], "aws-cur-2"),
    ):
        assert reader_for(dict.fromkeys(columns, "TEXT")).name == name


def test_both_reports_of_one_account_do_not_count_twice(tmp_path: Path) -> None:
    ingest(write(tmp_path / "old/b.csv", [dict(CUR)]))
    (bill,) = ingest(write(tmp_path / "new/b.csv", rows()))

    assert bill.status == "held"
    assert "aws-111122223333-cur already covers" in bill.why
    assert total() == 1
