"""Exports in a bucket: a real boto3 client against moto, with a gateway that breaks things."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from costs.bills import connecting, fetching
from costs.bills.clouds import s3
from costs.bills.fetching import FetchFailed, fetch, fetch_folder
from costs.bills.models import Connection, FetchedDelivery
from costs.jobs import operations as jobs
from costs.lake.models import BillVersion, Delivery
from tests.bills.clouds.conftest import Aws, Clock
from tests.bills.clouds.gateway import Fault, aws_error
from tests.bills.making import CUR, command, csv_text, cur, total

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NOW = datetime(2026, 4, 3, 6, tzinfo=UTC)


def connection(**parameters: str) -> Connection:
    return connecting.add_connection(
        actor="an operator",
        name="aws-main",
        kind="aws-s3",
        parameters={"bucket": "example-billing", "prefix": "cur/", **parameters},
        schedule="daily",
        hour=6,
        now=NOW,
    )


def run(known: Connection, clock: Clock, *, again: bool = False, now: datetime = NOW) -> Any:
    known.refresh_from_db()
    return fetch(lambda _what, _share: None, known, again=again, now=now, patience=clock.patience())


def month_of_cur(month: int, costs: list[str], **changes: str) -> str:
    start, end = f"2026-{month:02}-01T00:00:00Z", f"2026-{month + 1:02}-01T00:00:00Z"
    return csv_text(
        [
            cur(
                {
                    "bill/BillingPeriodStartDate": start,
                    "bill/BillingPeriodEndDate": end,
                    "lineItem/UsageStartDate": f"2026-{month:02}-05T00:00:00Z",
                    "lineItem/UsageEndDate": f"2026-{month:02}-05T01:00:00Z",
                    "lineItem/UnblendedCost": cost,
                    "lineItem/ResourceId": f"i-{nth}",
                    **changes,
                }
            )
            for nth, cost in enumerate(costs)
        ],
        CUR,
    )


def put_report(aws: Aws, month: int, parts: list[list[str]], assembly: str = "a1") -> None:
    """A legacy report as AWS lays it out: parts below an assembly, the manifest in two places."""
    span = f"2026{month:02}01-2026{month + 1:02}01"
    keys = []
    for number, costs in enumerate(parts, 1):
        keys.append(f"cur/daily/{span}/{assembly}/daily-{number:05}.csv.gz")
        aws.put(keys[-1], gzip.compress(month_of_cur(month, costs).encode(), mtime=0))
    manifest = json.dumps(
        {
            "assemblyId": assembly,
            "account": "111122223333",
            "reportName": "daily",
            "billingPeriod": {"start": f"2026{month:02}01T000000.000Z", "end": "…"},
            "bucket": "example-billing",
            "reportKeys": keys,
            "compression": "GZIP",
            "contentType": "text/csv",
        }
    )
    aws.put(f"cur/daily/{span}/{assembly}/daily-Manifest.json", manifest)
    aws.put(f"cur/daily/{span}/daily-Manifest.json", manifest)


def three_months(aws: Aws) -> None:
    put_report(aws, 1, [["1.1"], ["0.2"]])
    put_report(aws, 2, [["2.5"]])
    put_report(aws, 3, [["4"], ["8"], ["16"]])


def test_three_months_come_whole_and_once(
    aws: Aws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_months(aws)
    # Pages of two objects: what AWS does with a thousand.
    page = s3.S3Folder._page

    def small(self: s3.S3Folder, following: dict[str, str]) -> Any:
        return page(self, {**following, "MaxKeys": 2})  # type: ignore[dict-item]

    monkeypatch.setattr(s3.S3Folder, "_page", small)
    known = connection()
    steps = run(known, clock)
    assert [(one.billing_period, one.state, len(one.bills)) for one in steps] == [
        ("2026-01", "loaded", 2),
        ("2026-02", "loaded", 1),
        ("2026-03", "loaded", 3),
    ]
    assert len(aws.gateway.asked("GET", "list-type=2")) > 5
    assert total() == Decimal("31.8")
    known.refresh_from_db()
    assert known.last_error == ""
    assert known.last_success_at == NOW
    assert not any(fetch_folder(known).iterdir())

    fetched = len(aws.gateway.asked("GET", ".csv.gz"))
    assert run(known, clock) == []
    assert len(aws.gateway.asked("GET", ".csv.gz")) == fetched, "an unchanged etag is enough"


def test_only_the_month_that_was_delivered_anew_is_fetched(aws: Aws, clock: Clock) -> None:
    three_months(aws)
    known = connection()
    run(known, clock)
    put_report(aws, 3, [["4"], ["9"], ["16"]], assembly="a2")
    aws.gateway.seen.clear()
    steps = run(known, clock)
    assert [(one.billing_period, {bill["status"] for bill in one.bills}) for one in steps] == [
        ("2026-03", {"restated"})
    ]
    assert all("/a2/" in path for path in aws.gateway.asked("GET", ".csv.gz"))
    assert total() == Decimal("32.8")
    assert BillVersion.objects.filter(status="live").count() == 3


@pytest.mark.parametrize(
    "answer",
    [
        aws_error(503, "SlowDown") | {"headers": {"Retry-After": "7"}},
        aws_error(429, "TooManyRequests") | {"headers": {"Retry-After": "7"}},
    ],
)
def test_asked_to_slow_down_it_waits_as_long_as_it_is_told(
    aws: Aws, clock: Clock, answer: dict[str, Any]
) -> None:
    three_months(aws)
    aws.gateway.faults.append(Fault(lambda _m, path, _b: ".csv.gz" in path, times=2, **answer))
    run(connection(), clock)
    assert total() == Decimal("31.8")
    assert clock.slept == [7.5, 8.0], "what was asked for, and jitter on top"


def test_errors_of_the_server_are_tried_again_with_growing_jitter(aws: Aws, clock: Clock) -> None:
    three_months(aws)
    aws.gateway.faults.append(
        Fault(lambda _m, path, _b: "list-type" in path, times=4, **aws_error(500, "InternalError"))
    )
    run(connection(), clock)
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]
    assert total() == Decimal("31.8")


def test_it_gives_up_in_words_and_comes_back(aws: Aws, clock: Clock) -> None:
    three_months(aws)
    aws.gateway.faults.append(
        Fault(lambda _m, path, _b: "list-type" in path, times=6, **aws_error(500, "InternalError"))
    )
    known = connection()
    with pytest.raises(FetchFailed, match="AWS has an error"):
        run(known, clock)
    known.refresh_from_db()
    assert "InternalError" in known.last_error
    assert known.passes
    assert connecting.due_at(known, NOW) == datetime(2026, 4, 3, 7, tzinfo=UTC)
    run(known, clock)
    known.refresh_from_db()
    assert known.last_error == ""


def test_a_body_that_is_cut_off_is_fetched_to_its_end(aws: Aws, clock: Clock) -> None:
    three_months(aws)
    aws.gateway.faults.append(Fault(lambda _m, path, _b: ".csv.gz" in path, cut=True, times=3))
    run(connection(), clock)
    assert total() == Decimal("31.8")
    assert len(clock.slept) == 3


def damaged(aws: Aws, part: str) -> dict[str, Any]:
    """A fault that answers with as many bytes as there are, and other ones."""
    listed = aws.s3.list_objects_v2(Bucket="example-billing")["Contents"]
    size = next(one["Size"] for one in listed if part in one["Key"] and "csv" in one["Key"])
    return {
        "when": lambda _m, path, _b: part in path and "csv" in path,
        "status": 206,
        "body": b"x" * size,
        "headers": {"Content-Range": f"bytes 0-{size - 1}/{size}"},
    }


def test_a_damaged_body_is_seen_by_its_md5(aws: Aws, clock: Clock) -> None:
    put_report(aws, 2, [["2.5"]])
    aws.gateway.faults.append(Fault(**damaged(aws, "20260201-")))
    known = connection()
    run(known, clock)
    assert total() == Decimal("2.5")

    put_report(aws, 3, [["4"]])
    aws.gateway.faults.append(Fault(**damaged(aws, "20260301-"), times=2))
    with pytest.raises(FetchFailed, match="arrived damaged twice"):
        run(known, clock)
    assert total() == Decimal("2.5")


def test_credentials_that_expire_half_way_keep_what_is_done(aws: Aws, clock: Clock) -> None:
    three_months(aws)
    aws.gateway.faults.append(
        Fault(
            lambda _m, path, _b: "daily-00002" in path and "20260301" in path,
            times=1,
            **aws_error(400, "ExpiredToken", "The provided token has expired."),
        )
    )
    known = connection()
    with pytest.raises(FetchFailed) as failed:
        run(known, clock)
    assert "the AWS credentials have expired after 2 deliveries" in str(failed.value)
    assert "what has come is kept" in str(failed.value)
    assert total() == Decimal("3.8")
    assert FetchedDelivery.objects.filter(state="loaded").count() == 2
    aws.gateway.seen.clear()
    steps = run(known, clock)
    assert [one.billing_period for one in steps] == ["2026-03"]
    assert not aws.gateway.asked("GET", "daily-00001.csv.gz"), "the first part had come already"
    assert total() == Decimal("31.8")
    assert Delivery.objects.count() == 6


def test_a_manifest_that_names_a_missing_part_loads_nothing_of_it(aws: Aws, clock: Clock) -> None:
    three_months(aws)
    missing = "cur/daily/20260301-20260401/a1/daily-00002.csv.gz"
    aws.s3.delete_object(Bucket="example-billing", Key=missing)
    known = connection()
    with pytest.raises(FetchFailed, match=r"names .*daily-00002\.csv\.gz, which is not there"):
        run(known, clock)
    assert total() == Decimal("3.8"), "the other months are there"
    known.refresh_from_db()
    assert "daily-00002" in known.last_error
    # It stays an error of the connection until the part comes.
    with pytest.raises(FetchFailed):
        run(known, clock)
    put_report(aws, 3, [["4"], ["8"], ["16"]])
    run(known, clock)
    assert total() == Decimal("31.8")


def test_a_manifest_nested_too_deeply_stops_no_other(aws: Aws, clock: Clock) -> None:
    put_report(aws, 1, [["1"]])
    aws.put("cur/elsewhere/manifest.json", "[" * 200_000)
    run(connection(), clock)
    assert total() == Decimal(1)


def test_a_file_that_is_no_bill_is_named_by_its_key_and_stops_no_other(
    aws: Aws, clock: Clock
) -> None:
    put_report(aws, 1, [["1"]])
    aws.put("cur/other/notes.csv", "a,b\n1,2\n")
    known = connection()
    with pytest.raises(FetchFailed, match=r"cur/other: cur/other/notes\.csv: no known bill format"):
        run(known, clock)
    assert total() == Decimal(1)
    aws.gateway.seen.clear()
    with pytest.raises(FetchFailed):
        run(known, clock)
    assert not aws.gateway.asked("GET", "notes.csv"), "not fetched again for nothing"
    with pytest.raises(FetchFailed):
        run(known, clock, again=True)
    assert aws.gateway.asked("GET", "notes.csv"), "unless somebody asks for it"


def test_no_credentials_no_profile_no_bucket(
    aws: Aws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(**parameters: str) -> str:
        given = {"bucket": "example-billing", "prefix": "cur/", **parameters}
        found = fetching.check_connection(
            "aws-s3", given, today=NOW.date(), patience=clock.patience(1)
        )
        assert not found[-1].good
        return found[-1].said

    assert "arn:aws:s3:::elsewhere-billing does not exist" in said(bucket="elsewhere-billing")
    assert "nobody" in said(profile="nobody")
    aws.put("cur/note.txt", "x")
    assert "holds no export and no bill" in said()
    assert "is empty: check the prefix" in said(prefix="nothing/")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "no AWS credentials were found" in said()


def test_what_lies_there_of_versions_gone_by_is_removed(aws: Aws, clock: Clock) -> None:
    put_report(aws, 1, [["1"]])
    known = connection()
    stale = fetch_folder(known) / "0123456789abcdef01234567"
    stale.mkdir(parents=True)
    (stale / ".part-x").write_bytes(b"x")
    run(known, clock)
    assert not stale.exists()


def test_names_that_would_leave_the_folder_are_refused(
    aws: Aws, clock: Clock, data_dir: Path
) -> None:
    aws.put("cur/../../escape.csv", "a,b\n")
    known = connection()
    with pytest.raises(FetchFailed, match="cannot be a file's name"):
        run(known, clock)
    assert not (data_dir.parent / "escape.csv").exists()


@pytest.mark.django_db(transaction=True)
def test_the_command_tells_what_became_of_each_delivery(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ring", lambda _run, now: None)
    put_report(aws, 2, [["2.5"]])
    connection()
    told = command("fetch_bills", "--as-of", "2026-03-05", capsys=capsys)
    (one,) = told["connections"]
    assert (one["connection"], one["state"], one["error"]) == ("aws-main", "done", "")
    (delivery,) = one["deliveries"]
    assert (delivery["name"], delivery["billing_period"]) == ("cur/daily/daily 2026-02", "2026-02")
    assert delivery["bills"][0]["status"] == "loaded"
    assert f"{BillVersion.objects.get().delivered_at:%Y-%m-%d}" == "2026-03-05"
    again = command("fetch_bills", "--connection", "aws-main", capsys=capsys)
    assert again["connections"][0]["deliveries"] == []

    with pytest.raises(CommandError, match="there is no “x”; there are: aws-main"):
        call_command("fetch_bills", "--connection", "x")
    aws.put("cur/other/notes.csv", "a,b\n1,2\n")
    with pytest.raises(SystemExit) as ended:
        call_command("fetch_bills")
    assert ended.value.code == 1
    assert "no known bill format" in capsys.readouterr().out
