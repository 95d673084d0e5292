"""Zip archives: their members are parts of one delivery, and none of their tricks works."""

from __future__ import annotations

import errno
import io
import json
import stat
import zipfile
from pathlib import Path

import pytest

from costs.bills import archives, gathering
from costs.bills.building import IngestError
from costs.bills.description import UnreadableBill
from costs.jobs.kinds import TryAgain
from costs.lake.models import BillVersion, Delivery
from tests.bills.making import FOCUS, csv_text, cur, focus, ingest, total, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

type Members = list[tuple[str | zipfile.ZipInfo, str | bytes]]


def archive(path: Path, members: Members) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return path


def bill(**changes: object) -> str:
    return csv_text([focus(**changes)])


def test_members_are_parts_of_one_delivery(tmp_path: Path) -> None:
    members: Members = [
        ("january/part-1.csv", bill()),
        ("january/more/part-2.csv", bill(SkuId="2")),
        ("read me.txt", "hello"),
        ("__MACOSX/._part-1.csv", "x"),
    ]
    file = archive(tmp_path / "b.zip", members)
    loaded = ingest(file)

    assert [(one.file, one.status) for one in loaded] == [
        (f"{file}/january/part-1.csv", "loaded"),
        (f"{file}/january/more/part-2.csv", "loaded"),
    ]
    assert total() == 2
    assert BillVersion.objects.get().parts.count() == 2
    assert {one.status for one in ingest(file)} == {"unchanged"}
    # What is kept is compressed.
    assert {Path(one.raw_key).suffix for one in Delivery.objects.all()} == {".gz"}


def test_a_zip_in_a_folder_is_a_part_like_others(tmp_path: Path) -> None:
    archive(tmp_path / "in/1.zip", [("1.csv", bill())])
    write(tmp_path / "in/2.csv", bill(SkuId="2"))
    ingest(tmp_path / "in")

    assert total() == 2
    assert BillVersion.objects.count() == 1


def test_a_legacy_report_whose_parts_are_zipped(tmp_path: Path) -> None:
    for nth in (1, 2):
        archive(tmp_path / f"bill-{nth}.csv.zip", [(f"bill-{nth}.csv", csv_text([cur()]))])
    keys = [f"costs/x/bill-{nth}.csv.zip" for nth in (1, 2)]
    write(tmp_path / "bill-Manifest.json", json.dumps({"reportKeys": keys}))
    loaded = ingest(tmp_path)

    assert len({one.file for one in loaded}) == 1  # twice the same content counts once
    assert total() == 1


def test_a_manifest_in_an_archive_decides(tmp_path: Path) -> None:
    manifest = json.dumps({"reportKeys": ["costs/m/a/1.csv"]})
    members: Members = [
        ("m/a/1.csv", bill()),
        ("m/b/1.csv", bill(BilledCost="70")),
        ("m/bill-Manifest.json", manifest),
    ]
    ingest(archive(tmp_path / "b.zip", members))
    # What the manifest does not name is a delivery of its own: the last that came counts.
    assert BillVersion.objects.count() == 2

    missing: Members = [("m/b/1.csv", bill()), ("m/x-Manifest.json", manifest.replace("1.", "9."))]
    with pytest.raises(IngestError, match=r"it names the part costs/m/a/9\.csv"):
        ingest(archive(tmp_path / "c.zip", missing))


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def nested() -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as opened:
        opened.writestr("b.csv", bill())
    return inner.getvalue()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([], "holds no .csv"),
        ([("a.txt", "x")], "holds no .csv, .csv.gz or .parquet file, but a.txt"),
        ([("../b.csv", "x")], "which is no path"),
        ([("/etc/b.csv", "x")], "which is no path"),
        ([("a\\b.csv", "x")], "which is no path"),
        ([("C:/b.csv", "x")], "which is no path"),
        ([(link("b.csv"), "/etc/passwd")], "has a link"),
        ([("inner.zip", nested())], "another archive in it"),
        ([("inner.csv", nested())], "another archive in it"),
        ([("xl/workbook.xml", "x"), ("b.csv", "x")], "this is a spreadsheet"),
        ([(f"{nth}.csv", "x") for nth in range(1001)], "1,001 files"),
        ([("b.csv", "x,y\n" + "0,0\n" * (20 << 20))], "expands to more than 200 times"),
        ([("b.csv", "no bill, this\n1,2\n")], "no known bill format"),
    ],
)
def test_refused(tmp_path: Path, members: Members, why: str) -> None:
    file = archive(tmp_path / "b.zip", members)

    with pytest.raises(IngestError, match=why) as error:
        ingest(file)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)
    assert not BillVersion.objects.exists()
    assert not list(tmp_path.rglob("passwd"))


