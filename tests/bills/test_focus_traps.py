"""What real FOCUS files get wrong or spell in their own way, one trap a test."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from costs.bills.building import IngestError
from costs.bills.queries import rejects
from costs.focus import COLUMNS, snake
from costs.lake.engine import cursor
from costs.lake.queries import live_tables
from costs.money import exact_sum
from tests.bills.making import (
    ALL,
    FOCUS,
    csv_text,
    focus,
    ingest,
    month,
    only_version,
    spent,
    total,
    write,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def stored(columns: str) -> list[tuple[object, ...]]:
    """Columns of the live charges, in the file's order."""
    files = [one["path"] for one in live_tables() if one["table"] == "charges"]
    with cursor() as connection:
        return connection.execute(
            f"SELECT {columns} FROM read_parquet({files}) ORDER BY source_file, source_row"
        ).fetchall()


def reasons(path: Path) -> list[tuple[int, str, str, str]]:
    """Rows refused beside one good row, as the bills page lists them."""
    ingest(path, accept=True)
    return [(one.row, one.column, one.reason, one.value) for one in rejects(ALL, only_version())]


@pytest.mark.parametrize("word", ["NULL", "null", ""])
def test_literal_null_is_nothing(tmp_path: Path, word: str) -> None:
    row = focus(ContractedCost=word, ResourceId=word, Tags=word, ChargeClass=word)
    ingest(write(tmp_path / "b.csv", [row]))

    assert stored("contracted_cost, resource_id, tags, charge_class") == [(None,) * 4]


def test_null_cost_is_a_missing_cost(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", [focus(BilledCost="1"), focus(BilledCost="NULL")])

    assert reasons(file) == [(3, "billed_cost", "is missing", "")]
    assert total() == 1


def test_extra_columns_are_let_be(tmp_path: Path) -> None:
    row = {"Id": "11472", **focus(BilledCost="2.5"), "x_Anything": "…"}
    (bill,) = ingest(write(tmp_path / "b.csv", [row]))

    assert (bill.rows, bill.billed_cost) == (1, Decimal("2.5"))


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-01-05 23:00:00", "2026-01-05"),
        ("2026-01-05T23:00:00", "2026-01-05"),
        ("2026-01-05T23:00:00Z", "2026-01-05"),
        ("2026-01-05T23:00:00.000Z", "2026-01-05"),
        ("2026-01-06T01:00:00+02:00", "2026-01-05"),
        ("2026-01-05T20:00:00-05:00", "2026-01-06"),
        ("2026-01-05", "2026-01-05"),
        (" 2026-01-05T23:00:00Z ", "2026-01-05"),
    ],
)
def test_days_are_utc(tmp_path: Path, written: str, day: str) -> None:
    row = focus(ChargePeriodStart=written, ChargePeriodEnd=written)
    ingest(write(tmp_path / "b.csv", [row]))

    assert list(spent("day")) == [(day, "USD")]


def test_offset_of_a_billing_period_is_taken_into_account(tmp_path: Path) -> None:
    row = focus(
        BillingPeriodStart="2026-01-01T02:00:00+02:00", BillingPeriodEnd="2026-02-01T02:00:00+02:00"
    )
    (bill,) = ingest(write(tmp_path / "b.csv", [row]))

    assert bill.billing_period == "2026-01"


@pytest.mark.parametrize(
    ("column", "written", "kept"),
    [
        ("ChargeFrequency", "Usage-based", "Usage-Based"),
        ("ChargeFrequency", "one-time", "One-Time"),
        ("ChargeCategory", "usage", "Usage"),
        ("ChargeCategory", " TAX ", "Tax"),
        ("BillingCurrency", "usd", "USD"),
    ],
)
def test_allowed_values_are_recognised_in_any_case(
    tmp_path: Path, column: str, written: str, kept: str
) -> None:
    ingest(write(tmp_path / "b.csv", [focus(**{column: written})]))

    assert stored(snake(column)) == [(kept,)]


def test_unknown_category_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", [focus(), focus(ChargeCategory="Rental")])

    assert reasons(file) == [
        (
            3,
            "charge_category",
            "is not Usage, Purchase, Tax, Credit or Adjustment",
            "Rental",
        )
    ]


