"""The floors hold, and each contract bites: a violation planted in a copy is found by its name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PLANTED = {
    "apps": ("costs/spend/queries/totals.py", "import capacity.apps"),
    "wings": ("costs/lake/queries.py", "import costs.spend.queries"),
    "rooms": ("costs/bills/queries.py", "import costs.bills.operations"),
    "pure": ("costs/bills/allocation.py", "import django.db"),
    "doors": ("costs/review/queries.py", "import costs.bills.views"),
    "parquet": ("costs/review/queries.py", "import duckdb"),
    "clouds": ("costs/bills/clouds/s3.py", "import django.conf"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code without anything else."""
    folder = tmp_path_factory.mktemp("floors")
    for name in ("config", "costs", "capacity"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on ``folder`` for one contract."""
    command = [
        *(sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"),
        *("--contract", contract),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract(contract: str, copy: Path) -> None:
    file, line = PLANTED[contract]
    path = copy / file
    original = path.read_text()
    clean = lint(copy, contract)
    assert clean.returncode == 0, clean.stdout
    path.write_text(original.replace("\nfrom ", f"\n{line}\nfrom ", 1))
    try:
        broken = lint(copy, contract)
    finally:
        path.write_text(original)
    assert broken.returncode == 1
    assert "0 kept, 1 broken" in broken.stdout


def test_boto3_outside_clouds_is_refused() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename"]
    planted = "import boto3\n"

    def status(name: str) -> int:
        return subprocess.run(
            [*command, name, "-"],
            input=planted,
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=False,
        ).returncode

    assert status("costs/review/queries.py") == 1
    assert status("costs/bills/clouds/s3.py") == 0
