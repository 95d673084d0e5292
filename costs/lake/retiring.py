"""Giving up the files of old versions, and how much space the lake takes.

First the manifest says that a version's files are gone, in one transaction with the log of it;
then :func:`costs.lake.operations.tidy` removes what no row names any more. Whoever is killed
between the two leaves files that the next run removes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from costs.lake.ledgers import unwritten
from costs.lake.models import BillVersion, Delivery, Part, Pin
from costs.lake.operations import hold
from costs.lake.retention import Candidate, Leaving, Plan, Policy, may_go
from costs.people.operations import record
from costs.stores import Store

NAMED = 50
"""Versions that an entry of the audit log names."""

Status = BillVersion.Status


def policy() -> Policy:
    """The one that the settings give."""
    return Policy(versions=settings.KEEP_VERSIONS, days=settings.KEEP_DAYS)


def planned(policy: Policy, now: datetime) -> Plan:
    """What may go at ``now``; nothing is changed."""
    raw: dict[int, set[str]] = defaultdict(set)
    for version, key in Part.objects.values_list("version", "delivery__raw_key"):
        raw[version].add(key)
    pinned = dict(Pin.objects.values_list("version").annotate(Max("holder")))
    rows = BillVersion.objects.filter(files_removed_at=None).select_related("source")
    compared = {
        pk: "a ledger that is still to be written"
        for version in unwritten()
        for pk in (version.pk, version.replaces_id)
    }
    return may_go(
        (
            Candidate(
                pk=row.pk,
                bill=(row.source.name, row.billing_period.isoformat()),
                number=row.number,
                status=row.status,
                ended_at=row.superseded_at,
                kept_for=pinned.get(row.pk) or compared.get(row.pk, ""),
                raw=frozenset(raw[row.pk]),
            )
            for row in rows
        ),
        policy,
        now,
    )


def retire(store: Store, policy: Policy, *, now: datetime) -> tuple[Leaving, ...]:
    """Let the manifest say that the files of these versions are gone; they go when it is tidied."""
    if not planned(policy, now).versions:
        return ()
    sizes = sizes_of_versions(store)
    with transaction.atomic():
        hold()  # nobody pins or accepts meanwhile
        plan = planned(policy, now)
        leaving = {one.pk: one for one in plan.versions}
        rows = list(BillVersion.objects.filter(pk__in=leaving).select_related("source"))
        BillVersion.objects.filter(pk__in=leaving).update(files_removed_at=now)
        record(
            actor="retention",
            action="lake.tidied",
            subject=f"{len(rows)} version{'s' if len(rows) != 1 else ''}",
            detail={
                "versions": [f"{row}: {leaving[row.pk].why}" for row in rows[:NAMED]],
                "more": max(0, len(rows) - NAMED),
                "bytes": sum(sizes.get(row.key, 0) for row in rows),
                "delivered_files": len(plan.raw),
            },
            now=now,
        )
    return plan.versions


def sizes_of_versions(store: Store) -> Mapping[str, int]:
    """Bytes by the key of each version's folder, of those without a row as well."""
    sizes: dict[str, int] = defaultdict(int)
    for file in store.files("charges"):
        sizes["/".join(file.key.split("/")[:4])] += file.size
    return sizes


@dataclass(frozen=True)
class SourceSpace:
    """What a source takes in the lake; bytes."""

    source: str
    versions: int
    """Those whose files are there."""
    pinned: int
    version_bytes: int
    raw_bytes: int
    """Delivered files; one that several sources were made from counts for each."""
    leaving: int
    leaving_bytes: int
    """Versions that may go now, and their files."""


@dataclass(frozen=True)
class LeavingVersion:
    """A version that may go, for people."""

    source: str
    billing_period: date
    number: int
    status: str
    ended_at: datetime | None
    why: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Space:
    """How much the lake takes, by source, and what may go."""

    sources: tuple[SourceSpace, ...]
    leaving: tuple[LeavingVersion, ...]
    raw_leaving: int
    """Delivered files that go with them."""
    raw_leaving_bytes: int
    ledger_bytes: int
    """What versions changed; it stays when their files go."""
    nameless_bytes: int
    """Folders that no row names; they go after 24 hours."""

    @property
    def total(self) -> int:
        """All bytes of versions, delivered files and ledgers."""
        of_sources = sum(one.version_bytes + one.raw_bytes for one in self.sources)
        return of_sources + self.ledger_bytes + self.nameless_bytes


def space(store: Store, policy: Policy, *, now: datetime) -> Space:
    """What the lake takes now and what ``policy`` would give up; nothing is changed."""
    sizes = sizes_of_versions(store)
    plan = planned(policy, now)
    why = {one.pk: one.why for one in plan.versions}
    pinned = set(Pin.objects.values_list("version", flat=True))
    rows = list(
        BillVersion.objects.filter(files_removed_at=None)
        .select_related("source")
        .order_by("source__name", "billing_period", "number")
    )
    raw: dict[str, dict[str, int]] = defaultdict(dict)
    for name, key, size in Part.objects.filter(version__files_removed_at=None).values_list(
        "version__source__name", "delivery__raw_key", "delivery__size"
    ):
        raw[name][key] = size
    by_source: dict[str, list[BillVersion]] = defaultdict(list)
    for row in rows:
        by_source[row.source.name].append(row)
    return Space(
        sources=tuple(
            SourceSpace(
                source=name,
                versions=len(own),
                pinned=sum(row.pk in pinned for row in own),
                version_bytes=sum(sizes.get(row.key, 0) for row in own),
                raw_bytes=sum(raw[name].values()),
                leaving=sum(row.pk in why for row in own),
                leaving_bytes=sum(sizes.get(row.key, 0) for row in own if row.pk in why),
            )
            for name, own in by_source.items()
        ),
        leaving=tuple(
            LeavingVersion(
                source=row.source.name,
                billing_period=row.billing_period,
                number=row.number,
                status=row.status,
                ended_at=row.superseded_at,
                why=why[row.pk],
                size=sizes.get(row.key, 0),
            )
            for row in rows
            if row.pk in why
        ),
        raw_leaving=len(plan.raw),
        raw_leaving_bytes=sum(
            dict(
                Delivery.objects.filter(raw_key__in=plan.raw).values_list("raw_key", "size")
            ).values()
        ),
        ledger_bytes=sum(file.size for file in store.files("ledger")),
        nameless_bytes=sum(sizes.values()) - sum(sizes.get(row.key, 0) for row in rows),
    )
