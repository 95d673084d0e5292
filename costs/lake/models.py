"""The manifest: which Parquet versions there are, and which of them are live."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Source(models.Model):
    """Where bills come from: provider, billing account, scope of the export, format family."""

    name = models.CharField(max_length=200, unique=True)
    provider_name = models.CharField(max_length=200)
    billing_account_id = models.CharField(max_length=300)
    format = models.CharField(max_length=40, help_text="Name of the reader of its latest bill.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One arrival of one file. The raw file is kept under ``raw_key``."""

    file_name = models.CharField(max_length=300)
    digest = models.CharField(max_length=64, db_index=True, help_text="SHA-256 of the file.")
    size = models.BigIntegerField(help_text="Bytes.")
    raw_key = models.CharField(max_length=500)
    format = models.CharField(max_length=40)
    reader_version = models.PositiveIntegerField()
    delivered_at = models.DateTimeField()
    delivered_by = models.CharField(max_length=150)

    class Meta:
        ordering = ("-delivered_at", "-pk")
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.file_name} of {self.delivered_at:%Y-%m-%d %H:%M}"


class BillVersion(models.Model):
    """What the lake keeps of one arrival of one bill (source and billing period)."""

    class Status(models.TextChoices):
        LIVE = "live"
        SUPERSEDED = "superseded"
        HELD = "held"
        REFUSED = "refused"

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="versions")
    billing_period = models.DateField(help_text="First day.")
    billing_period_end = models.DateField(help_text="First day after.")
    number = models.PositiveIntegerField(help_text="1 for the first version of the bill.")
    status = models.CharField(max_length=12, choices=Status)
    key = models.CharField(max_length=500, unique=True, help_text="Folder in the lake.")
    digest = models.CharField(max_length=64, help_text="Of its files' digests, sorted.")
    reader_version = models.PositiveIntegerField()
    rule_set = models.CharField(max_length=16, help_text="Digest of the allocation rules in use.")
    allocated_at = models.DateTimeField(
        null=True, help_text="When these rules replaced others; empty since its arrival."
    )
    rows = models.BigIntegerField()
    rejected = models.BigIntegerField()
    sums = models.JSONField(
        help_text="By currency: rows and exact billed, effective, list, contracted cost as text."
    )
    accounts = models.JSONField(help_text="Pairs of provider and billing account in it.")
    least_day = models.DateField(null=True)
    greatest_day = models.DateField(null=True)
    control_total = models.JSONField(null=True, help_text="The provider's own, where it gives one.")
    notices = models.JSONField(default=list, help_text="What its readers should know, in words.")
    held_reason = models.CharField(max_length=500, blank=True)
    delivered_at = models.DateTimeField()
    delivered_by = models.CharField(max_length=150)
    live_since = models.DateTimeField(null=True)
    superseded_at = models.DateTimeField(null=True)
    files_removed_at = models.DateTimeField(
        null=True, help_text="When retention gave its files up; its row stays."
    )
    replaces = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="replaced_by",
        help_text="What was live until this version was; empty for the first.",
    )
    deliveries = models.ManyToManyField(Delivery, through="Part", related_name="versions")

    class Meta:
        ordering = ("source", "-billing_period", "-number")
        constraints = [
            models.UniqueConstraint(
                fields=("source", "billing_period", "number"), name="bill_version_number"
            ),
            models.UniqueConstraint(
                fields=("source", "billing_period"),
                condition=Q(status="live"),
                name="one_live_version_per_bill",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.billing_period:%Y-%m} version {self.number}"


class Part(models.Model):
    """A file's share in a version: charges of part n carry ``source_file = n``."""

    version = models.ForeignKey(BillVersion, on_delete=models.CASCADE, related_name="parts")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="parts")
    number = models.PositiveIntegerField()
    sums = models.JSONField(help_text="Like the version's, of this file alone.")
    rejected = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("version", "number"), name="part_number")]

    def __str__(self) -> str:
        return f"part {self.number} of {self.version}"


class Pin(models.Model):
    """Keeps a version's files: a signed-off review or a closed month still shows them."""

    version = models.ForeignKey(BillVersion, on_delete=models.PROTECT, related_name="pins")
    holder = models.CharField(max_length=200, help_text="What pins it, for example review 2026-W47")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("version", "holder"), name="one_pin_each")]

    def __str__(self) -> str:
        return f"{self.version} for {self.holder}"


class Restatement(models.Model):
    """What changed when a version replaced another: exact sums, and where the ledger lies.

    It stands by itself: both versions' files may go, and it stays.
    """

    version = models.ForeignKey(BillVersion, on_delete=models.PROTECT, related_name="restatements")
    before = models.ForeignKey(BillVersion, on_delete=models.PROTECT, related_name="restated_by")
    at = models.DateTimeField(db_index=True, help_text="When the version replaced the other.")
    key = models.CharField(
        max_length=500, blank=True, help_text="Folder in the lake; empty where it cannot be told."
    )
    added = models.BigIntegerField(default=0, help_text="Charges that were not there before.")
    removed = models.BigIntegerField(default=0, help_text="Charges that are there no more.")
    changed = models.BigIntegerField(default=0, help_text="Charges of which a column differs.")
    sums = models.JSONField(
        default=dict,
        help_text="By currency: billed and effective cost before and after of these, as text.",
    )
    columns = models.JSONField(default=dict, help_text="Changed values by column.")
    listed = models.BigIntegerField(default=0, help_text="Entries in the list of charges.")

    class Meta:
        ordering = ("-at", "-pk")
        constraints = [models.UniqueConstraint(fields=("version", "before"), name="one_ledger")]

    def __str__(self) -> str:
        return f"what {self.version} changed"


class DayCosts(models.Model):
    """What each day cost in a version, and what each invoice: kept when its files are not.

    How a bill grows is learned from the days; the invoices are held against the provider's own.
    """

    version = models.OneToOneField(
        BillVersion, on_delete=models.CASCADE, related_name="day_costs", primary_key=True
    )
    days = models.JSONField(
        help_text="By currency, then by day: billed and effective cost as text."
    )
    invoices = models.JSONField(
        default=list, help_text="Rows of provider, billing account, currency, invoice, billed cost."
    )

    def __str__(self) -> str:
        return f"days of {self.version}"


class Generation(models.Model):
    """One row that counts up with every change of what is live: the key of query caches."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)