@pytest.mark.parametrize("cut", [30, 200, -30, -1])
def test_damaged(tmp_path: Path, cut: int) -> None:
    file = archive(tmp_path / "b.zip", [("b.csv", bill())])
    file.write_bytes(file.read_bytes()[:cut])

    with pytest.raises(IngestError, match="damaged"):
        ingest(file)


def test_damaged_in_ways_that_zipfile_does_not_name(tmp_path: Path) -> None:
    """A name that is no UTF-8 although it says so, and damaged LZMA."""
    odd = archive(tmp_path / "odd.zip", [("\u00e9.csv", bill())])
    odd.write_bytes(odd.read_bytes().replace("\u00e9".encode(), b"\xff\xff"))
    with pytest.raises(IngestError, match="the zip archive is damaged"):
        ingest(odd)
    with pytest.raises(UnreadableBill, match="the zip archive is damaged"):
        archives.look_into(odd, (".csv",))
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("bill.csv", bill())
    content = bytearray(packed.read_bytes())
    content[60:120] = bytes(60)
    packed.write_bytes(content)
    with pytest.raises(IngestError, match="the zip archive is damaged"):
        ingest(packed)


def test_a_name_too_long_for_a_file_says_nothing_of_our_folders(tmp_path: Path) -> None:
    file = archive(tmp_path / "b.zip", [("a" * 300 + ".csv", bill())])
    with pytest.raises(IngestError, match="longer than 200 bytes") as refused:
        ingest(file)
    assert "staging" not in str(refused.value)


def test_encrypted(tmp_path: Path) -> None:
    file = archive(tmp_path / "b.zip", [("b.csv", bill())])
    content = bytearray(file.read_bytes())
    content[6] |= 1  # in the member's header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    file.write_bytes(bytes(content))

    with pytest.raises(IngestError, match="encrypted"):
        ingest(file)


def test_two_members_of_one_name(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        file = archive(tmp_path / "b.zip", [("b.csv", bill()), ("b.csv", bill(SkuId="2"))])

    with pytest.raises(IngestError, match="two files of one name"):
        ingest(file)


def test_memory_stays_at_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The member is read and written piece by piece, and the limit counts what was really read."""
    monkeypatch.setattr(archives, "CHUNK", 64)
    rows = [{**FOCUS, "SkuId": str(nth)} for nth in range(50)]
    ingest(archive(tmp_path / "b.zip", [("b.csv", csv_text(rows))]))

    assert total() == 50


def test_a_full_disk_is_no_fault_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives, "_extract", full)
    file = archive(tmp_path / "in/b.zip", [("b.csv", bill())])
    for given in (file, tmp_path / "in"):
        with pytest.raises(TryAgain, match="disk of the lake is full"):
            ingest(given)


def test_a_file_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    file = write(tmp_path / "in/b.csv", bill())
    monkeypatch.setattr(gathering, "is_zip", closed)
    for given in (file, tmp_path / "in"):
        with pytest.raises(IngestError, match="Permission denied") as error:
            ingest(given)
        assert str(error.value).startswith(str(file))
