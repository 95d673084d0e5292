"""The estate's planted truths, found again in the product: through readers, lake and queries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from costs.bills import queries as bills
from costs.demo.bills import charges_of
from costs.demo.outcome import Outcome, outcome_of
from costs.demo.schedule import schedule
from costs.demo.truths import Truths, truths
from costs.lake.models import BillVersion
from costs.people.scope import Scope
from costs.periods import week_of
from costs.review import queries as review
from costs.review.week import WeekReview
from costs.spend.queries import Metric, cost_by
from tests.conftest import DEMO_DAY

ALL = Scope.everything()
AS_OF = date.fromisoformat(DEMO_DAY)
BILLED: Metric = "billed_cost"


@pytest.fixture(scope="module")
def planted() -> Truths:
    return truths(AS_OF)


@pytest.fixture(scope="module")
def outcome(planted: Truths) -> Outcome:
    return outcome_of(planted, {visit: charges_of(planted, visit) for visit in schedule(planted)})


@pytest.fixture
def week(demo: Path) -> WeekReview:
    found = review.week_review(ALL, week_of(date(2026, 11, 20)), as_of=AS_OF)
    assert found is not None
    return found


def test_effective_cost_of_every_month_and_environment_is_as_planted(
    demo: Path, outcome: Outcome
) -> None:
    found = {row.keys: row.cost for row in cost_by(ALL, by=("billing_period", "environment"))}
    wanted: dict[tuple[str, ...], Decimal] = {}
    for part, cost in outcome.costs.items():
        key = (f"{part.period.start:%Y-%m}", part.environment or "unallocated")
        wanted[key] = wanted.get(key, Decimal(0)) + cost.effective
    assert found == wanted


def test_billed_cost_of_every_month_is_as_planted(demo: Path, outcome: Outcome) -> None:
    # Not by environment: AWS gives the negation of covered usage no resource and no tags.
    found = {row.keys[0]: row.cost for row in cost_by(ALL, by=("billing_period",), metric=BILLED)}
    wanted: dict[str, Decimal] = {}
    for part, cost in outcome.costs.items():
        key = f"{part.period.start:%Y-%m}"
        wanted[key] = wanted.get(key, Decimal(0)) + cost.billed
    assert found == wanted


def test_the_restated_month_keeps_both_versions(demo: Path, planted: Truths) -> None:
    month = planted.restatement.billing_period.start
    versions = BillVersion.objects.filter(billing_period=month, source__provider_name="Microsoft")
    first, second = versions.order_by("number")
    assert (first.status, second.status) == ("superseded", "live")
    assert first.sums["USD"]["billed_cost"] != second.sums["USD"]["billed_cost"]


def test_as_delivered_shows_the_month_before_its_restatement(demo: Path, planted: Truths) -> None:
    month = planted.restatement.billing_period
    first = BillVersion.objects.filter(
        billing_period=month.start, source__provider_name="Microsoft", status="superseded"
    ).get()
    [row] = cost_by(
        ALL,
        by=(),
        where={"provider_name": ["Microsoft"], "billing_period": [f"{month.start:%Y-%m}"]},
        metric=BILLED,
        as_delivered=first.delivered_at.astimezone(UTC).replace(hour=23),
    )
    assert row.cost == Decimal(first.sums["USD"]["billed_cost"])


def test_the_review_names_what_was_planted(
    week: WeekReview, planted: Truths, outcome: Outcome
) -> None:
    assert planted.spike.environment in week.finding.lower()
    verdicts = {row.environment: row.months[-1].verdict.name for row in week.environments}
    assert {pace.environment: verdicts[pace.environment] for pace in outcome.paces} == {
        pace.environment: pace.verdict for pace in outcome.paces
    }
    new = {one.resource_id.casefold() for one in week.resources.new}
    gone = {one.resource_id.casefold() for one in week.resources.gone}
    assert new == outcome.new_resources
    assert gone == outcome.gone_resources


def test_environments_add_up_to_the_total(week: WeekReview) -> None:
    *parts, total = week.environments
    assert total.environment == "total"
    assert sum(part.week.after for part in parts) == total.week.after
    assert sum(part.months[-1].gauge.month_to_date for part in parts) == (
        total.months[-1].gauge.month_to_date
    )


def test_every_source_is_fresh(demo: Path) -> None:
    found = bills.freshness(ALL, AS_OF)
    assert [one.provider_name for one in found] == ["AWS", "Datadog", "Microsoft"]
    assert not any(one.stale for one in found)
    assert {one.last_complete_day for one in found} == {date(2026, 11, 21)}
    late = bills.freshness(ALL, date(2026, 12, 20))
    assert all(one.stale for one in late)


def test_the_demo_arrived_on_its_days(demo: Path) -> None:
    latest = BillVersion.objects.order_by("-delivered_at").first()
    assert latest is not None
    assert latest.delivered_at <= datetime.now(UTC)
