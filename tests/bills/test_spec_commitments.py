"""The commitment examples of the FOCUS specification: effective cost follows use, billed money."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from tests.bills.making import ingest, write
from tests.bills.test_focus_traps import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

FULL = "one_hundred_percent_utilization"
WITHOUT, WITH = "without_commitment_discount_flexibility", "with_commitment_discount_flexibility"

# file, {(category, status): (billed, effective)} as the specification prints them
EXAMPLES: dict[str, dict[tuple[str, str | None], tuple[str, str]]] = {
    f"{FULL}_{WITHOUT}": {("Purchase", None): ("1.5", "0"), ("Usage", "Used"): ("0", "1.5")},
    f"{FULL}_{WITH}_with_1_resource": {
        ("Purchase", None): ("0.5", "0"),
        ("Usage", "Used"): ("0", "0.5"),
        ("Usage", None): ("2.25", "2.25"),
    },
    f"{FULL}_{WITH}_with_2_resources": {
        ("Purchase", None): ("2", "0"),
        ("Usage", "Used"): ("0", "2"),
    },
    f"zero_percent_utilization_{WITHOUT}": {
        ("Purchase", None): ("1.5", "0"),
        ("Usage", "Unused"): ("0", "1.5"),
        ("Usage", None): ("2", "2"),
    },
    "commitment_discount_usage_scenario_1": {("Usage", "Used"): ("0", "1")},
    "commitment_discount_usage_scenario_2": {("Usage", "Unused"): ("0", "1")},
    "commitment_discount_usage_scenario_3": {
        ("Usage", "Used"): ("0", "0.75"),
        ("Usage", "Unused"): ("0", "0.25"),
    },
    "commitment_discount_usage_scenario_4": {
        ("Usage", "Used"): ("0", "1"),
        ("Usage", None): ("0.5", "0.5"),
    },
    "commitment_discount_purchase_scenario_1": {("Purchase", None): ("8760", "0")},
}
WHAT_EXAMPLES_LEAVE_OUT = {
    "BillingAccountId": "spec",
    "BillingCurrency": "USD",
    "ProviderName": "Example",
    "ServiceName": "Machines",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(shared_data: Path, tmp_path: Path, name: str) -> None:
    text = (shared_data / f"bills/focus/spec-examples-1.2/{name}.csv").read_text()
    rows = [WHAT_EXAMPLES_LEAVE_OUT | row for row in csv.DictReader(text.splitlines())]
    (bill,) = ingest(write(tmp_path / "b.csv", rows))

    sums: dict[tuple[object, object], tuple[Decimal, Decimal]] = {}
    for category, status, billed, effective in stored(
        "charge_category, commitment_discount_status, billed_cost, effective_cost"
    ):
        known = sums.get((category, status), (Decimal(0), Decimal(0)))
        sums[category, status] = (known[0] + billed, known[1] + effective)  # type: ignore[operator]
    assert bill.rejected == 0
    assert sums == {
        key: (Decimal(billed), Decimal(effective))
        for key, (billed, effective) in EXAMPLES[name].items()
    }
    if ("Purchase", None) in sums and len(sums) > 1:
        used_and_unused = sum(
            (sums[key][1] for key in sums if key[1] in ("Used", "Unused")), Decimal(0)
        )
        assert used_and_unused == sums["Purchase", None][0]


@pytest.mark.parametrize(("nth", "rows", "billed"), [(2, 2, "2"), (3, 3, "4381")])
def test_hour_30_is_a_reject_and_not_a_crash(
    shared_data: Path, tmp_path: Path, nth: int, rows: int, billed: str
) -> None:
    name = f"commitment_discount_purchase_scenario_{nth}.csv"
    text = (shared_data / "bills/focus/spec-examples-1.2" / name).read_text()
    given = [WHAT_EXAMPLES_LEAVE_OUT | row for row in csv.DictReader(text.splitlines())]
    (bill,) = ingest(write(tmp_path / "b.csv", given), accept=True)

    assert (bill.rows, bill.rejected, bill.billed_cost) == (rows, 1, Decimal(billed))
