"""Files that are wrong as a whole: one line that says what, exit status 1, nothing kept."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from costs.bills.models import Environment
from costs.lake.engine import open_connection
from costs.lake.models import BillVersion, Delivery, Source
from costs.people.models import AuditEntry
from tests.bills.making import csv_text, focus, ingest, spent, total, write
from tests.bills.test_focus_traps import reasons, stored

pytestmark = [pytest.mark.django_db]

GOOD = csv_text([focus(BilledCost="2")] * 50)
HEADER = GOOD.partition("\n")[0]


@pytest.fixture
def live(data_dir: Path, tmp_path: Path) -> Path:
    """A lake with one bill of 100 USD; nothing that is refused may touch it."""
    ingest(write(tmp_path / "live.csv", [focus(BilledCost="100", BillingAccountId="other")]))
    return data_dir


def parquet(path: Path, columns: str = "") -> bytes:
    """A FOCUS bill as Parquet, written by DuckDB."""
    source = write(path / "to-parquet.csv", [focus(BilledCost="2")] * 2000)
    connection = open_connection(path, memory="256MB", threads=1)
    connection.execute(
        f"COPY (SELECT *{columns} FROM read_csv('{source}', all_varchar=true))"
        f" TO '{path / 'x.parquet'}' (FORMAT parquet)"
    )
    connection.close()
    return (path / "x.parquet").read_bytes()


def noise(size: int) -> bytes:
    """Bytes that gzip cannot shrink, the same every time."""
    return random.Random(7).randbytes(size)


WHOLE_FILE: dict[str, tuple[str, Callable[[Path], str | bytes], str]] = {
    "empty": ("b.csv", lambda _: b"", "the file is empty"),
    "only line ends": ("b.csv", lambda _: "\n\n\n", ""),
    "header only": ("b.csv", lambda _: HEADER + "\n", "no rows below the header"),
    "header without an end": ("b.csv", lambda _: HEADER, "no rows below the header"),
    "semicolons": ("b.csv", lambda _: GOOD.replace(",", ";"), "';'"),
    "tabs": ("b.csv", lambda _: GOOD.replace(",", "\t"), r"'\\t'"),
    "another table": ("b.csv", lambda _: "a,b,c\n1,2,3\n", "no known bill format"),
    "prose": ("b.csv", lambda _: "Dear all,\nplease find the bill attached.\n", ""),
    "JSON": ("b.csv", lambda _: '{"BilledCost": "1"}\n', "JSON"),
    "HTML": ("b.csv", lambda _: "<html><body>Sign in, please</body></html>\n", ""),
    "UTF-16": ("b.csv", lambda _: GOOD.encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": ("b.csv", lambda _: GOOD.encode("utf-16-le"), "UTF-16"),
    "Latin-1 header": ("b.csv", lambda _: ("Währung," + GOOD).encode("latin-1"), "not UTF-8"),
    "bare carriage returns": ("b.csv", lambda _: GOOD.replace("\n", "\r"), "carriage return"),
    "a zip archive": ("b.zip", lambda _: b"PK\x03\x04" + b"\0" * 100, "zip archive"),
    "twice the same column": (
        "b.csv",
        lambda _: csv_text([focus()]).replace("RegionId", "billedcost", 1),
        "twice",
    ),
    "a column without a name": (
        "b.csv",
        lambda _: csv_text([focus()]).replace("RegionId", "", 1),
        "without a name",
    ),
    "never closed quote": (
        "b.csv",
        lambda _: csv_text([focus(Tags="")] * 50).replace("vm-1", '"vm-1', 1),
        "row 2, column ResourceId: a quotation mark is never closed",
    ),
    "a cost of words only": (
        "b.csv",
        lambda _: csv_text([focus(BilledCost="free")]),
        "none of its rows is a charge; row 2, column BilledCost: “free” is not a number",
    ),
    "gzip cut off": ("b.csv.GZ", lambda _: gzip.compress(GOOD.encode())[:-40], "gzip"),
    "gzip cut in its trailer": ("b.csv.GZ", lambda _: gzip.compress(GOOD.encode())[:-4], "gzip"),
    "gzip with a wrong checksum": (
        "b.csv.GZ",
        lambda _: gzip.compress(GOOD.encode())[:-8] + b"\0" * 8,
        "gzip",
    ),
    "gzip damaged": (
        "b.csv.GZ",
        lambda _: gzip.compress(noise(5000))[:2000] + b"\xff" * 500,
        "",
    ),
    "gzip of nothing": ("b.csv.GZ", lambda _: gzip.compress(b""), "empty"),
    "zip bomb of zeros": ("b.csv.GZ", lambda _: gzip.compress(b"\0" * (80 << 20)), ""),
    "zip bomb of rows": (
        "b.csv.GZ",
        lambda _: gzip.compress(HEADER.encode() + b"\n" + b"," * (80 << 20)),
        "expands to more than",
    ),
    "Parquet cut off": ("b.parquet", lambda path: parquet(path)[:-100], "Parquet"),
    "Parquet cut in the middle": ("b.parquet", lambda path: parquet(path)[:3000], "Parquet"),
    "Parquet by its first bytes only": ("b.parquet", lambda _: b"PAR1" + noise(200), "Parquet"),
    "binary": ("b.csv", lambda _: noise(5000), ""),
}


def leftovers(data_dir: Path) -> list[str]:
    """What lies in the lake besides the live bill, and what the manifest knows besides it."""
    files = [str(path.relative_to(data_dir)) for path in (data_dir / "lake" / "staging").rglob("*")]
    return files + [str(one) for one in (data_dir / "lake" / "charges").glob("*/*/*")][1:]


@pytest.mark.parametrize("case", WHOLE_FILE)
def test_wrong_as_a_whole(live: Path, tmp_path: Path, case: str) -> None:
    name, content, says = WHOLE_FILE[case]
    made = content(tmp_path)
    file = tmp_path / "given" / name
    write(file, made)
    before = AuditEntry.objects.count()

    with pytest.raises(CommandError) as error:
        call_command("ingest_bill", str(file))

    message = str(error.value)
    assert error.value.returncode == 1
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    assert len(message) < 700
    assert message.isprintable()
    assert re.search(says, message), message
    assert leftovers(live) == []
    assert (BillVersion.objects.count(), Source.objects.count(), Delivery.objects.count()) == (
        1,
        1,
        1,
    )
    assert AuditEntry.objects.count() == before
    assert total() == 100


def test_missing_file_and_empty_folder(live: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path, says in (
        (tmp_path / "nothing.csv", "no such file"),
        (tmp_path / "folder", "holds no .csv"),
    ):
        with pytest.raises(CommandError, match=says) as error:
            call_command("ingest_bill", str(path))
        assert str(error.value).startswith(f"{path}: ")


def test_one_bad_file_among_good_ones_keeps_nothing(live: Path, tmp_path: Path) -> None:
    good = write(tmp_path / "a/good.csv", [focus(BilledCost="7")])
    bad = write(tmp_path / "b/bad.csv", "a,b\n1,2\n")

    for order in ([good, bad], [bad, good]):
        with pytest.raises(CommandError, match=r"bad\.csv"):
            call_command("ingest_bill", *map(str, order))
        assert total() == 100
        assert BillVersion.objects.count() == 1
        assert leftovers(live) == []


def test_a_bad_part_refuses_the_whole_delivery(live: Path, tmp_path: Path) -> None:
    write(tmp_path / "bill/part-1.csv", [focus(BilledCost="7")])
    write(tmp_path / "bill/part-2.csv", [focus(BilledCost="free")])

    with pytest.raises(CommandError, match=r"part-2\.csv"):
        call_command("ingest_bill", str(tmp_path / "bill"))

    assert total() == 100


def test_truncated_in_a_row_is_a_counted_reject(data_dir: Path, tmp_path: Path) -> None:
    """A CSV cut inside a row shows as a row with too few values."""
    text = csv_text([focus(BilledCost="2"), focus(BilledCost="3")])
    file = write(tmp_path / "b.csv", text[: text.rindex("2026-01-05")])

    ((row, _, reason, _),) = reasons(file)

    assert (row, reason) == (3, "the row has fewer values than the header")
    assert total() == 2


def test_truncated_in_a_quoted_value_is_a_counted_reject(data_dir: Path, tmp_path: Path) -> None:
    text = csv_text([focus(BilledCost="2"), focus(BilledCost="3")])
    file = write(tmp_path / "b.csv", text[: text.rindex("cost-center")])

    ((row, column, _, _),) = reasons(file)

    assert (row, column) == (3, "Tags")
    assert total() == 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_stray_quotation_mark_is_a_counted_reject(data_dir: Path, tmp_path: Path, end: str) -> None:
    """The next row's own marks end what it began, so only its row is lost."""
    lines = csv_text([focus(BilledCost=str(1 << n)) for n in range(4)]).splitlines()
    lines[2] = lines[2].replace("vm-1", '"vm-1')

    ((row, column, reason, _),) = reasons(write(tmp_path / "b.csv", end.join(lines) + end))

    assert (row, column) == (3, "ResourceId")
    assert reason == "a quotation mark stands where none may"
    assert total() == 1 + 4 + 8


