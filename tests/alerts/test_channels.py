"""Channels against a real web server: what arrives, and failures in words without the secret."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from costs.alerts import channels
from costs.alerts.models import OutboxMessage, Recipient
from costs.alerts.operations import outbox
from costs.alerts.operations.digesting import sample_payload, write_test
from costs.alerts.operations.evaluating import apply
from tests.alerts.facts import band_fact, facts
from tests.alerts.servers import free_port, web

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECRET = "s3cr3t-t0ken-9f8e7d"


def address(port: int) -> str:
    return f"json://robot:{SECRET}@127.0.0.1:{port}/hooks/{SECRET}2"


def notify(port: int) -> tuple[str, str]:
    return channels.notify(address(port), "alerts", "A title", sample_payload(NOW))


def test_a_webhook_is_told(settings: Settings, db: None) -> None:
    Recipient.objects.create(name="Ops", way="channel", channel="ops", created_at=NOW)
    apply(facts(bands=[band_fact("900")]), NOW, now=NOW, notify=True)
    with web() as (port, came):
        settings.CHANNELS = {"ops": address(port)}
        outbox.deliver(lambda: NOW)
    (one,) = came
    said = json.loads(one["body"])
    assert said["title"] == "Urgent: Staging is over its November band"
    assert said["message"].startswith("URGENT: Staging is over its November band. $900 spent")
    assert "http://127.0.0.1:8000/alerts/" in said["message"]
    assert said["type"] == "failure"
    assert OutboxMessage.objects.get().state == "sent"


@pytest.mark.parametrize(
    ("status", "fate"), [(400, "failed"), (403, "failed"), (429, "later"), (503, "later")]
)
def test_a_refusal_is_told_without_the_secret(status: int, fate: str) -> None:
    with web(status) as (port, _):
        said = notify(port)
    assert said[0] == fate
    assert str(status) in said[1]
    assert SECRET not in said[1]


def test_a_server_that_is_down_is_tried_again() -> None:
    fate, said = notify(free_port())
    assert fate == "later"
    assert "Connection refused" in said
    assert SECRET not in said


def test_a_server_that_hangs_up_leaves_it_uncertain() -> None:
    with web(hangs_up=True) as (port, came):
        fate, said = notify(port)
    assert len(came) == 1
    assert fate == "uncertain"
    assert SECRET not in said


def test_nothing_of_it_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), web(500) as (port, _):
        notify(port)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "wrong", ["nonsense://x/y", "slack://", "http://", f"pagerduty://{SECRET}"]
)
def test_an_address_that_is_none_is_not_shown(wrong: str) -> None:
    fate, said = channels.notify(wrong, "alerts", "A title", sample_payload(NOW))
    assert fate == "failed"
    assert SECRET not in said


def test_a_channel_that_is_not_set(settings: Settings, db: None) -> None:
    settings.CHANNELS = {}
    made = Recipient.objects.create(name="Ops", way="channel", channel="ops", created_at=NOW)
    write_test(made.pk, actor="tester", now=NOW)
    outbox.deliver(lambda: NOW)
    message = OutboxMessage.objects.get()
    assert (message.state, message.said) == (
        "failed",
        "There is no channel “ops”: set HEADROOM_CHANNEL_OPS.",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"POST https://hooks.example.com/T0/{SECRET} failed",
            "POST https://hooks.example.com/T0/… failed",
        ),
        ("user robot at 127.0.0.1", "user … at 127.0.0.1"),
        ("a%2Fb%2Fc%2Fd", "a%2Fb%2Fc%2Fd"),
    ],
)
def test_secrets_are_taken_out(text: str, expected: str) -> None:
    own = f"json://robot:{SECRET}@127.0.0.1/x" if "127" in text else f"slack://T0/{SECRET}/abcd"
    assert channels.without_secrets(text, own) == expected
