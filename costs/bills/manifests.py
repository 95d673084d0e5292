"""Manifests: what a provider says a delivery consists of. Pure.

AWS writes ``…-Manifest.json`` (legacy reports list ``reportKeys``, Data Exports ``dataFiles``),
Azure ``manifest.json`` with ``blobs``. Source of the shapes: AWS, Cost and Usage Reports and Data
Exports user guides, "export delivery"; Microsoft, Cost Management exports, "manifest file".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from costs.bills.description import UnreadableBill

LARGEST = 4 << 20
"""Bytes. A manifest of a report with thousands of columns and parts has some hundred KB (ours)."""
MOST_PARTS = 10_000
"""Parts of one delivery (ours)."""

type Half = Literal["actual", "amortized"]
"""The two halves of a bill of Azure cost details."""

HALVES: Mapping[str, Half] = {
    "actualcost": "actual",
    "usage": "actual",
    "amortizedcost": "amortized",
}
"""By the type of an Azure export, in small letters."""


@dataclass(frozen=True)
class NamedPart:
    """A file that a manifest names: its path in the store, and its rows where it says so."""

    key: str
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """One run of one export for one billing period."""

    subject: str
    """Which export and period: the same in every run, of which the last one counts."""
    made: str
    """Sorts the runs of one subject by time; empty where the manifest does not tell."""
    parts: tuple[NamedPart, ...]
    rows: int | None
    """Rows of all parts together, where the manifest says so."""
    half: Half | None
    """Which half of an Azure bill it is, where the manifest says so."""


def is_manifest(name: str) -> bool:
    """Whether a file is called as manifests are."""
    return name.lower() == "manifest.json" or name.lower().endswith("-manifest.json")


def read_manifest(text: bytes) -> Manifest | None:
    """A manifest from its JSON; None when this is JSON of something else.

    Raises :class:`UnreadableBill` for what is no JSON, names no part, or names one outside of the
    delivery.
    """
    try:
        content = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UnreadableBill("the manifest is not JSON") from None
    if not isinstance(content, dict):
        return None
    for of_shape in (_legacy_report, _data_export, _azure_export):
        if manifest := of_shape(content):
            break
    else:
        return None
    if not manifest.parts:
        raise UnreadableBill("the manifest names no file")
    if len(manifest.parts) > MOST_PARTS:
        raise UnreadableBill(f"the manifest names more than {MOST_PARTS:,} files")
    for part in manifest.parts:
        steps = part.key.split("/")
        if any(step in {"", ".", ".."} for step in steps) or re.search(r"[\x00-\x1f\\]", part.key):
            raise UnreadableBill(f"the manifest names {part.key[:200]!r}, which is no path")
    return manifest


def _legacy_report(content: Mapping[str, Any]) -> Manifest | None:
    keys = content.get("reportKeys")
    if not isinstance(keys, list):
        return None
    period = content.get("billingPeriod")
    start = str(period.get("start", "")) if isinstance(period, dict) else ""
    name = content.get("reportId") or content.get("reportName") or ""
    return Manifest(
        f"report {name} {start[:8]}", "", tuple(NamedPart(_key(one)) for one in keys), None, None
    )


def _data_export(content: Mapping[str, Any]) -> Manifest | None:
    files = content.get("dataFiles")
    if not isinstance(files, list):
        return None
    parts = tuple(NamedPart(_key(one)) for one in files)
    first = parts[0].key if parts else ""
    # …/EXPORT/data/BILLING_PERIOD=2026-06/[RUN/]file: all before the run says what it is about.
    told = re.match(r"(.*/)?data/[^/]*", first)
    return Manifest(f"export {told[0] if told else first}", "", parts, None, None)


def _azure_export(content: Mapping[str, Any]) -> Manifest | None:
    blobs = content.get("blobs")
    if not isinstance(blobs, list):
        return None
    export, run = (
        found if isinstance(found := content.get(name), dict) else {}
        for name in ("exportConfig", "runInfo")
    )
    kind = str(export.get("type", "")).lower()
    name = export.get("resourceId") or export.get("exportName") or ""
    return Manifest(
        f"export {name} {kind} {str(run.get('startDate', ''))[:7]}".lower(),
        str(run.get("submittedTime", "")),
        tuple(NamedPart(_key(one), _count(one, "dataRowCount")) for one in blobs),
        _count(content, "dataRowCount"),
        HALVES.get(kind),
    )


def _key(part: Any) -> str:
    """A part's path in its store: manifests write it as a path, an address, or a member."""
    if isinstance(part, Mapping):
        part = next(
            (part[name] for name in ("blobName", "key", "path", "name", "url") if name in part), ""
        )
    return re.sub(r"^[a-z0-9]+://[^/]*/", "", str(part)).lstrip("/")


def _count(content: Any, name: str) -> int | None:
    value = content.get(name) if isinstance(content, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if re.fullmatch(r"\d{1,15}", str(value)) else None


def fewer_rows(promised: int | None, read: int, of: str) -> str:
    """Why a delivery is held whose manifest says other rows of something than there are."""
    if promised is None or promised == read:
        return ""
    return f"the manifest says {promised:,} rows of {of[-120:]}, and {read:,} are there"


def control_in_words(control: Mapping[str, Any] | None) -> str:
    """What is kept of a manifest with a version, as a sentence; empty where nothing is."""
    if not control or "manifest" not in control:
        return ""
    files = int(control.get("files", 0))
    said = f"{files:,} file{'' if files == 1 else 's'}"
    if "rows" in control:
        rows = int(control["rows"])
        said += f" with {rows:,} row{'' if rows == 1 else 's'}"
    return f"By its manifest {control['manifest']} the delivery has {said}."
