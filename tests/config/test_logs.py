"""Logs: secrets do not get into them."""

from __future__ import annotations

import json
import logging

import pytest

from config.logs import REDACTED, configure, redact


@pytest.mark.parametrize(
    "key", ["password", "API_KEY", "db_password", "Authorization", "sessionid"]
)
def test_a_value_under_a_secret_name_is_left_out(key: str) -> None:
    assert redact({"outer": [{key: "hunter2"}]}) == {"outer": [{key: REDACTED}]}


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach amqp://me:hunter2@queue.example/",
        "password=hunter2 is wrong",
        "GET https://x.example/a.csv?sv=1&sig=hunter2&se=2",
        "Authorization: Bearer hunter2",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2;",
    ],
)
def test_a_secret_inside_a_text_is_left_out_and_the_rest_kept(text: str) -> None:
    redacted = redact(text)

    assert "hunter2" not in redacted
    assert REDACTED in redacted
    assert redacted.split()[0].split("=")[0] == text.split()[0].split("=")[0]


def test_an_access_key_id_is_left_out() -> None:
    assert redact("by AKIAIOSFODNN7EXAMPLE") == f"by {REDACTED}"


@pytest.mark.parametrize("value", [7, None, 1.5, "a plain sentence: nothing here", True])
def test_everything_else_stays(value: object) -> None:
    assert redact(value) == value


def test_a_line_of_any_library_is_one_json_document_without_secrets() -> None:
    try:
        raise ValueError("token=hunter2")
    except ValueError:
        record = logging.getLogger("some.library").makeRecord(
            "some.library",
            logging.ERROR,
            __file__,
            1,
            "could not %s",
            ("sign in",),
            exc_info=__import__("sys").exc_info(),
            extra={"password": "hunter2"},
        )
    made = configure("INFO", "json")["formatters"]["lines"]
    formatter = made.pop("()")(**made)

    line = formatter.format(record)

    assert "\n" not in line
    assert "hunter2" not in line
    document = json.loads(line)
    assert document["event"] == "could not sign in"
    assert document["password"] == REDACTED
    assert document["level"] == "error"
