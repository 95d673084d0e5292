"""The policy that the command prints is enough, and what it leaves out is named.

Moto judges each request as AWS would, by the policies of who sends it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from costs.bills import fetching
from costs.bills.clouds.connector import Finding
from costs.bills.policies import aws_policy
from tests.bills.clouds.conftest import BUCKET, Aws, Clock, grant
from tests.bills.clouds.test_s3 import put_report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
TODAY = datetime(2026, 4, 3, tzinfo=UTC).date()
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/headroom"},
            "Action": "sts:AssumeRole",
        }
    ],
}
FOLDER = {"bucket": BUCKET, "prefix": "cur/"}


@pytest.fixture
def checked(
    aws: Aws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, dict[str, str], dict[str, Any]], list[Finding]]:
    """Tests a connection as a user who has one policy and no other."""
    put_report(aws, 1, [["1"]])
    put = grant(aws, monkeypatch)

    def check(kind: str, parameters: dict[str, str], policy: dict[str, Any]) -> list[Finding]:
        # AWS lets everybody ask who they are; moto wants it granted.
        policy["Statement"].append(
            {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
        )
        put(policy)
        try:
            return fetching.check_connection(
                kind, parameters, today=TODAY, patience=clock.patience(1)
            )
        finally:
            aws.moto("reset-auth", b"inf")

    return check


def without(policy: dict[str, Any], action: str) -> dict[str, Any]:
    kept = [one for one in policy["Statement"] if one["Action"] != action]
    return {**policy, "Statement": kept}


def test_the_printed_policy_is_enough_for_a_bucket(checked: Any) -> None:
    policy = aws_policy(bucket=BUCKET, prefix="cur/")
    del policy["Statement"][0]["Condition"]  # moto does not know conditions
    found = checked("aws-s3", FOLDER, policy)
    assert [one.said for one in found] == [
        "s3:ListBucket on arn:aws:s3:::example-billing is granted",
        "s3:GetObject on arn:aws:s3:::example-billing/cur/* is granted",
        "1 delivery found, 2026-01",
    ]
    assert all(one.good for one in found)


@pytest.mark.parametrize("missing", ["s3:ListBucket", "s3:GetObject"])
def test_what_is_missing_for_a_bucket_is_named(checked: Any, missing: str) -> None:
    policy = without(aws_policy(bucket=BUCKET, prefix="cur/", cost_explorer=True), missing)
    for one in policy["Statement"]:
        one.pop("Condition", None)
    last = checked("aws-s3", FOLDER, policy)[-1]
    assert (last.permission, last.good) == (missing, False)
    assert last.said.startswith(f"{missing} on arn:aws:s3:::example-billing")
    assert last.said.endswith("is denied")


def test_cost_explorer_needs_one_permission(checked: Any) -> None:
    found = checked("aws-cost-explorer", {}, aws_policy(cost_explorer=True))
    assert found[1].said == "ce:GetCostAndUsage on Cost Explorer is granted"
    found = checked("aws-cost-explorer", {}, aws_policy(bucket=BUCKET))
    assert (found[-1].permission, found[-1].good) == ("ce:GetCostAndUsage", False)


def test_a_role_that_may_not_be_assumed_is_named(checked: Any) -> None:
    role = "arn:aws:iam::123456789012:role/billing"
    found = checked("aws-s3", {**FOLDER, "role": role}, aws_policy(bucket=BUCKET))
    assert found[-1].said == f"sts:AssumeRole on {role} is denied"


def test_through_a_role_it_reads_with_the_policy_of_the_role(
    aws: Aws, clock: Clock, checked: Any
) -> None:
    iam = boto3.client("iam", endpoint_url=aws.direct)
    role = iam.create_role(RoleName="billing", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"][
        "Arn"
    ]
    policy = aws_policy(bucket=BUCKET)
    iam.put_role_policy(RoleName="billing", PolicyName="x", PolicyDocument=json.dumps(policy))
    iam.close()
    found = checked("aws-s3", {**FOLDER, "role": role}, aws_policy(role=role))
    assert [one.good for one in found] == [True, True, True]
