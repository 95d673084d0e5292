"""Channels: Slack, Teams, PagerDuty, Twilio, webhooks and what else Apprise speaks.

An address holds a secret, so it comes from the environment under a name, and nothing but the name
leaves this module: what Apprise logs is caught and every part of the address is taken out of it.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from costs.alerts.plain_text import channel_text

type Fate = Literal["sent", "later", "failed", "uncertain"]

SHORTEST_SECRET: Final = 4
"""Parts of an address that are at least so long are taken out of messages."""
NOT_THERE: Final = (
    "NewConnectionError",
    "Connection refused",
    "ConnectTimeout",
    "Failed to resolve",
    "Name or service not known",
    "No route to host",
)
"""What a client says when nothing can have arrived."""

_ONE_AT_A_TIME = Lock()
"""Apprise has one logger in a process."""


def notify(address: str, about: str, subject: str, payload: Mapping[str, Any]) -> tuple[Fate, str]:
    """Send to one channel; what became of it, and the reason without a secret in it."""
    import apprise

    level = max((one["level"] for one in payload.get("alerts", ())), default=1)
    kind = {3: apprise.NotifyType.FAILURE, 2: apprise.NotifyType.WARNING}.get(
        level, apprise.NotifyType.INFO
    )
    with _ONE_AT_A_TIME, _Captured() as log:
        try:
            target = apprise.Apprise()
            if not target.add(address):
                return "failed", "The address of this channel is none that Apprise knows."
            done = target.notify(
                title=subject,
                body=channel_text(about, payload),
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001  # a plug-in of somebody else
            return "uncertain", without_secrets(f"{type(error).__name__}: {error}", address)
    if done:
        return "sent", ""
    return _fate(log.getvalue()), _words(log.getvalue(), address)


def _fate(log: str) -> Fate:
    if any(word in log for word in NOT_THERE):
        return "later"
    if found := re.search(r"error=(\d{3})", log):
        status = int(found[1])
        return "later" if status in {408, 425, 429, 500, 502, 503, 504} else "failed"
    # The connection was there and broke, or nothing came in time: it may have arrived.
    return "uncertain" if "Connection error" in log or "Exception" in log else "failed"


def _words(log: str, address: str) -> str:
    """The warnings and what the connection said, in one line."""
    lines = [
        line.removeprefix("DEBUG ")
        for line in log.splitlines()
        if line.startswith(("WARNING ", "ERROR ", "DEBUG Socket Exception"))
    ]
    text = " ".join(re.sub(r"^(WARNING|ERROR) ", "", line) for line in lines)
    return without_secrets(text or "The channel did not take it and gave no reason.", address)


def without_secrets(text: str, address: str) -> str:
    """``text`` with every part of ``address`` but its kind and host name taken out."""
    parts = urlsplit(address)
    host = (parts.hostname or "").casefold()
    pieces = set(re.split(r"[/:@?&=#,\s]+", address.partition("://")[2]))
    pieces |= {unquote(piece) for piece in pieces}
    # For chat services the "host" is a token as well; only a real host name may stay.
    keep = {host} if "." in host or host == "localhost" else set()
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= SHORTEST_SECRET and piece.casefold() not in keep:
            text = re.sub(re.escape(piece), "…", text, flags=re.IGNORECASE)
    return text[:900]


class _Captured:
    """What Apprise logs, kept from every other handler while it is caught.

    The HTTP client beneath it logs addresses as well, when told to log everything.
    """

    def __enter__(self) -> io.StringIO:
        self._log, self._client = logging.getLogger("apprise"), logging.getLogger("urllib3")
        self._before = (self._log.level, self._log.propagate, list(self._log.handlers))
        self._client_level = self._client.level
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self._log.handlers = [handler]
        self._log.setLevel(logging.DEBUG)
        self._log.propagate = False
        self._client.setLevel(logging.WARNING)
        return stream

    def __exit__(self, *_: object) -> None:
        self._log.level, self._log.propagate, self._log.handlers = self._before
        self._log.setLevel(self._before[0])
        self._client.setLevel(self._client_level)