def test_charge_of_one_month_billed_in_the_next(tmp_path: Path) -> None:
    row = focus(ChargePeriodStart="2025-12-30T00:00:00Z", ChargePeriodEnd="2025-12-31T00:00:00Z")
    (bill,) = ingest(write(tmp_path / "b.csv", [row]))

    assert bill.billing_period == "2026-01"
    assert spent("billing_period", "day") == {("2026-01", "2025-12-30", "USD"): Decimal(1)}
    assert total(period=month(2025, 12)) == 1
    assert total(period=month(2026, 1)) == 0


def test_provider_is_not_the_invoice_issuer(tmp_path: Path) -> None:
    row = focus(ProviderName="AWS", InvoiceIssuerName="Amazon Web Services, Inc.")
    ingest(write(tmp_path / "b.csv", [row]))

    assert spent("provider_name") == {("AWS", "USD"): Decimal(1)}
    assert stored("invoice_issuer_name") == [("Amazon Web Services, Inc.",)]


def test_provider_by_its_name_in_1_3(tmp_path: Path) -> None:
    row = focus()
    row["ServiceProviderName"] = row.pop("ProviderName")
    ingest(write(tmp_path / "b.csv", [row]))

    assert spent("provider_name") == {("Example Cloud", "USD"): Decimal(1)}


def test_tag_keys_that_differ_by_a_leading_space_are_both_kept(tmp_path: Path) -> None:
    tags = '{"org": "a", " org": "b", " environment ": " Prod "}'
    ingest(write(tmp_path / "b.csv", [focus(Tags=tags)]))

    assert stored("tags") == [(tags,)]
    assert spent("environment") == {("production", "USD"): Decimal(1)}


def test_effective_cost_rounded_to_dollars_is_said(tmp_path: Path) -> None:
    rows = [focus(BilledCost="18.0066", EffectiveCost="13")]
    ingest(write(tmp_path / "b.csv", rows))

    (notice,) = only_version().notices
    assert "effective cost 13 and billed cost 18.0066 USD differ" in notice


def test_effective_cost_that_a_commitment_explains_is_not_suspicious(tmp_path: Path) -> None:
    row = focus(BilledCost="0", EffectiveCost="13", CommitmentDiscountId="plan-1")
    ingest(write(tmp_path / "b.csv", [row]))

    assert only_version().notices == []


def test_byte_order_mark(tmp_path: Path) -> None:
    text = csv_text([focus(BilledCost="3")])
    ingest(write(tmp_path / "b.csv", b"\xef\xbb\xbf" + text.encode()))

    assert total() == 3


def test_byte_order_mark_before_a_quoted_name(tmp_path: Path) -> None:
    text = csv_text([focus(BilledCost="3")]).replace("BilledCost", '"BilledCost"', 1)
    ingest(write(tmp_path / "b.csv", b"\xef\xbb\xbf" + text.encode()))

    assert total() == 3


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz", "b.anything"])
def test_containers_and_line_ends(tmp_path: Path, end: str, name: str) -> None:
    text = csv_text([focus(BilledCost="3"), focus(BilledCost="4")]).replace("\n", end)
    (bill,) = ingest(write(tmp_path / name, text))

    assert (bill.rows, total()) == (2, Decimal(7))


def test_last_line_without_an_end(tmp_path: Path) -> None:
    ingest(write(tmp_path / "b.csv", csv_text([focus(BilledCost="3")]).rstrip("\n")))

    assert total() == 3


def test_line_ends_inside_quotes(tmp_path: Path) -> None:
    rows = [
        focus(ChargeDescription="two\nlines"),
        focus(BilledCost="nonsense"),
        focus(ChargeDescription='"quoted", with a comma'),
    ]

    assert [found[1] for found in reasons(write(tmp_path / "b.csv", rows))] == ["BilledCost"]
    assert [row[0] for row in stored("charge_description")] == [
        "two\nlines",
        '"quoted", with a comma',
    ]


