"""Fetching by real workers: months end to end under each broker, and what a killed one leaves."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from costs import serving
from costs.bills import connecting
from costs.bills.fetching import fetch_folder
from costs.bills.models import Connection, FetchedDelivery, ProviderTotal
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion, Delivery
from tests.bills.clouds import test_azure_query, test_blob, test_s3
from tests.bills.clouds.azure_fake import AzureFake, azure_error
from tests.bills.clouds.conftest import Aws
from tests.bills.clouds.gateway import Fault, aws_error
from tests.bills.making import spent
from tests.jobs.processes import Asking, Processes, ended, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_dir")]
type Start = Callable[[str], Processes]
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"


def connect(name: str, kind: str, **parameters: str) -> Connection:
    return connecting.add_connection(
        actor="an operator",
        name=name,
        kind=kind,
        parameters=parameters,
        schedule="daily",
        hour=6,
        now=timezone.now(),
    )


@pytest.mark.parametrize("broker", ["filesystem", "redis", "rabbitmq"], indirect=True)
def test_three_months_of_two_clouds_end_to_end(
    broker: str, processes: Start, aws: Aws, azure: AzureFake
) -> None:
    test_s3.three_months(aws)
    test_blob.three_months(azure)
    test_azure_query.three_months(azure)
    # A little of everything: pages, throttling, an error, a body that is cut off.
    azure.page = 2
    aws.gateway.faults += [
        Fault(lambda _m, path, _b: "20260301-" in path and "csv" in path, cut=True),
        Fault(lambda _m, path, _b: "list-type" in path, **aws_error(500, "InternalError")),
        Fault(
            lambda _m, path, _b: "20260101-" in path and "csv" in path,
            **aws_error(503, "SlowDown") | {"headers": {"Retry-After": "1"}},
        ),
    ]
    busy = azure_error(429, "Busy") | {"headers": {"Retry-After": "1"}}
    azure.faults.append(Fault(lambda _m, path, _b: "/query" in path, **busy))
    connect("aws-main", "aws-s3", bucket="example-billing", prefix="cur/")
    connect("azure-main", "azure-blob", **test_blob.PLACE)
    connect("azure-totals", "azure-query", scope=SUBSCRIPTION, since="2026-01", use="totals")
    started = processes(broker)
    ask = Asking(started)
    started.start(serving.long_worker_command(2))

    ask("sweep", seconds=0, due=["connections"])

    runs = ended(*JobRun.objects.filter(kind="bills.fetch"))
    assert [
        (run.subject, run.state, run.error) for run in sorted(runs, key=lambda r: r.subject)
    ] == [
        ("aws-main", "done", ""),
        ("azure-main", "done", ""),
        ("azure-totals", "done", ""),
    ], started.said()
    assert spent("provider_name") == {
        ("AWS", "USD"): Decimal("31.8"),
        ("Example Cloud", "USD"): Decimal(152),
    }
    assert BillVersion.objects.filter(status="live").count() == 6
    assert ProviderTotal.objects.count() == 4

    # Nothing is due any more, and nothing is loaded twice.
    ask("sweep", seconds=60, due=["connections"])
    assert JobRun.objects.filter(kind="bills.fetch").count() == 3
    assert Delivery.objects.count() == 9


def test_killed_while_fetching_it_goes_on_where_it_was(processes: Start, aws: Aws) -> None:
    test_s3.three_months(aws)
    known = connect("aws-main", "aws-s3", bucket="example-billing", prefix="cur/")
    stalled = threading.Event()
    aws.gateway.faults.append(
        Fault(lambda _m, path, _b: "20260301-" in path and "daily-00002" in path, stall=stalled)
    )
    started = processes("filesystem://")
    command = [sys.executable, "manage.py", "fetch_bills", "--json"]
    first = started.start(command)
    until(lambda: aws.gateway.asked("GET", "20260301-20260401/a1/daily-00002"), "it stalled")
    first.send_signal(signal.SIGKILL)
    first.wait()
    stalled.set()

    # What is done is done, and what has come is kept.
    assert sum(spent().values()) == Decimal("3.8")
    assert FetchedDelivery.objects.count() == 2
    assert any(fetch_folder(known).rglob("daily-00001.csv.gz"))
    # Until its lease runs out, it may still be alive; then the sweep gives its work to others.
    (run,) = JobRun.objects.filter(kind="bills.fetch")
    assert run.state == "running"
    jobs.sweep(timezone.now() + timedelta(minutes=3))
    aws.gateway.seen.clear()

    said, _ = started.start(command).communicate(timeout=120)

    run.refresh_from_db()
    assert (run.state, run.error, run.attempt) == ("done", "", 2), said
    assert sum(spent().values()) == Decimal("31.8")
    fetched: list[Any] = aws.gateway.asked("GET", ".csv.gz")
    assert ["daily-00002" in path or "daily-00003" in path for path in fetched] == [True, True]
    assert BillVersion.objects.count() == 3
    assert Delivery.objects.count() == 6
    assert JobRun.objects.filter(kind="bills.fetch").count() == 1


def test_killed_between_loading_and_writing_down_nothing_is_loaded_twice(
    processes: Start, aws: Aws
) -> None:
    """What was loaded but not written down is known again by its digest."""
    test_s3.put_report(aws, 2, [["2.5"]])
    connect("aws-main", "aws-s3", bucket="example-billing", prefix="cur/")
    started = processes("filesystem://")
    command = [sys.executable, "manage.py", "fetch_bills", "--json"]
    started.start(command).communicate(timeout=120)
    FetchedDelivery.objects.all().delete()  # as if it had died before this
    started.start(command).communicate(timeout=120)
    assert FetchedDelivery.objects.get().bills[0]["status"] == "unchanged"
    assert BillVersion.objects.count() == 1
