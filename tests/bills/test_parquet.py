"""FOCUS as Parquet: whatever types the provider chose, money comes out exact."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest

from costs.bills.queries import rejects
from tests.bills.making import ALL, focus, ingest, only_version, spent, total, write
from tests.bills.test_focus_traps import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def parquet(folder: Path, changes: str, rows: list[dict[str, str]] | None = None) -> Path:
    """Rows as Parquet, all text but for ``changes``: ``SELECT * REPLACE (…)``."""
    source = write(folder / "rows.csv", rows or [focus()])
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE ({changes}) FROM read_csv('{source}', all_varchar=true,"
            f" nullstr='')) TO '{folder / 'b.parquet'}' (FORMAT parquet)"
        )
    return folder / "b.parquet"


def test_text_only(tmp_path: Path) -> None:
    (bill,) = ingest(parquet(tmp_path, "BilledCost AS BilledCost", [focus(BilledCost="2.5")] * 2))

    assert (bill.format, bill.rows, bill.billed_cost) == ("focus", 2, Decimal(5))
    assert stored("source_row") == [(1,), (2,)]


DOUBLES = [
    "0.1",
    "8.545007786741936",
    "1e-8",
    "4.0E-8",
    "-3.25",
    "123456789.123",
    "999999999.99",
    "0.30000000000000004",
    "1e-18",
    "22320",
    "0",
    "0.000123456789012",
    "98765.4321",
    "1234567.891011",
]


@pytest.mark.parametrize("kind", ["DOUBLE", "DECIMAL(30,18)", "DECIMAL(38,18)"])
def test_kinds_of_numbers(tmp_path: Path, kind: str) -> None:
    rows = [focus(BilledCost=cost, EffectiveCost=cost, SkuId=cost) for cost in DOUBLES]
    (bill,) = ingest(
        parquet(
            tmp_path,
            f"BilledCost::{kind} AS BilledCost, EffectiveCost::{kind} AS EffectiveCost,"
            " PricingQuantity::DOUBLE AS PricingQuantity",
            rows,
        )
    )

    assert bill.rejected == 0
    wanted = {(cost, "USD"): Decimal(cost) for cost in DOUBLES}
    assert spent("sku_id") == wanted
    assert spent("sku_id", metric="effective_cost") == wanted


def test_floats_and_integers(tmp_path: Path) -> None:
    rows = [focus(BilledCost="0.1", EffectiveCost="7")]
    ingest(
        parquet(
            tmp_path,
            "BilledCost::FLOAT AS BilledCost, EffectiveCost::BIGINT AS EffectiveCost",
            rows,
        )
    )

    assert total() == Decimal("0.1")
    assert total("effective_cost") == 7


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "1e12", "1e300"])
def test_doubles_that_are_no_money(tmp_path: Path, bad: str) -> None:
    rows = [focus(BilledCost="1"), focus(BilledCost=bad, EffectiveCost="0")]
    (bill,) = ingest(parquet(tmp_path, "BilledCost::DOUBLE AS BilledCost", rows), accept=True)

    assert (bill.rows, bill.rejected) == (1, 1)
    (found,) = rejects(ALL, only_version())
    assert (found.row, found.column) == (2, "BilledCost")
    assert total() == 1


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT"])
@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("1.5e-18", "2E-18"),
        ("-1.5e-19", "0"),
        ("0.00012345678901234567", None),
        ("5e-324", "0"),
    ],
)
def test_digits_beyond_the_18th_are_the_doubles_own(
    tmp_path: Path, kind: str, printed: str, kept: str | None
) -> None:
    others = {"EffectiveCost": "0", "ListCost": "0", "ContractedCost": "0"}
    rows = [focus(BilledCost="1"), focus(BilledCost=printed, **others)]
    (bill,) = ingest(parquet(tmp_path, f"BilledCost::{kind} AS BilledCost", rows))

    assert (bill.rows, bill.rejected) == (2, 0)
    if kept is not None:
        assert total() == 1 + Decimal(kept)
    else:
        digits = np.format_float_positional(
            np.float32(printed) if kind == "FLOAT" else float(printed)
        )
        assert total() == 1 + Decimal(digits).quantize(Decimal("1e-18"), ROUND_HALF_UP)


def test_a_text_with_more_decimals_is_still_refused(tmp_path: Path) -> None:
    rows = [focus(BilledCost="1"), focus(BilledCost="1.5e-19", EffectiveCost="0")]
    (bill,) = ingest(parquet(tmp_path, "BilledCost AS BilledCost", rows), accept=True)

    assert (bill.rows, bill.rejected) == (1, 1)


@pytest.mark.parametrize(
    "kind", ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE", "VARCHAR"]
)
def test_kinds_of_times(tmp_path: Path, kind: str) -> None:
    changes = ", ".join(
        f"{name}::{kind} AS {name}"
        for name in ("ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart")
    )
    with_zone = [focus(ChargePeriodStart="2026-01-05T00:00:00Z")]
    (bill,) = ingest(parquet(tmp_path, f"{changes}", with_zone))

    assert bill.billing_period == "2026-01"
    assert list(spent("day")) == [("2026-01-05", "USD")]


@pytest.mark.parametrize(
    "tags",
    [
        "MAP {'env': 'prod', 'org': 'x'}",
        "{'env': 'prod', 'org': 'x'}",
        '\'{"env": "prod", "org": "x"}\'',
        '\'{"env": "prod", "org": "x"}\'::JSON',
    ],
)
def test_kinds_of_tags(tmp_path: Path, tags: str) -> None:
    ingest(parquet(tmp_path, f"{tags} AS Tags"))

    ((found,),) = stored("tags")
    assert json.loads(str(found)) == {"env": "prod", "org": "x"}
    assert spent("environment") == {("production", "USD"): Decimal(1)}


def test_tags_as_a_list_of_entries_do_not_crash(tmp_path: Path) -> None:
    ingest(parquet(tmp_path, "[{'key': 'env', 'value': 'prod'}] AS Tags"))

    assert total() == 1


def test_identifiers_as_numbers(tmp_path: Path) -> None:
    rows = [focus(BillingAccountId="123456789012", SubAccountId="42")]
    (bill,) = ingest(
        parquet(
            tmp_path,
            "BillingAccountId::BIGINT AS BillingAccountId, SubAccountId::INTEGER AS SubAccountId",
            rows,
        )
    )

    assert bill.source == "example-cloud-123456789012-focus"
    assert list(spent("sub_account_id")) == [("42", "USD")]


def test_many_row_groups_keep_their_row_numbers(tmp_path: Path) -> None:
    rows = [focus(SkuId=str(n)) for n in range(5000)]
    rows[4321]["BilledCost"] = "x"
    source = write(tmp_path / "rows.csv", rows)
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{source}', all_varchar=true)) TO"
            f" '{tmp_path / 'b.parquet'}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
        )
    (bill,) = ingest(tmp_path / "b.parquet")

    assert (bill.rows, bill.rejected) == (4999, 1)
    assert [one.row for one in rejects(ALL, only_version())] == [4322]
    assert {int(str(sku)) + 1 - int(str(row)) for sku, row in stored("sku_id, source_row")} == {0}
