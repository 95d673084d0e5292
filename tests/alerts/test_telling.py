"""From alerts to messages: who gets one, once, and what it may hold; digest, mutes, quiet hours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from costs.alerts import queries, tasks
from costs.alerts.mail import render
from costs.alerts.models import Alert, Mute, OutboxMessage, Recipient, Timetable
from costs.alerts.operations import outbox
from costs.alerts.operations.digesting import digest_is_due, payload_for, write_digest
from costs.alerts.operations.evaluating import apply, evaluate
from costs.alerts.operations.log import acknowledge
from costs.jobs.models import JobRun
from costs.people.models import Visibility
from costs.people.scope import Scope
from tests.alerts.facts import band_fact, facts, outlook, source

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)  # a Friday
ALL = Scope.everything()


def recipient(name: str = "Team", **given: Any) -> Recipient:
    values = {"way": "mail", "address": f"{name.lower()}@example.com", "created_at": NOW, **given}
    return Recipient.objects.create(name=name, **values)


def person(name: str, **visible: Any) -> Recipient:
    user = User.objects.create_user(name, email=f"{name}@example.com")
    if visible:
        Visibility.objects.create(user=user, **visible)
    return recipient(name, way="user", user=user, address="")


def see(*spent: str, when: datetime = NOW, **names: str) -> int:
    bands = [band_fact(one) for one in spent]
    bands += [band_fact(one, environment=name) for name, one in names.items()]
    return apply(facts(bands=bands), when, now=when, notify=True).told


def told() -> dict[str, list[str]]:
    return {
        one.to_name: [alert["environment"] for alert in one.payload["alerts"]]
        for one in OutboxMessage.objects.order_by("pk")
    }


def test_each_is_told_once_in_one_message() -> None:
    recipient()
    assert see("900", production="700", total="650") == 1
    assert told() == {"Team": ["staging", "production", "total"]}
    assert see("900", production="700", total="650", when=NOW + timedelta(hours=1)) == 0
    # Louder: told again, that one alone.
    assert see("900", production="900", total="650", when=NOW + timedelta(hours=2)) == 1
    newest = OutboxMessage.objects.first()
    assert newest is not None
    assert [one["environment"] for one in newest.payload["alerts"]] == ["production"]


def test_nobody_gets_figures_outside_their_scope() -> None:
    person("anna")
    person("stage", environments=["staging"])
    person("payer", cost_centers=["a"])
    person("odd", environments=["total", "staging"])
    recipient("Chosen", environments=["production"])
    seen = facts(
        bands=[
            band_fact("900"),
            band_fact("901", environment="production"),
            band_fact("902", environment="total"),
        ],
        sources=[source(NOW.date() - timedelta(days=30))],
    )
    apply(seen, NOW, now=NOW, notify=True)
    heard = {
        one.to_name: {alert["kind"] + " " + alert["environment"] for alert in one.payload["alerts"]}
        for one in OutboxMessage.objects.all()
    }
    stale = "stale-data total"
    assert heard == {
        "anna": {"band-share staging", "band-share production", "band-share total", stale},
        "stage": {"band-share staging", stale},
        "payer": {stale},
        "odd": {"band-share staging", stale},
        "Chosen": {"band-share production"},
    }
    for one in OutboxMessage.objects.filter(to_name__in=["stage", "payer", "odd"]):
        shown = render(one.about, one.subject, one.payload)
        for text in (json.dumps(one.payload), shown.html, shown.text, shown.subject):
            assert "901" not in text
            assert "902" not in text
            assert "roduction" not in text


def test_people_who_left_hear_nothing() -> None:
    one = person("gone")
    assert one.user is not None
    one.user.is_active = False
    one.user.save()
    recipient("Off", on=False)
    assert see("900") == 0
    assert Alert.objects.get().told_level == 0


def test_notes_are_not_told_at_once() -> None:
    recipient()
    assert see("450") == 0


def test_urgent_only() -> None:
    recipient("Pager", least=3)
    assert see("650") == 0
    assert see("850", when=NOW + timedelta(hours=1)) == 1


def test_quiet_hours_hold_warnings_back() -> None:
    recipient()
    Timetable.objects.create(pk=1, quiet_from=22, quiet_to=7, quiet_weekends=True)
    night = NOW.replace(hour=23)
    assert see("650", production="900", when=night) == 1
    assert told() == {"Team": ["production"]}
    saturday = night + timedelta(hours=12)
    assert see("660", production="900", when=saturday) == 0
    monday = NOW + timedelta(days=3)
    assert see("670", production="900", when=monday) == 1
    newest = OutboxMessage.objects.first()
    assert newest is not None
    assert [one["environment"] for one in newest.payload["alerts"]] == ["staging"]


def test_quiet_hours_are_the_teams(settings: Settings) -> None:
    settings.TEAM_TIME_ZONE = "Asia/Tokyo"
    recipient()
    assert see("650", when=NOW.replace(hour=15)) == 0  # midnight there
    assert see("650", when=NOW + timedelta(days=3, hours=-9)) == 1  # 9:00 on Monday


def test_muted_is_not_told_until_it_ends() -> None:
    recipient()
    Mute.objects.create(
        kind="band-share",
        environment="staging",
        why="Known.",
        created_by="x",
        until=NOW + timedelta(days=1),
        created_at=NOW,
    )
    assert see("900") == 0
    assert Alert.objects.get().state == "open"
    assert see("900", when=NOW + timedelta(days=3)) == 1


def test_what_is_acknowledged_is_not_told_again() -> None:
    recipient()
    see("650")
    acknowledge(ALL, Alert.objects.get().pk, note="", actor="x", now=NOW)
    assert see("660", when=NOW + timedelta(hours=1)) == 0
    assert see("900", when=NOW + timedelta(hours=2)) == 1


def test_a_message_is_written_with_the_alert_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    recipient()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(OutboxMessage.objects, "bulk_create", fail)
    with pytest.raises(RuntimeError):
        see("900")
    assert not Alert.objects.exists()


def test_a_replay_tells_nobody(demo: Path) -> None:
    recipient()
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    done = evaluate(moment, now=NOW, as_delivered=True, notify=False)
    assert done.raised
    assert done.told == 0
    assert not OutboxMessage.objects.exists()


# -- the digest ------------------------------------------------------------------------------------


def test_the_digest_goes_out_once_a_week(demo: Path) -> None:
    recipient()
    recipient("Quiet", digest=False)
    Timetable.objects.create(pk=1, digest_weekday=0, digest_hour=7)
    friday, monday = NOW, datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert write_digest(friday) == 0  # what was due before anybody set it up is not sent late
    assert not digest_is_due(monday - timedelta(seconds=1))
    assert write_digest(monday) == 1
    assert write_digest(monday + timedelta(hours=5)) == 0
    assert write_digest(monday + timedelta(days=7)) == 1
    Timetable.objects.update(digest_on=False)
    assert write_digest(monday + timedelta(days=14)) == 0


def test_the_digest_says_what_the_review_will_be_about(demo: Path) -> None:
    moment = datetime(2026, 11, 24, 7, tzinfo=UTC)
    evaluate(moment, now=moment)
    payload = payload_for(ALL, None, now=moment)
    assert payload["headline"].startswith("Staging is at risk of passing its November band")
    assert [one["label"] for one in payload["environments"]] == [
        *("Development", "Staging", "Production", "Unallocated", "Total"),
    ]
    titles = [one["title"] for one in payload["sections"]]
    assert titles == ["What moved on last week", "New and gone", "Without a place"]
    shown = render("digest", "Weekly digest", payload)
    assert len(shown.pictures) == 4
    assert "  - Staging: at risk. Expected $8" in shown.text
    assert shown.text.rstrip().endswith("Open: http://127.0.0.1:8000/weeks/2026-W47/")
    assert max(map(len, shown.text.splitlines())) <= 90


def test_a_digest_holds_only_what_its_reader_may_see(demo: Path) -> None:
    moment = datetime(2026, 11, 24, 7, tzinfo=UTC)
    evaluate(moment, now=moment)
    payload = payload_for(Scope(frozenset({"development"}), None), None, now=moment)
    shown = render("digest", "Weekly digest", payload)
    assert "Staging" not in json.dumps(payload)
    assert "Staging" not in shown.html
    assert {one["environment"] for one in payload["alerts"]} == {"development"}


def test_a_digest_of_nothing_says_so(data_dir: Path) -> None:
    payload = payload_for(ALL, None, now=NOW)
    assert payload["headline"] == "There are no bills to review yet."
    assert "There are no bills" in render("digest", "x", payload).text


# -- background work -------------------------------------------------------------------------------


@pytest.fixture
def silent_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costs.jobs.operations.ring", lambda _run, now: None)


def asked() -> set[str]:
    found = set(JobRun.objects.values_list("kind", flat=True))
    JobRun.objects.all().delete()
    return found


@pytest.mark.usefixtures("silent_bell")
def test_each_minute_asks_for_what_is_due(demo: Path) -> None:
    Timetable.objects.create(pk=1, digest_sent_for=NOW + timedelta(days=70))
    tasks.ask(NOW)
    assert asked() == {"alerts.evaluate"}
    evaluate(NOW, now=NOW)
    tasks.ask(NOW + timedelta(minutes=59))
    assert asked() == set()
    tasks.ask(NOW + timedelta(minutes=60))
    assert asked() == {"alerts.evaluate"}
    from costs.lake.models import Generation

    Generation.objects.filter(pk=1).update(number=12345)
    tasks.ask(NOW + timedelta(minutes=1))
    assert asked() == {"alerts.evaluate"}
    made = recipient()
    from costs.alerts.operations.digesting import write_test

    write_test(made.pk, actor="x", now=NOW)
    tasks.ask(NOW)
    assert "alerts.deliver" in asked()


@pytest.mark.usefixtures("silent_bell")
def test_what_has_failed_is_left_alone_for_a_while(data_dir: Path) -> None:
    Timetable.objects.create(pk=1, digest_on=False)
    tasks.ask(NOW)
    JobRun.objects.update(state="failed", finished_at=NOW)
    tasks.ask(NOW + timedelta(minutes=9))
    assert JobRun.objects.count() == 1
    tasks.ask(NOW + timedelta(minutes=11))
    assert JobRun.objects.count() == 2


def test_the_work_itself(demo: Path, settings: Settings, tmp_path: Path) -> None:
    settings.MAILERS = {
        "default": {
            "BACKEND": "costs.alerts.backends.FolderBackend",
            "OPTIONS": {"folder": str(tmp_path / "mail")},
        }
    }
    made = recipient()
    from costs.alerts.operations.digesting import write_test

    write_test(made.pk, actor="x", now=NOW)

    def tell(_what: str, _share: float) -> None:
        """Nobody listens."""

    tasks.evaluate(tell)
    assert tasks.evaluate(tell)["raised"] == 0
    assert tasks.deliver(tell)["attempts"] >= 1
    assert tasks.digest(tell) == {"messages": 0}
    assert OutboxMessage.objects.filter(about="test").get().state == "sent"
    assert list((tmp_path / "mail").glob("*.eml"))
    assert queries.last_evaluation() is not None
    assert outbox.due(NOW) is False


def test_a_chance_is_drawn_in_the_mail() -> None:
    recipient()
    apply(
        facts(bands=[band_fact("500", seen=outlook("900", above=0.9))]),
        NOW,
        now=NOW,
        notify=True,
    )
    message = OutboxMessage.objects.get()
    shown = render(message.about, message.subject, message.payload)
    assert len(shown.pictures) == 1
    assert "Expected $900" in shown.html
