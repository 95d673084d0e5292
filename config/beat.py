"""The worker with the schedule: it sweeps at once, and ends with its beat.

Celery itself would wait a minute for the first sweep, and go on without a schedule, unnoticed.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps
from celery.worker import state

log = logging.getLogger(__name__)


class EndsWithItsBeat(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Looks whether the beat process lives; when not, the worker ends with status 1.

    Whatever watches the worker (`manage.py serve`, and what watches that) starts both again.
    """

    requires = {"celery.worker.components:Beat", "celery.worker.components:Timer"}
    LOOK_EVERY = 5.0  # seconds

    def start(self, worker: Any) -> None:
        """Sweep and begin to look, when this worker has a beat."""
        if worker.beat:
            worker.app.send_task("jobs.sweep", expires=50)
            worker.timer.call_repeatedly(self.LOOK_EVERY, self._look, (worker.beat,))

    def _look(self, beat: Any) -> None:
        if not beat.is_alive() and state.should_stop is None:
            log.error("the schedule (beat) has died; this worker ends")
            state.should_stop = 1
