"""Mails: HTML and text, with the pictures inside, from what an outbox row holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage as Message
from email.message import MIMEPart
from email.policy import default as default_policy
from functools import partial
from hashlib import sha256
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from costs.alerts.models import OutboxMessage
from costs.alerts.pictures import WIDTH, Picture, chart_picture, gauge_picture
from costs.alerts.plain_text import TEST, mail_text
from costs.alerts.wording import one_line

GAUGES: Final = 5
"""Gauges that one mail shows at most."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Inline:
    """A picture inside a mail."""

    cid: str
    picture: Picture


class Mail(EmailMultiAlternatives):
    """A mail whose pictures are parts of its HTML (multipart/related), not files beside it."""

    pictures: tuple[Inline, ...] = ()

    def message(self, *, policy: Any = default_policy) -> Message:
        kept, self.attachments = self.attachments, []
        try:
            built: Message = super().message(policy=policy)
        finally:
            self.attachments = kept
        html = built.get_body(preferencelist=("html",))
        for one in self.pictures if html is not None else ():
            html.add_related(  # type: ignore[union-attr]
                one.picture.png,
                "image",
                "png",
                cid=f"<{one.cid}>",
                disposition="inline",
                filename=f"{one.cid.partition('@')[0]}.png",
            )
        return built


@dataclass(frozen=True)
class Rendered:
    """What a mail will show."""

    subject: str
    html: str
    text: str
    pictures: tuple[Inline, ...]


def compose(message: OutboxMessage) -> Mail:
    """The mail of an outbox row. Raises :class:`ValueError` for an address that is none."""
    shown = render(message.about, message.subject, message.payload)
    name = one_line(message.to_name)
    mail = Mail(
        subject=shown.subject,
        body=shown.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[str(Address(display_name=name, addr_spec=message.to))],
        headers={
            "Message-ID": message.message_id,
            # Out-of-office replies to it would help nobody (RFC 3834).
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    mail.attach_alternative(shown.html, "text/html")
    mail.pictures = shown.pictures
    for one in shown.pictures:
        # Mail services (django-anymail) read pictures from here; SMTP gets them from message().
        part = MIMEPart()
        part.set_content(
            one.picture.png,
            "image",
            "png",
            cid=f"<{one.cid}>",
            disposition="inline",
            filename=f"{one.cid.partition('@')[0]}.png",
        )
        mail.attach(part)
    return mail


def render(about: str, subject: str, payload: Mapping[str, Any]) -> Rendered:
    """Subject, HTML, text and pictures of a message."""
    subject = one_line(f"Test: {subject}" if about == "test" else subject)
    link = link_of(about, payload)
    pictures, alerts, environments = _pictures(payload)
    html = render_to_string(
        "email/digest.html" if about == "digest" else "email/alerts.html",
        {
            "subject": subject,
            "payload": payload,
            "alerts": alerts,
            "environments": environments,
            "link": link,
            "width": WIDTH,
            "test": TEST if about == "test" else "",
            "settings_link": absolute("/alerts/"),
        },
    )
    return Rendered(subject, html, mail_text(about, payload, link), pictures)


def link_of(about: str, payload: Mapping[str, Any]) -> str:
    """The one address that a mail leads to."""
    if about == "digest":
        return absolute(payload.get("link", "/"))
    alerts = payload["alerts"]
    if payload["count"] == 1 and alerts[0]["pk"]:
        return absolute(f"/alerts/{alerts[0]['pk']}/")
    return absolute("/alerts/?state=active")


def absolute(path: str) -> str:
    """A path of ours as people outside open it."""
    return str(settings.PUBLIC_URL).rstrip("/") + path


def _pictures(
    payload: Mapping[str, Any],
) -> tuple[tuple[Inline, ...], list[dict[str, Any]], list[dict[str, Any]]]:
    """Pictures of the first alerts that have one: each environment's gauge once, one chart."""
    found: list[Inline] = []
    seen: set[tuple[str, str]] = set()
    charted = False
    alerts, environments = [], []
    for one in payload.get("alerts", ()):
        shown: dict[str, Any] = dict(one)
        evidence = one.get("evidence") or {}
        key = (one["environment"], str(evidence.get("month")))
        if (
            "band" in evidence
            and key not in seen
            and len(seen) < GAUGES
            and "headline" not in payload
        ):
            seen.add(key)
            shown["gauge"] = _inline(found, partial(gauge_picture, evidence, _verdict(one)))
            if not charted:
                shown["chart"] = _inline(
                    found, partial(chart_picture, evidence, one["environment"])
                )
                charted = shown["chart"] is not None
        alerts.append(shown)
    for one in payload.get("environments", ()):
        gauge = None
        if one.get("evidence"):
            gauge = _inline(found, partial(gauge_picture, one["evidence"], one["verdict"]))
        environments.append({**one, "gauge": gauge})
    return tuple(found), alerts, environments


def _inline(found: list[Inline], draw: Callable[[], Picture | None]) -> dict[str, Any] | None:
    try:
        picture = draw()
    except Exception as error:  # a mail without a picture is better than none
        log.warning("a picture could not be drawn", error=type(error).__name__, exc_info=True)
        return None
    if picture is None:
        return None
    cid = f"{sha256(picture.png).hexdigest()[:24]}@headroom"
    if all(one.cid != cid for one in found):
        found.append(Inline(cid, picture))
    return {"cid": cid, "alt": picture.alt, "height": picture.height}


def _verdict(alert: Mapping[str, Any]) -> str:
    if alert["kind"] == "ending-below":
        return "under"
    if alert["level"] == 3 and alert["kind"] == "band-share":
        return "over"
    return "at risk"
