"""How a source's days fill up: learned from deliveries, monotone, and robust."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from costs.bills.completeness import DEFAULT, DEFAULT_DAYS, NEEDED, OLDEST, SETTLED, Seen, learn
from costs.bills.queries import completeness, freshness
from tests.bills.making import ALL, focus, ingest, write

FIRST = date(2026, 1, 1)
GROWTH = [Decimal("0.4"), Decimal("0.9"), Decimal("0.97"), Decimal("0.995")]


def there(age: int) -> Decimal:
    return Decimal(0) if age < 0 else GROWTH[age] if age < len(GROWTH) else Decimal(1)


def deliveries(days: int = 30, costs: Mapping[int, Decimal] | None = None) -> list[Seen]:
    """One delivery a day of a month whose days fill up as GROWTH says, until all has settled."""
    return [
        Seen(
            FIRST + timedelta(days=at),
            {
                FIRST + timedelta(days=day): (costs or {}).get(day, Decimal(100)) * there(at - day)
                for day in range(min(days, at + 1))
            },
        )
        for at in range(days + SETTLED)
    ]


def test_the_growth_is_found_again() -> None:
    curve = learn(deliveries())
    assert curve.shares[:5] == (*GROWTH, Decimal(1))
    assert curve.complete_after == 3
    assert "3 days later 99 %" in curve.reason
    assert curve.share(-1) == 0
    assert curve.share(40) == 1


def test_nothing_is_learned_from_too_little() -> None:
    assert learn([]) == DEFAULT
    assert learn(deliveries(NEEDED - 1)) == DEFAULT
    assert learn(deliveries()[: SETTLED - 1]) == DEFAULT  # nothing is final yet
    assert DEFAULT.complete_after == DEFAULT_DAYS
    assert DEFAULT.share(1) is None
    assert DEFAULT.share(2) == 1
    assert "2 days before" in DEFAULT.reason


def test_credits_and_days_without_cost_say_nothing() -> None:
    odd = {3: Decimal(-50), 4: Decimal(0), 9: Decimal(0)}
    assert learn(deliveries(costs=odd)).shares[:4] == tuple(GROWTH)


def test_a_day_that_was_restated_down_counts_as_whole() -> None:
    seen = deliveries()
    seen[5].costs[FIRST + timedelta(days=4)] = Decimal(5000)  # type: ignore[index]
    assert learn(seen).shares[0] == GROWTH[0]


COSTS = st.dictionaries(
    st.integers(0, 25).map(lambda day: FIRST + timedelta(days=day)),
    st.decimals(-1000, 1000, places=2),
    max_size=26,
)


@given(
    st.lists(
        st.builds(Seen, st.integers(0, 60).map(lambda d: FIRST + timedelta(days=d)), COSTS),
        max_size=25,
    )
)
@hypothesis_settings(max_examples=60)
def test_a_curve_never_falls_and_stays_a_share(seen: list[Seen]) -> None:
    curve = learn(seen)
    assert list(curve.shares) == sorted(curve.shares)
    assert all(0 <= share <= 1 for share in curve.shares)
    assert len(curve.shares) <= OLDEST + 1
    assert learn(seen[::-1]).watched == curve.watched


@pytest.mark.django_db
def test_the_order_of_deliveries_does_not_matter() -> None:
    seen = deliveries()
    assert learn(seen) == learn(seen[::-1]) == learn(seen[7:] + seen[:7])


@pytest.mark.django_db
def test_a_source_is_known_by_its_deliveries(data_dir: Path, tmp_path: Path) -> None:
    """Twelve days of January, delivered daily, a day's cost growing for a day; then the final."""
    for at in [*range(1, 13), 28]:
        rows = [
            focus(
                BilledCost="10" if at > day else "4",
                ChargePeriodStart=f"2026-01-{day:02}T00:00:00Z",
                ChargePeriodEnd=f"2026-01-{day + 1:02}T00:00:00Z",
            )
            for day in range(1, min(at, 12) + 1)
        ]
        now = datetime.combine(date(2026, 1, at), time(6), UTC)
        ingest(write(tmp_path / f"{at}/bill.csv", rows), now=now)
        if at == 5:
            (early,) = completeness(ALL).values()
            assert not early.curve.learned
            (state,) = freshness(ALL, date(2026, 1, 5))
            assert state.last_complete_day == date(2026, 1, 3)
    (known,) = completeness(ALL).values()
    assert known.curve.shares[:2] == (Decimal("0.4"), Decimal(1))
    assert known.last_complete_day == date(2026, 1, 27)
    assert known.share(date(2026, 1, 28)) == Decimal("0.4")
    assert known.share(date(2026, 1, 29)) == 0
    assert [row.percent for row in known.rows] == [40, 100]
    (state,) = freshness(ALL, date(2026, 1, 28))
    assert state.last_complete_day == date(2026, 1, 12)
