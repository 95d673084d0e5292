"""Fixtures and rules of every test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

# Fixtures: lakes in object stores.
from tests.stores.places import blob_lake, blob_place, closed, fake_blobs, moto, s3_lake, s3_place

__all__ = ["blob_lake", "blob_place", "closed", "fake_blobs", "moto", "s3_lake", "s3_place"]

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")

NEEDS_SERVICE = "needs service:"
"""How the reason of a skip begins that means: something of this machine is missing. In CI it is a
failure, for CI's machine must have it; `pytest.skip("needs service: chromium")`."""

# No deadlines: on a busy machine of two cores they find slow moments, not bugs.
hypothesis_settings.register_profile(
    "dev", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile(
    "ci",
    deadline=None,
    # What failed in CI is to fail again at home.
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.load_profile("ci" if IN_CI else "dev")


def fail_if_needed[R: (pytest.TestReport, pytest.CollectReport)](report: R) -> R:
    """`report`, turned into a failure when it is a skip that CI does not accept."""
    if IN_CI and report.skipped and NEEDS_SERVICE in str(report.longrepr):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be missing: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return fail_if_needed((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return fail_if_needed((yield))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` runs on PostgreSQL too: every test that uses the test's database."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or asked & {"db", "transactional_db"}:
            item.add_marker("database")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The bills, metrics and prices in `../shared/data`; without them the test is skipped."""
    if not SHARED_DATA.is_dir():
        pytest.skip("there is no ../shared/data beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is; without it the test is skipped, which is a failure in CI."""
    found = os.environ.get("HEADROOM_CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip(f"{NEEDS_SERVICE} chromium (Debian's package, or HEADROOM_CHROMIUM)")
    return found


@pytest.fixture
def data_dir(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of this test alone, for this process and those it starts."""
    folder = tmp_path / "data"
    (folder / "bundle").mkdir(parents=True)
    settings.DATA_DIR = folder
    settings.LAKE_URL = str(folder / "lake")
    settings.BUNDLE_DIR = folder / "bundle"
    settings.STATIC_ROOT = folder / "static"
    monkeypatch.setenv("HEADROOM_DATA_DIR", str(folder))
    return folder


DEMO_DAY = "2026-11-23"


@pytest.fixture(scope="session")
def loaded_estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the demo estate of DEMO_DAY, loaded by the command itself."""
    folder = tmp_path_factory.mktemp("estate")
    environ = {**os.environ, "HEADROOM_DATA_DIR": str(folder)}
    environ.pop("DATABASE_URL", None)  # its own SQLite, wherever the tests keep theirs
    rows = str(folder / "rows.json")
    for command in (
        ["demo", "--as-of", DEMO_DAY],
        ["dumpdata", "costs", "auth.group", "auth.user", "-o", rows],
    ):
        subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *command],
            env=environ,
            check=True,
            capture_output=True,
        )
    return folder


@pytest.fixture
def demo(db: None, loaded_estate: Path, settings: Settings) -> Path:
    """The demo estate in the test's database and lake; the lake is shared: only read it."""
    return _install(loaded_estate, settings)


@pytest.fixture
def live_demo(transactional_db: None, loaded_estate: Path, settings: Settings) -> Path:
    """The same for tests with a live server, whose threads see committed rows only."""
    return _install(loaded_estate, settings)


def _install(folder: Path, settings: Settings) -> Path:
    from django.contrib.auth.models import Group
    from django.db.models import QuerySet

    from costs.models import AllocationRule, BandChange, Environment

    settings.DATA_DIR = folder
    settings.LAKE_URL = str(folder / "lake")
    # The defaults that migrating installed are in the rows as well, perhaps under other keys.
    for model in (AllocationRule, Environment, BandChange, Group):
        QuerySet(model).delete()
    call_command("loaddata", str(folder / "rows.json"), verbosity=0)
    return folder
