"""From facts to sentences: each kind says what happened, with figures, and when it ends."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from costs.alerts.alerting import Measure, level_of
from costs.alerts.facts import Facts, NewcomerFact, SourceFact, UnallocatedFact
from costs.alerts.kinds import KINDS, Level
from costs.alerts.measures import measure
from costs.budgets.bands import Band
from costs.budgets.findings import Finding
from tests.alerts.facts import (
    NOVEMBER,
    STAGING,
    anomaly,
    band_fact,
    difference,
    facts,
    outlook,
    source,
)


def found(kind: str, **given: object) -> list[Measure]:
    return [one for one in measure(facts(**given)).measures if one.key.kind == kind]


def level(one: Measure) -> Level | None:
    assert one.value is not None
    reached = level_of(one.value, KINDS[one.key.kind].defaults)
    return reached[0] if reached else None


@pytest.mark.parametrize(
    ("spent", "expected", "title"),
    [
        ("399", None, "Staging has spent 49 % of November’s high"),
        ("400", Level.NOTE, "Staging has spent 50 % of November’s high"),
        ("640", Level.WARNING, "Staging has spent 80 % of November’s high"),
        ("799.99", Level.WARNING, "Staging has spent 99 % of November’s high"),
        ("800", Level.URGENT, "Staging has spent 100 % of November’s high"),
        ("812", Level.URGENT, "Staging is over its November band"),
    ],
)
def test_the_share_of_the_band(spent: str, expected: Level | None, title: str) -> None:
    (one,) = found("band-share", bands=[band_fact(spent)])
    assert (level(one), one.title) == (expected, title)
    assert "18 of 30 days" in one.message
    assert one.why == ("AmazonEC2 cost $40 more than in the same days of October, $140 in all.",)
    assert one.link == "/weeks/2026-W47/"


def test_a_month_that_ended_inside_its_band_is_no_alarm() -> None:
    (inside,) = found("band-share", bands=[band_fact("700", days=30)])
    assert inside.waned
    (over,) = found("band-share", bands=[band_fact("900", days=30)])
    assert not over.waned
    assert over.message == "November ended at $900, 112 % of the high of $800."
    (past,) = found("band-share", bands=[band_fact("900", days=30, latest=False)])
    assert past.waned
    assert past.closing == "November ended at $900; its band was $400 to $800."


def test_the_forecast() -> None:
    (one,) = found("forecast-over", bands=[band_fact("500", seen=outlook("812", above=0.64))])
    assert (one.value, level(one)) == (Decimal(64), Level.WARNING)
    assert one.message.startswith(
        "Expected $812 at the month’s end, 64 % chance of passing the high of $800. 80 % likely"
    )
    (sure,) = found("forecast-over", bands=[band_fact("500", seen=outlook("900", above=0.8))])
    assert level(sure) is Level.URGENT
    (young,) = found("forecast-over", bands=[band_fact("30", days=2)])
    assert young.value is None
    # Over is told by the share; "expected above" beside it would say it twice.
    (over,) = found("forecast-over", bands=[band_fact("801", seen=outlook("900", above=1.0))])
    assert over.value == 0


def test_ending_below() -> None:
    (one,) = found("ending-below", bands=[band_fact("200", seen=outlook("350", below=0.8))])
    assert level(one) is Level.WARNING
    (ended,) = found("ending-below", bands=[band_fact("399", days=30)])
    assert (ended.value, ended.title) == (Decimal(100), "Staging ended November below its band")
    (inside,) = found("ending-below", bands=[band_fact("401", days=30)])
    assert inside.value == 0


@pytest.mark.parametrize(
    ("band", "count"), [(None, 0), (Band(Decimal(0), Decimal(0), "USD"), 2), (STAGING, 3)]
)
def test_no_band_no_division(band: Band | None, count: int) -> None:
    measures = measure(facts(bands=[band_fact("5", band=band, seen=outlook())])).measures
    assert len(measures) == count


def test_a_band_in_another_currency_is_not_held_against_these_costs() -> None:
    assert not measure(
        facts(bands=[band_fact("5", band=Band(Decimal(1), Decimal(2), "EUR"))])
    ).measures


@pytest.mark.parametrize(
    ("complete", "gap", "expected"),
    [
        (date(2026, 11, 17), 1, None),
        (date(2026, 11, 14), 1, None),
        (date(2026, 11, 13), 1, Level.WARNING),
        (date(2026, 11, 7), 1, Level.URGENT),
        # A source that delivers once a month is not late after a week.
        (date(2026, 10, 31), 31, None),
        (date(2026, 10, 10), 31, Level.WARNING),
    ],
)
def test_stale_data(complete: date, gap: int, expected: Level | None) -> None:
    (one,) = found("stale-data", sources=[source(complete, gap=gap)])
    assert level(one) is expected
    assert one.key.subject == "aws-1-cur"


def test_a_source_without_a_complete_day_says_nothing() -> None:
    assert found("stale-data", sources=[source(None)]) == []


def test_missing_and_held_bills() -> None:
    one = SourceFact(
        "aws-1-cur", date(2026, 11, 18), None, 1, [date(2026, 8, 1)], ["lost half of its rows"]
    )
    (missing,) = found("missing-bill", sources=[one])
    assert missing.key.period == "2026-08"
    (held,) = found("held-bill", sources=[one])
    assert "lost half of its rows" in held.message


def test_differences() -> None:
    (one,) = found("reconciliation", differences=[difference("99.95", "100")])
    assert one.value == Decimal("0.05")
    assert level(one) is None
    (large,) = found("reconciliation", differences=[difference("98", "100")])
    assert level(large) is Level.URGENT
    assert large.message == "The provider says $100, the charges add up to $98: $2 apart."
    (nothing,) = found("reconciliation", differences=[difference("1", "0")])
    assert nothing.value == 100
    (same,) = found("reconciliation", differences=[difference("0", "0")])
    assert same.value == 0


def test_anomalies() -> None:
    (one,) = found("anomaly", anomalies=[anomaly("47.3")])
    assert level(one) is Level.URGENT
    assert one.title == "Staging: AmazonCloudWatch cost $37 more than expected on Fri 6 Nov"
    assert one.why == ("eu-west-1: $37 more",)
    (meant,) = found("anomaly", anomalies=[anomaly("47.3", meant=True)])
    assert (meant.value, meant.closing) == (Decimal(0), "Somebody says that it was expected.")
    (from_nothing,) = found("anomaly", anomalies=[anomaly("47.3", "0")])
    assert level(from_nothing) is Level.URGENT


def test_unallocated() -> None:
    def share(part: str, whole: str) -> list[Measure]:
        return found(
            "unallocated-share",
            unallocated=UnallocatedFact(NOVEMBER, "USD", Decimal(part), Decimal(whole)),
        )

    assert level(share("10", "100")[0]) is Level.WARNING
    assert level(share("9.9", "100")[0]) is None
    assert share("5", "0") == []
    assert share("-5", "100")[0].value == 0


def test_newcomers() -> None:
    one = NewcomerFact(
        *("unallocated", "Unallocated", "/subscriptions/1/disks/disk-9", "Storage"),
        *(date(2026, 11, 3), "USD", Decimal("12.5")),
    )
    (resource,) = found("untagged-resource", new_resources=[one])
    assert resource.title == "A new resource has no environment: disk-9"
    assert resource.link == "/costs/resource/?id=%2Fsubscriptions%2F1%2Fdisks%2Fdisk-9"
    assert level(resource) is Level.WARNING


def test_findings_keep_their_action() -> None:
    def said(action: str) -> Measure:
        finding = Finding(
            "threshold",
            "production",
            "cache-1 memory",
            "Memory of cache-1 is above 90 %",
            "93 % for 20 minutes.",
            action,  # type: ignore[arg-type]
        )
        return found("threshold", findings=[finding])[0]

    actions = ("page", "urgent", "roll back", "scale", "investigate")
    assert [level(said(action)) for action in actions] == [Level.URGENT] * 3 + [Level.WARNING] * 2
    assert said("scale").action == "scale"


@pytest.mark.parametrize(
    "change",
    [{"action": "panic"}, {"link": "//evil.example"}, {"link": "https://x"}, {"title": " "}],
)
def test_a_finding_that_makes_no_sense_is_refused(change: dict[str, str]) -> None:
    good = {
        "kind": "threshold",
        "environment": "production",
        "subject": "x",
        "title": "t",
        "message": "m",
        "action": "page",
        "link": "/",
    }
    with pytest.raises(ValueError, match=r"action|links|title"):
        Finding(**{**good, **change})  # type: ignore[arg-type]


def test_without_a_complete_day_costs_are_not_looked_at() -> None:
    seen = measure(Facts(as_of=date(2026, 11, 20), through=None))
    assert seen.measures == ()
    assert seen.looked_at == {"stale-data", "missing-bill", "held-bill"}
