"""Which of the given files arrive together: folders, manifests and archives become deliveries.

Where a manifest is there, it decides: the files that it names, wherever they lie under the given
folder, are one delivery. Of several runs of one export for one month the last one counts. All other
files are grouped by the folder that they are in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from costs.bills.archives import is_zip, unpack
from costs.bills.building import Arrived, IngestError
from costs.bills.description import UnreadableBill
from costs.bills.manifests import (
    LARGEST,
    Manifest,
    NamedPart,
    fewer_rows,
    is_manifest,
    read_manifest,
)
from costs.bills.receiving import BILL_NAMES
from costs.lake.engine import is_full

PARTITION = re.compile(r"[^=/]+=[^/]*")
"""A folder that is a partition of a table: ``BILLING_PERIOD=2026-06``."""
PERIOD = re.compile(r"(billing_?period|month)=", re.IGNORECASE)


@dataclass(frozen=True)
class Given:
    """A file to read: where it is, what its owner calls it, and what its manifest says of it."""

    path: Path
    shown: Path
    part: NamedPart | None = None


@dataclass
class Gathered:
    """Files that arrive together."""

    files: list[Given] = field(default_factory=list)
    manifest: Manifest | None = None
    manifest_name: str = ""
    left_out: tuple[str, ...] = ()
    """Names of files that lie beside the manifest's, but are not named by it."""

    def said_of(self, one: Given) -> dict[str, Any]:
        """What a file brings along from its manifest, as the fields of an arrived file."""
        if self.manifest is None:
            return {}
        names = ", ".join(name.rpartition("/")[2] for name in self.left_out[:3])
        more = f" and {len(self.left_out) - 3} more" if len(self.left_out) > 3 else ""
        return {
            "part": one.part,
            "half": self.manifest.half,
            "control_total": {
                "manifest": self.manifest_name.rpartition("/")[2],
                "files": len(self.manifest.parts),
                **({} if self.manifest.rows is None else {"rows": self.manifest.rows}),
            },
            "notices": (f"Left out, for the manifest does not name them: {names}{more}.",)
            if names
            else (),
        }


@dataclass
class _Tree:
    """All files under what was given: the folder in which manifests look, and its files."""

    root: Path
    files: dict[Path, Path] = field(default_factory=dict)
    """By the path on our disk: what its owner calls it."""
    whole: bool = False
    """All files that no manifest names are one delivery, in whatever folder: an archive's."""
    walked: bool = False


def gather(given: Sequence[Path], workspace: Path) -> list[Gathered]:
    """Group what was given into deliveries. Archives are unpacked in ``workspace``.

    Raises :class:`IngestError` naming what cannot be read.
    """
    trees = [_named(path, lambda p: _tree(p, workspace)) for path in given]
    seen: set[Path] = set()
    manifests: list[tuple[_Tree, Path, Manifest]] = []
    for tree in trees:
        for path in sorted(tree.files):
            if is_manifest(path.name) and path.resolve() not in seen:
                seen.add(path.resolve())
                if manifest := _manifest(tree, path):
                    manifests.append((tree, path, manifest))
    deliveries: list[Gathered] = []
    claimed: set[Path] = set()
    beside: dict[Path, Gathered] = {}
    for tree, path, manifest, counts in _runs(manifests):
        files = [_part(tree, path, part, needed=counts) for part in manifest.parts]
        found = [one for one in files if one is not None]
        claimed.update(one.path.resolve() for one in found)
        if counts and found:
            delivery = Gathered(found, manifest, str(tree.files[path]))
            deliveries.append(delivery)
            if tree.walked:
                beside.update({one.path.parent.resolve(): delivery for one in found})
    groups: dict[Path, Gathered] = {}
    for tree in trees:
        for path, shown in tree.files.items():
            resolved = path.resolve()
            if is_manifest(path.name) or resolved in claimed:
                continue
            claimed.add(resolved)
            folder = resolved.parent
            if folder in beside:
                beside[folder].left_out += (str(shown),)
                continue
            key = tree.root.resolve() if tree.whole else _of_period(folder)
            groups.setdefault(key, Gathered()).files.append(Given(path, shown))
    deliveries += groups.values()
    for delivery in deliveries:
        delivery.files = list(_unpacked(delivery.files, workspace))
    return deliveries


def check_rows(groups: Iterable[Sequence[Arrived]]) -> None:
    """Hold each delivery that has other rows than its manifest says."""
    for files in groups:
        read = {file.received.digest: _rows(file) for file in files}
        said = [
            *(
                fewer_rows(f.part.rows, read[f.received.digest], f.part.key)
                for f in files
                if f.part
            ),
            *(
                fewer_rows(int(total["rows"]), sum(read.values()), str(total["manifest"]))
                for total in [files[0].control_total]
                if total and "rows" in total
            ),
        ]
        for file in files:
            file.held_reason = next(filter(None, said), "")


def _rows(file: Arrived) -> int:
    return file.staged.rows + file.staged.rejected if file.staged else 0


def _named[T](path: Path, work: Callable[[Path], T]) -> T:
    """What ``work`` makes of a path; its errors name it."""
    try:
        return work(path)
    except (UnreadableBill, OSError) as error:
        if is_full(error):
            raise
        raise IngestError(f"{path}: {error}") from None


