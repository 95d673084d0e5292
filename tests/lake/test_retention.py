"""Which versions may go: never one that anybody needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from costs.lake.retention import GRACE, REFUSED, Candidate, Policy, may_go

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def version(
    number: int, status: str = "superseded", *, days: float = 10, kept_for: str = "", raw: str = ""
) -> Candidate:
    return Candidate(
        pk=number,
        bill=("source", "2026-01-01"),
        number=number,
        status=status,
        ended_at=NOW - timedelta(days=days) if status in ("superseded", "refused") else None,
        kept_for=kept_for,
        raw=frozenset(raw.split()),
    )


def leaving(*versions: Candidate, policy: Policy | None = None) -> dict[int, str]:
    return {one.pk: one.why for one in may_go(versions, policy or Policy(), NOW).versions}


def test_the_newest_three_stay() -> None:
    assert leaving(*map(version, range(1, 6)), version(6, "live")) == {
        1: "superseded, and not among the last 3",
        2: "superseded, and not among the last 3",
    }


def test_after_400_days_the_newest_go_as_well() -> None:
    assert leaving(version(1, days=400), version(2, days=399.9), version(3, "live")) == {
        1: "superseded more than 400 days ago"
    }


def test_nothing_goes_within_a_day_of_the_flip() -> None:
    policy = Policy(versions=0, days=1)
    assert leaving(version(1, days=0.99), version(2, days=1), policy=policy).keys() == {2}


def test_refused_ones_stay_a_month() -> None:
    assert leaving(version(1, "refused", days=29.9), version(2, "refused", days=30)) == {
        2: "refused 30 days ago"
    }


def test_pinned_ones_count_among_the_newest_and_stay() -> None:
    policy = Policy(versions=1)
    pinned = version(3, kept_for="month 2026-01")
    assert leaving(version(1), version(2), pinned, policy=policy).keys() == {1, 2}
    old = version(1, kept_for="review 2026-W03", days=4000)
    assert leaving(old, version(2), policy=policy) == {}


def test_delivered_files_go_with_the_last_version_made_from_them() -> None:
    versions = [
        version(1, raw="a b"),
        version(2, raw="b c"),
        version(3, raw="c d"),
        version(4, "live", raw="a"),
    ]
    plan = may_go(versions, Policy(versions=1), NOW)
    assert {one.pk for one in plan.versions} == {1, 2}
    assert plan.raw == {"b"}


candidates = st.builds(
    Candidate,
    pk=st.integers(),
    bill=st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["2026-01-01", "2026-02-01"])),
    number=st.integers(1, 30),
    status=st.sampled_from(["live", "held", "superseded", "superseded", "superseded", "refused"]),
    ended_at=st.none()
    | st.timedeltas(timedelta(0), timedelta(days=900)).map(lambda ago: NOW - ago),
    kept_for=st.sampled_from(["", "", "", "month 2026-01", "a ledger"]),
    raw=st.frozensets(st.sampled_from("pqrstuv"), max_size=3),
)
policies = st.builds(Policy, versions=st.integers(0, 6), days=st.integers(1, 800))


@given(versions=st.lists(candidates, max_size=25, unique_by=lambda one: one.pk), policy=policies)
@hypothesis_settings(max_examples=200)
def test_nothing_that_anybody_needs_goes(versions: list[Candidate], policy: Policy) -> None:
    plan = may_go(versions, policy, NOW)
    gone = {one.pk for one in plan.versions}
    by_pk = {one.pk: one for one in versions}
    for pk in gone:
        one = by_pk[pk]
        assert one.status in ("superseded", "refused")
        assert not one.kept_for
        assert one.ended_at is not None
        assert NOW - one.ended_at >= GRACE
        if one.status == "refused":
            assert NOW - one.ended_at >= REFUSED
    # Whatever a version that stays was made from stays.
    for one in versions:
        if one.pk not in gone:
            assert not one.raw & plan.raw
    # As many young superseded ones stay as the policy says, or all there are.
    for bill in {one.bill for one in versions}:
        own = [one for one in versions if one.bill == bill and one.status == "superseded"]
        young = [
            one
            for one in own
            if one.ended_at is None or NOW - one.ended_at < timedelta(days=policy.days)
        ]
        newest = sorted(own, key=lambda one: -one.number)[: policy.versions]
        assert not {one.pk for one in newest if one in young} & gone
    # Who keeps more keeps at least as much, and what has gone leaves nothing more to go.
    more = may_go(versions, Policy(policy.versions + 1, policy.days + 10), NOW)
    assert {one.pk for one in more.versions} <= gone
    left = [one for one in versions if one.pk not in gone]
    assert {one.pk for one in may_go(left, policy, NOW).versions} == set()
