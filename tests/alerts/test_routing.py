"""Who is told of what, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.alerts.kinds import KINDS, Level
from costs.alerts.routing import Due, Listener, QuietHours, digest_due, may_see, route
from costs.people.scope import Scope

ALL = Scope.everything()
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
names = st.sampled_from(["development", "staging", "production", "unallocated", "total"])
some = st.none() | st.frozensets(names)
scopes = st.builds(Scope, some, st.none() | st.frozensets(st.sampled_from(["a", "b"])))
listeners = st.builds(
    Listener,
    pk=st.integers(1, 5),
    scope=scopes,
    environments=some,
    kinds=st.none() | st.frozensets(st.sampled_from(sorted(KINDS))),
    least=st.sampled_from([Level.WARNING, Level.URGENT]),
)
dues = st.builds(
    Due,
    pk=st.integers(1, 99),
    kind=st.sampled_from(sorted(KINDS)),
    environment=names,
    level=st.sampled_from(list(Level)),
)


@given(
    st.lists(dues, unique_by=lambda one: one.pk), st.lists(listeners, unique_by=lambda one: one.pk)
)
def test_nobody_hears_of_what_they_may_not_see(due: list[Due], who: list[Listener]) -> None:
    by_pk = {one.pk: one for one in due}
    routes = route(due, who)
    for listener in who:
        heard = [by_pk[pk] for pk in routes.get(listener.pk, [])]
        assert [one.level for one in heard] == sorted((one.level for one in heard), reverse=True)
        for one in heard:
            assert one.level >= Level.WARNING
            if KINDS[one.kind].tells_figures:
                assert listener.scope.cost_centers is None
                allowed = listener.scope.environments
                assert allowed is None or (
                    one.environment in allowed and one.environment != "total"
                )


def test_what_tells_no_figures_is_for_everybody() -> None:
    nobody = Scope(frozenset(), frozenset())
    assert may_see(nobody, "stale-data", "total")
    assert not may_see(nobody, "band-share", "staging")
    assert may_see(ALL, "band-share", "total")


@pytest.mark.parametrize(
    ("hours", "hour", "quiet"),
    [
        ((22, 7), 23, True),
        ((22, 7), 6, True),
        ((22, 7), 7, False),
        ((22, 7), 21, False),
        ((1, 5), 3, True),
        ((1, 5), 5, False),
        ((0, 0), 0, False),
    ],
)
def test_quiet_hours(hours: tuple[int, int], hour: int, quiet: bool) -> None:
    friday = datetime(2026, 11, 20, hour, 30, tzinfo=UTC)
    assert QuietHours(*hours, weekends=False).holds(friday) is quiet
    assert QuietHours(*hours, weekends=True).holds(friday + timedelta(days=1))


@given(
    st.integers(0, 90_000).map(lambda hours: FIRST + timedelta(hours=hours, minutes=17)),
    st.integers(0, 6),
    st.integers(0, 23),
)
def test_the_digest_was_due_within_the_last_week(now: datetime, weekday: int, hour: int) -> None:
    due = digest_due(now, weekday, hour)
    assert timedelta(0) <= now - due < timedelta(days=7)
    assert (due.weekday(), due.hour, due.minute) == (weekday, hour, 0)
