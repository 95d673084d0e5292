"""Alerts, the rules they follow, who is told, and the outbox of what is to be told."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q

from costs.alerts.kinds import KINDS, Level, Levels, Rule
from costs.money_field import MoneyField


class AppendOnlyRules(models.QuerySet["RuleChange"]):
    """Edits can be added and read, never changed or removed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the history of alert rules is append-only")

    update = delete = bulk_update = _refuse


class RuleChange(models.Model):
    """The rule of one kind, for one environment or for all others; the last row holds."""

    kind = models.CharField(max_length=40)
    environment = models.CharField(max_length=100, blank=True, help_text="Empty: all others.")
    follows = models.BooleanField(
        default=False, help_text="From here on it follows the rule of all others, or the default."
    )
    on = models.BooleanField(default=True)
    # The stubs know no nullable field of our own.
    note = MoneyField(null=True)  # type: ignore[misc]
    warning = MoneyField(null=True)  # type: ignore[misc]
    urgent = MoneyField(null=True)  # type: ignore[misc]
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    why = models.CharField(max_length=500)

    objects = AppendOnlyRules.as_manager()

    class Meta:
        ordering = ("kind", "environment", "pk")
        indexes = (models.Index(fields=("kind", "environment")),)

    def __str__(self) -> str:
        where = self.environment or "all others"
        if self.follows:
            return f"{self.kind} of {where}: as before"
        if not self.on:
            return f"{self.kind} of {where}: off"
        kind = KINDS[self.kind]
        said = [f"{level.word} from {kind.said(figure)}" for level, figure in self.levels.rising]
        return f"{self.kind} of {where}: {', '.join(said)}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the history of alert rules is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the history of alert rules is append-only")

    @property
    def levels(self) -> Levels:
        return Levels(self.note, self.warning, self.urgent)

    @property
    def rule(self) -> Rule:
        return Rule(self.on, self.levels)