def test_two_currencies_are_never_added(tmp_path: Path) -> None:
    rows = [focus(BilledCost="1.5"), focus(BilledCost="2.25", BillingCurrency="CAD")]
    bills = ingest(write(tmp_path / "b.csv", rows))

    assert [(bill.currency, bill.billed_cost, bill.rows) for bill in bills] == [
        ("CAD", Decimal("2.25"), 1),
        ("USD", Decimal("1.5"), 1),
    ]
    assert spent() == {("USD",): Decimal("1.5"), ("CAD",): Decimal("2.25")}
    assert len({bill.version for bill in bills}) == 1


UNREADABLE = [
    ("ChargePeriodStart", "2026-01-05T30:00:00Z", "is not a time"),
    ("ChargePeriodStart", "4/1/25", "is not a time"),
    ("ChargePeriodStart", "1970-01-01T00:00:00Z", "is not a time"),
    ("ChargePeriodStart", "9999-12-31T00:00:00Z", "is not a time"),
    ("ChargePeriodEnd", "2026-02-30T00:00:00Z", "is not a time"),
    ("BilledCost", "$10,000.00 ", "is not a number"),
    ("BilledCost", "1,000.00", "is not a number"),
    ("BilledCost", "1_000", "is not a number"),
    ("BilledCost", "1.2.3", "is not a number"),
    ("BilledCost", "0x10", "is not a number"),
    ("BilledCost", "ten", "is not a number"),
    ("BilledCost", "NaN", "is not a number"),
    ("BilledCost", "inf", "is not a number"),
    ("BilledCost", "1e400", "is not a number"),
    ("BilledCost", "1000000000000", "is not a number"),
    ("BilledCost", "0.0000000000000000001", "is not a number"),
    ("BilledCost", "1e-19", "is not a number"),
    ("BilledCost", "1.5e-18", "is not a number"),
    ("EffectiveCost", "12.1234567890123456789", "is not a number"),
    ("EffectiveCost", "1 000", "is not a number"),
    ("ListCost", "1 USD", "is not a number"),
    ("ContractedCost", "−1", "is not a number"),
    ("BilledCost", "(5.00)", "is not a number"),
    ("BilledCost", "5-", "is not a number"),
    ("BilledCost", "٣", "is not a number"),
]


def test_unreadable_value_refuses_its_row_only(tmp_path: Path) -> None:
    """One bill with a row for each: the reason names the column and quotes the value."""
    bad = [focus(**{column: written}) for column, written, _ in UNREADABLE]
    file = write(tmp_path / "b.csv", [focus(), *bad, focus()])

    found = reasons(file)

    assert [(row, column, value) for row, column, _, value in found] == [
        (number, column, written) for number, (column, written, _) in enumerate(UNREADABLE, start=3)
    ]
    for (_, _, why), (_, _, reason, _) in zip(UNREADABLE, found, strict=True):
        assert why in reason
    assert total() == 2


NUMBERS = {
    "4.0E-8": "0.00000004",
    "4e-8": "0.00000004",
    "1E+3": "1000",
    "1.25e2": "125",
    "-1.5e-17": "-0.000000000000000015",
    "1e-18": "0.000000000000000001",
    "8.5450077867419368": "8.5450077867419368",
    "0.123456789012345678": "0.123456789012345678",
    "0.1234567890123456780000": "0.123456789012345678",
    "1.50000000000000000000000000": "1.5",
    "-0.000001": "-0.000001",
    "+3": "3",
    ".5": "0.5",
    "5.": "5",
    "  7.25  ": "7.25",
    "-0": "0",
    "999999999999.999999999999999999": "999999999999.999999999999999999",
    "000123": "123",
}


def test_numbers_are_read_exactly(tmp_path: Path) -> None:
    rows = [focus(BilledCost=written, SkuId=repr(written)) for written in NUMBERS]
    (bill,) = ingest(write(tmp_path / "b.csv", rows))

    assert bill.rejected == 0
    wanted = {(repr(written), "USD"): Decimal(value) for written, value in NUMBERS.items()}
    assert spent("sku_id") == wanted
    assert spent("sku_id", metric="effective_cost") == wanted
    assert bill.billed_cost == exact_sum(wanted.values()) == total()


