"""Read bills from files or folders."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from costs.cli import OneLineErrors, as_of_moment, prepare_database, print_json, progress_bar
from costs.money import cents, plain


class Command(OneLineErrors):
    """``ingest_bill FILE... [--source NAME] [--accept] [--json]``"""

    help = "Read bills (CSV, CSV.gz, Parquet, zip, folders, manifests) into the lake: all or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--source", help="name the source instead of deriving it")
        parser.add_argument("--accept", action="store_true", help="make live what would be held")
        parser.add_argument("--as-of", help="day on which the files arrived (default: now)")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        from costs.bills.building import IngestError
        from costs.bills.operations import ingest_bill

        prepare_database()
        now = timezone.now()
        try:
            with progress_bar() as progress:
                bills = ingest_bill(
                    options["files"],
                    source=options["source"],
                    accept=options["accept"],
                    actor="ingest_bill",
                    now=now,
                    delivered_at=as_of_moment(options["as_of"]) or now,
                    progress=progress,
                )
        except IngestError as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            print_json(
                {
                    "bills": [
                        asdict(bill)
                        | {
                            "billed_cost": plain(bill.billed_cost),
                            "effective_cost": plain(bill.effective_cost),
                        }
                        for bill in bills
                    ]
                }
            )
        for bill in bills:
            line = (
                f"{bill.file}: {bill.source} {bill.billing_period} version {bill.version}"
                f" {bill.status}: {bill.rows:,} rows, billed {cents(bill.billed_cost):,},"
                f" effective {cents(bill.effective_cost):,} {bill.currency}"
            )
            if bill.rejected:
                line += f"; {bill.rejected:,} rows rejected, see the bills page"
            if bill.why:
                line += f"; held because {bill.why} (accept it with --accept)"
            print(line, file=sys.stderr if options["json"] else sys.stdout)
