"""The files themselves: what they add up to, what stands in them, and that they never change."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from costs.demo.estate import Estate, write_estate
from costs.demo.outcome import Cost
from tests.demo.conftest import AS_OF, Live
from tests.demo.reading import charges_in

ROOT = Path(__file__).parents[2]
WRITE = """
import sys
from datetime import date
from pathlib import Path
from costs.demo.estate import write_estate
write_estate(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))
"""


def test_the_files_add_up_to_the_outcome(estate: Estate, live: Live) -> None:
    for delivery in estate.deliveries:
        rows = live(delivery.source, delivery.billing_period)
        read = sum((Cost(row.billed, row.effective) for row in rows), Cost())
        assert read == estate.outcome.total(delivery.source, delivery.billing_period)


def test_every_row_is_counted_and_lies_in_its_billing_period(estate: Estate) -> None:
    for delivery in estate.deliveries[-6:]:
        rows = charges_in(delivery.path)
        period = delivery.billing_period
        assert len(rows) == delivery.rows > 0
        assert min(row.day for row in rows) == period.start.isoformat()
        assert max(row.day for row in rows) < delivery.delivered_on.isoformat()
        assert all(len(row.row) == len(rows[0].row) for row in rows)


def test_a_folder_names_the_day_of_arrival_and_the_source(estate: Estate) -> None:
    for delivery in estate.deliveries:
        day, source, name = delivery.path.parts[-3:]
        assert (day, source) == (delivery.delivered_on.isoformat(), delivery.source)
        assert f"{delivery.billing_period.start:%Y-%m}" in name


def test_there_are_as_many_rows_as_a_small_team_has(estate: Estate) -> None:
    assert 60_000 < sum(delivery.rows for delivery in estate.deliveries) < 120_000


def test_another_process_writes_the_same_bytes(estate: Estate, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", WRITE, str(tmp_path), AS_OF.isoformat()],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
        check=True,
    )
    for delivery in estate.deliveries:
        again = tmp_path.joinpath(*delivery.path.parts[-3:])
        assert hashlib.sha256(again.read_bytes()).digest() == _digest(delivery.path), again.name


def test_nothing_is_written_over(estate: Estate) -> None:
    with pytest.raises(FileExistsError):
        write_estate(estate.deliveries[0].path.parents[2], AS_OF)


def test_azure_has_its_byte_order_mark_american_dates_and_bare_tags(estate: Estate) -> None:
    path = next(delivery.path for delivery in estate.deliveries if delivery.source == "azure")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfBillingAccountId,")
    row = charges_in(path)[0].row
    assert row["Date"] == "11/01/2025"
    assert row["Tags"] == '"env": "dev","costcenter": "cc-product","app": "template"'


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
