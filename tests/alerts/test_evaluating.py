"""Evaluations on the demo estate: once is enough, the past stays the past, nothing grows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from costs.alerts.facts import Facts
from costs.alerts.models import Alert, AlertEvent, Evaluation
from costs.alerts.operations.evaluating import Evaluated, apply, evaluate
from costs.budgets.findings import Finding
from costs.budgets.models import FindingRecord
from costs.budgets.operations import record_findings
from costs.budgets.queries import findings_at
from costs.people.scope import Scope
from tests.alerts.facts import band_fact, facts, source

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def moment(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def replay(day: date) -> Evaluated:
    return evaluate(moment(day), now=NOW, as_delivered=True, notify=False)


def test_the_command_twice_raises_nothing_the_second_time(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = []
    for _ in range(2):
        call_command("evaluate_alerts", "--as-of", "2026-11-24", "--json")
        answers.append(json.loads(capsys.readouterr().out))
    first, second = answers
    said = {(one["kind"], one["environment"], one["threshold"]) for one in first["raised"]}
    assert ("forecast-over", "staging", "80") in said
    assert ("band-share", "staging", "80") in said
    anomalies = [one for one in first["raised"] if one["kind"] == "anomaly"]
    assert [(one["environment"], one["period"]) for one in anomalies] == [("staging", "2026-11-06")]
    assert "$186.48 more than expected on 5 days from Fri 6 Nov on" in anomalies[0]["message"]
    others = [one for one in first["raised"] if one["kind"] != "anomaly"]
    assert all(one["period"] == "2026-11" for one in others)
    assert first["already_open"] == 0
    assert second["raised"] == []
    assert second["already_open"] == len(first["raised"])
    assert first["queued"] == second["queued"] == 0


def test_a_wrong_day_is_one_line(db: None) -> None:
    with pytest.raises(CommandError, match="--as-of: “soon” is not a day"):
        call_command("evaluate_alerts", "--as-of", "soon")


def test_a_replay_of_three_weeks_finds_the_spike_and_nothing_false(demo: Path) -> None:
    """Day by day with what had arrived: two deliveries of the open month come in it."""
    raised = []
    for nth in range(22):
        day = date(2026, 11, 3) + timedelta(days=nth)
        raised += [(day, one) for one in replay(day).raised]
    loud = [(day, one) for day, one in raised if one.level != "note"]
    # The spike of staging is in the bills of the 16th: seen the day after they came.
    assert [(day.day, one.kind, one.environment) for day, one in loud] == [
        (17, "anomaly", "staging"),
        (17, "forecast-over", "staging"),
        (24, "band-share", "staging"),
    ]
    # October’s notes closed when its month was over.
    october = Alert.objects.filter(period="2026-10")
    assert all(one.closed_reason.startswith("October ended at $") for one in october)


def test_an_evaluation_of_the_past_leaves_later_ones_alone(demo: Path) -> None:
    replay(date(2026, 11, 24))
    before = list(Alert.objects.order_by("pk").values())
    earlier = replay(date(2026, 11, 10))
    assert list(Alert.objects.filter(pk__lte=before[-1]["id"]).order_by("pk").values()) == before
    assert all(one.period != "2026-11" for one in earlier.raised)


def test_the_present_sees_live_versions(demo: Path) -> None:
    done = evaluate(NOW, now=NOW)
    assert {one.environment for one in done.raised} >= {"staging"}
    assert evaluate(NOW + timedelta(hours=1), now=NOW).raised == ()
    assert Evaluation.objects.count() == 2


def test_queries_do_not_grow_with_alerts(db: None) -> None:
    def queries(count: int) -> int:
        environments = [f"environment-{nth}" for nth in range(count)]
        seen = facts(bands=[band_fact("700", environment=name) for name in environments])
        with CaptureQueriesContext(
            connection,
        ) as captured:
            apply(seen, NOW, now=NOW, notify=True)
        with CaptureQueriesContext(connection) as again:
            apply(seen, NOW, now=NOW, notify=True)
        Alert.objects.all().delete()
        return len(captured) + len(again)

    queries(1)  # makes the row of the timetable
    assert queries(2) == queries(80)


def test_the_life_of_an_alert_is_kept(db: None) -> None:
    for nth, spent in enumerate(("410", "700", "700", "900", "100")):
        apply(facts(bands=[band_fact(spent)]), NOW + timedelta(hours=nth), now=NOW, notify=False)
    (alert,) = Alert.objects.filter(kind="band-share")
    assert list(AlertEvent.objects.filter(alert=alert).values_list("what", flat=True)) == [
        "raised",
        "escalated",
        "escalated",
        "closed",
    ]
    assert (alert.raised_level, alert.highest, alert.state) == (1, 3, "closed")
    assert alert.closed_reason == "It is 12 % of the high now: $100 of $800."


def test_an_empty_lake_says_nothing(db: None, data_dir: Path) -> None:
    assert evaluate(NOW, now=NOW).raised == ()


def test_odd_figures_are_kept(db: None) -> None:
    third = Decimal(100) / Decimal(3)
    apply(facts(bands=[band_fact(str(third * 20))]), NOW, now=NOW, notify=False)
    assert Alert.objects.get().value == Decimal("83.333333333333")


def finding(**changed: str) -> Finding:
    return Finding(
        **{  # type: ignore[arg-type]
            "kind": "threshold",
            "environment": "production",
            "subject": "cache-1 memory",
            "title": "Memory of cache-1 is above 90 %",
            "message": "93 % for 20 minutes.",
            "action": "scale",
            "link": "/headroom/",
            **changed,
        }
    )


def test_findings_are_raised_and_close_when_they_end(db: None, data_dir: Path) -> None:
    first = record_findings("capacity.thresholds", [finding(), finding()], now=NOW)
    assert (first.new, first.still, first.ended) == (1, 0, 0)
    (raised,) = evaluate(NOW, now=NOW).raised
    assert (raised.kind, raised.threshold, raised.level) == ("threshold", "warning", "warning")
    later = NOW + timedelta(hours=1)
    worse = finding(action="urgent", message="97 % for an hour.")
    assert record_findings("capacity.thresholds", [worse], now=later).still == 1
    (escalated,) = evaluate(later, now=later).raised
    assert escalated.escalated
    # Another origin's findings are its own.
    record_findings("capacity.commitments", [], now=later)
    assert FindingRecord.objects.filter(ended_at=None).count() == 1
    end = later + timedelta(hours=1)
    assert record_findings("capacity.thresholds", [], now=end).ended == 1
    assert evaluate(end, now=end).closed == 1
    assert Alert.objects.get().closed_reason == "The threshold is kept again."
    assert findings_at(Scope.everything(), NOW)
    assert not findings_at(Scope.everything(), end)
    assert not findings_at(Scope(frozenset({"staging"}), None), NOW)


def test_a_source_that_comes_back_closes_its_alert(db: None) -> None:
    def see(complete: date) -> Evaluated:
        when = NOW + timedelta(days=(complete - date(2026, 11, 1)).days)
        seen = Facts(as_of=date(2026, 11, 20), through=None, sources=[source(complete)])
        return apply(seen, when, now=NOW, notify=False)

    assert see(date(2026, 11, 10)).raised[0].kind == "stale-data"
    assert see(date(2026, 11, 18)).closed == 1
    assert Alert.objects.get().closed_reason == "Bills have come: complete to 18 November now."


def test_a_total_that_differs_from_the_providers_is_raised(demo: Path) -> None:
    from costs.bills.reconciling import record_provider_total
    from costs.bills.totals import reconciliations

    whole = Scope.everything()
    own = next(
        one
        for one in reconciliations(whole, as_of=NOW.date())
        if one.billing_period == date(2026, 9, 1) and one.imported
    )
    assert own.imported is not None
    told = own.imported + 100
    for amount in (told, own.imported):
        record_provider_total(
            provider_name=own.provider_name,
            billing_account_id=own.billing_account_id,
            billing_period=own.billing_period,
            currency=own.currency,
            billed_cost=amount,
            origin="entered",
            actor="tester",
            now=NOW,
        )
        when = NOW + timedelta(hours=amount == own.imported)
        done = evaluate(when, now=when, notify=False)
        if amount == told:
            assert "reconciliation" in {one.kind for one in done.raised}
    alert = Alert.objects.get(kind="reconciliation")
    assert (alert.state, alert.closed_reason) == ("closed", "The totals agree again.")
