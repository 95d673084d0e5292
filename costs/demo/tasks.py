"""Loading the demo in the background, for a first look without a terminal."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.utils import timezone

from costs.demo.operations import load_demo
from costs.jobs.kinds import Telling

LOAD = "demo.load"
"""The kind of work that loads the demo estate."""


def load(tell: Telling, *, as_of: str) -> dict[str, int]:
    """Load the estate of the day ``as_of``; done twice it changes nothing the second time."""
    loaded = load_demo(
        settings.DATA_DIR, as_of=date.fromisoformat(as_of), now=timezone.now(), progress=tell
    )
    return {"deliveries": loaded.deliveries, "new": loaded.new}
