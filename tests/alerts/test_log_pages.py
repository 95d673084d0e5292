"""The log over HTTP: who sees what, filters, what people do with an alert, the file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from costs.alerts.models import Alert, Mute
from costs.alerts.operations.evaluating import apply
from costs.people.models import AuditEntry, Visibility
from costs.people.roles import OPERATOR, REVIEWER, VIEWER
from tests.alerts.facts import band_fact, facts, outlook, source

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def signed_in(role: str, name: str = "", **visible: object) -> Client:
    user = User.objects.create_user(name or role)
    user.groups.add(Group.objects.get(name=role))
    if visible:
        Visibility.objects.create(user=user, **visible)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def raised() -> list[Alert]:
    seen = facts(
        bands=[
            band_fact("900"),
            band_fact("650", environment="production", seen=outlook("900", above=0.9)),
            band_fact("650", environment="total"),
        ],
        sources=[source(NOW.date() - timedelta(days=9))],
    )
    apply(seen, NOW, now=NOW, notify=False)
    return list(Alert.objects.order_by("pk"))


def titles(client: Client, query: str = "?state=") -> set[str]:
    return {row["alert"].title for row in client.get(f"/alerts/{query}").context["rows"]}


def test_everybody_sees_what_their_scope_holds(raised: list[Alert]) -> None:
    assert len(titles(signed_in(VIEWER))) == len(raised) == 5
    staging = signed_in(VIEWER, "of-staging", environments=["staging"])
    assert titles(staging) == {
        "Staging is over its November band",
        "The bills of aws-1-cur are stale",
    }
    # The name “total” in a scope opens nothing.
    total = signed_in(VIEWER, "of-total", environments=["total"])
    assert titles(total) == {"The bills of aws-1-cur are stale"}
    payer = signed_in(VIEWER, "of-a-center", cost_centers=["team-a"])
    assert titles(payer) == {"The bills of aws-1-cur are stale"}
    assert "You see only some cost centers" in payer.get("/alerts/").text
    hidden = next(one for one in raised if one.environment == "production")
    assert staging.get(f"/alerts/{hidden.pk}/").status_code == 404
    assert hidden.title not in staging.get("/alerts.csv").getvalue().decode()
    assert Client().get("/alerts/").status_code == 302


def test_filters_are_links(raised: list[Alert]) -> None:
    client = signed_in(VIEWER)
    assert titles(client, "?kind=stale-data") == {"The bills of aws-1-cur are stale"}
    assert len(titles(client, "?environment=production")) == 2
    assert len(titles(client, "?level=urgent")) == 2
    assert titles(client, "?text=over its") == {"Staging is over its November band"}
    assert titles(client, "?state=closed") == set()
    part = client.get("/alerts/", headers={"HX-Request": "true", "HX-Target": "log"})
    assert part.text.strip().startswith('<section id="log"')


@pytest.mark.parametrize(
    "query", ["x=1", "state=lost", "kind=none", "level=9", "page=0", "text=" + "a" * 101]
)
def test_nonsense_is_refused(query: str) -> None:
    assert signed_in(VIEWER).get(f"/alerts/?{query}").status_code == 400


def test_acknowledging(raised: list[Alert]) -> None:
    one = raised[0]
    address = f"/alerts/{one.pk}/acknowledge/"
    assert signed_in(VIEWER).post(address).status_code == 403
    client = signed_in(REVIEWER)
    client.post(address, {"note": "The launch."})
    one.refresh_from_db()
    assert (one.state, one.acknowledged_by, one.note) == ("acknowledged", "reviewer", "The launch.")
    entry = AuditEntry.objects.get(action="alert.acknowledged")
    assert (entry.actor, entry.detail["detail"]) == ("reviewer", "The launch.")
    # The second person sees the first one's.
    other = signed_in(REVIEWER, "other")
    answer = other.post(address, follow=True)
    assert "reviewer has acknowledged it already." in answer.text
    other.post(address, {"note": "Until Friday."})
    one.refresh_from_db()
    assert (one.acknowledged_by, one.note) == ("reviewer", "Until Friday.")
    client.post(f"/alerts/{one.pk}/reopen/")
    one.refresh_from_db()
    assert one.state == "open"


def test_acknowledging_in_place(raised: list[Alert]) -> None:
    client = signed_in(REVIEWER)
    answer = client.post(
        f"/alerts/{raised[0].pk}/acknowledge/",
        {"note": "", "back": "state=active&kind=band-share"},
        headers={"HX-Request": "true", "HX-Target": "log"},
    )
    assert answer.text.strip().startswith('<section id="log"')
    assert "reviewer looks after it" in answer.text
    assert {row["alert"].kind for row in answer.context["rows"]} == {"band-share"}
    plain = client.post(f"/alerts/{raised[1].pk}/acknowledge/", {"back": "state=active"})
    assert plain["Location"] == "/alerts/?state=active"
    hostile = client.post(f"/alerts/{raised[2].pk}/acknowledge/", {"back": "//evil.example"})
    assert hostile["Location"].startswith("/alerts/?")


def test_an_escalation_opens_what_was_acknowledged() -> None:
    apply(facts(bands=[band_fact("650")]), NOW, now=NOW, notify=False)
    alert = Alert.objects.get(kind="band-share")
    signed_in(REVIEWER).post(f"/alerts/{alert.pk}/acknowledge/")
    apply(facts(bands=[band_fact("660")]), NOW + timedelta(hours=1), now=NOW, notify=False)
    alert.refresh_from_db()
    assert alert.state == "acknowledged"
    apply(facts(bands=[band_fact("900")]), NOW + timedelta(hours=2), now=NOW, notify=False)
    alert.refresh_from_db()
    assert alert.state == "open"


def test_what_has_closed_cannot_be_acknowledged(raised: list[Alert]) -> None:
    apply(facts(bands=[band_fact("10")]), NOW + timedelta(hours=1), now=NOW, notify=False)
    closed = Alert.objects.filter(state="closed", environment="staging").get()
    answer = signed_in(REVIEWER).post(f"/alerts/{closed.pk}/acknowledge/", follow=True)
    assert "It has closed meanwhile: It is 1 % of the high now" in answer.text


def test_muting(raised: list[Alert]) -> None:
    client, address = signed_in(REVIEWER), f"/alerts/{raised[0].pk}/mute/"
    assert "why: This field is required" in client.post(address, {"days": "7"}, follow=True).text
    late = client.post(address, {"until": "2001-01-01", "why": "x"}, follow=True)
    assert "A mute ends in the future" in late.text
    far = client.post(address, {"until": "2999-01-01", "why": "x"}, follow=True)
    assert "switch the rule off" in far.text
    assert not Mute.objects.exists()
    answer = client.post(address, {"days": "7", "why": "Known until the move."}, follow=True)
    assert "Known until the move." in answer.text
    assert AuditEntry.objects.filter(action="alert.muted").exists()
    client.post(f"/alerts/{raised[0].pk}/unmute/")
    assert Mute.objects.get().ended_at is not None


def test_others_alerts_cannot_be_touched(raised: list[Alert]) -> None:
    client = signed_in(REVIEWER, environments=["staging"])
    hidden = next(one for one in raised if one.environment == "production")
    for act in ("acknowledge", "reopen", "mute", "unmute"):
        answer = client.post(f"/alerts/{hidden.pk}/{act}/", {"why": "x", "days": "1"})
        assert answer.status_code == 404, act
    assert client.get(f"/alerts/{hidden.pk}/acknowledge/").status_code == 405


def test_the_file(raised: list[Alert]) -> None:
    answer = signed_in(OPERATOR).get("/alerts.csv?kind=band-share")
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert len(rows) == 3
    staging = next(row for row in rows if row["environment"] == "staging")
    assert (staging["threshold"], staging["value"]) == ("100", "112.5")


def test_hostile_names_stay_text() -> None:
    name = "<img src=x onerror=alert(1)>"
    apply(facts(bands=[band_fact("900", environment=name)]), NOW, now=NOW, notify=False)
    client = signed_in(VIEWER)
    pages = [client.get("/alerts/"), client.get(f"/alerts/{Alert.objects.get().pk}/")]
    for page in pages:
        assert "<img src=x" not in page.text
        assert "&lt;img src=x" in page.text


def test_queries_do_not_grow_with_rows() -> None:
    client = signed_in(REVIEWER)

    def queries(count: int) -> int:
        Alert.objects.all().delete()
        seen = [band_fact("900", environment=f"e-{nth}") for nth in range(count)]
        apply(facts(bands=seen), NOW, now=NOW, notify=False)
        with CaptureQueriesContext(connection) as captured:
            client.get("/alerts/")
        return len(captured)

    assert queries(1) == queries(40)
