"""Trying again: exponential backoff with full jitter, and what Retry-After asks for.

The retries of the SDKs are switched off, so that there is one place that waits, the same for both
clouds, whose clock, sleep and chance a test can hold in its hands.

Source of the method: AWS Architecture Blog, "Exponential Backoff And Jitter" (full jitter);
RFC 9110 section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from costs.bills.clouds.trouble import Busy

ATTEMPTS = 6
"""How often one request is sent before its trouble is told (ours)."""
FIRST_WAIT = 1.0
"""Seconds at most before the second attempt; twice as many before each further one (ours)."""
LONGEST_WAIT = 60.0
"""Seconds at most before any attempt, unless the other side asks for more (ours)."""
LONGEST_ASKED = 600.0
"""Seconds that we wait when asked to; when asked for more, the next run comes back (ours)."""


@dataclass(frozen=True)
class Patience:
    """How long to bear with a cloud. ``chance`` gives numbers from 0 to 1."""

    attempts: int = ATTEMPTS
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def of[T](self, call: Callable[[], T]) -> T:
        """The answer of ``call``, however often it takes. Raises what remains wrong."""
        for attempt in range(1, self.attempts + 1):
            try:
                return call()
            except Busy as trouble:
                asked = trouble.after or 0.0
                if attempt == self.attempts or asked > LONGEST_ASKED:
                    raise
                self.sleep(self.wait(attempt, asked))
        raise AssertionError("unreachable")

    def wait(self, attempt: int, asked: float = 0.0) -> float:
        """Seconds between ``attempt`` (1 the first) and the next: never less than asked for."""
        most = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1))
        return asked + most * self.chance()


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The longest wait in seconds that any Retry-After header asks for; None without one.

    Azure has several, such as ``x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after``.
    """
    asked = [
        seconds
        for name, value in headers.items()
        if name.lower().endswith("retry-after") and (seconds := _seconds(value, now)) is not None
    ]
    return max(asked, default=None)


def _seconds(value: str, now: datetime) -> float | None:
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
