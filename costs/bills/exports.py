"""Which of the objects in a bucket or container are a delivery of a bill. Pure.

Exports come in many layouts. What they have in common is a manifest that names the files of one
delivery: AWS writes ``…-Manifest.json`` (legacy reports with ``reportKeys``, Data Exports with
``dataFiles``), Azure ``manifest.json`` (with ``blobs``). Where there is none, the files of one
folder are one delivery, as they are on disk.

Source of the layouts: AWS, Cost and Usage Reports user guide, "report versions" and "export
delivery"; Microsoft, Cost Management exports, "file partitioning" and "manifest".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

LARGEST_MANIFEST = 1 << 22
"""Bytes. A manifest of a report with thousands of columns and parts has some hundred KB."""
LONGEST_NAME = 200
"""Bytes of one step of a key: what every file system takes, with our own mark in front."""


@dataclass(frozen=True)
class Stored:
    """An object in a bucket or container."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """Changes whenever the content does."""
    modified: datetime
    md5: str = ""
    """MD5 of the content as hex digits, where the store tells it beforehand."""


@dataclass(frozen=True)
class Offer:
    """A delivery that can be fetched."""

    name: str
    """What keeps it apart from others of its connection: the same for its next version."""
    period: date | None
    """First day of its billing period, as its layout tells it."""
    objects: tuple[Stored, ...] = ()
    """What to fetch, manifests included; none for an answer of an API."""
    problem: str = ""
    """Why it cannot be fetched, as a sentence."""
    open: bool = True
    """Whether its figures may still change: for answers of an API, which have no etag."""

    @property
    def etags(self) -> dict[str, str]:
        """ETag by key."""
        return {one.key: one.etag for one in self.objects}

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(one.size for one in self.objects)

    @property
    def folder(self) -> str:
        """A name for a folder in which only this very content ever lies."""
        content = "\n".join([self.name, *(f"{k} {v}" for k, v in sorted(self.etags.items()))])
        return hashlib.sha256(content.encode()).hexdigest()[:24]

    @property
    def delivered(self) -> datetime | None:
        """When the last of its objects was written."""
        return max((one.modified for one in self.objects), default=None)


@dataclass
class _Found:
    """What a manifest says."""

    manifests: list[Stored]
    series: str
    """Deliveries of one series and period replace each other."""
    period: date | None
    wanted: Sequence[str]
    written: str
    """Sorts the deliveries of a series and period by age."""
    side: str = ""
    """``actualcost`` or ``amortizedcost`` where the other one belongs to the same bill."""
    named: set[str] = field(default_factory=set)


def is_manifest(key: str) -> bool:
    """Whether an object is a manifest by its name."""
    name = key.rpartition("/")[2].lower()
    return name == "manifest.json" or name.endswith("-manifest.json")


def manifests_in(objects: Iterable[Stored]) -> list[Stored]:
    """The manifests to read before :func:`offers` can tell."""
    return [one for one in objects if is_manifest(one.key) and one.size <= LARGEST_MANIFEST]


def offers(
    objects: Sequence[Stored],
    manifests: Mapping[str, Any],
    *,
    bill_names: tuple[str, ...],
    since: date | None = None,
) -> list[Offer]:
    """The deliveries among ``objects``, the oldest first, so that the newest of a month wins.

    ``manifests`` has the parsed JSON by key. ``bill_names`` are the endings of files that may be
    bills. Deliveries of billing periods before ``since`` are left out.
    """
    known = {one.key: one for one in objects}
    found = [
        one
        for key, content in manifests.items()
        if key in known and (one := _read(known[key], content, known, bill_names)) is not None
    ]
    # A file that any manifest names, current or not, is never a delivery by itself.
    named = {key for one in found for key in one.wanted}
    below = {_folder(key) for key in named} | {
        _folder(one.key) for manifest in found for one in manifest.manifests
    }
    made = [_offer(one, known) for one in _current(found)]
    made += _by_folder(
        [
            one
            for one in objects
            if _is_bill(one.key, bill_names)
            and one.key not in named
            and not any(one.key.startswith(f"{folder}/") for folder in below if folder)
            and _folder(one.key) not in below
        ]
    )
    return sorted(
        (one for one in made if since is None or one.period is None or one.period >= since),
        key=lambda one: (str(one.delivered), one.name),
    )


def safe(key: str) -> bool:
    """Whether a key can be a path below a folder of ours: no step up, no odd or long step."""
    steps = key.split("/")
    return all(
        step not in {"", ".", ".."}
        and len(step.encode()) <= LONGEST_NAME
        and not re.search(r"[\x00-\x1f\x7f\\]", step)
        for step in steps
    )


def period_of(text: str) -> date | None:
    """The first day of the billing period that a key or folder tells, if it does."""
    for pattern in (
        r"BILLING_PERIOD=(\d{4})-(\d{2})(?:/|$)",
        r"(?:^|/)(\d{4})(\d{2})\d{2}-\d{8}(?:/|$)",
        r"(?:^|/)year=(\d{4})/month=(\d{1,2})(?:/|$)",
        r"(?:^|/)(\d{4})-(\d{2})(?:/|$)",
    ):
        if (told := re.search(pattern, text)) and (day := _month(told[1], told[2])):
            return day
    return None


def _month(year: str, month: str) -> date | None:
    try:
        day = date(int(year), int(month), 1)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


def _read(
    manifest: Stored, content: Any, known: Mapping[str, Stored], bill_names: tuple[str, ...]
) -> _Found | None:
    if not isinstance(content, dict):
        return None
    if isinstance(content.get("reportKeys"), list):
        return _legacy_report(manifest, content)
    if isinstance(content.get("blobs"), list):
        return _azure_export(manifest, content)
    if isinstance(content.get("dataFiles"), list) or "/metadata/" in f"/{manifest.key}":
        return _data_export(manifest, content, known, bill_names)
    return None


def _legacy_report(manifest: Stored, content: Mapping[str, Any]) -> _Found:
    """A legacy report has one manifest per month and a copy of it beside each assembly."""
    period = content.get("billingPeriod")
    start = str(period.get("start", "")) if isinstance(period, dict) else ""
    keys = [str(key).lstrip("/") for key in content["reportKeys"]]
    series = re.split(r"/\d{8}-\d{8}/", manifest.key)[0]
    return _Found(
        [manifest],
        f"{series}/{content.get('reportName', '')}",
        _month(start[:4], start[4:6]) or period_of(manifest.key),
        keys,
        # Both copies are written together; the one of the month is where AWS points readers to.
        f"{manifest.modified.isoformat()} {9999 - manifest.key.count('/'):04}",
    )


def _data_export(
    manifest: Stored,
    content: Mapping[str, Any],
    known: Mapping[str, Stored],
    bill_names: tuple[str, ...],
) -> _Found:
    """Data Exports: files in ``data/``, manifests in ``metadata/``, a folder per month in both."""
    files = content.get("dataFiles")
    keys = [_key_of(one) for one in files] if isinstance(files, list) else []
    if not keys:
        folder = re.sub(r"(^|/)metadata/", r"\1data/", _folder(manifest.key)) + "/"
        keys = [key for key in known if key.startswith(folder) and _is_bill(key, bill_names)]
    return _Found(
        [manifest],
        re.split(r"(?:^|/)metadata/", manifest.key)[0],
        period_of(manifest.key) or next((day for key in keys if (day := period_of(key))), None),
        keys,
        manifest.modified.isoformat(),
    )


def _key_of(file: Any) -> str:
    """A file as Data Exports name it: an address, or an object with one."""
    if isinstance(file, dict):
        file = next((file[n] for n in ("key", "s3Uri", "path", "location") if n in file), "")
    return re.sub(r"^s3://[^/]+/", "", str(file)).lstrip("/")


def _azure_export(manifest: Stored, content: Mapping[str, Any]) -> _Found:
    """An Azure export: a folder per month, below it one per run unless runs overwrite."""
    config, run = _part(content, "exportConfig"), _part(content, "runInfo")
    start = str(run.get("startDate", ""))
    kind = str(config.get("type", "")).lower()
    scope = str(config.get("resourceId", "")).lower().partition("/providers/microsoft.costm")[0]
    month = re.split(r"(?:^|/)\d{8}-\d{8}/", manifest.key)[0]
    return _Found(
        [manifest],
        # Actual and amortized cost of one scope are the two sides of one bill.
        f"{scope or _folder(month)}" if kind in _SIDES else month,
        _month(start[:4], start[5:7]) or period_of(manifest.key),
        [str(_part({"one": blob}, "one").get("blobName", "")) for blob in content["blobs"]],
        str(run.get("submittedTime", "")) or manifest.modified.isoformat(),
        side=kind if kind in _SIDES else "",
    )


_SIDES = ("actualcost", "amortizedcost")


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _current(found: Iterable[_Found]) -> list[_Found]:
    """Of each series and period the newest delivery; the two sides of an Azure bill together."""
    newest: dict[tuple[str, date | None, str], _Found] = {}
    for one in sorted(found, key=lambda one: one.written):
        newest[one.series, one.period, one.side] = one
    whole: dict[tuple[str, date | None], _Found] = {}
    for (series, period, _), one in newest.items():
        other = whole.get((series, period))
        if other is None or not one.side:
            whole[series, period] = one
        else:
            whole[series, period] = _Found(
                [*other.manifests, *one.manifests],
                series,
                period,
                [*other.wanted, *one.wanted],
                max(other.written, one.written),
                side="both",
            )
    return list(whole.values())


def _offer(found: _Found, known: Mapping[str, Stored]) -> Offer:
    month = f"{found.period:%Y-%m}" if found.period else "without a month"
    name = f"{found.series or 'the whole folder'} {month}"[:500]
    where = " and ".join(one.key for one in found.manifests)
    missing = [key for key in found.wanted if key not in known]
    problem = ""
    if not found.wanted:
        problem = f"the manifest {where} names no file"
    elif missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        problem = f"the manifest {where} names {missing[0][:300]}{more}, which is not there"
    objects = [*(known[key] for key in dict.fromkeys(found.wanted) if key in known)]
    return _checked(Offer(name, found.period, (*found.manifests, *objects), problem))


def _by_folder(objects: Iterable[Stored]) -> list[Offer]:
    folders: dict[str, list[Stored]] = {}
    for one in objects:
        folders.setdefault(_folder(one.key), []).append(one)
    return [
        _checked(Offer((folder or "the top folder")[:500], period_of(folder), tuple(files)))
        for folder, files in folders.items()
    ]


def _checked(offer: Offer) -> Offer:
    odd = next((one.key for one in offer.objects if not safe(one.key)), None)
    if odd is None:
        return offer
    return Offer(offer.name, offer.period, offer.objects, f"{odd[:300]!r} cannot be a file's name")


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def _is_bill(key: str, bill_names: tuple[str, ...]) -> bool:
    name = key.rpartition("/")[2]
    return name.endswith(bill_names) and name[0] not in "._"
