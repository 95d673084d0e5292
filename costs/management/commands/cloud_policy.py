"""Print what a cloud must grant Headroom."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from costs.cli import OneLineErrors


class Command(OneLineErrors):
    """``cloud_policy aws|azure [options]``"""

    help = "Print the least that AWS or Azure must grant, as a JSON document for their own tools."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("cloud", choices=("aws", "azure"))
        parser.add_argument("--bucket", default="", help="aws: the bucket of the exports")
        parser.add_argument("--prefix", default="", help="aws: only what lies below it")
        parser.add_argument("--kms-key", default="", help="aws: ARN of the bucket's key")
        parser.add_argument(
            "--cost-explorer", action="store_true", help="aws: also ask Cost Explorer"
        )
        parser.add_argument("--assume", default="", help="aws: ARN of a role to assume")
        parser.add_argument("--scope", default="", help="azure: whose cost may be asked for")
        parser.add_argument("--container", default="", help="azure: resource ID of a container")
        parser.add_argument("--name", default="Headroom reader", help="azure: name of the role")

    def handle(self, *_: Any, **options: Any) -> None:
        from costs.bills.policies import aws_policy, azure_role

        others = ("scope", "container") if options["cloud"] == "aws" else _AWS
        if wrong := next((name for name in others if options[name]), None):
            option = wrong.replace("_", "-")
            raise CommandError(f"--{option}: {options['cloud']} has no such thing")
        try:
            if options["cloud"] == "aws":
                document = aws_policy(
                    bucket=options["bucket"],
                    prefix=options["prefix"].lstrip("/"),
                    key=options["kms_key"],
                    cost_explorer=options["cost_explorer"],
                    role=options["assume"],
                )
            else:
                document = azure_role(
                    scope=options["scope"], container=options["container"], name=options["name"]
                )
        except ValueError as error:
            raise CommandError(str(error)) from None
        print(json.dumps(document, indent=2))


_AWS = ("bucket", "prefix", "kms_key", "cost_explorer", "assume")