def test_too_many_values_is_a_counted_reject(data_dir: Path, tmp_path: Path) -> None:
    lines = csv_text([focus(BilledCost=str(n)) for n in (1, 2, 4)]).splitlines()
    lines[2] += ",more"

    ((row, _, reason, _),) = reasons(write(tmp_path / "b.csv", "\n".join(lines) + "\n"))

    assert (row, reason) == (3, "the row has more values than the header")
    assert total() == 5


def test_bytes_that_are_no_text(data_dir: Path, tmp_path: Path) -> None:
    lines = [line.encode() for line in csv_text([focus(BilledCost=n) for n in (1, 2)]).splitlines()]
    lines[2] = lines[2].replace(b"vm-1", b"vm-\xe9")

    ((row, _, reason, _),) = reasons(write(tmp_path / "b.csv", b"\n".join(lines) + b"\n"))

    assert (row, reason) == (3, "the row is not UTF-8 text")
    assert total() == 1


def test_field_of_ten_megabytes(data_dir: Path, tmp_path: Path) -> None:
    rows = [focus(BilledCost="1"), focus(ChargeDescription="x" * (10 << 20)), focus(BilledCost="4")]

    ((row, _, reason, value),) = reasons(write(tmp_path / "b.csv", rows))

    assert (row, reason) == (3, "the row is longer than 4 MB")
    assert len(value) <= 80
    assert total() == 5


