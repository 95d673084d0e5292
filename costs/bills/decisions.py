"""Deciding on a held delivery: what was looked at must still be what is there."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from costs.jobs import operations as jobs
from costs.lake import ledgers
from costs.lake import operations as lake
from costs.lake.models import BillVersion, Source

Status = BillVersion.Status


class Overtaken(RuntimeError):
    """Somebody else was quicker; the message says what has become of the bill."""


def decide(
    pk: int, *, accepted: bool, compared_with: int | None, why: str, actor: str, now: datetime
) -> BillVersion:
    """Accept or refuse the held version ``pk``.

    ``compared_with`` is the primary key of the version that was live when whoever decides looked.
    Raises :class:`Overtaken` when the version is not held any more or another one is live by now;
    nothing has changed then. The audit log gets the decision in the same transaction.
    """
    with transaction.atomic():
        version = BillVersion.objects.select_related("source").get(pk=pk)
        # Whoever decides on the same bill at the same moment waits here (SQLite: since BEGIN).
        Source.objects.select_for_update().filter(pk=version.source_id).first()
        version.refresh_from_db(fields=["status"])
        if version.status != Status.HELD:
            raise Overtaken(f"{version} is {version.status} by now: somebody decided before you.")
        if not accepted:
            lake.refuse(version, actor=actor, why=why, now=now)
            return version
        live = BillVersion.objects.filter(
            source=version.source, billing_period=version.billing_period, status=Status.LIVE
        ).first()
        if (live.pk if live else None) != compared_with:
            what = f"version {live.number} is live now" if live else "no version is live any more"
            raise Overtaken(
                f"{version} was not made live: {what}, which is not what you compared it with."
            )
        try:
            lake.accept(version, actor=actor, now=now)
        except lake.Conflict as conflict:
            raise Overtaken(f"{conflict} any more: somebody decided before you.") from None
        jobs.request(ledgers.KIND, ledgers.SUBJECT, actor=actor, now=now)
    return version
