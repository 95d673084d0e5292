"""The legacy Cost and Usage Report: header styles, effective cost, odd columns."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.bills.making import cur, ingest, only_version, spent, total, write
from tests.bills.test_focus_traps import reasons, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

PLAN = "arn:aws:savingsplans::1:savingsplan/p"
RESERVATION = "arn:aws:ec2:us-east-1:1:reserved-instances/r"

# line item type, further columns: billed, effective, category, frequency
LINES: list[tuple[str, dict[str, str], str, str, str, str]] = [
    ("Usage", {}, "5", "5", "Usage", "Usage-Based"),
    (
        "SavingsPlanCoveredUsage",
        {"savingsPlan/SavingsPlanEffectiveCost": "3.1", "savingsPlan/SavingsPlanARN": PLAN},
        "5",
        "3.1",
        "Usage",
        "Usage-Based",
    ),
    (
        "SavingsPlanNegation",
        {"savingsPlan/SavingsPlanARN": PLAN},
        "-5",
        "0",
        "Usage",
        "Usage-Based",
    ),
    (
        "SavingsPlanRecurringFee",
        {"savingsPlan/TotalCommitmentToDate": "4", "savingsPlan/UsedCommitment": "3.1"},
        "4",
        "0.9",
        "Purchase",
        "Recurring",
    ),
    ("SavingsPlanUpfrontFee", {}, "100", "0", "Purchase", "One-Time"),
    (
        "DiscountedUsage",
        {"reservation/EffectiveCost": "2.5", "reservation/ReservationARN": RESERVATION},
        "0",
        "2.5",
        "Usage",
        "Usage-Based",
    ),
    (
        "RIFee",
        {
            "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "1.25",
            "reservation/UnusedRecurringFee": "0.5",
            "reservation/ReservationARN": RESERVATION,
        },
        "30",
        "1.75",
        "Purchase",
        "Recurring",
    ),
    ("Fee", {"reservation/ReservationARN": RESERVATION}, "200", "0", "Purchase", "One-Time"),
    ("Fee", {}, "9", "9", "Purchase", "One-Time"),
    ("Tax", {}, "7.77", "7.77", "Tax", "One-Time"),
    ("Credit", {}, "-6", "-6", "Credit", "One-Time"),
    ("Refund", {}, "-2", "-2", "Adjustment", "One-Time"),
    ("EdpDiscount", {}, "-1", "-1", "Credit", "Usage-Based"),
    ("SomethingNew", {}, "0.5", "0.5", "Adjustment", "Usage-Based"),
]


def test_effective_cost_category_and_frequency_by_line_item_type(tmp_path: Path) -> None:
    rows = [
        cur({"lineItem/LineItemType": kind, "lineItem/UnblendedCost": billed, **more})
        for kind, more, billed, *_ in LINES
    ]
    ingest(write(tmp_path / "b.csv", rows))

    assert stored("billed_cost, effective_cost, charge_category, charge_frequency") == [
        (Decimal(billed), Decimal(effective), category, frequency)
        for _, _, billed, effective, category, frequency in LINES
    ]


def test_both_header_styles_are_the_same_bill(tmp_path: Path) -> None:
    row = cur({"lineItem/UnblendedCost": "4.5"})
    slashes = write(tmp_path / "a/b.csv", [row])
    other = {"_".join(part.lower() for part in split(name)): value for name, value in row.items()}
    assert "bill_payer_account_id" in other
    assert "resource_tags_user_environment" in other
    ingest(slashes)
    first = stored("*")
    (bill,) = ingest(write(tmp_path / "c/b.csv", [other]))

    assert bill.status == "restated"
    assert stored("*") == first
    assert spent("environment") == {("production", "USD"): Decimal("4.5")}


def split(name: str) -> list[str]:
    """``lineItem/UsageType`` as line, Item, Usage, Type: how Athena's style writes it."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)


def test_words_in_pricing_columns_do_not_cost_the_row(tmp_path: Path) -> None:
    row = cur(
        {"pricing/publicOnDemandCost": "convertible", "pricing/publicOnDemandRate": "No Upfront"}
    )
    (bill,) = ingest(write(tmp_path / "b.csv", [row, cur()]))

    assert (bill.rows, bill.rejected, total()) == (2, 0, Decimal(2))
    assert stored("list_cost") == [(None,), (Decimal(1),)]
    assert [notice.split(" could")[0] for notice in only_version().notices] == [
        "1 value of pricing/publicOnDemandCost",
        "1 value of pricing/publicOnDemandRate",
    ]


def test_words_in_a_cost_column_refuse_the_row(tmp_path: Path) -> None:
    row = cur({"lineItem/UnblendedCost": "convertible"})

    assert [found[:2] for found in reasons(write(tmp_path / "b.csv", [cur(), row]))] == [
        (3, "lineItem/UnblendedCost")
    ]


def test_unreadable_effective_cost_refuses_the_row_too(tmp_path: Path) -> None:
    row = cur(
        {
            "lineItem/LineItemType": "SavingsPlanCoveredUsage",
            "savingsPlan/SavingsPlanEffectiveCost": "No Upfront",
        }
    )

    assert [found[:2] for found in reasons(write(tmp_path / "b.csv", [cur(), row]))] == [
        (3, "savingsPlan/SavingsPlanEffectiveCost")
    ]


def test_service_name_falls_back_to_the_product_code(tmp_path: Path) -> None:
    rows = [cur({"product/ProductName": ""}), cur({"lineItem/ProductCode": ""})]
    ingest(write(tmp_path / "b.csv", rows))

    assert set(spent("service_name")) == {
        ("AmazonEC2", "USD"),
        ("Amazon Elastic Compute Cloud", "USD"),
    }


def test_tags_with_every_kind_of_character(tmp_path: Path) -> None:
    columns = {
        'resourceTags/user:a"b': 'c"d',
        "resourceTags/user:back\\slash": "x\\y",
        "resourceTags/user:it's": "'; DROP TABLE charges; --",
        "resourceTags/aws:createdBy": "Root",
        "resourceTags/user:empty": "",
    }
    ingest(write(tmp_path / "b.csv", [cur(columns)]))

    ((tags,),) = stored("tags")
    assert json.loads(str(tags)) == {
        "environment": "prod",
        'a"b': 'c"d',
        "back\\slash": "x\\y",
        "it's": "'; DROP TABLE charges; --",
        "aws:createdBy": "Root",
    }


def test_no_tags_at_all(tmp_path: Path) -> None:
    row = cur({"resourceTags/user:environment": ""})
    ingest(write(tmp_path / "b.csv", [row]))

    assert stored("tags") == [(None,)]
    assert spent("environment") == {("unallocated", "USD"): Decimal(1)}


def test_a_month_split_in_files_is_one_bill(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"cur/cur-{number}.csv.gz", [cur({"lineItem/ResourceId": f"i-{number}"})])
    (*bills,) = ingest(tmp_path / "cur")

    assert {(bill.source, bill.version) for bill in bills} == {("aws-111122223333-cur", 1)}
    assert total() == 3
