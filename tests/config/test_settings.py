"""What holds for every page: sign-in, headers, one SQLite that does not lose writes."""

from __future__ import annotations

import threading

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from config.celery import app

PUBLIC = {"healthz", "people:sign_in"}
"""Views that somebody who has not signed in may see."""


@pytest.mark.django_db
def test_healthz_answers_without_sign_in_and_without_a_session() -> None:
    answer = Client().get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok"}
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies


@pytest.mark.django_db
def test_healthz_says_when_the_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.db import OperationalError

    def gone() -> None:
        raise OperationalError("no route to host")

    monkeypatch.setattr(connection, "cursor", gone)

    answer = Client().get("/healthz")

    assert answer.status_code == 503
    assert "no route" not in answer.text


@pytest.mark.django_db
def test_healthz_only_reads() -> None:
    assert Client().post("/healthz").status_code == 405


def _views(
    patterns: list[URLPattern | URLResolver], namespace: str = ""
) -> list[tuple[str, URLPattern]]:
    found = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            found += _views(pattern.url_patterns, inner)
        else:
            found.append((f"{namespace}{pattern.name}", pattern))
    return found


def test_every_view_but_the_public_ones_asks_for_a_sign_in() -> None:
    views = _views(get_resolver().url_patterns)

    public = {name for name, view in views if not getattr(view.callback, "login_required", True)}

    assert views
    assert public <= PUBLIC


@pytest.mark.django_db
def test_strict_headers_on_every_answer() -> None:
    answer = Client().get("/healthz")

    policy = dict(
        part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's own settings")
def test_sqlite_writers_wait_for_each_other() -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA synchronous").fetchone() == (1,)
        cursor.execute("CREATE TABLE tally (n INTEGER)")
        cursor.execute("INSERT INTO tally VALUES (0)")
    errors: list[Exception] = []

    def read_then_write() -> None:
        try:
            for _ in range(20):
                with transaction.atomic(), connection.cursor() as cursor:
                    (n,) = cursor.execute("SELECT n FROM tally").fetchone()
                    cursor.execute("UPDATE tally SET n = %s", [n + 1])
        except Exception as error:  # noqa: BLE001  # reported by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=read_then_write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with connection.cursor() as cursor:
        total = cursor.execute("SELECT n FROM tally").fetchone()
        cursor.execute("DROP TABLE tally")
    assert errors == []
    assert total == (80,)


def test_cookies_cannot_be_read_by_scripts_nor_sent_from_elsewhere() -> None:
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_SAMESITE == settings.CSRF_COOKIE_SAMESITE == "Lax"


def test_tasks_speak_json_only_and_are_acknowledged_when_they_are_taken() -> None:
    assert list(app.conf.accept_content) == ["json"]
    assert not app.conf.task_acks_late
    assert app.conf.task_ignore_result
    assert set(app.conf.task_queues) == {"short", "long"}
    assert app.conf.task_default_queue == "short"


@pytest.mark.django_db  # a worker checks the models as it starts
def test_what_the_schedule_sends_exists_and_expires_before_it_is_sent_again() -> None:
    app.loader.import_default_modules()

    assert app.conf.beat_schedule
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] < entry["schedule"]
