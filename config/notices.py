"""What the environment says about mail and channels.

Values may hold passwords and tokens: an error names the variable and never shows the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from config.setting_error import SettingError

CHANNEL = "HEADROOM_CHANNEL_"
"""What the names of channels begin with; anything may follow."""


def public_url_of(value: str) -> str:
    value = value or "http://127.0.0.1:8000/"
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingError(f"HEADROOM_URL: {value!r} is no address like https://costs.example.com/")
    return value.rstrip("/") + "/"


def sender_of(value: str, public_url: str) -> str:
    host = urlsplit(public_url).hostname or "localhost"
    sender = value or f"Headroom <headroom@{'localhost' if host[0].isdigit() else host}>"
    if not re.fullmatch(r"[^\r\n<>]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+", sender):
        raise SettingError(
            "HEADROOM_MAIL_FROM: write costs@example.com or Headroom <costs@example.com>"
        )
    return sender


def mailers(url: str, data_dir: Path) -> dict[str, dict[str, Any]]:
    """Django's MAILERS for an EMAIL_URL. Never shows the value: it may hold a password."""
    if not url:
        return {
            "default": {
                "BACKEND": "costs.alerts.backends.FolderBackend",
                "OPTIONS": {"folder": str(data_dir / "mail")},
            }
        }
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise SettingError("EMAIL_URL: the port is not a number") from None
    if parts.scheme in ("smtp", "smtp+tls", "smtps") and parts.hostname:
        return {
            "default": {
                "BACKEND": "costs.alerts.backends.SmtpBackend",
                "OPTIONS": {
                    "host": parts.hostname,
                    "port": port or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[parts.scheme],
                    "username": unquote(parts.username or ""),
                    "password": unquote(parts.password or ""),
                    "use_tls": parts.scheme == "smtp+tls",
                    "use_ssl": parts.scheme == "smtps",
                    "timeout": 20,
                },
            }
        }
    if parts.scheme == "sendgrid" and parts.username:
        return {
            "default": {
                "BACKEND": "anymail.backends.sendgrid.EmailBackend",
                "OPTIONS": {"api_key": unquote(parts.username)},
            }
        }
    if parts.scheme == "ses" and parts.netloc:
        return {
            "default": {
                "BACKEND": "anymail.backends.amazon_ses.EmailBackend",
                # Keys come the way boto3 finds them.
                "OPTIONS": {"client_params": {"region_name": parts.netloc}},
            }
        }
    raise SettingError(
        "EMAIL_URL: write smtp://HOST:25, smtp+tls://USER:PASSWORD@HOST:587, smtps://…,"
        " sendgrid://KEY@ or ses://REGION (the value is not shown)"
    )


def channels(environ: Mapping[str, str]) -> dict[str, str]:
    """Addresses of channels by name. Raises SettingError that names a variable, never its value."""
    found: dict[str, str] = {}
    for variable in sorted(environ):
        if variable.startswith(CHANNEL) and (value := environ[variable].strip()):
            name = variable.removeprefix(CHANNEL).lower()
            if not re.fullmatch("[a-z0-9][a-z0-9_]{0,38}", name):
                raise SettingError(f"{variable}: name it like {CHANNEL}OPS")
            if "://" not in value:
                raise SettingError(f"{variable}: is no Apprise address like slack://…")
            found[name] = value
    return found