class Alert(models.Model):
    """One alert, from when it was raised to when it closed. Raised anew, it is another row."""

    class State(models.TextChoices):
        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"
        CLOSED = "closed"

    kind = models.CharField(max_length=40)
    environment = models.CharField(max_length=100)
    subject = models.CharField(max_length=500, blank=True)
    period = models.CharField(max_length=10, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    level = models.PositiveSmallIntegerField(help_text="1 note, 2 warning, 3 urgent: now.")
    highest = models.PositiveSmallIntegerField(help_text="The loudest since it was raised.")
    threshold = MoneyField(help_text="The figure of its level, in the unit of its kind.")
    value = MoneyField(help_text="What was measured last, in the same unit.")
    currency = models.CharField(max_length=3, blank=True)
    title = models.CharField(max_length=300)
    message = models.TextField()
    why = models.JSONField(default=list)
    look_at = models.JSONField(default=list)
    action = models.CharField(max_length=20, blank=True)
    link = models.CharField(max_length=500)
    evidence = models.JSONField(default=dict)
    raised_at = models.DateTimeField()
    raised_level = models.PositiveSmallIntegerField()
    changed_at = models.DateTimeField(help_text="When it was raised or last escalated.")
    seen_at = models.DateTimeField(help_text="The last evaluation that looked at it.")
    closed_at = models.DateTimeField(null=True)
    closed_reason = models.CharField(max_length=500, blank=True)
    told_level = models.PositiveSmallIntegerField(default=0, help_text="How loud it was told.")
    told_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=500, blank=True, help_text="Of whoever acknowledged it.")

    class Meta:
        ordering = ("-raised_at", "-pk")
        indexes = (
            models.Index(fields=("state", "-raised_at"), name="alert_log"),
            models.Index(fields=("kind", "environment", "-raised_at"), name="alert_of_kind"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "environment", "subject", "period"),
                condition=Q(closed_at__isnull=True),
                name="one_open_alert_each",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def level_word(self) -> str:
        return Level(self.level).word

    @property
    def kind_label(self) -> str:
        return KINDS[self.kind].label

    @property
    def threshold_said(self) -> str:
        """``80 %``."""
        return KINDS[self.kind].said(self.threshold, self.currency)


class AlertEvent(models.Model):
    """One step in the life of an alert."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    what = models.CharField(max_length=20, help_text="raised, escalated, acknowledged, closed …")
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.alert} {self.what}"


class Mute(models.Model):
    """Nobody is told of these until then; the log still shows them."""

    kind = models.CharField(max_length=40)
    environment = models.CharField(max_length=100)
    subject = models.CharField(max_length=500, blank=True)
    until = models.DateTimeField()
    why = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True, help_text="When somebody ended it early.")

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("kind", "environment", "until")),)

    def __str__(self) -> str:
        return f"{self.kind} {self.environment} {self.subject} until {self.until:%Y-%m-%d %H:%M}"


class Evaluation(models.Model):
    """One run of the rules over the facts."""

    as_of = models.DateTimeField(help_text="What it saw: everything before this moment.")
    at = models.DateTimeField(help_text="When it ran.")
    generation = models.BigIntegerField(help_text="Of the lake.")
    replayed = models.BooleanField(help_text="With --as-of: nobody was told.")
    raised = models.PositiveIntegerField()
    escalated = models.PositiveIntegerField()
    closed = models.PositiveIntegerField()
    open = models.PositiveIntegerField()
    milliseconds = models.PositiveIntegerField()

    class Meta:
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"evaluation of {self.as_of:%Y-%m-%d %H:%M}"


class Recipient(models.Model):
    """Who is told of what: a person, an address, or a channel."""

    class Way(models.TextChoices):
        USER = "user", "a person"
        MAIL = "mail", "an e-mail address"
        CHANNEL = "channel", "a channel"

    name = models.CharField(max_length=100)
    way = models.CharField(max_length=10, choices=Way)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="alert_recipients",
    )
    address = models.CharField(max_length=254, blank=True, help_text="E-mail, without a person.")
    channel = models.CharField(max_length=40, blank=True, help_text="Its name, never its address.")
    environments = models.JSONField(null=True, help_text="List of names; empty is all.")
    kinds = models.JSONField(null=True, help_text="List of kinds; empty is all.")
    least = models.PositiveSmallIntegerField(default=2, help_text="2 warnings too, 3 urgent only.")
    digest = models.BooleanField(default=True, help_text="Gets the weekly digest.")
    on = models.BooleanField(default=True)
    edits = models.PositiveIntegerField(default=0, help_text="Counts up with every change.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name


class Timetable(models.Model):
    """When the weekly digest goes out, and when only what is urgent does. One row."""

    digest_on = models.BooleanField(default=True)
    digest_weekday = models.PositiveSmallIntegerField(default=0, help_text="0 is Monday.")
    digest_hour = models.PositiveSmallIntegerField(default=7, help_text="In the team's time zone.")
    quiet_from = models.PositiveSmallIntegerField(default=22, help_text="Hour; as quiet_to: none.")
    quiet_to = models.PositiveSmallIntegerField(default=7)
    quiet_weekends = models.BooleanField(default=True)
    digest_sent_for = models.DateTimeField(null=True, help_text="The moment it was last due.")
    edits = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"digest on day {self.digest_weekday} at {self.digest_hour}"


class OutboxMessage(models.Model):
    """One message to one recipient; written in the transaction of what it tells of."""

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        UNCERTAIN = "uncertain"
        DROPPED = "dropped"

    class About(models.TextChoices):
        ALERTS = "alerts"
        DIGEST = "digest"
        TEST = "test"

    about = models.CharField(max_length=10, choices=About)
    recipient = models.ForeignKey(
        Recipient, null=True, on_delete=models.SET_NULL, related_name="messages"
    )
    way = models.CharField(max_length=10, help_text="mail or channel.")
    to = models.CharField(max_length=254, help_text="Address, or the name of a channel.")
    to_name = models.CharField(max_length=100, blank=True)
    subject = models.CharField(max_length=300)
    payload = models.JSONField(help_text="What it says; rendered when it is sent.")
    message_id = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, help_text="Until then its sender is alive.")
    said = models.CharField(max_length=1000, blank=True, help_text="The server's words.")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("state", "due_at"), name="outbox_due"),)

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}: {self.state}"
