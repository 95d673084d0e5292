"""AWS Cost Explorer: a real boto3 client against moto, which answers what it was told to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from costs.bills import connecting, fetching
from costs.bills.fetching import FetchFailed, fetch
from costs.bills.models import Connection, ProviderTotal
from costs.lake.models import BillVersion
from tests.bills.clouds.conftest import Aws, Clock
from tests.bills.clouds.gateway import Fault, json_error
from tests.bills.making import spent, total

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)


def connection(**parameters: str) -> Connection:
    return connecting.add_connection(
        actor="an operator",
        name="aws-costs",
        kind="aws-cost-explorer",
        parameters={"since": "2026-01", **parameters},
        schedule="daily",
        hour=6,
        now=NOW,
    )


def run(known: Connection, clock: Clock) -> Any:
    known.refresh_from_db()
    return fetch(lambda _w, _s: None, known, again=False, now=NOW, patience=clock.patience())


def group(first: str, second: str, unblended: str, amortized: str | None = None) -> dict[str, Any]:
    amounts = {"UnblendedCost": unblended, "AmortizedCost": amortized or unblended}
    return {
        "Keys": [first, second],
        "Metrics": {name: {"Amount": cost, "Unit": "USD"} for name, cost in amounts.items()},
    }


def answer(start: str, end: str, *groups: dict[str, Any], token: str = "") -> dict[str, Any]:
    return {
        "ResultsByTime": [
            {
                "TimePeriod": {"Start": start, "End": end},
                "Total": {},
                "Groups": list(groups),
                "Estimated": True,
            }
        ],
        "DimensionValueAttributes": [
            {"Value": "444455556666", "Attributes": {"description": "shop"}}
        ],
        **({"NextPageToken": token} if token else {}),
    }


def tell(aws: Aws, *answers: dict[str, Any]) -> None:
    aws.moto("static/ce/cost-and-usage-results", json.dumps({"results": answers}).encode())


def january() -> list[dict[str, Any]]:
    return [
        answer(
            "2026-01-01",
            "2026-02-01",
            group("Usage", "444455556666", "12.3456789012", "10"),
            group("Tax", "444455556666", "2"),
        ),
        answer("2026-01-01", "2026-01-02", group("Tax", "444455556666", "2")),
        answer(
            "2026-01-03",
            "2026-01-04",
            group("Amazon Elastic Compute Cloud - Compute", "444455556666", "12", "9.6543210988"),
            token="page-2",
        ),
        answer(
            "2026-01-04",
            "2026-01-05",
            group("Amazon Simple Storage Service", "444455556666", "0.3456789012"),
        ),
    ]


def february_and_march() -> list[dict[str, Any]]:
    return [
        answer("2026-02-01", "2026-03-01", group("Credit", "444455556666", "-1.5")),
        answer("2026-02-02", "2026-02-03", group("AWS Support", "444455556666", "-1.5")),
        answer("2026-03-01", "2026-04-01", group("Usage", "444455556666", "7")),
        answer("2026-03-19", "2026-03-20", group("Amazon RDS", "444455556666", "7")),
    ]


def questions(aws: Aws) -> list[dict[str, Any]]:
    return [json.loads(body) for body in aws.gateway.bodies if b"Granularity" in body]


def test_three_months_come_with_every_digit_and_their_totals(aws: Aws, clock: Clock) -> None:
    tell(aws, *january(), *february_and_march())
    steps = run(connection(), clock)
    assert [(one.billing_period, one.state) for one in steps] == [
        ("2026-01", "loaded"),
        ("2026-02", "loaded"),
        ("2026-03", "loaded"),
    ]
    assert total() == Decimal("19.8456789012")
    assert spent("billing_period", metric="effective_cost")["2026-01", "USD"] == 12
    assert spent("charge_category") == {
        ("Usage", "USD"): Decimal("19.3456789012"),
        ("Tax", "USD"): Decimal(2),
        ("Credit", "USD"): Decimal("-1.5"),
    }
    assert spent("sub_account_id") == {("444455556666", "USD"): total()}
    totals = {one.billing_period.month: one.billed_cost for one in ProviderTotal.objects.all()}
    assert totals == {1: Decimal("14.3456789012"), 2: Decimal("-1.5"), 3: Decimal(7)}

    asked = questions(aws)
    assert asked[0] == {
        "TimePeriod": {"Start": "2026-01-01", "End": "2026-02-01"},
        "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost", "AmortizedCost"],
        "GroupBy": [
            {"Type": "DIMENSION", "Key": "RECORD_TYPE"},
            {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
        ],
    }
    assert asked[2]["Filter"] == {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Usage"]}}
    assert [one.get("NextPageToken") for one in asked[2:4]] == [None, "page-2"]
    assert len(asked) == 8

    # March alone may still change.
    tell(aws, *february_and_march()[2:])
    steps = run(Connection.objects.get(), clock)
    assert [(one.billing_period, one.bills[0]["status"]) for one in steps] == [
        ("2026-03", "unchanged")
    ]


def test_split_by_a_tag_it_finds_environments(aws: Aws, clock: Clock) -> None:
    tell(
        aws,
        answer("2026-03-01", "2026-04-01", group("Usage", "444455556666", "7")),
        answer(
            "2026-03-19",
            "2026-03-20",
            group("Amazon RDS", "environment$prod", "5"),
            group("Amazon RDS", "environment$", "2"),
        ),
    )
    run(connection(since="2026-03", split_by="tag:environment"), clock)
    assert spent("environment") == {("production", "USD"): 5, ("unallocated", "USD"): 2}
    asked = questions(aws)[1]
    assert asked["GroupBy"][1] == {"Type": "TAG", "Key": "environment"}
    assert asked["Filter"] == {
        "And": [
            {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Usage"]}},
            {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": ["444455556666"]}},
        ]
    }


def test_totals_alone_are_one_question_a_month(aws: Aws, clock: Clock) -> None:
    tell(aws, january()[0], february_and_march()[0], february_and_march()[2])
    run(connection(use="totals"), clock)
    assert not BillVersion.objects.exists()
    assert ProviderTotal.objects.count() == 3
    assert len(questions(aws)) == 3


def test_throttled_it_waits_and_goes_on_with_the_page_it_was_at(aws: Aws, clock: Clock) -> None:
    tell(aws, *january(), *february_and_march())
    busy = json_error(400, "ThrottlingException", "Rate exceeded")
    busy["headers"] |= {"Retry-After": "3"}
    aws.gateway.faults.append(Fault(lambda _m, _p, body: b"page-2" in body, times=2, **busy))
    aws.gateway.faults.append(
        Fault(lambda _m, _p, body: b"Tax" in body, **json_error(500, "InternalServerException"))
    )
    run(connection(), clock)
    assert clock.slept == [0.5, 3.5, 4.0]
    assert total() == Decimal("19.8456789012")


def test_credentials_that_expire_half_way_keep_what_is_done(aws: Aws, clock: Clock) -> None:
    tell(aws, *january(), *february_and_march())
    expired = json_error(400, "ExpiredTokenException", "The security token has expired")
    aws.gateway.faults.append(
        Fault(
            lambda _m, _p, body: (
                b"2026-02-01" in body and b"DAILY" in body and b"2026-03-01" in body
            ),
            **expired,
        )
    )
    known = connection()
    with pytest.raises(FetchFailed, match="the AWS credentials have expired after 1 delivery"):
        run(known, clock)
    assert total() == Decimal("14.3456789012")


def test_the_missing_permission_is_named(aws: Aws, clock: Clock) -> None:
    said = "User: arn:aws:iam::111122223333:user/x is not authorized to perform: ce:GetCostAndUsage"
    aws.gateway.faults.append(
        Fault(
            lambda _m, _p, body: b"Granularity" in body,
            **json_error(400, "AccessDeniedException", said),
        )
    )
    found = fetching.check_connection(
        "aws-cost-explorer", {}, today=NOW.date(), patience=clock.patience(1)
    )
    assert [(one.permission, one.good) for one in found] == [
        ("", True),
        ("ce:GetCostAndUsage", False),
    ]
    assert found[0].said == "signed in to account 123456789012"
    assert found[1].said == "ce:GetCostAndUsage on Cost Explorer is denied"
    tell(aws, january()[0])
    found = fetching.check_connection(
        "aws-cost-explorer", {}, today=NOW.date(), patience=clock.patience(1)
    )
    assert found[-1].said == "2026-03 has cost in 1 account"
