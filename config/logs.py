"""Logs: one line per event on stderr, as JSON or for a terminal, with secrets taken out."""

from __future__ import annotations

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|api_?key|access_?key|private_?key"
    r"|credential|connection_?string|signature|sessionid",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"(?P<before>"
    r"://[^\s:/@]*:"  # user:password@ in a URL
    r"|(?:password|secret|token|AccountKey|SharedAccessKey|sig|X-Amz-Signature)\s*[=:]\s*"
    r"|\b(?:Bearer|Basic)\s+"
    r")"
    r"(?P<secret>[^\s&;,@'\"]+)",
    re.IGNORECASE,
)
_AWS_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")


def name_request(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: a request by its path; a traceback only where we are at fault."""
    if "status_code" in event:
        request = event.pop("request", None)
        event["path"] = getattr(request, "path", None)
        if event["status_code"] < 500:
            event.pop("exc_info", None)
    return event


_EVERY_LINE: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
]


def redact(value: object, key: str = "") -> Any:
    """`value` without secrets: whole where `key` names one, else what looks like one in text."""
    if key and _SECRET_KEY.search(key):
        return REDACTED
    match value:
        case str():
            text = _SECRET_TEXT.sub(lambda found: found["before"] + REDACTED, value)
            return _AWS_KEY_ID.sub(REDACTED, text)
        case dict():
            return {name: redact(item, str(name)) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact(item) for item in value]
        case _:
            return value


def redact_event(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: what it returns holds no secret that we know the look of."""
    return {
        name: item if name.startswith("_") else redact(item, name) for name, item in event.items()
    }


def configure(level: str, form: str) -> dict[str, Any]:
    """Set up structlog, and return Django's LOGGING so that every library's lines go through it."""
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    # Tracebacks become text before the redaction, which would not see into them otherwise.
    last: list[Any] = [structlog.processors.format_exc_info, redact_event]
    last.append(
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if form == "console"
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_EVERY_LINE[:-1],
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_EVERY_LINE, name_request],
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "handlers": {
            # stderr: stdout belongs to the commands' answers (--json prints one document there).
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines"}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            # It says every request to Blob, with its headers.
            "azure": {"level": "WARNING", "handlers": [], "propagate": True},
            # `manage.py runserver` would otherwise print each request twice.
            "django.server": {"level": level, "handlers": [], "propagate": True},
        },
    }
