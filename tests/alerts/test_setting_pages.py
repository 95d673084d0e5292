"""Rules, recipients, timetable, outbox and previews over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from costs.alerts.models import Alert, OutboxMessage, Recipient, RuleChange, Timetable
from costs.alerts.operations.digesting import write_test
from costs.alerts.operations.evaluating import apply
from costs.alerts.queries import rule_book
from costs.people.models import AuditEntry, Visibility
from costs.people.roles import OPERATOR, REVIEWER, VIEWER
from tests.alerts.facts import band_fact, facts

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costs.jobs.operations.ring", lambda _run, now: None)


def signed_in(role: str = OPERATOR, name: str = "", **visible: object) -> Client:
    user = User.objects.create_user(name or role)
    user.groups.add(Group.objects.get(name=role))
    if visible:
        Visibility.objects.create(user=user, **visible)
    client = Client()
    client.force_login(user)
    return client


# -- rules -----------------------------------------------------------------------------------------


def rule_values(client: Client, address: str, **changed: str) -> dict[str, str]:
    form = client.get(address).context["form"]
    values = {name: str(value) for name, value in form.initial.items() if value is not None}
    return {**values, "mode": "own", "why": "Too loud.", **changed}


def test_a_rule_is_set_and_followed() -> None:
    client, address = signed_in(), "/alerts/rules/band-share/?environment=staging"
    answer = client.post(address, rule_values(client, address, note="", warning="90", urgent="110"))
    assert answer["Location"] == "/alerts/rules/"
    rule = rule_book().rule("band-share", "staging")
    assert [figure for _, figure in rule.levels.rising] == [Decimal(90), Decimal(110)]
    assert rule_book().rule("band-share", "production").levels.note == 50
    apply(facts(bands=[band_fact("700")]), NOW, now=NOW, notify=False)
    assert not Alert.objects.exists()
    page = client.get("/alerts/rules/").text
    assert "warning from 90 %, urgent from 110 %" in page
    entry = AuditEntry.objects.get(action="alert_rule.set")
    assert entry.detail["warning"] == "90"
    client.post(address, rule_values(client, address, mode="follows"))
    assert rule_book().rule("band-share", "staging").levels.note == 50
    assert RuleChange.objects.count() == 2
    assert b"Too loud." in client.get("/alerts/rules.csv").getvalue()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"warning": "90", "urgent": "80"}, "Each level must be higher"),
        ({"note": "", "warning": "", "urgent": ""}, "Give at least one level"),
        ({"warning": "-1", "note": ""}, "0 or more"),
        ({"warning": "many"}, "Enter a number"),
        ({"why": " "}, "This field is required"),
        ({"mode": "loud"}, "Select a valid choice"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(changed: dict[str, str], said: str) -> None:
    client, address = signed_in(), "/alerts/rules/band-share/"
    answer = client.post(address, rule_values(client, address, **changed))
    assert answer.status_code == 422
    assert said in answer.text
    assert not RuleChange.objects.exists()


def test_the_second_person_sees_the_first_ones_rule() -> None:
    first, second = signed_in(name="anna"), signed_in(name="bert")
    address = "/alerts/rules/forecast-over/"
    mine = rule_values(second, address, warning="70")
    first.post(address, rule_values(first, address, warning="60"))
    answer = second.post(address, mine)
    assert answer.status_code == 409
    assert "anna has changed this rule meanwhile" in answer.text
    assert 'value="70"' in answer.text
    second.post(address, {**mine, "seen": str(answer.context["seen"])})
    assert rule_book().rule("forecast-over", "").levels.warning == 70


def test_who_may_set_rules() -> None:
    assert signed_in(VIEWER).get("/alerts/rules/").status_code == 200
    assert signed_in(REVIEWER).get("/alerts/rules/band-share/").status_code == 403
    part = signed_in(OPERATOR, "part", environments=["staging"])
    assert part.get("/alerts/rules/band-share/").status_code == 403
    assert part.get("/alerts/rules/band-share/?environment=staging").status_code == 200
    assert part.get("/alerts/rules/band-share/?environment=production").status_code == 404
    assert part.get("/alerts/rules/stale-data/?environment=staging").status_code == 404
    assert part.get("/alerts/rules/nothing/").status_code == 404
    assert part.get("/alerts/rules/band-share/?x=1").status_code == 400


def test_the_rules_are_a_history() -> None:
    client, address = signed_in(), "/alerts/rules/threshold/"
    client.post(address, {**rule_values(client, address, mode="off")})
    change = RuleChange.objects.get()
    assert str(change) == "threshold of all others: off"
    for act in (change.save, change.delete, RuleChange.objects.all().delete):
        with pytest.raises(TypeError, match="append-only"):
            act()


# -- recipients ------------------------------------------------------------------------------------


def values(client: Client, page: str = "/alerts/recipients/new/", **changed: Any) -> dict[str, Any]:
    form = client.get(page).context["form"]
    found = {name: value for name, value in form.initial.items() if value}
    return {**found, "seen": form.initial["seen"], "name": "Team", **changed}


def test_a_recipient_is_added_changed_and_removed(settings: Settings) -> None:
    settings.CHANNELS = {"ops": "json://127.0.0.1/secret-token"}
    client = signed_in()
    assert "Nobody is told of anything yet" in client.get("/alerts/recipients/").text
    client.post(
        "/alerts/recipients/new/",
        values(client, address="team@example.com", environments=["staging"]),
    )
    made = Recipient.objects.get()
    assert (made.address, made.environments, made.kinds, made.digest) == (
        *("team@example.com", ["staging"], None, True),
    )
    address = f"/alerts/recipients/{made.pk}/"
    client.post(address, values(client, address, way="channel", channel="ops", least="3"))
    made.refresh_from_db()
    assert (made.way, made.channel, made.address, made.least) == ("channel", "ops", "", 3)
    pages = [client.get("/alerts/recipients/").text, client.get(address).text]
    assert all("secret-token" not in page for page in pages)
    client.post(f"{address}remove/")
    assert not Recipient.objects.exists()
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["recipient.added", "recipient.changed", "recipient.removed"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"address": "nobody"}, "is no e-mail address"),
        ({"address": "a@example.com\nBcc: b@example.com"}, "is no e-mail address"),
        ({"way": "user"}, "Choose a person"),
        ({"way": "channel"}, "Choose a channel"),
        ({"way": "pigeon"}, "Select a valid choice"),
        ({"environments": ["atlantis"]}, "Select a valid choice"),
        ({"kinds": ["weather"]}, "Select a valid choice"),
        ({"name": ""}, "This field is required"),
        ({"name": "Eve\x07", "address": "a@example.com"}, "control characters"),
    ],
)
def test_a_recipient_that_makes_no_sense_is_refused(changed: dict[str, Any], said: str) -> None:
    client = signed_in()
    answer = client.post("/alerts/recipients/new/", values(client, **changed))
    assert answer.status_code == 422
    assert said in answer.text
    assert not Recipient.objects.exists()


def test_the_second_person_sees_the_first_ones_recipient() -> None:
    client = signed_in()
    client.post("/alerts/recipients/new/", values(client, address="team@example.com"))
    address = f"/alerts/recipients/{Recipient.objects.get().pk}/"
    mine = values(client, address, address="mine@example.com")
    client.post(address, values(client, address, address="theirs@example.com"))
    answer = client.post(address, mine)
    assert answer.status_code == 409
    assert "theirs@example.com" in answer.text
    assert "mine@example.com" in answer.text
    client.post(address, {**mine, "seen": answer.context["seen"]})
    assert Recipient.objects.get().address == "mine@example.com"


def test_a_test_is_sent_and_its_fate_shown(settings: Settings) -> None:
    client = signed_in()
    client.post("/alerts/recipients/new/", values(client, address="team@example.com"))
    made = Recipient.objects.get()
    answer = client.post(f"/alerts/recipients/{made.pk}/test/", follow=True)
    message = OutboxMessage.objects.get()
    assert answer.redirect_chain[-1][0] == f"/alerts/outbox/{message.pk}/"
    assert "This is a test." in answer.text
    assert 'hx-trigger="every 2s"' in answer.text
    assert client.post("/alerts/recipients/999/test/").status_code == 404


def test_only_who_sees_all_sees_recipients_and_the_outbox() -> None:
    addresses = ("recipients/", "recipients/new/", "timetable/", "outbox/", "outbox.csv")
    for client in (signed_in(REVIEWER), signed_in(OPERATOR, "part", environments=["staging"])):
        for address in addresses:
            assert client.get(f"/alerts/{address}").status_code == 403, address


def test_the_timetable() -> None:
    client = signed_in()
    form = client.get("/alerts/timetable/").context["form"]
    mine = {**form.initial, "digest_weekday": 3, "digest_hour": 15, "quiet_from": 20}
    assert client.post("/alerts/timetable/", mine)["Location"] == "/alerts/recipients/"
    table = Timetable.objects.get()
    assert (table.digest_weekday, table.digest_hour, table.quiet_from) == (3, 15, 20)
    assert "goes out on Thursday at 15:00" in client.get("/alerts/recipients/").text
    answer = client.post("/alerts/timetable/", {**mine, "digest_weekday": 4})
    assert answer.status_code == 409
    assert "Somebody has changed the timetable meanwhile" in answer.text
    assert client.post("/alerts/timetable/", {**mine, "digest_hour": 25}).status_code == 422


# -- the outbox ------------------------------------------------------------------------------------


def message(state: str, **given: Any) -> OutboxMessage:
    made = Recipient.objects.create(
        name="Team", way="mail", address="team@example.com", created_at=NOW
    )
    found = write_test(made.pk, actor="x", now=NOW)
    OutboxMessage.objects.filter(pk=found.pk).update(state=state, **given)
    found.refresh_from_db()
    return found


def test_dead_letters_and_uncertain_ones_are_shown() -> None:
    client = signed_in()
    assert "Everything was sent" in client.get("/alerts/outbox/").text
    message("failed", said="550 <b>No such user</b>")
    page = client.get("/alerts/outbox/").text
    assert "1 message could not be sent" in page
    assert "550 &lt;b&gt;No such user" in page
    one = message("uncertain")
    assert "Nobody knows whether 1 message arrived" in client.get("/alerts/outbox/").text
    only = client.get("/alerts/outbox/?state=uncertain").context["page_obj"]
    assert [found.pk for found in only] == [one.pk]
    assert client.get("/alerts/outbox/?state=lost").status_code == 400
    assert b"550" in client.get("/alerts/outbox.csv?state=failed").getvalue()


@pytest.mark.parametrize(
    ("state", "act", "after"),
    [
        ("uncertain", "again", "queued"),
        ("failed", "again", "queued"),
        ("uncertain", "arrived", "sent"),
        ("uncertain", "drop", "dropped"),
        ("queued", "drop", "dropped"),
        ("sent", "again", "sent"),
        ("sending", "again", "sending"),
        ("failed", "arrived", "failed"),
        ("sent", "drop", "sent"),
    ],
)
def test_what_people_may_do_with_a_message(state: str, act: str, after: str) -> None:
    one = message(state)
    answer = signed_in().post(f"/alerts/outbox/{one.pk}/{act}/", follow=True)
    before = one.message_id
    one.refresh_from_db()
    assert (one.state, one.message_id) == (after, before)
    assert AuditEntry.objects.filter(action__startswith="outbox.").exists() is (state != after)
    if state == after:
        assert f"It is {state} by now." in answer.text


def test_queries_do_not_grow_with_messages() -> None:
    client = signed_in()

    def queries(count: int) -> int:
        for _ in range(count):
            message("sent", sent_at=NOW + timedelta(hours=1))
        found = 0
        for address in ("/alerts/outbox/", "/alerts/recipients/"):
            with CaptureQueriesContext(connection) as captured:
                client.get(address)
            found += len(captured)
        return found

    assert queries(1) == queries(30)


# -- previews --------------------------------------------------------------------------------------


def test_previews_are_of_what_the_reader_may_see(demo: Path) -> None:
    from costs.alerts.operations.evaluating import evaluate

    moment = datetime(2026, 11, 24, tzinfo=UTC)
    evaluate(moment, now=moment, as_delivered=True, notify=False)
    client = signed_in(VIEWER)
    page = client.get("/alerts/preview/")
    assert "Staging is expected to end November above its band" in page.text
    assert "more than expected on 5 days from Fri 6 Nov on" in page.text
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    mail = client.get("/alerts/preview/alerts/")
    assert "data:image/png;base64," in mail.text
    assert "cid:" not in mail.text
    policy = mail["Content-Security-Policy"]
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert mail["X-Frame-Options"] == "SAMEORIGIN"
    digest = client.get("/alerts/preview/?mail=digest")
    assert "Weekly digest: Staging is at risk" in digest.text
    other = signed_in(VIEWER, "dev", environments=["development"])
    for address in ("?mail=alerts", "?mail=digest", "alerts/", "digest/"):
        assert "Staging is" not in other.get(f"/alerts/preview/{address}").text
    assert client.get("/alerts/preview/?mail=x").status_code == 404
    assert client.get("/alerts/preview/x/").status_code == 404
