"""Waiting: as long as asked, longer each time, never for what will not pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.bills.clouds.patience import LONGEST_WAIT, Patience, retry_after
from costs.bills.clouds.trouble import Busy, CloudTrouble, Denied, Expired

NOW = datetime(2026, 3, 5, 6, tzinfo=UTC)


def failing(*troubles: CloudTrouble) -> tuple[list[float], Patience, object]:
    slept: list[float] = []
    left = list(troubles)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return slept, Patience(sleep=slept.append, chance=lambda: 1.0), call


def test_it_waits_twice_as_long_each_time_and_then_gives_up() -> None:
    slept, patience, call = failing(*[Busy("x")] * 5)
    assert patience.of(call) == "done"  # type: ignore[arg-type]
    assert slept == [1, 2, 4, 8, 16]
    slept, patience, call = failing(*[Busy("x")] * 6)
    with pytest.raises(Busy):
        patience.of(call)  # type: ignore[arg-type]
    assert len(slept) == 5


@pytest.mark.parametrize("trouble", [Denied("p", "r"), Expired("x"), Busy("x", after=3600)])
def test_what_will_not_pass_soon_is_told_at_once(trouble: CloudTrouble) -> None:
    slept, patience, call = failing(trouble)
    with pytest.raises(type(trouble)):
        patience.of(call)  # type: ignore[arg-type]
    assert slept == []


@given(st.integers(1, 50), st.floats(0, 1), st.floats(0, 600))
def test_a_wait_is_never_shorter_than_asked_and_never_much_longer(
    attempt: int, chance: float, asked: float
) -> None:
    wait = Patience(chance=lambda: chance).wait(attempt, asked)
    assert asked <= wait <= asked + LONGEST_WAIT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"Retry-After": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Content-Length": "7"}, None),
        (
            {
                "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "13",
                "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "5",
            },
            13,
        ),
    ],
)
def test_every_way_to_ask_for_a_wait_is_heard(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, NOW) == seconds
