"""A bucket or container as a connector: its exports are deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from costs.bills.clouds.connector import Finding, Tell, Total, finding
from costs.bills.clouds.downloading import Readable, download
from costs.bills.clouds.patience import Patience
from costs.bills.clouds.trouble import CloudTrouble, Denied
from costs.bills.exports import Offer, Stored, manifests_in, offers


class Folder(Readable, Protocol):
    """Objects below a prefix."""

    @property
    def name(self) -> str:
        """How people name the folder."""
        ...

    @property
    def listing(self) -> tuple[str, str]:
        """The permission to list it, and on which resource."""
        ...

    @property
    def reading(self) -> tuple[str, str]:
        """The permission to read it, and on which resource."""
        ...

    def objects(self) -> Iterator[Stored]:
        """Every object. Raises :class:`CloudTrouble`."""
        ...


@dataclass
class FolderConnector:
    """Fetches the exports of a folder; what has not changed since is not fetched again."""

    folder: Folder
    bill_names: tuple[str, ...]
    patience: Patience = field(default_factory=Patience)

    def offers(self, since: date | None, today: date) -> Sequence[Offer]:
        """The current delivery of each export and month, the oldest first."""
        objects = list(self.folder.objects())
        manifests = {one.key: self._json(one) for one in manifests_in(objects)}
        return offers(objects, manifests, bill_names=self.bill_names, since=since)

    def _json(self, manifest: Stored) -> Any:
        if not manifest.size:
            return None
        text = self.patience.of(lambda: self.folder.read(manifest, 0, manifest.size))
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None  # not a manifest, whatever its name says

    def bring(self, offer: Offer, into: Path, tell: Tell) -> Sequence[Total]:
        """Have the objects of ``offer`` below ``into``, laid out as they are in the folder."""
        before = 0
        for stored in offer.objects:
            name = stored.key.rpartition("/")[2]

            def so_far(there: int, name: str = name, before: int = before) -> None:
                tell(f"fetching {name}", (before + there) / max(offer.size, 1))

            download(self.folder, stored, into / stored.key, patience=self.patience, tell=so_far)
            before += stored.size
        return ()

    def check(self, today: date) -> Iterator[Finding]:
        """Ask for each permission, and say what there is."""
        folder = self.folder
        try:
            objects = list(folder.objects())
        except CloudTrouble as trouble:
            yield finding(*folder.listing, trouble)
            return
        yield finding(*folder.listing)
        first = next((one for one in objects if one.size), None)
        if first is None:
            yield Finding("", folder.name, False, f"{folder.name} is empty: check the prefix")
            return
        try:
            self.patience.of(lambda: folder.read(first, 0, 1))
        except Denied as denied:
            # One object stands for all of them, unless it is another permission (of a key).
            same = denied.permission == folder.reading[0]
            yield finding(*folder.reading, Denied(*folder.reading) if same else denied)
            return
        except CloudTrouble as trouble:
            yield finding(*folder.reading, trouble)
            return
        yield finding(*folder.reading)
        try:
            found = self.offers(None, today)
        except CloudTrouble as trouble:
            yield finding(*folder.reading, trouble)
            return
        yield self._what_there_is(found)

    def _what_there_is(self, found: Sequence[Offer]) -> Finding:
        if not found:
            return Finding(
                "", self.folder.name, False, f"{self.folder.name} holds no export and no bill"
            )
        months = sorted({f"{one.period:%Y-%m}" for one in found if one.period})
        span = f", {months[0]} to {months[-1]}" if len(months) > 1 else ""
        span = f", {months[0]}" if len(months) == 1 else span
        said = f"{len(found)} deliver{'y' if len(found) == 1 else 'ies'} found{span}"
        problems = [one.problem for one in found if one.problem]
        if problems:
            return Finding("", self.folder.name, False, f"{said}; {problems[0]}")
        return Finding("", self.folder.name, True, said)