def _tree(path: Path, workspace: Path) -> _Tree:
    if path.is_dir():
        files = {
            file: file
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.name[0] not in "._" and _may_be_read(file.name)
        }
        if not any(not is_manifest(file.name) for file in files):
            raise UnreadableBill("the folder holds no .csv, .csv.gz, .parquet or .zip file")
        return _Tree(path, files, walked=True)
    if not path.is_file():
        raise FileNotFoundError("there is no such file or folder")
    if is_zip(path):
        folder = _new_folder(workspace)
        unpacked = unpack(path, folder, BILL_NAMES)
        return _Tree(folder, {file: path / name for name, file in unpacked}, whole=True)
    return _Tree(path.parent, {path: path})


def _new_folder(workspace: Path) -> Path:
    folder = workspace / f"unpacked-{len(list(workspace.glob('unpacked-*')))}"
    folder.mkdir()
    return folder


def _may_be_read(name: str) -> bool:
    return name.endswith(BILL_NAMES) or name.lower().endswith(".zip") or is_manifest(name)


def _manifest(tree: _Tree, path: Path) -> Manifest | None:
    def read(file: Path) -> Manifest | None:
        if file.stat().st_size > LARGEST:
            raise UnreadableBill(f"the manifest has more than {LARGEST >> 20} MB")
        return read_manifest(file.read_bytes())

    shown = tree.files[path]
    try:
        manifest = read(path)
    except (UnreadableBill, OSError) as error:
        raise IngestError(f"{shown}: {error}") from None
    if manifest is None and not tree.walked and not tree.whole:
        raise IngestError(f"{shown}: this is no manifest of a bill")
    return manifest


def _runs(
    manifests: Iterable[tuple[_Tree, Path, Manifest]],
) -> Iterator[tuple[_Tree, Path, Manifest, bool]]:
    """Each manifest, and whether it is the last run of its export and month."""
    last: dict[str, tuple[_Tree, Path, Manifest]] = {}

    def age(one: tuple[_Tree, Path, Manifest]) -> tuple[str, int, str]:
        # AWS keeps a copy beside the parts of each run and the current one a folder above.
        return one[2].made, -len(one[1].parts), str(one[1])

    manifests = sorted(manifests, key=age)
    for one in manifests:
        last[one[2].subject] = one
    for tree, path, manifest in manifests:
        yield tree, path, manifest, last[manifest.subject][1] == path


def _part(tree: _Tree, manifest: Path, part: NamedPart, *, needed: bool) -> Given | None:
    """The file that a manifest means: as much of its path as there is, the longest first."""
    steps = PurePosixPath(part.key).parts
    if tree.whole:
        for length in range(len(steps), 0, -1):
            ending = "/".join(steps[-length:])
            for path, shown in tree.files.items():
                if str(shown.as_posix()).endswith(f"/{ending}"):
                    return Given(path, shown, part)
    else:
        for path in _places(tree, manifest, steps):
            if path.is_file():
                return Given(path, tree.files.get(path, path), part)
    if not needed:
        return None
    raise IngestError(
        f"{tree.files[manifest]}: it names the part {part.key}, which is not there; nothing was"
        " kept"
    )


def _places(tree: _Tree, manifest: Path, steps: Sequence[str]) -> Iterator[Path]:
    """Where a part may lie: below the manifest's folder or one above it.

    In the manifest's own folder its name is enough; elsewhere a part must have a folder of its path
    in common, so that the part of another run is never taken for it.
    """
    above = [manifest.parent, *manifest.parent.parents][: len(steps) + 2]
    if tree.walked:  # not above what was given
        above = [one for one in above if one == tree.root or tree.root in one.parents]
    for length in range(len(steps), 1, -1):
        for folder in above:
            yield folder.joinpath(*steps[-length:])
    yield manifest.parent / steps[-1]
    # What comes through the browser has plain names.
    yield manifest.parent / re.sub(r"[^A-Za-z0-9._-]", "_", steps[-1])


def _of_period(folder: Path) -> Path:
    """The folder whose files are one delivery: partitions below a month belong to the month."""
    steps = folder.parts
    for nth, step in enumerate(steps):
        if PERIOD.match(step) and all(PARTITION.fullmatch(below) for below in steps[nth:]):
            return Path(*steps[: nth + 1])
    return folder


def _unpacked(files: Iterable[Given], workspace: Path) -> Iterator[Given]:
    """The files, with the members of an archive in its place."""
    for file in files:
        members = _members(file, workspace)
        if members is None:
            yield file
            continue
        for name, path in members:
            if not is_manifest(path.name):
                yield Given(path, file.shown / name, file.part if len(members) == 1 else None)


def _members(file: Given, workspace: Path) -> list[tuple[str, Path]] | None:
    """The members of an archive, unpacked; None for any other file."""

    def look(_: Path) -> list[tuple[str, Path]] | None:
        # One without members begins in another way.
        if file.path.name.lower().endswith(".zip") or is_zip(file.path):
            return unpack(file.path, _new_folder(workspace), BILL_NAMES)
        return None

    return _named(file.shown, look)
