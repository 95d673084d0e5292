"""Bills through the browser's door: who may, what is taken, what is refused, what remains."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from costs.bills import tasks, upload
from costs.bills.upload import remove_leftovers, stored_name
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion, Delivery
from costs.people.operations import install_roles
from tests.bills.making import csv_text, focus, spent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
FORM = "/bills/upload/"


@pytest.fixture(autouse=True)
def _quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)


@pytest.fixture
def operator(client: Client) -> Client:
    install_roles()
    user = User.objects.create_user("operator-1", password="correct horse battery")
    user.groups.add(Group.objects.get(name="operator"))
    client.force_login(user)
    return client


def file(name: str, content: str | bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def bill(cost: str = "1", **changes: object) -> str:
    return csv_text([focus(BilledCost=cost, **changes)] * 3)


def send(client: Client, *files: SimpleUploadedFile) -> Any:
    return client.post(FORM, {"files": list(files)})


def done(answer: Any) -> JobRun:
    """The run that an accepted upload led to, once its work is done."""
    assert answer.status_code == 302, answer.text
    run = JobRun.objects.get(pk=int(answer["Location"].rstrip("/").rsplit("/", 1)[-1]))
    jobs.run(run.pk)
    run.refresh_from_db()
    return run


def staged(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "uploads").rglob("*")) if (data_dir / "uploads").exists() else []


# -- who ------------------------------------------------------------------------------------------


def test_strangers_are_asked_to_sign_in(client: Client, data_dir: Path) -> None:
    answer = send(client, file("b.csv", bill()))
    assert answer.status_code == 302
    assert "/sign-in/" in answer["Location"]
    assert staged(data_dir) == []


@pytest.mark.parametrize("role", [None, "viewer", "reviewer", "finance"])
def test_only_operators_upload(client: Client, data_dir: Path, role: str | None) -> None:
    install_roles()
    user = User.objects.create_user("reader")
    if role:
        user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    assert client.get(FORM).status_code == 403
    answer = send(client, file("b.csv", bill()))
    assert answer.status_code == 403
    assert "operator" in answer.text
    assert staged(data_dir) == []
    assert not JobRun.objects.exists()


def test_a_form_from_elsewhere_is_refused_and_leaves_nothing(data_dir: Path) -> None:
    install_roles()
    user = User.objects.create_superuser("operator-1")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert send(client, file("b.csv", bill())).status_code == 403
    assert staged(data_dir) == []
    token = client.get(FORM).context["csrf_token"]
    answer = client.post(
        FORM, {"csrfmiddlewaretoken": str(token), "files": [file("b.csv", bill())]}
    )
    assert answer.status_code == 302


# -- from the form to the page --------------------------------------------------------------------


def test_an_uploaded_bill_goes_live_and_is_shown(operator: Client, data_dir: Path) -> None:
    answer = send(operator, file("june.csv", bill("2.5")))
    folder = next(path for path in staged(data_dir) if path.is_dir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    waiting = operator.get(answer["Location"])
    assert "Waiting for a worker" in waiting.text
    assert 'hx-trigger="every' in waiting.text
    assert '<meta http-equiv="refresh"' in waiting.text

    run = done(answer)

    assert run.state == "done", run.error
    assert staged(data_dir) == []
    shown = operator.get(answer["Location"])
    assert "loaded" in shown.text
    assert "hx-trigger" not in shown.text
    version = BillVersion.objects.get()
    assert version.status == "live"
    assert version.delivered_by == "operator-1"
    assert Delivery.objects.get().file_name == "june.csv"
    page = reverse("bills:bill", args=[version.source.name, "2026-01"])
    assert page in shown.text
    assert "7.50" in operator.get(page).text
    assert "7.50" in operator.get("/bills/").text


def test_it_works_without_scripts(operator: Client) -> None:
    form = operator.get(FORM).text
    assert 'method="post"' in form
    assert 'enctype="multipart/form-data"' in form
    assert "multiple" in form
    assert 'type="submit"' in form


def test_each_outcome_is_said_in_words(operator: Client) -> None:
    done(send(operator, file("b.csv", bill("2"))))
    again = send(operator, file("b.csv", bill("2")))
    done(again)
    assert "unchanged" in operator.get(again["Location"]).text
    restated = send(operator, file("b.csv", bill("3")))
    done(restated)
    assert "restated" in operator.get(restated["Location"]).text
    held = send(operator, file("b.csv", bill("0.1")))
    done(held)
    shown = operator.get(held["Location"]).text
    assert "Not counted" in shown
    assert "where the live version costs" in shown
    assert "Compare and decide" in shown
    rejects = send(operator, file("b.csv", csv_text([*[focus()] * 120, focus(BilledCost="x")])))
    done(rejects)
    assert BillVersion.objects.get(status="live").rejected == 1


def test_a_file_that_is_no_bill_is_named_and_nothing_is_kept(
    operator: Client, data_dir: Path
) -> None:
    answer = send(
        operator,
        file("good.csv", bill()),
        file("bad.csv", csv_text([focus(BilledCost="12,x")])),
    )
    run = done(answer)
    assert run.state == "failed"
    assert run.error.startswith("bad.csv: none of its rows is a charge; row 2")
    assert str(data_dir) not in run.error
    shown = operator.get(answer["Location"]).text
    assert "Nothing was kept" in shown
    assert "row 2" in shown
    assert "It came together with a file that could not be read" in shown
    assert str(data_dir) not in shown
    assert not BillVersion.objects.exists()
    assert staged(data_dir) == []


def test_parts_of_one_delivery_come_together(operator: Client) -> None:
    answer = send(operator, file("part-1.csv", bill("1")), file("part-2.csv", bill("2")))
    assert done(answer).state == "done"
    assert spent() == {("USD",): 9}
    assert BillVersion.objects.get().parts.count() == 2


def test_work_that_is_done_twice_counts_once(operator: Client, data_dir: Path) -> None:
    answer = send(operator, file("b.csv", bill("2")))
    run = JobRun.objects.get()
    arguments = dict(run.arguments)
    folder = data_dir / "uploads" / arguments["upload"]
    kept = {one.name: one.read_bytes() for one in folder.iterdir()}
    done(answer)
    folder.mkdir()
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    result = tasks.ingest_upload(lambda what, share: None, **arguments)
    assert [one["status"] for one in result["bills"]] == ["unchanged"]
    assert spent() == {("USD",): 6}


# -- names ----------------------------------------------------------------------------------------


HOSTILE = [
    "../../../etc/passwd",
    "..\\..\\windows\\system32.csv",
    "/absolute.csv",
    ".hidden.csv",
    "-rf.csv",
    "<img src=x onerror=alert(1)>.csv",
    "=cmd()|'x'!A1.csv",
    "a" * 300 + ".csv",
    "naïve – 十一月.csv",
    "two\nlines.csv",
    "CON.csv",
    "' OR 1=1;--.csv",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(operator: Client, data_dir: Path, name: str) -> None:
    answer = send(operator, file(name, bill()))
    (folder,) = (data_dir / "uploads").iterdir()
    (kept,) = folder.iterdir()
    assert kept.parent == folder
    assert kept.resolve().is_relative_to((data_dir / "uploads").resolve())
    run = done(answer)
    assert run.state == "done", run.error
    shown = operator.get(answer["Location"]).text
    assert "<img src=x" not in shown
    assert "<img src=x" not in operator.get("/bills/").text
    assert staged(data_dir) == []


@given(st.lists(st.text(max_size=40), max_size=8))
def test_stored_names_are_plain_and_distinct(names: list[str]) -> None:
    taken: set[str] = set()
    for name in names:
        stored = stored_name(name, taken=taken)
        assert stored not in taken
        assert stored == Path(stored).name
        assert stored.isascii()
        assert stored[0] not in ".-_"
        assert 0 < len(stored) < 120
        taken.add(stored)


def test_two_files_of_one_name_are_two_files(operator: Client) -> None:
    answer = send(operator, file("r.csv", bill("1")), file("r.csv", bill("2", SkuId="SKU2")))
    run = done(answer)
    assert run.state == "done", run.error
    assert spent() == {("USD",): 9}
    shown = operator.get(answer["Location"]).text
    assert "r.csv (2)" in shown


def test_only_the_server_names_folders() -> None:
    for name in ("..", "../x", "a" * 31, "A" * 32, f"{'a' * 32}/..", ""):
        with pytest.raises(ValueError, match="not an upload"):
            upload.folder_of(name)


def test_a_zip_archive_is_opened(operator: Client, data_dir: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("january/part-1.csv", bill("1"))
        archive.writestr("january/part-2.csv", bill("2", SkuId="2"))
    run = done(send(operator, file("my bills.zip", packed.getvalue())))

    assert run.state == "done", run.error
    page = operator.get(reverse("bills:uploaded", args=[run.pk])).text
    assert "my bills.zip" in page
    assert "january/part-2.csv" in page
    assert str(data_dir) not in page
    assert spent() == {("USD",): 9}


def test_an_archive_with_a_file_that_is_no_bill_is_named(operator: Client, data_dir: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x/people.csv", "name,age\nx,1\n")
    run = done(send(operator, file("b.zip", packed.getvalue())))

    assert run.state == "failed"
    assert run.error.startswith("b.zip/x/people.csv: no known bill format")
    page = operator.get(reverse("bills:uploaded", args=[run.pk])).text
    assert "not a bill" in page
    assert str(data_dir) not in page


def test_a_manifest_comes_with_its_parts(operator: Client) -> None:
    manifest = json.dumps({"reportKeys": ["costs/x/my part-1.csv", "costs/x/part-2.csv"]})
    parts = [file("my part-1.csv", bill("1")), file("part-2.csv", bill("2", SkuId="2"))]
    run = done(send(operator, *parts, file("x-Manifest.json", manifest)))
    assert run.state == "done", run.error

    again = file("my part-1.csv", bill("1"))
    run = done(send(operator, again, file("x-Manifest.json", manifest)))
    assert run.state == "failed"
    assert "it names the part costs/x/part-2.csv, which is not there" in run.error


# -- what is refused at the door ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("b.zip", b"PK\x03\x04" + b"x" * 50, "zip archive"),
        ("renamed.csv", b"PK\x03\x04" + b"x" * 50, "zip archive"),
        ("b.xlsx", b"PK\x03\x04" + b"x" * 50, "spreadsheet"),
        ("empty.csv", b"", "empty"),
    ],
)
def test_it_says_at_once_what_cannot_be_read(
    operator: Client, data_dir: Path, name: str, content: bytes, said: str
) -> None:
    answer = send(operator, file("good.csv", bill()), file(name, content))
    assert answer.status_code == 400
    assert said in answer.text
    assert name in answer.text
    assert not JobRun.objects.exists()
    assert staged(data_dir) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"),
        ("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
        ("list.csv", b"name,age\nx,1\n"),
        ("data.json", b'{"a": 1}'),
        ("cut.csv.gz", b"\x1f\x8b\x08\x00\x00"),
        ("wide.csv", b'"' * 2_000_000),
        ("cut.parquet", b"PAR1\x00\x00PAR1"),
    ],
)
def test_whatever_else_it_is_fails_with_a_sentence(
    operator: Client, data_dir: Path, name: str, content: bytes
) -> None:
    run = done(send(operator, file(name, content)))
    assert run.state == "failed"
    assert run.error.startswith(f"{name}: ")
    assert str(data_dir) not in run.error
    assert "Traceback" not in run.error
    assert staged(data_dir) == []


def test_nothing_chosen(operator: Client, data_dir: Path) -> None:
    for data in ({}, {"files": ""}, {"files": "text, not a file"}):
        answer = operator.post(FORM, data)
        assert answer.status_code == 400
        assert "Choose at least one file" in answer.text
    assert operator.post(FORM, b"", content_type="text/plain").status_code == 400
    assert operator.post(FORM, b"xx", content_type="multipart/form-data").status_code == 400
    assert staged(data_dir) == []


def test_a_thousand_files(operator: Client, data_dir: Path) -> None:
    answer = send(operator, *(file(f"{n}.csv", "x") for n in range(1000)))
    assert answer.status_code == 400
    assert "more than 100 files" in answer.text
    assert "ingest_bill" in answer.text
    assert staged(data_dir) == []


@pytest.mark.parametrize("limit", [10, 1000])
def test_too_much_at_once(operator: Client, data_dir: Path, settings: Settings, limit: int) -> None:
    settings.UPLOAD_LIMIT = limit
    answer = send(operator, file("a.csv", bill()), file("b.csv", "x" * (2 << 20)))
    assert answer.status_code == 413
    assert "HEADROOM_UPLOAD_LIMIT" in answer.text
    assert staged(data_dir) == []


def test_an_upload_that_breaks_off_leaves_nothing(operator: Client, data_dir: Path) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="b.csv"\r\n\r\nBilled'
    answer = operator.post(FORM, body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code in (302, 400)
    if answer.status_code == 302:
        assert done(answer).state == "failed"
    assert staged(data_dir) == []


def test_a_full_disk_is_said(
    operator: Client, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upload.ToStaging, "receive_data_chunk", full)
    answer = send(operator, file("b.csv", bill()))
    assert answer.status_code == 507
    assert "No space left" in answer.text
    assert staged(data_dir) == []


def test_leftovers_go_after_a_day(data_dir: Path) -> None:
    now = timezone.now()
    old, open_, fresh = (upload.new_folder() for _ in range(3))
    before = (now - timedelta(hours=25)).timestamp()
    for folder in (old, open_):
        os.utime(folder, (before, before))
    assert remove_leftovers(now=now, open_uploads={open_.name}) == 1
    assert sorted((data_dir / "uploads").iterdir()) == sorted([open_, fresh])


def test_other_work_has_no_page_here(operator: Client) -> None:
    run = JobRun.objects.create(
        kind="demo.load", subject="x", requested_by="x", requested_at=timezone.now()
    )
    assert operator.get(f"/bills/uploads/{run.pk}/").status_code == 404
    assert operator.get("/bills/uploads/999/").status_code == 404
