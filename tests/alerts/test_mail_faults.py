"""Mail against real servers on loopback: each message arrives once, or says why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from costs.alerts.models import Alert, OutboxMessage, Recipient
from costs.alerts.operations import outbox
from costs.alerts.operations.digesting import write_test
from costs.alerts.operations.evaluating import apply
from costs.alerts.sending import Outcome
from costs.people.models import AuditEntry
from tests.alerts.facts import band_fact, facts, outlook
from tests.alerts.servers import Inbox, free_port, silent, smtp
from tests.conftest import ROOT

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def use(settings: Settings, port: int, timeout: float = 10) -> None:
    settings.MAILERS = {
        "default": {
            "BACKEND": "costs.alerts.backends.SmtpBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": port, "timeout": timeout},
        }
    }


def recipient(address: str = "team@example.com", **given: Any) -> Recipient:
    values = {"name": "Team", "way": "mail", "address": address, "created_at": NOW, **given}
    return Recipient.objects.create(**values)


def queued(*addresses: str) -> list[OutboxMessage]:
    return [
        write_test(recipient(one, name=one).pk, actor="tester", now=NOW)
        for one in addresses or ("team@example.com",)
    ]


def deliver(minutes: int = 0) -> int:
    return outbox.deliver(lambda: NOW + timedelta(minutes=minutes))


def only() -> OutboxMessage:
    return OutboxMessage.objects.get()


def test_a_mail_arrives_with_its_pictures_inside(settings: Settings) -> None:
    recipient()
    seen = facts(bands=[band_fact("650", seen=outlook("900", above=0.9))])
    apply(seen, NOW, now=NOW, notify=True)
    inbox = Inbox()
    with smtp(inbox) as port:
        use(settings, port)
        assert deliver() == 1
        assert deliver() == 0
    (mail,) = inbox.mails
    message = only()
    assert (message.state, mail["Message-ID"]) == ("sent", message.message_id)
    assert mail["To"] == "Team <team@example.com>"
    assert mail["Subject"].strip() == (
        "Urgent: Staging is expected to end November above its band, and 1 more alert"
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    text, related = mail.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    html, *pictures = related.iter_parts()
    assert isinstance(html, EmailMessage)
    page = html.get_content()
    assert pictures
    for one in pictures:
        assert isinstance(one, EmailMessage)
        assert one.get_content().startswith(b"\x89PNG")
        assert f'src="cid:{one["Content-ID"].strip("<>")}"' in page
        assert one.get_content_disposition() == "inline"
    assert page.count("<img ") == len(pictures)
    assert "http://127.0.0.1:8000/alerts/" in page
    assert 'src="http' not in page
    assert set(Alert.objects.values_list("told_level", flat=True)) == {2, 3}


def test_a_server_that_is_down_is_tried_again(settings: Settings) -> None:
    queued()
    port = free_port()
    use(settings, port)
    assert deliver() == 1
    assert (only().state, only().attempts) == ("queued", 1)
    assert "cannot be reached" in only().said
    assert deliver() == 0
    inbox = Inbox()
    with smtp(inbox) as port:
        use(settings, port)
        assert deliver(minutes=2) == 1
    assert (only().state, len(inbox.mails)) == ("sent", 1)


def test_after_a_day_it_has_failed(settings: Settings) -> None:
    queued()
    use(settings, free_port())
    minutes = 0
    for _ in range(20):
        if not deliver(minutes):
            break
        minutes = int((only().due_at - NOW).total_seconds() // 60) + 1
    assert (only().state, only().attempts) == ("failed", len(outbox.WAITS) + 1)
    assert 20 * 60 < minutes < 36 * 60


def test_one_refused_recipient_does_not_hold_the_others_up(settings: Settings) -> None:
    queued("a@example.com", "gone@example.com", "b@example.com")
    inbox = Inbox(refuses="gone@example.com")
    with smtp(inbox) as port:
        use(settings, port)
        assert deliver() == 3
        assert deliver(minutes=60) == 0
    assert inbox.to == ["a@example.com", "b@example.com"]
    failed = OutboxMessage.objects.get(state="failed")
    assert (failed.to, failed.said) == ("gone@example.com", "550 5.1.1 No such user here")


@pytest.mark.parametrize(
    ("answer", "state"), [("451 4.3.0 Come back later", "queued"), ("554 5.7.1 Spam", "failed")]
)
def test_an_answer_to_the_body_is_believed(settings: Settings, answer: str, state: str) -> None:
    queued()
    with smtp(Inbox(answer=answer)) as port:
        use(settings, port)
        deliver()
    assert (only().state, only().said) == (state, answer)


def test_a_server_that_accepts_and_dies_leaves_it_uncertain(settings: Settings) -> None:
    (message,) = queued()
    inbox = Inbox()
    inbox.dies = True
    with smtp(inbox) as port:
        use(settings, port)
        deliver()
        assert only().state == "uncertain"
        assert "did not say what became of it" in only().said
        # Nothing sends it again by itself, however long one waits.
        assert deliver(minutes=100_000) == 0
        inbox.dies = False
        outbox.send_again(message.pk, actor="operator", now=NOW)
        assert deliver(minutes=1) == 1
    assert only().state == "sent"
    # The second copy is recognised as the first: the same Message-ID.
    assert [mail["Message-ID"] for mail in inbox.mails] == [message.message_id] * 2
    assert AuditEntry.objects.get(action="outbox.sent_again").actor == "operator"


def test_a_slow_server_leaves_it_uncertain_once_it_has_the_mail(settings: Settings) -> None:
    queued()
    with smtp(Inbox(slow=3)) as port:
        use(settings, port, timeout=1)
        deliver()
        assert only().state == "uncertain"


def test_a_silent_server_is_tried_again(settings: Settings) -> None:
    queued()
    with silent() as (port, _):
        use(settings, port, timeout=0.5)
        deliver()
    assert only().state == "queued"


def test_two_senders_send_it_once(settings: Settings) -> None:
    (message,) = queued()
    first = outbox.claim(message.pk, NOW)
    assert first is not None
    assert outbox.claim(message.pk, NOW) is None
    assert deliver() == 0


def test_a_sender_that_was_given_up_and_sent_after_all(settings: Settings) -> None:
    (message,) = queued()
    claimed = outbox.claim(message.pk, NOW)
    assert claimed is not None
    late = NOW + outbox.CLAIM + timedelta(seconds=1)
    assert outbox.give_up(NOW) == 0
    assert outbox.give_up(late) == 1
    assert only().state == "uncertain"
    outbox.finish(claimed, Outcome("sent"), late)
    assert only().state == "sent"


class Child:
    """A sender as a process of its own, with a database of its own."""

    def __init__(self, data_dir: Path) -> None:
        self._environ = {**os.environ, "HEADROOM_DATA_DIR": str(data_dir)}
        self._environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        self._environ.pop("DATABASE_URL", None)

    def start(self, what: str, port: int = 0) -> subprocess.Popen[str]:
        environ = self._environ | ({"EMAIL_URL": f"smtp://127.0.0.1:{port}"} if port else {})
        return subprocess.Popen(
            [sys.executable, "-m", "tests.alerts.sending", what],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: str, port: int = 0) -> list[dict[str, Any]]:
        with self.start(what, port) as process:
            found: list[dict[str, Any]] = json.loads(process.communicate()[0].splitlines()[-1])
        return found


def test_a_sender_killed_between_claim_and_answer(tmp_path: Path) -> None:
    """Killed while the server has the connection, and again while it has the whole mail."""
    child = Child(tmp_path / "data")
    (row,) = child.do("queue")
    with silent() as (port, came):
        process = child.start("deliver", port)
        assert came.wait(60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    inbox = Inbox()
    with smtp(inbox) as port:
        (after,) = child.do("later", port)
        assert (after["state"], after["message_id"]) == ("uncertain", row["message_id"])
        assert "Its sender died" in after["said"]
        assert inbox.mails == []
    other = Child(tmp_path / "other")
    other.do("queue")
    slow = Inbox(slow=600)
    with smtp(slow) as port:
        process = other.start("deliver", port)
        _wait_for_the_claim(tmp_path / "other")
        time.sleep(1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        (after,) = other.do("later", port)
    assert after["state"] == "uncertain"


def _wait_for_the_claim(folder: Path) -> None:
    import sqlite3

    until = time.monotonic() + 60
    while time.monotonic() < until:
        with sqlite3.connect(folder / "headroom.sqlite3") as connection:
            states = connection.execute("SELECT state FROM costs_outboxmessage").fetchall()
        connection.close()
        if states == [("sending",)]:
            return
        time.sleep(0.1)
    raise AssertionError("nothing was claimed")


@pytest.mark.parametrize(
    "name",
    [
        "Eve\r\nBcc: all@example.com",
        "Eve\nSubject: x",
        "Eve\x00",
        "\u202eEve",
        'E "v" <e@x.y>',
        "日本",
    ],
)
def test_names_make_no_headers(settings: Settings, name: str) -> None:
    if "\x00" in name and connection.vendor == "postgresql":
        pytest.skip("PostgreSQL itself refuses a NUL in a text")
    write_test(recipient(name=name).pk, actor="tester", now=NOW)
    inbox = Inbox()
    with smtp(inbox) as port:
        use(settings, port)
        deliver()
    (mail,) = inbox.mails
    assert inbox.to == ["team@example.com"]
    assert mail["Bcc"] is None
    assert len(mail.get_all("Subject", [])) == 1
    (to,) = mail["To"].addresses
    assert to.addr_spec == "team@example.com"


def test_hostile_facts_stay_text(settings: Settings) -> None:
    recipient()
    name = "<script>alert(1)</script>\r\nBcc: all@example.com" + "x" * 200
    apply(facts(bands=[band_fact("900", environment=name[:90])]), NOW, now=NOW, notify=True)
    inbox = Inbox()
    with smtp(inbox) as port:
        use(settings, port)
        deliver()
    (mail,) = inbox.mails
    assert len(" ".join(mail["Subject"].split())) <= 120
    assert mail["Bcc"] is None
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


def test_an_address_that_is_none_fails_at_once(settings: Settings) -> None:
    recipient(address="a@b\nc")
    Recipient.objects.update(address="two@example.com, three@example.com")
    write_test(Recipient.objects.get().pk, actor="tester", now=NOW)
    deliver()
    assert only().state == "failed"


def test_ten_thousand_alerts_are_one_mail(settings: Settings) -> None:
    recipient()
    seen = facts(bands=[band_fact("900", environment=f"e-{nth}") for nth in range(10_000)])
    started = time.monotonic()
    done = apply(seen, NOW, now=NOW, notify=True)
    assert (len(done.raised), done.told) == (10_000, 1)
    inbox = Inbox()
    with smtp(inbox) as port:
        use(settings, port)
        assert deliver() == 1
    (mail,) = inbox.mails
    assert mail["Subject"].endswith(", and 9,999 more alerts")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "And 9,990 more alerts:" in body.get_content()
    assert len(mail.as_bytes()) < 500_000
    assert apply(seen, NOW + timedelta(hours=1), now=NOW, notify=True).told == 0
    assert time.monotonic() - started < 60
