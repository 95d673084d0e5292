"""The text part of a mail, and what a channel is told. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

WIDTH: Final = 76
IN_A_CHANNEL: Final = 5
"""Alerts that a channel is told of by name."""


def mail_text(about: str, payload: Mapping[str, Any], link: str) -> str:
    """The whole mail as text that reads well by itself."""
    body = _digest(payload) if about == "digest" else _alerts(payload)
    lines = [*([TEST, ""] if about == "test" else []), *body, "", f"Open: {link}"]
    return "\n".join(lines).strip() + "\n"


TEST: Final = "This is a test. Somebody asked for it on the page of the recipients."


def channel_text(about: str, payload: Mapping[str, Any]) -> str:
    """A few lines; the title goes beside them."""
    lines = [TEST] if about == "test" else []
    if about == "digest":
        lines.append(payload.get("headline", ""))
        lines += [
            f"{one['label']}: {one['verdict']}. {one['reason']}"
            for one in payload.get("environments", ())
        ]
        count = len(payload.get("alerts", ()))
        if count:
            lines.append(f"{count} alert{'' if count == 1 else 's'} open.")
    else:
        alerts = payload.get("alerts", ())
        for one in alerts[:IN_A_CHANNEL]:
            lines.append(f"{one['level_word'].upper()}: {one['title']}. {one['message']}")
            if one["action"]:
                lines.append(f"Action: {one['action']}")
        if (more := payload.get("count", 0) - len(alerts[:IN_A_CHANNEL])) > 0:
            lines.append(f"And {more:,} more.")
    if url := payload.get("url"):
        lines.append(url)
    return "\n".join(line for line in lines if line)


def _alerts(payload: Mapping[str, Any]) -> Iterator[str]:
    for nth, one in enumerate(payload["alerts"]):
        if nth:
            yield ""
            yield "-" * WIDTH
            yield ""
        yield from _wrapped(f"{one['level_word'].upper()}: {one['title']}")
        yield ""
        yield from _wrapped(one["message"])
        if one["why"]:
            yield ""
            yield "Why"
            for line in one["why"]:
                yield from _wrapped(line, "  - ")
        if one["look_at"]:
            yield ""
            yield "What to look at"
            for line in one["look_at"]:
                yield from _wrapped(line, "  - ")
        if one["action"]:
            yield ""
            yield f"Action asked for: {one['action']}"
    if payload.get("more_count"):
        yield ""
        yield from _wrapped(f"And {payload['more_count']:,} more alerts:")
        for one in payload["more"]:
            yield f"  - {one['environment_label']}: {one['count']:,} x {one['kind_label']}"
    yield from _closed(payload)


def _digest(payload: Mapping[str, Any]) -> Iterator[str]:
    yield from _wrapped(payload["headline"])
    if payload.get("environments"):
        yield ""
        yield f"Bands, {payload['basis']}"
        for one in payload["environments"]:
            yield from _wrapped(
                f"{one['label']}: {one['verdict']}. {one['reason']} Week: {one['week']}"
                f" ({one['change']}).",
                "  - ",
            )
    for section in payload.get("sections", ()):
        yield ""
        yield section["title"]
        for line in section["lines"]:
            yield from _wrapped(line, "  - ")
    if payload.get("alerts"):
        yield ""
        yield "Open alerts"
        for one in payload["alerts"]:
            yield from _wrapped(f"{one['level_word']}: {one['title']}. {one['message']}", "  - ")
        if payload.get("more_count"):
            yield f"  - and {payload['more_count']:,} more"
    yield from _closed(payload)


def _closed(payload: Mapping[str, Any]) -> Iterator[str]:
    if payload.get("closed"):
        yield ""
        yield "Closed since"
        for one in payload["closed"]:
            yield from _wrapped(f"{one['title']}: {one['reason']}", "  - ")


def _wrapped(text: str, bullet: str = "") -> list[str]:
    flat = " ".join(text.split())
    return textwrap.wrap(
        flat,
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