def test_large_but_honest_field(data_dir: Path, tmp_path: Path) -> None:
    ingest(write(tmp_path / "b.csv", [focus(ChargeDescription="x" * (1 << 20))]))

    assert stored("length(charge_description)") == [(1 << 20,)]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '=HYPERLINK("http://example.com")',
        "a\x00b",
        "bell\x07 escape\x1b[31m",
        "🦆 ‮right to left",
        "'; DROP TABLE x; --",
        "{files}",
        "x" * 3000,
    ],
)
def test_hostile_names_are_only_text(data_dir: Path, tmp_path: Path, text: str) -> None:
    row = focus(
        ServiceName=text,
        ResourceId=text,
        SubAccountName=text,
        Tags=json.dumps({text: text, "env": text}),
    )
    ingest(write(tmp_path / "b.csv", [row, focus(BilledCost="3")]))

    assert total() == 4
    assert {key[0] for key in spent("resource_id")} == {text, "vm-1"}
    assert spent("resource_id", where={"service_name": [text]}) == {(text, "USD"): 1}


def test_five_thousand_columns(data_dir: Path, tmp_path: Path) -> None:
    row = focus(BilledCost="6") | {f"x_{n}": str(n) for n in range(5000)}
    ingest(write(tmp_path / "b.csv", [row]))

    assert total() == 6