def test_negative_rows_lower_the_total(tmp_path: Path) -> None:
    rows = [
        focus(BilledCost="10"),
        focus(BilledCost="-3.75", ChargeCategory="Credit", ChargeClass="Correction"),
    ]
    ingest(write(tmp_path / "b.csv", rows))

    assert spent("charge_category") == {
        ("Usage", "USD"): Decimal(10),
        ("Credit", "USD"): Decimal("-3.75"),
    }


def test_unreadable_price_is_unknown_but_keeps_the_row(tmp_path: Path) -> None:
    row = focus(BilledCost="2", ListUnitPrice="convertible", PricingQuantity="No Upfront")
    (bill,) = ingest(write(tmp_path / "b.csv", [row]))

    assert (bill.rejected, total()) == (0, Decimal(2))
    # Both values are unreadable, and both are said.
    notices = " ".join(only_version().notices)
    assert "ListUnitPrice" in notices
    assert "PricingQuantity" in notices


def test_missing_column_is_named(tmp_path: Path) -> None:
    mandatory = [column.focus_name for column in COLUMNS if column.mandatory]
    for missing in mandatory:
        columns = [name for name in FOCUS if name != missing]
        file = write(tmp_path / "b.csv", csv_text([focus()], columns))

        with pytest.raises(IngestError, match=rf"b\.csv: the column {missing}.* is missing"):
            ingest(file)


def test_header_only_alone_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", csv_text([focus()]).splitlines()[0] + "\n")

    with pytest.raises(IngestError, match=r"b\.csv: there are no rows below the header"):
        ingest(file)


def test_header_only_as_a_part_is_fine(tmp_path: Path) -> None:
    write(tmp_path / "bill/part-1.csv", [focus(BilledCost="5")])
    write(tmp_path / "bill/part-2.csv", csv_text([focus()]).splitlines()[0] + "\n")
    first = ingest(tmp_path / "bill")

    assert total() == 5
    assert {bill.status for bill in first} == {"loaded"}
    assert {bill.status for bill in ingest(tmp_path / "bill")} == {"unchanged"}


def test_parts_of_a_folder_are_one_bill(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"bill/part-{number}.csv", [focus(BilledCost=f"{number}.5")])
    write(tmp_path / "bill/manifest.json", "{}")
    bills = ingest(tmp_path / "bill")

    assert {(bill.version, bill.status) for bill in bills} == {(1, "loaded")}
    assert total() == Decimal("4.5")
    assert only_version().rows == 3
    assert [row[0] for row in stored("source_file")] == [0, 1, 2]


def test_rows_know_where_they_came_from(tmp_path: Path) -> None:
    rows = [focus(BilledCost=str(number), SkuId=str(number)) for number in range(5)]
    rows[2]["BilledCost"] = "x"
    ingest(write(tmp_path / "b.csv", rows), accept=True)

    assert stored("sku_id, source_row") == [("0", 2), ("1", 3), ("3", 5), ("4", 6)]


@pytest.mark.parametrize("offset", ["+14:00", "+02:00", "Z", "-05:00", "-11:00"])
def test_an_export_with_its_clock_in_another_zone_is_of_its_month(
    tmp_path: Path, offset: str
) -> None:
    row = focus(
        BillingPeriodStart=f"2026-01-01T00:00:00{offset}",
        BillingPeriodEnd=f"2026-02-01T00:00:00{offset}",
    )
    (bill,) = ingest(write(tmp_path / "b.csv", [row]))

    assert bill.billing_period == "2026-01"
    version = only_version()
    assert str(version.billing_period) == "2026-01-01"
    assert str(version.billing_period_end) == "2026-02-01"


def test_a_billing_period_in_the_middle_of_a_month_stays(tmp_path: Path) -> None:
    row = focus(BillingPeriodStart="2026-01-15T00:00:00Z", BillingPeriodEnd="2026-02-15T00:00:00Z")
    ingest(write(tmp_path / "b.csv", [row]))

    assert str(only_version().billing_period) == "2026-01-15"
