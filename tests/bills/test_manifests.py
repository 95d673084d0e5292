"""Manifests decide which files are a delivery; a missing one, or a cut one, is said."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costs.bills.building import IngestError
from costs.bills.description import UnreadableBill
from costs.bills.manifests import control_in_words, read_manifest
from costs.bills.queries import bill_page
from costs.lake.models import BillVersion
from tests.bills.making import (
    ALL,
    FOCUS,
    NOW,
    csv_text,
    cur,
    focus,
    ingest,
    only_version,
    total,
    write,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

MONTH = "20260101-20260201"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "in"


def legacy(root: Path, assembly: str, costs: list[str], *, top: bool = True) -> None:
    """A legacy report as S3 has it: parts beside a manifest, and its copy a folder above."""
    names = [f"{assembly}/bill-{nth}.csv.gz" for nth in range(1, len(costs) + 1)]
    for name, cost in zip(names, costs, strict=True):
        write(root / MONTH / name, [cur({"lineItem/UnblendedCost": cost})])
    content = json.dumps(
        {
            "assemblyId": assembly,
            "reportId": "0123",
            "reportName": "bill",
            "billingPeriod": {"start": "20260101T000000.000Z", "end": "20260201T000000.000Z"},
            "reportKeys": [f"costs/bill/{MONTH}/{name}" for name in names],
        }
    )
    write(root / MONTH / assembly / "bill-Manifest.json", content)
    if top:
        write(root / MONTH / "bill-Manifest.json", content)


def data_export(root: Path, month: str, files: dict[str, list[Any]], run: str = "") -> Path:
    """A Data Export as S3 has it: ``data`` and ``metadata``, a folder for each month in both."""
    below = f"BILLING_PERIOD={month}" + (f"/{run}" if run else "")
    for name, rows in files.items():
        write(root / "data" / below / name, rows)
    content = {
        "dataFiles": [f"s3://bucket/costs/focus/data/{below}/{name}" for name in files],
    }
    return write(root / "metadata" / below / "focus-Manifest.json", json.dumps(content))


def azure(folder: Path, rows: dict[str, list[Any]], *, said: int, submitted: str = "1") -> None:
    blobs = []
    for name, own in rows.items():
        write(folder / name, own)
        blobs.append({"blobName": f"root/export/run/{name}", "dataRowCount": len(own)})
    content = {
        "dataRowCount": said,
        "exportConfig": {"exportName": "focus", "type": "FocusCost"},
        "runInfo": {"submittedTime": submitted, "startDate": "2026-01-01T00:00:00"},
        "blobs": blobs,
    }
    write(folder / "manifest.json", json.dumps(content))


def test_legacy_report_of_two_parts(root: Path) -> None:
    legacy(root, "aaaa", ["1.5", "2.5"])
    loaded = ingest(root)

    assert [bill.billed_cost for bill in loaded] == [Decimal("1.5"), Decimal("2.5")]
    assert total() == 4
    assert only_version().control_total == {"manifest": "bill-Manifest.json", "files": 2}
    assert {bill.status for bill in ingest(root)} == {"unchanged"}


def test_the_current_run_counts_and_not_the_one_before(root: Path) -> None:
    legacy(root, "zzzz", ["7", "8", "9"])
    legacy(root, "aaaa", ["1.5", "2.5"])
    ingest(root)

    assert total() == 4
    assert BillVersion.objects.count() == 1


def test_a_manifest_given_alone_finds_its_parts(root: Path) -> None:
    legacy(root, "aaaa", ["1.5", "2.5"])
    ingest(root / MONTH / "bill-Manifest.json")

    assert total() == 4


@pytest.mark.parametrize("given", ["folder", "manifest"])
def test_a_missing_part_is_named_and_nothing_is_kept(root: Path, given: str) -> None:
    legacy(root, "aaaa", ["1.5", "2.5"])
    (root / MONTH / "aaaa/bill-2.csv.gz").unlink()
    # The part of another run has the same name, and is not taken for it.
    legacy(root, "bbbb", ["7", "8"], top=False)

    with pytest.raises(IngestError, match=rf"Manifest\.json: .*{MONTH}/aaaa/bill-2\.csv\.gz"):
        ingest(root if given == "folder" else root / MONTH / "bill-Manifest.json")
    assert not BillVersion.objects.exists()


def test_parts_beside_a_manifest_need_no_folders(root: Path) -> None:
    legacy(root / "s3", "aaaa", ["1.5", "2.5"])
    flat = root / "flat"
    flat.mkdir()
    for file in (root / "s3" / MONTH / "aaaa").iterdir():
        shutil.copy(file, flat)
    write(flat / "bill-0.csv", [cur({"lineItem/UnblendedCost": "100"})])
    ingest(flat)

    assert total() == 4
    assert only_version().notices == ["Left out, for the manifest does not name them: bill-0.csv."]


def test_data_export_with_partitions(root: Path) -> None:
    february = {
        "BillingPeriodStart": "2026-02-01T00:00:00Z",
        "BillingPeriodEnd": "2026-03-01T00:00:00Z",
        "ChargePeriodStart": "2026-02-05T00:00:00Z",
        "ChargePeriodEnd": "2026-02-06T00:00:00Z",
    }
    data_export(root, "2026-01", {"f-1.csv.gz": [focus()], "f-2.csv.gz": [focus(SkuId="2")]})
    data_export(root, "2026-02", {"f-1.csv.gz": [focus(**february)]})
    loaded = ingest(root)

    assert sorted((bill.billing_period, bill.status) for bill in loaded) == [
        ("2026-01", "loaded"),
        ("2026-01", "loaded"),
        ("2026-02", "loaded"),
    ]
    assert total() == 3


def test_of_several_runs_of_a_data_export_the_last_one_counts(root: Path) -> None:
    for nth, run in enumerate(("20260201T000000Z-b", "20260202T000000Z-a"), start=1):
        data_export(root, "2026-01", {"f-1.csv.gz": [focus(BilledCost=nth)]}, run)
    ingest(root)

    assert total() == 2
    assert BillVersion.objects.count() == 1


def test_partitions_of_one_month_without_a_manifest_are_one_delivery(root: Path) -> None:
    for account in "12":
        folder = root / f"BILLING_PERIOD=2026-01/account={account}"
        write(folder / "f.csv", [focus(SubAccountId=account)])
    loaded = ingest(root)

    assert [bill.status for bill in loaded] == ["loaded", "loaded"]
    assert total() == 2


def test_rows_as_the_manifest_says(root: Path) -> None:
    azure(root, {"part_0.csv": [focus()], "part_1.csv": [focus(SkuId="2")]}, said=2)
    loaded = ingest(root)

    assert {bill.status for bill in loaded} == {"loaded"}
    assert only_version().control_total == {"manifest": "manifest.json", "files": 2, "rows": 2}


def test_the_page_of_the_bill_says_what_the_manifest_said(root: Path) -> None:
    azure(root, {"part_0.csv": [focus()]}, said=1)
    (bill,) = ingest(root)
    page = bill_page(ALL, bill.source, only_version().billing_period, as_of=NOW.date())

    assert page is not None
    (version,) = page.versions
    assert version.control == "By its manifest manifest.json the delivery has 1 file with 1 row."
    assert control_in_words(None) == control_in_words({"rows": 1}) == ""


def test_fewer_rows_than_the_manifest_says_are_held(root: Path) -> None:
    rows = [focus(SkuId=nth) for nth in range(5)]
    azure(root, {"part_0.csv": rows}, said=5)
    write(root / "part_0.csv", rows[:3])  # cut off between two rows
    (bill,) = ingest(root)

    assert bill.status == "held"
    assert bill.why == "the manifest says 5 rows of root/export/run/part_0.csv, and 3 are there"
    assert total() == 0


def test_a_part_that_is_cut_off_inside_a_row_is_held_too(root: Path) -> None:
    rows = [focus(SkuId=nth) for nth in range(5)]
    azure(root, {"part_0.csv": rows}, said=5)
    write(root / "part_0.csv", csv_text(rows)[:-300])
    (bill,) = ingest(root)

    assert bill.status == "held"


def test_a_gzip_that_is_cut_off_is_refused(root: Path) -> None:
    legacy(root, "aaaa", ["1.5", "2.5"])
    part = root / MONTH / "aaaa/bill-2.csv.gz"
    part.write_bytes(part.read_bytes()[:-30])

    with pytest.raises(IngestError, match=r"bill-2\.csv\.gz: "):
        ingest(root)
    assert not BillVersion.objects.exists()


def test_the_later_run_of_an_azure_export_counts(root: Path) -> None:
    for run, cost in (("2026-01-03", 3), ("2026-01-02", 2)):
        azure(root / run, {"p.csv": [focus(BilledCost=cost)]}, said=1, submitted=run)
    ingest(root)

    assert total() == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "the manifest is not JSON"),
        ('{"reportKeys": []}', "the manifest names no file"),
        ('{"reportKeys": ["a/../../b.csv"]}', "which is no path"),
        ('{"blobs": [{"blobName": "a\\\\b.csv"}]}', "which is no path"),
        ('{"dataFiles": [{}]}', "which is no path"),
        ("[" * 5000, "the manifest is not JSON"),
    ],
)
def test_a_manifest_that_is_none(root: Path, content: str, why: str) -> None:
    write(root / "b.csv", [FOCUS])
    file = write(root / "manifest.json", content)

    with pytest.raises(IngestError, match=rf"manifest\.json: .*{why}"):
        ingest(file)


def test_json_of_something_else_is_passed_over_in_a_folder(root: Path) -> None:
    write(root / "b.csv", [FOCUS])
    file = write(root / "manifest.json", '{"name": "web app"}')
    with pytest.raises(IngestError, match="this is no manifest of a bill"):
        ingest(file)
    ingest(root)

    assert total() == 1


def test_ways_to_name_a_part() -> None:
    for part in (
        "a/b.csv",
        "/a/b.csv",
        "s3://bucket/a/b.csv",
        {"key": "a/b.csv"},
        {"url": "https://store.example/a/b.csv"},
    ):
        manifest = read_manifest(json.dumps({"dataFiles": [part]}).encode())
        assert manifest is not None
        assert [one.key for one in manifest.parts] == ["a/b.csv"]


def test_too_many_parts() -> None:
    with pytest.raises(UnreadableBill, match="more than 10,000 files"):
        read_manifest(json.dumps({"reportKeys": ["a"] * 10_001}).encode())
