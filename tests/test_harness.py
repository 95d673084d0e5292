"""The rules of the test suite itself."""

from __future__ import annotations

import socket

import pytest
from pytest_socket import SocketConnectBlockedError

from tests import conftest


def test_no_test_reaches_another_machine() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as outside,
        pytest.warns(UserWarning, match="192.0.2.1"),
        pytest.raises(SocketConnectBlockedError),
    ):
        outside.connect(("192.0.2.1", 9))


def _skipped(reason: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="tests/x.py::x",
        location=("tests/x.py", 0, "x"),
        keywords={},
        outcome="skipped",
        longrepr=("tests/x.py", 1, f"Skipped: {reason}"),
        when="setup",
    )


def test_in_ci_a_missing_browser_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "IN_CI", True)

    report = conftest.fail_if_needed(_skipped("needs service: chromium"))

    assert report.failed
    assert "chromium" in str(report.longrepr)


def test_in_ci_missing_shared_data_is_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "IN_CI", True)

    assert conftest.fail_if_needed(_skipped("there is no ../shared/data")).skipped


def test_at_home_a_missing_browser_is_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "IN_CI", False)

    assert conftest.fail_if_needed(_skipped("needs service: chromium")).skipped
