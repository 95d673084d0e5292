"""List the Parquet files that external engines may read."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from costs.cli import OneLineErrors, as_of_moment, prepare_database, print_json


class Command(OneLineErrors):
    """``live_files [--json]``"""

    help = "List the live Parquet files, for engines such as Athena, Trino, Spark or Fabric."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", help="the files that were live before this day")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        prepare_database()
        from costs.lake.queries import live_tables

        files = live_tables(as_delivered=as_of_moment(options["as_of"]))
        if options["json"]:
            print_json({"files": files})
            return
        for file in files:
            print("\t".join(map(str, file.values())))
