"""The 57 columns, against the specification's own list."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from costs.focus import BY_NAME, COLUMNS, snake


@pytest.mark.parametrize(
    ("focus_name", "name"),
    [
        ("BilledCost", "billed_cost"),
        ("SkuId", "sku_id"),
        ("Tags", "tags"),
        ("PricingCurrencyContractedUnitPrice", "pricing_currency_contracted_unit_price"),
        ("AvailabilityZone", "availability_zone"),
    ],
)
def test_snake(focus_name: str, name: str) -> None:
    assert snake(focus_name) == name


def test_columns_are_the_specifications(shared_data: Path) -> None:
    with (shared_data / "reference/focus_columns.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["focus_version"] == "1.2"]

    assert len(COLUMNS) == 57
    assert {column.focus_name for column in COLUMNS} == {row["column_id"] for row in rows}
    decimals = {row["column_id"] for row in rows if row["data_type"] == "Decimal"}
    assert {column.focus_name for column in COLUMNS if column.kind == "decimal"} == decimals


def test_names_are_unique_and_typed() -> None:
    assert len(BY_NAME) == 57
    for column in COLUMNS:
        money = column.focus_name.endswith(("Cost", "Quantity", "Price"))
        assert (column.kind == "decimal") == money, column.focus_name
        time = column.focus_name.endswith(("PeriodStart", "PeriodEnd"))
        assert (column.kind == "time") == time, column.focus_name
