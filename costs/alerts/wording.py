"""What a message says, as JSON: rendered when it is sent, the same at every attempt. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from costs.alerts.kinds import KINDS, Level

SHOWN: Final = 10
"""Alerts that one message tells in full; of the others it gives counts (ours)."""
LONGEST_SUBJECT: Final = 120
"""Characters; mail clients cut at 60 to 100."""


@dataclass(frozen=True)
class Told:
    """An alert as a message tells it."""

    pk: int
    kind: str
    environment: str
    environment_label: str
    level: Level
    threshold: Decimal
    currency: str
    title: str
    message: str
    why: Sequence[str]
    look_at: Sequence[str]
    action: str
    link: str
    raised_at: datetime
    evidence: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        kind = KINDS[self.kind]
        return {
            "pk": self.pk,
            "kind": self.kind,
            "kind_label": kind.label,
            "environment": self.environment,
            "environment_label": self.environment_label,
            "level": int(self.level),
            "level_word": self.level.word,
            "threshold": "" if kind.unit == "fixed" else kind.said(self.threshold, self.currency),
            "title": self.title,
            "message": self.message,
            "why": list(self.why),
            "look_at": list(self.look_at),
            "action": self.action,
            "link": self.link,
            "raised_at": self.raised_at.isoformat(),
            "evidence": dict(self.evidence),
        }


def alerts_payload(
    told: Sequence[Told], *, moment: datetime, closed: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """Several alerts of one evaluation, for one recipient: the first in full, all of them counted.

    ``told`` comes with the most urgent first.
    """
    rest = told[SHOWN:]
    by = Counter((one.kind, one.environment_label) for one in rest)
    levels = Counter(one.level for one in told)
    return {
        "moment": moment.isoformat(),
        "alerts": [one.as_json() for one in told[:SHOWN]],
        "count": len(told),
        "levels": [
            {"word": level.word, "count": levels[level]} for level in sorted(levels, reverse=True)
        ],
        "more": [
            {"kind_label": KINDS[kind].label, "environment_label": label, "count": count}
            for (kind, label), count in sorted(by.items(), key=lambda one: (-one[1], one[0]))[
                :SHOWN
            ]
        ],
        "more_count": len(rest),
        "closed": [dict(one) for one in closed[:SHOWN]],
    }


def alerts_subject(payload: Mapping[str, Any]) -> str:
    """``Urgent: Staging is over its November band, and 2 more alerts``."""
    first = payload["alerts"][0]
    more = payload["count"] - 1
    others = f", and {more:,} more alert{'' if more == 1 else 's'}" if more else ""
    return one_line(f"{first['level_word'].capitalize()}: {first['title']}", others)


def one_line(text: str, ending: str = "") -> str:
    """A header's text: no line breaks or control characters, cut before ``ending``.

    A name in a bill may hold anything; in a header a line break would begin another header.
    """
    flat = re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()
    # Marks that turn the direction of writing would let a name disguise what follows it.
    flat = re.sub(r"[\u202a-\u202e\u2066-\u2069]", "", flat)
    room = LONGEST_SUBJECT - len(ending)
    if len(flat) > room:
        flat = f"{flat[: room - 1].rstrip()}…"
    return f"{flat}{ending}"
