"""AWS Cost and Usage Report, legacy: ``bill/InvoiceId`` or ``bill_invoice_id`` style columns.

Source: AWS, Cost and Usage Report data dictionary. Parquet and Athena spell in snake_case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from costs.bills.aws_line_items import charge
from costs.bills.description import ABSENT, Columns, sql_name, sql_text


class AwsCur:
    """A line item a row; products and tags have columns of their own."""

    name = "aws-cur"
    family = "cur"
    version = 2

    def recognises(self, columns: Columns) -> bool:
        # CUR 2.0 has maps where this one has a column for each product attribute and tag.
        return columns.has("bill/PayerAccountId", "lineItem/LineItemType") and not any(
            map(columns.has, ("product", "resource_tags", "cost_category", "discount"))
        )

    def charge(self, columns: Columns) -> Mapping[str, str]:
        return charge(
            columns,
            product_name=columns.text("product/ProductName"),
            region=columns.text("product/region"),
            tags=_tags(columns),
        )

    def notices(self) -> tuple[str, ...]:
        return ()


def _tags(columns: Columns) -> str:
    """The ``resourceTags/user:*`` columns as one JSON object; empty tags are left out."""
    members = []
    for column in columns.types:
        if found := re.fullmatch(r"resource_?tags[/_](?:user[:_])?(.+)", column, re.IGNORECASE):
            key = sql_text(f'"{_json_escape(found[1])}":')
            members.append(f"{key} || to_json(nullif({sql_name(column)}, ''))")
    if not members:
        return ABSENT
    return f"nullif('{{' || concat_ws(',', {', '.join(members)}) || '}}', '{{}}')"


def _json_escape(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')
