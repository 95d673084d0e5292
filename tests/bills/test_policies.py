"""What clouds must grant: the documents, and that they are enough and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from costs.bills.policies import aws_policy, azure_role

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
CONTAINER = (
    f"{SUBSCRIPTION}/resourceGroups/rg-billing/providers/Microsoft.Storage/storageAccounts"
    "/examplebilling/blobServices/default/containers/exports"
)


def actions(policy: dict[str, Any]) -> dict[str, str]:
    return {one["Action"]: one["Resource"] for one in policy["Statement"]}


def test_aws_grants_reading_of_one_prefix_and_nothing_else() -> None:
    policy = aws_policy(bucket="example-billing", prefix="cur/")
    assert actions(policy) == {
        "s3:ListBucket": "arn:aws:s3:::example-billing",
        "s3:GetObject": "arn:aws:s3:::example-billing/cur/*",
    }
    assert policy["Statement"][0]["Condition"] == {"StringLike": {"s3:prefix": "cur/*"}}


def test_aws_grants_more_where_it_is_asked_to() -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/abc"
    role = "arn:aws:iam::111122223333:role/headroom"
    assert actions(
        aws_policy(bucket="example-billing", key=key, cost_explorer=True, role=role)
    ) == {
        "s3:ListBucket": "arn:aws:s3:::example-billing",
        "s3:GetObject": "arn:aws:s3:::example-billing/*",
        "kms:Decrypt": key,
        "ce:GetCostAndUsage": "*",
        "sts:AssumeRole": role,
    }


def test_azure_grants_questions_and_reading() -> None:
    role = azure_role(scope=SUBSCRIPTION, container=CONTAINER)
    assert "Microsoft.CostManagement/query/action" in role["Actions"]
    assert role["DataActions"] == [
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    ]
    assert role["AssignableScopes"] == [SUBSCRIPTION, f"{SUBSCRIPTION}/resourceGroups/rg-billing"]
    granted = role["Actions"] + role["DataActions"]
    assert not [one for one in granted if "write" in one.lower() or "delete" in one.lower()]


def test_a_container_alone_grants_no_questions() -> None:
    assert not [one for one in azure_role(container=CONTAINER)["Actions"] if "Cost" in one]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["aws"], "there is nothing to grant"),
        (["azure"], "there is nothing to grant"),
        (["aws", "--bucket", "A/B"], "--bucket: “A/B” is no name of a bucket"),
        (["aws", "--scope", SUBSCRIPTION], "--scope: aws has no such thing"),
        (["azure", "--cost-explorer"], "--cost-explorer: azure has no such thing"),
        (["azure", "--scope", "x"], "--scope: “/x” is no scope"),
        (["azure", "--container", "x"], "is no resource ID of a container"),
        (
            ["azure", "--scope", "/providers/Microsoft.Billing/billingAccounts/1"],
            "roles of its own",
        ),
        (["aws", "--assume", "x"], "is no ARN of a role"),
        (["aws", "--kms-key", "x"], "is no ARN of a key"),
    ],
)
def test_what_cannot_be_granted_is_said(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("cloud_policy", *arguments)


def test_the_command_prints_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("cloud_policy", "aws", "--bucket", "example-billing", "--prefix", "/cur/")
    assert json.loads(capsys.readouterr().out) == aws_policy(
        bucket="example-billing", prefix="cur/"
    )
    call_command("cloud_policy", "azure", "--scope", SUBSCRIPTION, "--name", "x")
    assert json.loads(capsys.readouterr().out)["Name"] == "x"
