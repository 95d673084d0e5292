"""Writing the tables of a version for other allocation rules, beside those it has."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing

from costs.bills.allocation import EnvironmentWords, Rule, allocation_sql
from costs.lake.engine import open_for_work
from costs.lake.versions import (
    TABLES,
    charges_keys,
    keys_key,
    spans_days,
    table_file,
    write_tables,
)
from costs.stores import Store


def write_rule_tables(
    store: Store,
    key: str,
    parts: int,
    rule_set: str,
    rules: Sequence[Rule],
    environments: Sequence[EnvironmentWords],
) -> bool:
    """Publish the tables of ``rule_set`` into the version's folder ``key``; False if they were.

    ``parts`` is how many files of charges the version has.

    Nothing is overwritten: charges never change, so tables of the same rules hold the same. Each
    file appears whole; nobody reads any of them before a row names their rules. Killed at any
    point, it can simply be done again, and :func:`~costs.lake.operations.tidy` removes what is left
    over.
    """
    names = [table_file(table, rule_set) for table in TABLES]
    # All of them, so that none is tidied away while the others are looked at.
    if all([store.keep(f"{key}/{name}") for name in names]):  # noqa: C419
        return False
    staging = store.new_staging()
    try:
        wanted = [*charges_keys(key, parts), keys_key(key)]
        with store.reading(wanted) as paths, closing(open_for_work(store.root)) as connection:
            *charges, keys = (paths[one] for one in wanted)
            write_tables(
                connection,
                charges,
                keys,
                rule_set,
                lambda keys: allocation_sql(rules, environments, keys),
                spans=spans_days(connection, charges),
                into=staging,
            )
        for name in names:
            if not store.keep(f"{key}/{name}"):
                store.publish(staging / name, f"{key}/{name}")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return True