def test_long_and_odd_column_names(data_dir: Path, tmp_path: Path) -> None:
    odd = ["x" * 10_000, 'quote"d', "it's", "{brace}", "#BilledCost", "ünïcode", "*", "; --"]
    row = focus(BilledCost="6") | dict.fromkeys(odd, "1")
    ingest(write(tmp_path / "b.csv", [row]))

    assert total() == 6


def test_columns_that_are_one_name_to_us(data_dir: Path, tmp_path: Path) -> None:
    """``Billed Cost`` beside ``BilledCost``: the first one counts, as for any alternative."""
    row = focus(BilledCost="6") | {"Billed_Cost": "999"}
    ingest(write(tmp_path / "b.csv", [row]))

    assert total() == 6


def test_mixed_line_ends(data_dir: Path, tmp_path: Path) -> None:
    """Never silently fewer rows: read whole, or refused, or counted."""
    lines = csv_text([focus(BilledCost="2")] * 3).splitlines()
    file = write(tmp_path / "b.csv", "\n".join(lines[:2]) + "\r\n" + "\n".join(lines[2:]) + "\n")
    (bill,) = ingest(file, accept=True)

    assert bill.rows + bill.rejected == 3
    assert total() == 2 * bill.rows


def test_blank_lines_are_no_rows(data_dir: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", csv_text([focus(BilledCost="2")]) + "\n\n")
    (bill,) = ingest(file)

    assert (bill.rows, bill.rejected) == (1, 0)


def test_parquet_without_a_cost_column(data_dir: Path, tmp_path: Path) -> None:
    data = parquet(tmp_path, " EXCLUDE (BilledCost)")
    with pytest.raises(CommandError, match=r"the column BilledCost is missing"):
        call_command("ingest_bill", str(write(tmp_path / "b.parquet", data)))


def test_a_name_that_is_no_source(data_dir: Path, tmp_path: Path) -> None:
    """A source's name is a folder in the lake: it must not lead out of it."""
    file = write(tmp_path / "b.csv", [focus()])
    for name in ("../../outside", "/abs", "a/b", "", " ", "x" * 300, "a\nb", ".", "a\x00b"):
        with pytest.raises(CommandError) as error:
            call_command("ingest_bill", str(file), source=name)
        assert "\n" not in str(error.value)
        assert "--source" in str(error.value)
    assert not BillVersion.objects.exists()
    assert not (data_dir / "outside").exists()
    assert Environment.objects.exists()


def test_provider_and_account_cannot_lead_out_of_the_lake(data_dir: Path, tmp_path: Path) -> None:
    row = focus(ProviderName="../..", BillingAccountId="../../etc")
    (bill,) = ingest(write(tmp_path / "b.csv", [row]))

    assert "/" not in bill.source
    assert "." not in bill.source


def test_account_of_signs_only_still_has_a_source(data_dir: Path, tmp_path: Path) -> None:
    rows = [focus(BillingAccountId="账户一"), focus(BillingAccountId="账户二", BilledCost="2")]
    bills = ingest(write(tmp_path / "b.csv", rows))

    # Two accounts must not become one bill because their names have no Latin letter.
    assert len({bill.source for bill in bills}) == 2
    assert total() == 3


def test_nothing_is_printed_on_stdout(live: Path, tmp_path: Path, capsys: Any) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("ingest_bill", str(write(tmp_path / "b.csv", b"")), "--json", stdout=out)

    assert capsys.readouterr().out + out.getvalue() == ""
