"""Questions about the daily tables, and the SQL that their answers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from costs.focus import DECIMAL
from costs.lake.daily import ONLY_FACTS
from costs.lake.queries import LiveFile, select
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.explore import Filters, Metric, Selection
from costs.spend.queries.restriction import (
    GROUPINGS,
    Restriction,
    among,
    every,
    restricted,
)
from costs.spend.queries.totals import daily_files

LABELS: Final = {
    "sku_id": "sku_meter",
    "resource_id": "service_name",
}
"""What a group whose own name says little is called by in addition, and its column."""
BUCKETS: Final = {
    "day": "day",
    "week": "CAST(date_trunc('week', day) AS DATE)",
    "month": "CAST(date_trunc('month', day) AS DATE)",
}


@dataclass(frozen=True)
class Asked:
    """A question about the daily tables: hashable, so that its answer can be kept."""

    period: Period
    compared: Period | None
    filters: tuple[Filters, Filters]
    search: str
    metric: Metric
    currency: str
    keys: tuple[str, ...]
    top: int
    by_change: bool
    step: str

    @property
    def filters_need_facts(self) -> bool:
        return needs_facts(self.filters, self.search, ())

    def selected(self, scope: Scope) -> Restriction:
        return selected_by(scope, self.filters, self.search)


def run(
    scope: Scope,
    asked: Asked,
    sql: str,
    *,
    facts: bool,
    first: tuple[object, ...] = (),
    last: tuple[object, ...] = (),
) -> list[tuple[object, ...]]:
    """Run ``sql`` with its measures (cost and before) and its restriction filled in.

    ``first`` are the parameters that stand before those of the restriction, ``last`` those after.
    """
    allowed = every([in_days(asked.period, asked.compared), asked.selected(scope)])
    parameters = (*first, *allowed.parameters, *last)
    measures = f"sum({asked.metric}) AS cost, CAST(0 AS {DECIMAL}) AS before"
    if asked.compared:
        # Only where there are two periods do their rows have to be told apart.
        measure = f"sum({asked.metric}) FILTER (day >= ? AND day < ?)"
        measures = f"{measure} AS cost, {measure} AS before"
        both = (asked.period, asked.compared)
        ends = tuple(end for period in both for end in (period.start, period.end))
        parameters = (*ends, *parameters)
    return select(
        sql.format(measures=measures, allowed=allowed.sql), files_of(asked, facts=facts), parameters
    )


def files_of(asked: Asked, *, facts: bool) -> list[LiveFile]:
    files = {file.key: file for file in daily_files(asked.period, facts=facts)}
    if asked.compared:
        files |= {file.key: file for file in daily_files(asked.compared, facts=facts)}
    return list(files.values())


def names_of(asked: Asked) -> str:
    return ", ".join(f"k{nth}" for nth in range(len(asked.keys)))


def raw_keys(asked: Asked) -> str:
    # Unknown becomes "" after the first sums: grouping a plain column is a third faster.
    return ", ".join(f"{GROUPINGS[name]} AS k{nth}" for nth, name in enumerate(asked.keys))


def known_keys(asked: Asked) -> str:
    return ", ".join(f"coalesce(k{nth}, '') AS k{nth}" for nth in range(len(asked.keys)))


def least_keys(asked: Asked) -> str:
    return ", ".join(f"min(k{nth})" for nth in range(len(asked.keys)))


def label_of(asked: Asked) -> str:
    label = LABELS.get(asked.keys[-1])
    return f"any_value({label})" if label else "NULL"


def in_days(period: Period, compared: Period | None) -> Restriction:
    """The days of both periods; rows in both count in both."""
    own = Restriction("day >= ? AND day < ?", (period.start, period.end))
    if compared is None:
        return own
    return Restriction(f"({own.sql} OR {own.sql})", (*own.parameters, compared.start, compared.end))


def needs_facts(filters: tuple[Filters, Filters], search: str, keys: tuple[str, ...]) -> bool:
    asked = {*keys, *(name for some in filters for name, _ in some)}
    return bool(search or asked & ONLY_FACTS)


def selected_by(scope: Scope, filters: tuple[Filters, Filters], search: str) -> Restriction:
    """What scope, filters and the search word leave, in any table with the daily columns."""
    where, without = filters
    return every(
        [
            restricted(scope, None, dict(where)),
            *(among(GROUPINGS[name], values, excluded=True) for name, values in without),
            *([searched(search)] if search else []),
        ]
    )


def selected(scope: Scope, selection: Selection) -> Restriction:
    """What ``scope`` and the filters of ``selection`` leave; its days are not in it."""
    return selected_by(scope, (selection.where, selection.without), selection.search)


def searched(word: str) -> Restriction:
    """``word`` stands in the name of the resource, the service or the SKU, in any letter case."""
    columns = ("resource_id", "service_name", "sku_id", "sku_meter")
    terms = " OR ".join(f"contains(lower({column}), lower(?))" for column in columns)
    return Restriction(f"({terms})", (word,) * len(columns))
