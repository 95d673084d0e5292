"""The commands' contract: keys, one document on stdout, dates, exit status, one line of error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from costs.cli import day
from tests.bills.making import command, focus, ingest, write
from tests.conftest import ROOT

BILL_KEYS = {
    "file",
    "format",
    "source",
    "billing_period",
    "rows",
    "rejected",
    "billed_cost",
    "effective_cost",
    "currency",
    "status",
    "version",
}


@pytest.fixture
def bill(data_dir: Path, tmp_path: Path, db: None) -> Path:
    rows = [
        focus(BilledCost="10.50", EffectiveCost="9"),
        focus(
            BilledCost="4.0E-8",
            EffectiveCost="0",
            ChargePeriodStart="2026-01-06",
            ChargePeriodEnd="2026-01-07",
        ),
    ]
    return write(tmp_path / "b.csv", rows)


def test_ingest_bill(bill: Path, capsys: Any) -> None:
    document = command("ingest_bill", bill, capsys=capsys)

    assert set(document) == {"bills"}
    (one,) = document["bills"]
    assert set(one) >= BILL_KEYS
    assert set(one) - BILL_KEYS <= {"why"}
    assert one["file"] == str(bill)
    assert (one["billing_period"], one["rows"], one["rejected"]) == ("2026-01", 2, 0)
    assert (one["billed_cost"], one["effective_cost"]) == ("10.50000004", "9")
    assert (one["status"], one["version"], one["currency"]) == ("loaded", 1, "USD")


def test_show_costs(bill: Path, capsys: Any) -> None:
    ingest(bill)
    document = command(
        "show_costs", "--by", "service_name,day", "--metric", "billed_cost", capsys=capsys
    )

    assert document == {
        "metric": "billed_cost",
        "rows": [
            {"service_name": "Machines", "day": "2026-01-05", "currency": "USD", "cost": "10.5"},
            {
                "service_name": "Machines",
                "day": "2026-01-06",
                "currency": "USD",
                "cost": "0.00000004",
            },
        ],
        "totals": [{"currency": "USD", "cost": "10.50000004"}],
    }


def test_to_is_exclusive(bill: Path, capsys: Any) -> None:
    ingest(bill)

    def cost(*arguments: str) -> list[str]:
        shown = command("show_costs", "--metric", "billed_cost", *arguments, capsys=capsys)
        return [one["cost"] for one in shown["totals"]]

    assert cost("--from", "2026-01-05", "--to", "2026-01-06") == ["10.5"]
    assert cost("--from", "2026-01-06", "--to", "2026-01-07") == ["0.00000004"]
    assert cost("--to", "2026-01-05") == []
    assert cost("--as-of", "2026-01-06") == ["10.5"]
    assert cost("--from", "2026-01-05", "--to", "2026-01-05") == []


def test_effective_cost_is_the_default(bill: Path, capsys: Any) -> None:
    ingest(bill)

    assert command("show_costs", capsys=capsys) == {
        "metric": "effective_cost",
        "rows": [{"currency": "USD", "cost": "9"}],
        "totals": [{"currency": "USD", "cost": "9"}],
    }


def test_live_files(bill: Path, capsys: Any) -> None:
    assert command("live_files", capsys=capsys) == {"files": []}
    ingest(bill)
    files = command("live_files", capsys=capsys)["files"]

    assert {one["table"] for one in files} == {
        "charges",
        "keys",
        "allocation",
        "daily_facts",
        "daily_summary",
    }
    for one in files:
        assert set(one) == {"table", "source", "billing_period", "path"}
        assert one["billing_period"] == "2026-01"
        assert Path(one["path"]).read_bytes()[:4] == b"PAR1"


def test_live_files_of_a_restated_bill_are_only_the_new_ones(
    bill: Path, tmp_path: Path, capsys: Any
) -> None:
    ingest(bill)
    before = {one["path"] for one in command("live_files", capsys=capsys)["files"]}
    ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="11")] * 2))
    after = {one["path"] for one in command("live_files", capsys=capsys)["files"]}

    assert len(after) == len(before)
    assert not before & after


@pytest.mark.usefixtures("data_dir")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--by", "nonsense"], "--by: cannot group by nonsense"),
        (["--from", "yesterday"], "--from: “yesterday” is not a day"),
        (["--to", "2026-13-01"], "--to: “2026-13-01” is not a day"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "--to: 2026-01-01 lies before"),
        (["--as-of", "x"], "--as-of: “x” is not a day"),
        (["--as-delivered"], "--as-delivered: needs --as-of"),
        (["--metric", "list_cost"], "--metric"),
    ],
)
def test_bad_arguments(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("show_costs", *arguments)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_day_is_a_day_only() -> None:
    for text in ("2026-1-1", "2026-01-01T00:00:00", "", "20260101x", "01.01.2026"):
        with pytest.raises(CommandError, match="--from"):
            day(text, "--from")


def manage(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"HEADROOM_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_as_a_process_on_a_bare_data_folder(tmp_path: Path) -> None:
    """No migrate before, one document on stdout, words on stderr, status 0, 1 or 2."""
    good = write(tmp_path / "good.csv", [focus(BilledCost="2")])
    bad = write(tmp_path / "bad.csv", "")
    folder = tmp_path / "state"

    ingested = manage(folder, "ingest_bill", str(good), "--json")
    refused = manage(folder, "ingest_bill", str(bad), "--json")
    unknown = manage(folder, "show_costs", "--nonsense")
    shown = manage(folder, "show_costs", "--json")

    assert (ingested.returncode, shown.returncode) == (0, 0)
    assert json.loads(ingested.stdout)["bills"][0]["billed_cost"] == "2"
    assert "good.csv" in ingested.stderr
    assert json.loads(shown.stdout)["totals"] == [{"currency": "USD", "cost": "2"}]
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
    assert f"{bad}: the file is empty" in refused.stderr
    assert unknown.returncode == 2
    assert (unknown.stdout, unknown.stderr.count("\n")) == ("", 1)
    assert "--nonsense" in unknown.stderr
