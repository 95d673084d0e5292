"""Work done in the background: the rows are the truth, the queue is only a doorbell."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class JobRun(models.Model):
    """One piece of background work, claimed by a conditional UPDATE and safe to do twice."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.CASCADE,
        related_name="parts",
        help_text="The work that this is a part of.",
    )
    kind = models.CharField(max_length=60, help_text="A registered kind of work.")
    subject = models.CharField(max_length=300, help_text="What it is about, for people.")
    arguments = models.JSONField(default=dict, help_text="Keyword arguments of the work.")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True, help_text="Who claimed it last.")
    lease_until = models.DateTimeField(null=True, help_text="Until then its worker is alive.")
    progress = models.FloatField(default=0, help_text="0 to 1.")
    message = models.CharField(max_length=300, blank=True, help_text="What is being done.")
    result = models.JSONField(null=True)
    error = models.CharField(max_length=1000, blank=True, help_text="What went wrong last.")
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    rung_at = models.DateTimeField(null=True, help_text="When a worker was last told of it.")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-requested_at", "-pk")
        indexes = [models.Index(fields=("state", "rung_at"), name="job_run_due")]
        constraints = [
            models.UniqueConstraint(
                fields=("kind", "subject"),
                condition=Q(state__in=("queued", "running")),
                name="one_open_run_per_subject",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in {self.State.QUEUED, self.State.RUNNING}


class LastSweep(models.Model):
    """One row: when the sweep last came. When that is long ago, nothing works in the background."""

    at = models.DateTimeField()
    worker = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
