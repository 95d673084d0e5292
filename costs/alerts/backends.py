"""Where mail goes: an SMTP server that we watch closely, or a folder.

Both are Django e-mail backends, named by ``EMAIL_URL`` (``config/env.py``).
"""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Sequence
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend


class Unanswered(OSError):
    """The server had the whole mail, or may have had, and did not say what became of it."""


class _Watched(smtplib.SMTP):
    """Knows whether the body is under way: from then on a silence is no refusal."""

    body_under_way = False

    def getreply(self) -> tuple[int, bytes]:
        answer = super().getreply()
        self.body_under_way = answer[0] == 354
        return answer


class _WatchedTls(smtplib.SMTP_SSL, _Watched):
    """The same over TLS from the first byte."""


class SmtpBackend(EmailBackend):
    """Django's, but it tells "nobody knows" from "no".

    Raises :class:`Unanswered` where the connection ended, or nothing came in time, after the body
    had begun to be sent; whatever smtplib raises where the server refused or was not there.
    """

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _WatchedTls if self.use_ssl else _Watched

    def _send(self, email_message: EmailMessage) -> bool:
        try:
            return bool(super()._send(email_message))  # type: ignore[misc]
        except (smtplib.SMTPServerDisconnected, ssl.SSLError, TimeoutError) as error:
            if getattr(self.connection, "body_under_way", False):
                raise Unanswered(str(error)) from error
            raise

    def _close_connection(self, connection: smtplib.SMTP) -> None:
        # What has been accepted stays accepted, however the goodbye goes.
        try:
            super()._close_connection(connection)  # type: ignore[misc]
        except (OSError, smtplib.SMTPException):
            connection.close()


class FolderBackend(BaseEmailBackend):
    """Each mail as a file of its own, ``<folder>/<message id>.eml``, which mail programs open.

    For a laptop without a mail server: nothing is lost. Writing the same mail again replaces it.
    """

    def __init__(self, *, folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = Path(folder)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one in email_messages:
            content = one.message(policy=SMTP_POLICY)
            name = str(content["Message-ID"]).strip("<>").partition("@")[0]
            path = self._folder / f"{name}.eml"
            unfinished = path.with_suffix(f".{os.getpid()}.partial")
            unfinished.write_bytes(content.as_bytes())
            unfinished.replace(path)
        return len(email_messages)
