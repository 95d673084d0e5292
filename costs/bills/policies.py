"""The least that a cloud must grant Headroom, as documents for its own tools. Pure.

Source of the actions: AWS, Service Authorization Reference for S3, Cost Explorer, KMS and STS;
Microsoft, "Azure permissions" for Storage, Cost Management and Billing, and the built-in role "Cost
Management Reader", whose part for reading cost this is.
"""

from __future__ import annotations

import re
from typing import Any


def aws_policy(
    *,
    bucket: str = "",
    prefix: str = "",
    key: str = "",
    cost_explorer: bool = False,
    role: str = "",
) -> dict[str, Any]:
    """An IAM policy: to read a bucket below a prefix, and to ask Cost Explorer.

    ``key`` is the ARN of the KMS key of an encrypted bucket, ``role`` of a role to assume. Raises
    :class:`ValueError` with a sentence where nothing was asked for, or what was is no name.
    """
    statements: list[dict[str, Any]] = []
    if bucket:
        _fits(bucket, r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "--bucket", "name of a bucket")
        arn = f"arn:aws:s3:::{bucket}"
        listing: dict[str, Any] = {
            "Sid": "ListExports",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
        }
        if prefix:
            listing["Condition"] = {"StringLike": {"s3:prefix": f"{prefix}*"}}
        statements += [
            listing,
            {
                "Sid": "ReadExports",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": f"{arn}/{prefix}*",
            },
        ]
    if key:
        _fits(key, r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+", "--kms-key", "ARN of a key")
        statements.append(
            {
                "Sid": "DecryptExports",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": key,
            }
        )
    if cost_explorer:
        # Cost Explorer knows no resources: it is all or nothing.
        statements.append(
            {
                "Sid": "AskCostExplorer",
                "Effect": "Allow",
                "Action": "ce:GetCostAndUsage",
                "Resource": "*",
            }
        )
    if role:
        _fits(role, r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "--assume", "ARN of a role")
        statements.append(
            {
                "Sid": "AssumeRole",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": role,
            }
        )
    if not statements:
        raise ValueError(
            "give --bucket, --cost-explorer or --assume: else there is nothing to grant"
        )
    return {"Version": "2012-10-17", "Statement": statements}


def azure_role(
    *, scope: str = "", container: str = "", name: str = "Headroom reader"
) -> dict[str, Any]:
    """A custom role of Azure: to ask Cost Management about a scope, to read a container.

    ``scope`` is a subscription, a resource group or a management group, ``container`` the resource
    ID of a container of Blob Storage. Raises :class:`ValueError` with a sentence.
    """
    actions: list[str] = []
    data_actions: list[str] = []
    assignable: list[str] = []
    if scope:
        scope = "/" + scope.strip("/")
        if scope.lower().startswith("/providers/microsoft.billing/"):
            raise ValueError(
                "--scope: a billing account has roles of its own, and custom roles cannot be"
                " assigned there; give it the role Billing account reader or Enrollment reader"
            )
        _fits(
            scope,
            r"/subscriptions/[0-9a-fA-F-]{36}(/resourceGroups/[\w().-]{1,90})?"
            r"|/providers/Microsoft\.Management/managementGroups/[\w().-]{1,90}",
            "--scope",
            "scope such as /subscriptions/…",
        )
        actions += [
            "Microsoft.CostManagement/*/read",
            "Microsoft.CostManagement/query/action",
            "Microsoft.CostManagement/generateCostDetailsReport/action",
            "Microsoft.Consumption/*/read",
        ]
        assignable.append(scope)
    if container:
        container = "/" + container.strip("/")
        _fits(
            container,
            r"/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[\w().-]{1,90}/providers"
            r"/Microsoft\.Storage/storageAccounts/[a-z0-9]{3,24}/blobServices/default/containers"
            r"/[a-z0-9$-]{1,63}",
            "--container",
            "resource ID of a container",
        )
        actions.append("Microsoft.Storage/storageAccounts/blobServices/containers/read")
        data_actions.append("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read")
        # A role is kept by a subscription or what is below it, but not by a container.
        group = container.partition("/providers/")[0]
        if group not in assignable:
            assignable.append(group)
    if not assignable:
        raise ValueError("give --scope or --container: there is nothing to grant")
    return {
        "Name": name,
        "IsCustom": True,
        "Description": "Reads what Headroom needs to fetch bills, and nothing else.",
        "Actions": actions,
        "NotActions": [],
        "DataActions": data_actions,
        "NotDataActions": [],
        "AssignableScopes": assignable,
    }


def _fits(value: str, pattern: str, argument: str, what: str) -> None:
    if not re.fullmatch(pattern, value):
        raise ValueError(f"{argument}: “{value[:100]}” is no {what}")
