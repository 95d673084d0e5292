"""Which charge of one version is which charge of another, where something in it has changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from costs.focus import BY_NAME, COLUMNS
from costs.lake.engine import quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_SOUGHT: Final = 20_000
"""Left-over charges of each version among which one is sought that differs in what identifies it:
beyond that something has changed throughout, and no such pair would mean anything (ours)."""
COMPARED: Final = (*(column.name for column in COLUMNS), "resource_group")
"""What makes two charges the same: every FOCUS column, and the resource group beside them."""

IDENTITY: Final = (
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "billing_currency",
    "billing_period_start",
    "service_name",
    "resource_id",
    "sku_id",
    "sku_meter",
    "pricing_unit",
    "charge_category",
    "charge_frequency",
    "charge_period_start",
    "charge_period_end",
    "commitment_discount_id",
    "commitment_discount_status",
)
"""Charges that agree in these are the same thing, perhaps at another cost."""
CLOSER: Final = (
    *IDENTITY,
    "sku_price_id",
    "region_id",
    "availability_zone",
    "charge_class",
    "charge_description",
    "pricing_category",
    "tags",
)
"""Where several charges share an identity, those that agree in these too are paired first."""
TOGETHER: Final = (
    ("billing_account_id", "billing_account_name", "billing_account_type"),
    ("provider_name", "publisher_name", "invoice_issuer_name"),
    ("billing_period_start", "billing_period_end"),
    ("billing_currency", "pricing_currency"),
    ("pricing_unit", "consumed_unit"),
    ("charge_category", "charge_frequency", "charge_class", "charge_description"),
    tuple(name for name in BY_NAME if name.startswith("commitment_discount")),
    ("sub_account_id", "sub_account_name", "sub_account_type"),
    ("service_name", "service_category", "service_subcategory"),
    ("sku_id", "sku_price_id", "sku_meter", "sku_price_details"),
    ("charge_period_start", "charge_period_end"),
    ("resource_id", "resource_name", "resource_type", "resource_group"),
)
"""Columns that say one thing between them: charges that differ only within one of these groups are
one charge of which that thing was corrected. What tells charges apart best comes last: of many
alike machines each is first sought under its own name."""


def pair(connection: DuckDBPyConnection, was: Path, now: Path) -> None:
    """Make the table ``pairs`` (``was_id``, ``now_id``): each charge stands in one at most."""
    connection.execute("CREATE OR REPLACE TEMP TABLE pairs (was_id BIGINT, now_id BIGINT)")
    for columns in (CLOSER, IDENTITY):
        _pair_by(connection, columns, parquet(was), parquet(now))
    lonely = []
    for name, file in (("was", was), ("now", now)):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE lonely_{name} AS SELECT id FROM {parquet(file)}"
            f" ANTI JOIN (SELECT {name}_id AS id FROM pairs) USING (id)"
        )
        lonely.append(count(connection, f"lonely_{name}"))
    if not 0 < min(lonely) <= max(lonely) <= MOST_SOUGHT:
        return
    for name, file in (("was", was), ("now", now)):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE lonely_{name} AS"
            f" SELECT * FROM {parquet(file)} SEMI JOIN lonely_{name} USING (id)"
        )
    for group in TOGETHER:
        agreeing = tuple(name for name in COMPARED if name not in group)
        _pair_by(connection, agreeing, "lonely_was", "lonely_now")


def _pair_by(connection: DuckDBPyConnection, columns: Sequence[str], was: str, now: str) -> None:
    """Pair what agrees in ``columns`` and is in no pair yet: the n-th here with the n-th there."""

    def numbered(side: str, source: str) -> str:
        return f"""
            SELECT id, digest, row_number() OVER (
                PARTITION BY digest ORDER BY pricing_quantity, billed_cost, id) AS nth
            FROM (
                SELECT id, hash({", ".join(columns)}) AS digest, pricing_quantity, billed_cost
                FROM {source} ANTI JOIN (SELECT {side}_id AS id FROM pairs) USING (id)
            )"""

    connection.execute(f"""
        INSERT INTO pairs SELECT w.id, n.id
        FROM ({numbered("was", was)}) w JOIN ({numbered("now", now)}) n USING (digest, nth)
    """)


def parquet(*files: Path, numbered: bool = False) -> str:
    """A FROM clause over Parquet files, with ``file_row_number`` where ``numbered``."""
    listed = ", ".join(quote(str(file)) for file in files)
    return f"read_parquet([{listed}]{', file_row_number = true' if numbered else ''})"


def count(connection: DuckDBPyConnection, source: str) -> int:
    """Rows of a FROM clause."""
    row = connection.execute(f"SELECT count(*) FROM {source}").fetchone()
    return int(row[0]) if row else 0
