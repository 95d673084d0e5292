"""Reading any other CSV: which of its columns is what, as somebody chose it for one source. Pure.

A mapping is made on a page from a sample and kept with its source. Files with the same header are
recognised by it from then on. A mapped bill has one cost: effective cost equals billed cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from costs.bills.description import ABSENT, Columns, canonical, sql_text

DATE_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "iso": ("2026-01-31, also with a time", ""),
    "us": ("1/31/2026", "%m/%d/%Y"),
    "us-short": ("1/31/26", "%m/%d/%y"),
    "european": ("31/1/2026", "%d/%m/%Y"),
    "dotted": ("31.1.2026", "%d.%m.%Y"),
    "slashed": ("2026/1/31", "%Y/%m/%d"),
    "compact": ("20260131", "%Y%m%d"),
    "named": ("Jan 31, 2026", "%b %d, %Y"),
    "named-day-first": ("31 Jan 2026", "%d %b %Y"),
    "month": ("2026-01: the whole month", "%Y-%m"),
    "named-month": ("January 2026: the whole month", "%B %Y"),
}
"""By name: an example, and the strptime format; an empty one is ISO 8601."""
MONTHS: Final = frozenset({"month", "named-month"})
"""Formats of whole months: such a charge lasts from the first day to the last."""
COLUMN_FIELDS: Final = (
    *("date", "end", "cost", "currency", "service", "account", "resource", "description"),
    *("quantity", "unit", "region"),
)
"""What a column may be, besides a tag."""
MOST_TAGS = 10
"""Columns that may become tags (ours)."""


@dataclass(frozen=True)
class ColumnMapping:
    """Which column of a CSV is what. Fields of columns hold a column's name, or nothing."""

    header: tuple[str, ...]
    provider: str
    """Who sends the bill: the same in every row."""
    date: str
    """Column of the day of a charge, or of its first day."""
    cost: str
    delimiter: str = ","
    date_format: str = "iso"
    end: str = ""
    """Column of the last day of a charge; without it a charge is of one day."""
    decimal_comma: bool = False
    negative: bool = False
    """Costs stand with a minus, credits without."""
    currency: str = ""
    fixed_currency: str = ""
    service: str = ""
    fixed_service: str = ""
    account: str = ""
    fixed_account: str = ""
    resource: str = ""
    description: str = ""
    quantity: str = ""
    unit: str = ""
    region: str = ""
    tags: tuple[str, ...] = ()
    """Columns that become tags of their name."""

    def as_json(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {**asdict(self), "header": list(self.header), "tags": list(self.tags)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ColumnMapping:
        """From :meth:`as_json`."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        return cls(
            **{**known, "header": tuple(known["header"]), "tags": tuple(known.get("tags", ()))}
        )

    def problems(self) -> dict[str, str]:
        """What is wrong with it, a sentence by field; empty when it can be used."""
        found: dict[str, str] = {}
        for field, what in (("date", "day"), ("cost", "cost")):
            if not getattr(self, field):
                found[field] = f"Choose the column that holds the {what}."
        if self.cost and self.cost in (self.date, self.end):
            found["cost"] = "A column of days cannot be the cost."
        if not self.provider.strip():
            found["provider"] = "Say who sends these bills."
        if not self.currency and not re.fullmatch(r"[A-Za-z]{3}", self.fixed_currency):
            found["fixed_currency"] = "Choose a column, or give a three-letter code like EUR."
        if not self.service and not self.fixed_service.strip():
            found["fixed_service"] = "Choose a column, or give a name for all of it."
        if self.date_format not in DATE_FORMATS:
            found["date_format"] = "Choose one of the formats."
        for field in COLUMN_FIELDS:
            column = getattr(self, field)
            if column and column not in self.header:
                found[field] = f"The sample has no column {column}."
        if unknown := [column for column in self.tags if column not in self.header]:
            found["tags"] = f"The sample has no column {unknown[0]}."
        if len(self.tags) > MOST_TAGS:
            found["tags"] = f"At most {MOST_TAGS} columns become tags."
        return found

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that it looks at."""
        named = (getattr(self, field) for field in COLUMN_FIELDS)
        return tuple(dict.fromkeys(column for column in (*named, *self.tags) if column))

    def fits(self, columns: Columns) -> bool:
        """Whether a file's header is the sample's, in whatever order and spelling."""
        mine = sorted(map(canonical, self.header))
        return mine == sorted(map(canonical, columns.types))


@dataclass
class Mapped:
    """A reader that a mapping makes; ``version`` is the mapping's own."""

    mapping: ColumnMapping
    version: int
    name: str = "mapped-csv"
    family: str = "mapped"

    def recognises(self, columns: Columns) -> bool:
        return self.mapping.fits(columns)

    def charge(self, columns: Columns) -> Mapping[str, str]:
        mapping = self.mapping
        for column in mapping.needed:
            columns.require(column)
        pattern = DATE_FORMATS[mapping.date_format][1]
        formats = (pattern,) if pattern else ()
        start = f"date_trunc('day', {columns.time(mapping.date, formats=formats)})"
        last = (
            f"date_trunc('day', {columns.time(mapping.end, formats=formats)})"
            if mapping.end
            else start
        )
        span = "1 MONTH" if mapping.date_format in MONTHS else "1 DAY"
        month = f"date_trunc('month', {start})"
        cost = columns.decimal(mapping.cost, comma=mapping.decimal_comma)
        cost = f"-{cost}" if mapping.negative else cost
        quantity, unit = ABSENT, ABSENT
        if mapping.quantity:
            quantity = columns.decimal(mapping.quantity, strict=False, comma=mapping.decimal_comma)
        if mapping.unit:
            unit = columns.text(mapping.unit)

        def either(column: str, fixed: str) -> str:
            found = columns.text(column) if column else ABSENT
            if not fixed.strip():
                return found
            return f"coalesce({found}, {sql_text(fixed.strip())})"

        account = mapping.fixed_account.strip() or mapping.provider.strip()
        return {
            "billed_cost": cost,
            "effective_cost": cost,
            "billing_account_id": either(mapping.account, account),
            "billing_currency": either(mapping.currency, mapping.fixed_currency),
            "billing_period_start": month,
            "billing_period_end": f"{month} + INTERVAL 1 MONTH",
            "charge_category": "'Usage'",
            "charge_frequency": "'Usage-Based'",
            "charge_period_start": start,
            # Before its start there is no end: such a row is refused.
            "charge_period_end": f"{last} + INTERVAL {span}",
            "charge_description": columns.text(mapping.description)
            if mapping.description
            else ABSENT,
            "consumed_quantity": quantity,
            "consumed_unit": unit,
            "pricing_quantity": quantity,
            "pricing_unit": unit,
            "invoice_issuer_name": sql_text(mapping.provider.strip()),
            "provider_name": sql_text(mapping.provider.strip()),
            "publisher_name": sql_text(mapping.provider.strip()),
            "region_id": columns.text(mapping.region) if mapping.region else ABSENT,
            "resource_id": columns.text(mapping.resource) if mapping.resource else ABSENT,
            "service_name": either(mapping.service, mapping.fixed_service),
            "tags": _tags(columns, mapping.tags),
        }

    def notices(self) -> tuple[str, ...]:
        return ()


def _tags(columns: Columns, names: Sequence[str]) -> str:
    members = [
        f"{sql_text(_key(name))} || CAST(to_json({columns.text(name)}) AS VARCHAR)"
        for name in names
    ]
    if not members:
        return ABSENT
    return f"nullif('{{' || concat_ws(',', {', '.join(members)}) || '}}', '{{}}')"


def _key(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'


GUESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("date", "day", "usage date", "start date", "period start", "invoice date", "month"),
    "end": ("end date", "period end"),
    "cost": ("cost", "amount", "total", "price", "charge", "net amount", "total cost"),
    "currency": ("currency", "price unit", "billing currency", "currency code"),
    "service": ("service", "product", "product name", "category", "item"),
    "account": ("account", "account id", "account sid", "organization", "org name"),
    "resource": ("resource", "resource id", "host", "id"),
    "description": ("description", "details", "memo"),
    "quantity": ("quantity", "usage", "count", "units"),
    "unit": ("unit", "usage unit", "count unit", "unit of measure"),
    "region": ("region", "location"),
}


def guess(header: Sequence[str]) -> dict[str, str]:
    """The column that each field probably is, by its name; a person decides."""
    names = {canonical(column): column for column in header}
    return {
        field: names[canonical(name)]
        for field, guesses in GUESSES.items()
        for name in reversed(guesses)
        if canonical(name) in names
    }


def guess_date_format(values: Sequence[str]) -> str:
    """The first format in which all of these days can be read; ISO where there is none."""
    for name, (_, pattern) in DATE_FORMATS.items():
        if values and all(_is_day(value.strip(), pattern) for value in values):
            return name
    return "iso"


def _is_day(value: str, pattern: str) -> bool:
    try:
        if pattern:
            datetime.strptime(value, pattern)  # noqa: DTZ007  # a day has no zone
        else:
            datetime.fromisoformat(value)
    except ValueError:
        return False
    # Python takes 20260131 for ISO; DuckDB does not.
    return bool(pattern) or "-" in value


def has_decimal_comma(values: Sequence[str]) -> bool:
    """Whether these amounts are written like ``12,50``.

    Three digits behind a comma may be thousands: they alone say nothing.
    """
    comma, point = r"[+-]?[\d.]*\d,(\d{1,2}|\d{4,})", r"[+-]?[\d,]*\d\.\d+"
    return any(re.fullmatch(comma, value.strip()) for value in values) and not any(
        re.fullmatch(point, value.strip()) for value in values
    )
