"""Reading the manifest and the tables of live versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from django.conf import settings
from django.db.models import Count

from costs.errors import OutOfReach
from costs.lake.engine import cursor
from costs.lake.models import BillVersion, Generation, Part
from costs.lake.versions import TABLES, Table, charges_keys, from_files, keys_key, table_key
from costs.periods import Period
from costs.stores import open_store

Status = BillVersion.Status

WARM_MONTHS = 13
"""Billing periods whose daily tables a machine keeps at hand: what a year's comparison reads."""


class FilesRemoved(OutOfReach):
    """What somebody wants to see of an old version went with its files."""

    def __init__(self, version: BillVersion) -> None:
        super().__init__(
            f"the files of {version}, the last one that had arrived by then, were removed on"
            f" {version.files_removed_at:%Y-%m-%d} by retention; ask for a later day"
        )


def generation() -> int:
    """Counts up with every change of what is live."""
    return Generation.objects.filter(pk=1).values_list("number", flat=True).first() or 0


@dataclass(frozen=True)
class LiveFile:
    """One table of one live version, with what the manifest knows of it."""

    key: str
    """In the store; lies in the folder of its version."""
    source: str
    billing_period: date
    least_day: date | None
    greatest_day: date | None


def live_files(
    table: Table, period: Period | None = None, *, as_delivered: datetime | None = None
) -> list[LiveFile]:
    """The files of ``table`` that hold days of ``period``; as they were delivered by a moment.

    ``as_delivered`` takes for each bill the last version that had arrived before it and was not
    held or refused.
    """
    if as_delivered is None:
        files = _live(str(settings.LAKE_URL), generation(), table)
    else:
        files = tuple(_file(version, table) for version in _delivered(as_delivered))
    return [file for file in files if period is None or _touches(file, period)]


def _delivered(by: datetime) -> list[BillVersion]:
    """For each bill the last version that had arrived before ``by``."""
    versions = BillVersion.objects.filter(
        status__in=(Status.LIVE, Status.SUPERSEDED), delivered_at__lt=by
    ).order_by("source", "billing_period", "-number")
    newest: dict[tuple[int, date], BillVersion] = {}
    for version in versions.select_related("source"):
        newest.setdefault((version.source_id, version.billing_period), version)
    for version in newest.values():
        if version.files_removed_at is not None:
            raise FilesRemoved(version)
    return list(newest.values())


@lru_cache(maxsize=32)
def _live(lake: str, number: int, table: Table) -> tuple[LiveFile, ...]:
    versions = list(BillVersion.objects.filter(status=Status.LIVE).select_related("source"))
    # This process has not asked since the last flip: what other pages need comes meanwhile.
    newest = sorted(versions, key=lambda one: one.billing_period, reverse=True)
    months = sorted({one.billing_period for one in newest}, reverse=True)[:WARM_MONTHS]
    open_store(lake).warm(
        [
            table_key(one.key, daily, one.rule_set)
            for one in newest
            if one.billing_period in months
            for daily in ("daily_summary", "daily_facts")
        ]
    )
    return tuple(_file(version, table) for version in versions)


def _file(version: BillVersion, table: Table) -> LiveFile:
    return LiveFile(
        key=table_key(version.key, table, version.rule_set),
        source=version.source.name,
        billing_period=version.billing_period,
        least_day=version.least_day,
        greatest_day=version.greatest_day,
    )


def _touches(file: LiveFile, period: Period) -> bool:
    if file.least_day is None or file.greatest_day is None:
        return False
    return file.least_day < period.end and file.greatest_day >= period.start


def select(
    sql: str, files: Sequence[LiveFile], parameters: Sequence[object] = ()
) -> list[tuple[object, ...]]:
    """Run ``sql`` with ``{files}`` in it replaced by the Parquet files; no files give no rows."""
    if not files:
        return []
    store = open_store(settings.LAKE_URL)
    with store.reading([file.key for file in files]) as paths, cursor() as connection:
        found = connection.execute(
            sql.replace("{files}", from_files(paths.values())), list(parameters)
        )
        return found.fetchall()


def select_each(
    sql: str, files: Sequence[LiveFile], parameters: Sequence[object] = ()
) -> dict[str, list[tuple[object, ...]]]:
    """Run ``sql`` once over all ``files``; the rows of each, by its key.

    The first column of ``sql`` is ``filename`` and is taken off; ``{files}`` stands as in
    :func:`select`. A file never changes, so what was read of it once may be kept.
    """
    found: dict[str, list[tuple[object, ...]]] = {file.key: [] for file in files}
    if not files:
        return found
    store = open_store(settings.LAKE_URL)
    with store.reading([file.key for file in files]) as paths, cursor() as connection:
        keys = {str(path): key for key, path in paths.items()}
        source = from_files(paths.values(), named=True)
        for row in connection.execute(sql.replace("{files}", source), list(parameters)).fetchall():
            found[keys[str(row[0])]].append(row[1:])
    return found


def part_counts(versions: Sequence[BillVersion]) -> Mapping[int, int]:
    """How many files of charges each version has, by its primary key; in one query."""
    rows = Part.objects.filter(version__in=versions).values("version")
    return Counter({row["version"]: row["count"] for row in rows.annotate(count=Count("pk"))})


def live_tables(*, as_delivered: datetime | None = None) -> list[dict[str, str]]:
    """Every Parquet file of the live bills: table, source, billing period, path.

    Tables are ``charges``, ``keys``, ``allocation``, ``daily_facts`` and ``daily_summary``. The
    path is where other engines find it, in an object store its address.
    """
    store = open_store(settings.LAKE_URL)
    live = BillVersion.objects.filter(status=Status.LIVE).select_related("source")
    versions = list(live) if as_delivered is None else _delivered(as_delivered)
    parts = part_counts(versions)
    return [
        {
            "table": key.rpartition("/")[2].partition("-")[0].partition(".")[0],
            "source": version.source.name,
            "billing_period": f"{version.billing_period:%Y-%m}",
            "path": store.address(key),
        }
        for version in versions
        for key in (
            *charges_keys(version.key, parts[version.pk]),
            keys_key(version.key),
            *(table_key(version.key, table, version.rule_set) for table in TABLES),
        )
    ]
