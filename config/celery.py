"""The Celery app `headroom`: two queues, JSON only, and the schedule as code.

The database is the truth and the queue a doorbell: a message that is lost costs a minute (until
the next sweep), never a job. So results are not kept, and what runs is always found in `JobRun`.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("headroom")
# Lazy: nothing is read from Django's settings until a task is sent or a worker starts.
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    lambda: [
        "costs.jobs",
        "costs.lake",
        "costs.bills",
        "costs.budgets",
        "costs.review",
    ]
)

# By name: only workers import it.
app.steps["worker"].add("config.beat:EndsWithItsBeat")
