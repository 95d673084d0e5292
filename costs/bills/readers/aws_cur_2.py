"""AWS Cost and Usage Report 2.0 of Data Exports: snake_case columns, maps for what varies.

Source: AWS Data Exports, CUR 2.0 table dictionary. ``product``, ``resource_tags``, ``discount`` and
``cost_category`` are maps in Parquet and JSON text in CSV; user tags begin with ``user_``.
"""

from __future__ import annotations

from collections.abc import Mapping

from costs.bills.aws_line_items import charge
from costs.bills.description import ABSENT, Columns

MAPS = ("product", "resource_tags", "cost_category", "discount")
USER = "^(resource_?[tT]ags/)?user[:_]"
"""What stands before the name of a tag that people gave."""


class AwsCur2:
    """A line item a row; billed and effective cost as in the legacy report."""

    name = "aws-cur-2"
    family = "cur-2"
    version = 1

    def recognises(self, columns: Columns) -> bool:
        return columns.has("bill_payer_account_id", "line_item_line_item_type") and any(
            map(columns.has, MAPS)
        )

    def charge(self, columns: Columns) -> Mapping[str, str]:
        return charge(
            columns,
            product_name=columns.member("product_name", "product"),
            region=columns.member("region", "product"),
            tags=columns.members("resource_tags", "tags", strip=USER),
        ) | {
            "sku_price_details": columns.text("product"),
            "region_name": (
                f"coalesce({columns.text('product_location')},"
                f" {columns.member('location', 'product')})"
            ),
            "pricing_unit": _unit(columns),
            "consumed_unit": _unit(columns),
        }

    def notices(self) -> tuple[str, ...]:
        return ()


def _unit(columns: Columns) -> str:
    units = [columns.text(name) for name in ("pricing_unit", "product_pricing_unit")]
    known = [unit for unit in units if unit != ABSENT]
    return f"coalesce({', '.join(known)}, NULL)" if known else ABSENT
