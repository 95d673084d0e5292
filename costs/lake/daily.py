"""The daily tables of a version: what pages read instead of charges.

``daily_facts`` has a row per day and everything one can ask about; ``daily_summary`` the same
without resource and SKU. Billed, list and contracted cost and quantity fall on the day a charge
starts; the effective cost of a charge that spans days is spread evenly over them, the remainder by
largest remainder at 1e-18.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from costs.focus import DECIMAL
from costs.lake.engine import quote
from costs.periods import Period

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KEYS = "keys.parquet"
"""One row per distinct account, resource group, service, resource and tags of a version."""

_OF_CHARGE = (
    "allocation_key",
    "provider_name",
    "region_id",
    "sku_id",
    "sku_meter",
    "pricing_unit",
    "charge_category",
    "charge_class",
    "charge_frequency",
    "commitment_discount_id",
    "commitment_discount_status",
    "billing_currency",
)
_OF_KEY = (
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "resource_id",
)
DIMENSIONS = (
    "day",
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "region_id",
    "resource_id",
    "sku_id",
    "sku_meter",
    "pricing_unit",
    "charge_category",
    "charge_class",
    "charge_frequency",
    "commitment_discount_id",
    "commitment_discount_status",
    "billing_period",
    "environment",
    "cost_center",
    "billing_currency",
)
"""What ``daily_facts`` is grouped by, in the order of its columns."""
MEASURES = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "quantity")
ONLY_FACTS = frozenset({"resource_id", "sku_id", "sku_meter"})
"""Dimensions that ``daily_summary`` has not."""


class KeyCollision(RuntimeError):
    """Two different resources got the same allocation key (chance about 1e-9 at 100,000 keys)."""


def write_keys(connection: DuckDBPyConnection, charges: str, into: Path) -> None:
    """Write the distinct allocation keys of ``charges`` (a FROM clause)."""
    connection.execute(f"""
        COPY (
            SELECT allocation_key, provider_name, billing_account_id, sub_account_id,
                any_value(sub_account_name) AS sub_account_name,
                coalesce(any_value(resource_group),
                    regexp_extract(any_value(resource_id), '(?i)/resourceGroups/([^/]+)', 1))
                    AS resource_group,
                service_name,
                -- Azure spells one resource id in several ways; ARNs do not begin with a slash.
                CASE WHEN starts_with(resource_id, '/') THEN lower(resource_id)
                     ELSE resource_id END AS resource_id,
                tags
            FROM {charges}
            GROUP BY allocation_key, provider_name, billing_account_id, sub_account_id,
                lower(resource_group), service_name, resource_id, tags
        ) TO {quote(str(into))} (FORMAT parquet, COMPRESSION zstd)
    """)
    distinct = connection.execute(
        "SELECT count(*), count(DISTINCT (provider_name, allocation_key))"
        f" FROM read_parquet({quote(str(into))})"
    ).fetchone()
    if distinct and distinct[0] != distinct[1]:
        raise KeyCollision("two resources of this bill share an allocation key")


def write_daily(
    connection: DuckDBPyConnection,
    charges: str,
    keys: Path,
    allocation: Path,
    facts: Path,
    summary: Path,
    *,
    spans: bool,
) -> None:
    """Write both daily tables of one version.

    ``charges`` is a FROM clause, ``allocation`` the table that maps each allocation key to
    environment and cost center. ``spans`` says whether any charge spans days.
    """
    columns = ", ".join(_OF_CHARGE)
    of_key = ", ".join(f"k.{column}" for column in _OF_KEY)
    connection.execute(f"""
        COPY (
            SELECT {", ".join(DIMENSIONS)}, {", ".join(MEASURES)} FROM (
                SELECT c.* EXCLUDE (allocation_key), {of_key}, a.environment, a.cost_center
                FROM (
                    SELECT day, billing_period, {columns},
                        {", ".join(f"sum({measure}) AS {measure}" for measure in MEASURES)}
                    FROM ({by_day(charges, columns, spans=spans)})
                    GROUP BY ALL
                ) c
                JOIN read_parquet({quote(str(keys))}) k USING (allocation_key, provider_name)
                JOIN read_parquet({quote(str(allocation))}) a USING (allocation_key, provider_name)
            ) ORDER BY day
        ) TO {quote(str(facts))} (FORMAT parquet, COMPRESSION zstd)
    """)
    kept = ", ".join(column for column in DIMENSIONS if column not in ONLY_FACTS)
    connection.execute(f"""
        COPY (
            SELECT {kept}, {", ".join(f"sum({measure}) AS {measure}" for measure in MEASURES)}
            FROM read_parquet({quote(str(facts))}) GROUP BY ALL ORDER BY day
        ) TO {quote(str(summary))} (FORMAT parquet, COMPRESSION zstd)
    """)


def key_costs_sql(charges: str, period: Period) -> str:
    """SELECT allocation_key, provider_name, billing_currency, effective_cost over ``period``.

    ``charges`` is a FROM clause. Exactly what ``daily_facts`` holds of these days, by the key that
    allocation rules look at.
    """
    columns = "allocation_key, provider_name, billing_currency"
    return f"""
        SELECT {columns}, sum(effective_cost) AS effective_cost
        FROM ({by_day(charges, columns, spans=True)})
        WHERE day >= DATE '{period.start}' AND day < DATE '{period.end}' GROUP BY ALL"""


def by_day(charges: str, columns: str, *, spans: bool) -> str:
    """Charges as rows of one day each."""
    period = "CAST(billing_period_start AS DATE) AS billing_period"
    measures = "list_cost, contracted_cost, pricing_quantity AS quantity"
    on_start = f"""
        SELECT charge_day AS day, {period}, {columns}, billed_cost,
            CASE WHEN charge_days = 1 THEN effective_cost
                 ELSE CAST(0 AS {DECIMAL}) END AS effective_cost, {measures}
        FROM {charges}"""
    if not spans:
        return on_start
    # Division would turn into doubles, so the even share is integer arithmetic in units of 1e-18:
    # a DECIMAL(38,18) without its point is that integer, and times 1e-18 it is a decimal again.
    none = f"CAST(0 AS {DECIMAL}) AS billed_cost"
    unit = "CAST('0.000000000000000001' AS DECIMAL(19,18))"
    rest = "CASE WHEN nth < abs(units % charge_days) THEN sign(units) ELSE 0 END"
    share = f"units // charge_days + {rest}"
    return f"""{on_start}
        UNION ALL
        SELECT charge_day + CAST(nth AS INTEGER), billing_period, {columns}, {none},
            CAST(CAST({share} AS DECIMAL(38,0)) * {unit} AS {DECIMAL}), NULL, NULL, NULL
        FROM (
            SELECT *, unnest(range(charge_days)) AS nth FROM (
                SELECT charge_day, charge_days, {period}, {columns},
                    CAST(replace(CAST(effective_cost AS VARCHAR), '.', '') AS HUGEINT) AS units
                FROM {charges} WHERE charge_days > 1
            )
        )"""
