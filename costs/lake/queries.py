"""Reading the manifest and the tables of live versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from costs.lake.engine import cursor, quote
from costs.lake.models import BillVersion, Generation
from costs.lake.versions import Table, table_file
from costs.periods import Period
from costs.stores import open_store

Status = BillVersion.Status


def generation() -> int:
    """Counts up with every change of what is live."""
    return Generation.objects.filter(pk=1).values_list("number", flat=True).first() or 0


@dataclass(frozen=True)
class LiveFile:
    """One table of one live version, with what the manifest knows of it."""

    path: Path
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
    key = (str(settings.LAKE_URL), generation(), table)
    if as_delivered is None:
        files = _live(*key)
    else:
        versions = BillVersion.objects.filter(
            status__in=(Status.LIVE, Status.SUPERSEDED), delivered_at__lt=as_delivered
        ).order_by("source", "billing_period", "-number")
        newest: dict[tuple[int, date], BillVersion] = {}
        for version in versions.select_related("source"):
            newest.setdefault((version.source_id, version.billing_period), version)
        files = tuple(_file(version, table) for version in newest.values())
    return [file for file in files if period is None or _touches(file, period)]


@lru_cache(maxsize=32)
def _live(lake: str, number: int, table: Table) -> tuple[LiveFile, ...]:
    versions = BillVersion.objects.filter(status=Status.LIVE).select_related("source")
    return tuple(_file(version, table) for version in versions)


def _file(version: BillVersion, table: Table) -> LiveFile:
    store = open_store(settings.LAKE_URL)
    return LiveFile(
        path=store.path(f"{version.key}/{table_file(table, version.rule_set)}"),
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
    listed = ", ".join(quote(str(file.path)) for file in files)
    with cursor() as connection:
        found = connection.execute(
            sql.replace("{files}", f"read_parquet([{listed}])"), list(parameters)
        )
        return found.fetchall()


def live_tables(*, as_delivered: datetime | None = None) -> list[dict[str, str]]:
    """Every Parquet file of the live bills: table, source, billing period, path.

    Tables are ``charges``, ``keys``, ``allocation``, ``daily_facts`` and ``daily_summary``.
    """
    answer = []
    for file in live_files("daily_facts", as_delivered=as_delivered):
        folder = file.path.parent
        rules = file.path.stem.partition("-")[2]
        for path in sorted(folder.glob("*.parquet")):
            table, _, suffix = path.stem.partition("-")
            if table in {"charges", "keys"} or suffix == rules:
                answer.append(
                    {
                        "table": table,
                        "source": file.source,
                        "billing_period": f"{file.billing_period:%Y-%m}",
                        "path": str(path),
                    }
                )
    return answer
