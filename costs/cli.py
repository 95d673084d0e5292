"""What the commands share at the terminal: dates, JSON, a progress bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from costs.errors import OutOfReach


class OneLineErrors(BaseCommand):
    """A command that answers a wrong argument with one line on stderr; ``--help`` has the usage."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # argparse prints all of the usage before the line that says what is wrong.
        parser.print_usage = lambda file=None: None  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except OutOfReach as error:
            raise CommandError(str(error)) from None


def day(text: str, argument: str) -> date:
    """Parse ``2026-07-01``. Raises :class:`CommandError` naming the argument."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{argument}: “{text}” is not a day; write it as 2026-07-01") from None


def as_of_moment(text: str | None) -> datetime | None:
    """Midnight UTC at the beginning of ``--as-of``, None without one."""
    return None if text is None else datetime.combine(day(text, "--as-of"), time(), UTC)


def print_json(document: object) -> None:
    """Print the one JSON document of a command on stdout."""
    print(json.dumps(document, ensure_ascii=False))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None] | None]:
    """A bar on a terminal's stderr; nothing anywhere else."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=100, unit="%", leave=False, bar_format="{l_bar}{bar}| {desc}") as bar:

        def tell(what: str, share: float) -> None:
            bar.set_description_str(what[:60])
            bar.n = round(100 * share)
            bar.refresh()

        yield tell


def prepare_database() -> None:
    """Bring the embedded database up to date, so that a first command needs no other before it.

    A PostgreSQL server is somebody's to migrate: there, pending migrations are an error.
    """
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        if connection.vendor != "sqlite":
            raise CommandError("DATABASE_URL: the database is not migrated; run manage.py migrate")
        call_command("migrate", verbosity=0, interactive=False)
