"""Entering, changing and removing charges by hand, and making the bills that they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone

from costs.bills.manual import Entry, bill_of, months_of, source_of
from costs.bills.models import ManualCharge
from costs.bills.operations import ingest_bill
from costs.jobs import operations as jobs
from costs.jobs.kinds import Telling
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion
from costs.money import plain
from costs.people.operations import record
from costs.periods import month_of
from costs.stores import open_store

KIND = "bills.manual"
"""The kind of work that makes the bills of one provider's typed charges."""
LONGEST = 120
"""Months that one charge may reach into the past: ten years (ours)."""


class Overtaken(RuntimeError):
    """Somebody else has changed the charge meanwhile; nothing was written."""


def entry_of(row: ManualCharge) -> Entry:
    """A row as the pure modules know it."""
    return Entry(
        provider_name=row.provider_name,
        service_name=row.service_name,
        amount=row.amount,
        currency=row.currency,
        first_month=row.first_month,
        last_month=row.last_month,
        environment=row.environment,
        cost_center=row.cost_center,
        note=row.note,
    )


def entered() -> list[ManualCharge]:
    """All charges that are not removed."""
    return list(ManualCharge.objects.filter(removed_at=None))


def enter(entry: Entry, *, actor: str, now: datetime) -> ManualCharge:
    """Keep a new charge and have its bills made. Raises :class:`ValueError` with a sentence."""
    _check(entry, now)
    with transaction.atomic():
        row = ManualCharge.objects.create(**vars(entry), changed_at=now, changed_by=actor)
        record(actor=actor, action="charge.entered", subject=str(row), detail=_said(entry), now=now)
        ask(now=now, actor=actor)
    return row


def change(pk: int, entry: Entry, *, seen: int, actor: str, now: datetime) -> ManualCharge:
    """Give a charge other values; the months that it was or is in get new versions.

    ``seen`` is the version that the person has seen. Raises :class:`Overtaken` when there is
    another by now and :class:`ValueError` with a sentence for what cannot be.
    """
    _check(entry, now)
    with transaction.atomic():
        row = ManualCharge.objects.select_for_update().get(pk=pk, removed_at=None)
        if row.version != seen:
            raise Overtaken
        if row.provider_name != entry.provider_name:
            raise ValueError("The provider stays; remove this charge and enter another one.")
        before, after = _said(entry_of(row)), _said(entry)
        for name, value in vars(entry).items():
            setattr(row, name, value)
        row.version += 1
        row.changed_at, row.changed_by = now, actor
        row.save()
        changed = {
            name: [before[name], after[name]] for name in after if before[name] != after[name]
        }
        record(actor=actor, action="charge.changed", subject=str(row), detail=changed, now=now)
        ask(now=now, actor=actor)
    return row


def remove(pk: int, *, seen: int, actor: str, now: datetime) -> ManualCharge:
    """Take a charge out of all its months. Raises :class:`Overtaken`."""
    with transaction.atomic():
        row = ManualCharge.objects.select_for_update().get(pk=pk, removed_at=None)
        if row.version != seen:
            raise Overtaken
        row.removed_at = row.changed_at = now
        row.changed_by = actor
        row.save()
        detail = _said(entry_of(row))
        record(actor=actor, action="charge.removed", subject=str(row), detail=detail, now=now)
        ask(now=now, actor=actor)
    return row


def _said(entry: Entry) -> dict[str, str]:
    return {
        name: plain(value) if isinstance(value, Decimal) else "" if value is None else str(value)
        for name, value in vars(entry).items()
    }


def _check(entry: Entry, now: datetime) -> None:
    if not entry.amount.is_finite() or abs(entry.amount) >= 10**12:
        raise ValueError("The amount must be below 1,000,000,000,000.")
    exponent = entry.amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -18:
        raise ValueError("The amount has more than 18 decimals.")
    if entry.last_month is not None and entry.last_month < entry.first_month:
        raise ValueError("The last month lies before the first.")
    this = _this_month(now)
    if (this.year - entry.first_month.year) * 12 + this.month - entry.first_month.month > LONGEST:
        raise ValueError("The first month lies more than ten years back.")


def _this_month(now: datetime) -> date:
    return month_of(now.astimezone(UTC).date()).start


def ask(*, now: datetime, actor: str = "schedule") -> list[JobRun]:
    """Ask for the bills of each provider whose charges, or whose month, are not in them yet.

    Called after each change and by each sweep, so that a new month gets its bill, and a change that
    came while the work was going on is not lost.
    """
    month = _this_month(now)
    asked = []
    providers = ManualCharge.objects.values("provider_name").order_by("provider_name")
    for one in providers.annotate(changed=Max("changed_at"), versions=Sum("version")):
        state = f"{month:%Y-%m}, {one['versions']}, {one['changed']:%Y-%m-%d %H:%M:%S.%f}"
        subject = f"{one['provider_name']} ({state})"
        if not JobRun.objects.filter(kind=KIND, subject=subject).exists():
            run, _ = jobs.request(
                KIND, subject, actor=actor, now=now, provider=one["provider_name"], by=actor
            )
            asked.append(run)
    return asked


def on_sweep(now: datetime) -> None:
    """What each sweep calls."""
    ask(now=now)


def work(tell: Telling, *, provider: str, by: str) -> dict[str, Any]:
    """The kind ``bills.manual``: make all bills of one provider. Done twice nothing changes."""
    bills = make_bills(provider, actor=by, now=timezone.now(), tell=tell)
    return {"months": [[month, status] for month, status in bills]}


def make_bills(
    provider: str, *, actor: str, now: datetime, tell: Telling | None = None
) -> Sequence[tuple[str, str]]:
    """Read the charges of a provider as bills, month by month; return month and status of each."""
    source = source_of(provider)
    entries = [
        entry_of(row)
        for row in ManualCharge.objects.filter(removed_at=None, provider_name=provider)
    ]
    months = months_of(entries, _this_month(now))
    emptied = {
        version.billing_period: sorted(version.sums)
        for version in BillVersion.objects.filter(
            source__name=source, status=BillVersion.Status.LIVE
        )
        if version.billing_period not in months
    }
    folder = open_store(settings.LAKE_URL).new_staging()
    try:
        files = []
        for month in sorted({*months, *emptied}):
            # A folder for each month: each is a delivery of its own, and an unchanged one stays.
            file = folder / f"{month:%Y-%m}" / "entered by hand.csv"
            file.parent.mkdir()
            file.write_text(bill_of(provider, entries, month, emptied.get(month, ())))
            files.append(file)
        if not files:
            return ()
        loaded = ingest_bill(
            files,
            source=source,
            # Somebody typed exactly this: there is nothing to ask them.
            accept=True,
            actor=actor,
            now=now,
            progress=tell,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [(bill.billing_period, bill.status) for bill in loaded]
