"""Handing one message over, and telling “no” from “later” from “nobody knows”."""

from __future__ import annotations

import smtplib
import socket
from dataclasses import dataclass
from typing import Final, Literal

from django.conf import settings
from django.core.mail import mailers

from costs.alerts import channels
from costs.alerts.backends import Unanswered
from costs.alerts.mail import compose, link_of
from costs.alerts.models import OutboxMessage

type Fate = Literal["sent", "later", "failed", "uncertain"]

PASSING: Final = frozenset({429, 500, 503})
"""HTTP answers of a mail service after which it has not taken the mail and may do so later."""


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt, with the server's own words."""

    fate: Fate
    said: str = ""


def send(message: OutboxMessage) -> Outcome:
    """Send one message now. Never raises: whatever happens is an outcome."""
    if message.way == "channel":
        return _to_channel(message)
    return _mail(message)


def _to_channel(message: OutboxMessage) -> Outcome:
    address = settings.CHANNELS.get(message.to)
    if address is None:
        return Outcome(
            "failed",
            f"There is no channel “{message.to}”: set HEADROOM_CHANNEL_{message.to.upper()}.",
        )
    payload = message.payload | {"url": link_of(message.about, message.payload)}
    subject = f"Test: {message.subject}" if message.about == "test" else message.subject
    fate, said = channels.notify(address, message.about, subject, payload)
    return Outcome(fate, said)


def _mail(message: OutboxMessage) -> Outcome:
    if not message.to:
        return Outcome("failed", f"{message.to_name} has no e-mail address.")
    try:
        mail = compose(message)
    except ValueError as error:
        return Outcome("failed", f"The mail could not be written: {error}")
    try:
        mailers.default.send_messages([mail])
    except Unanswered as error:
        return Outcome(
            "uncertain", f"The server took the mail and did not say what became of it: {error}"
        )
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        return _refused(code, words)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        return Outcome("failed", f"The mail server cannot take it: {error}")
    except smtplib.SMTPException as error:
        return Outcome("later", f"The connection to the mail server ended: {error}")
    except (socket.gaierror, OSError) as error:
        return Outcome("later", f"The mail server cannot be reached: {error}")
    except ValueError as error:
        return Outcome("failed", str(error))
    except Exception as error:  # noqa: BLE001  # whatever a mail service's client raises
        return _of_service(error)
    return Outcome("sent")


def _refused(code: int, words: bytes | str) -> Outcome:
    """4xx is for now, 5xx for good (RFC 5321 section 4.2.1)."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return Outcome("later" if 400 <= code < 500 else "failed", f"{code} {' '.join(text.split())}")


def _of_service(error: Exception) -> Outcome:
    """What SendGrid's or SES's client raised, by django-anymail."""
    status = getattr(error, "status_code", None)
    words = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if status in PASSING:
        return Outcome("later", words)
    if isinstance(status, int) and 400 <= status < 500:
        return Outcome("failed", words)
    cause = f"{type(error.__cause__).__name__} {error.__cause__}"
    if any(
        word in cause for word in ("ConnectTimeout", "NewConnectionError", "EndpointConnection")
    ):
        return Outcome("later", words)
    if type(error).__name__ in {"NoCredentialsError", "ImproperlyConfigured"}:
        return Outcome("failed", words)
    return Outcome("uncertain", words)
