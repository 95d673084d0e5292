"""What may and should be summed, as SQL; and answers that are kept until the lake changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Final

from django.conf import settings

from costs.lake.queries import generation
from costs.people.scope import Scope
from costs.periods import Period

GROUPINGS: Final = {
    "environment": "environment",
    "cost_center": "cost_center",
    "provider_name": "provider_name",
    "billing_account_id": "billing_account_id",
    "sub_account_id": "sub_account_id",
    "service_name": "service_name",
    "region_id": "region_id",
    "resource_id": "resource_id",
    "sku_id": "sku_id",
    "sku_meter": "sku_meter",
    "pricing_unit": "pricing_unit",
    "charge_category": "charge_category",
    "charge_class": "charge_class",
    "charge_frequency": "charge_frequency",
    "commitment_discount_id": "commitment_discount_id",
    "commitment_discount_status": "commitment_discount_status",
    "billing_period": "strftime(billing_period, '%Y-%m')",
    "month": "strftime(day, '%Y-%m')",
    "day": "strftime(day, '%Y-%m-%d')",
}
"""What cost can be grouped and filtered by, and its SQL."""


@dataclass(frozen=True)
class Restriction:
    """A WHERE clause and its parameters."""

    sql: str
    parameters: tuple[object, ...]

    def __and__(self, other: Restriction) -> Restriction:
        """What both allow."""
        return Restriction(f"{self.sql} AND {other.sql}", self.parameters + other.parameters)


def among(column: str, values: Collection[str], *, excluded: bool = False) -> Restriction:
    """``column`` is one of ``values``, or none of them; ``""`` stands for unknown."""
    if not values:
        return Restriction("true" if excluded else "false", ())
    marks = ", ".join("?" * len(values))
    # Without coalesce Parquet's own statistics can rule out row groups.
    known = column if not excluded and "" not in values else f"coalesce({column}, '')"
    return Restriction(f"{known} {'NOT IN' if excluded else 'IN'} ({marks})", tuple(sorted(values)))


def restricted(
    scope: Scope,
    period: Period | None,
    where: Mapping[str, Collection[str]] | None = None,
) -> Restriction:
    """What ``scope``, days and filters allow, as SQL. Values travel as parameters."""
    allowed = [visible(scope)]
    if period is not None:
        allowed.insert(0, Restriction("day >= ? AND day < ?", (period.start, period.end)))
    allowed += [among(GROUPINGS[name], values) for name, values in (where or {}).items()]
    return every(allowed)


def visible(scope: Scope) -> Restriction:
    """The charges that ``scope`` includes."""
    return every(
        among(column, values)
        for column, values in (
            ("environment", scope.environments),
            ("cost_center", scope.cost_centers),
        )
        if values is not None
    )


def every(restrictions: Iterable[Restriction]) -> Restriction:
    """All of them together; true where there is none."""
    parts = [part for part in restrictions if part.sql != "true"]
    return Restriction(
        " AND ".join(part.sql for part in parts) or "true",
        tuple(value for part in parts for value in part.parameters),
    )


def until_changed[**P, R](query: Callable[P, R]) -> Callable[P, R]:
    """Keep answers by (lake, generation, arguments); a flip of any version starts anew."""

    @lru_cache(maxsize=256)
    def answer(_lake: str, _generation: int, *args: P.args, **kwargs: P.kwargs) -> R:
        return query(*args, **kwargs)

    @wraps(query)
    def kept(*args: P.args, **kwargs: P.kwargs) -> R:
        frozen = {name: _frozen(value) for name, value in kwargs.items()}
        return answer(str(settings.LAKE_URL), generation(), *args, **frozen)

    return kept


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        return FrozenFilters((name, frozenset(values)) for name, values in sorted(value.items()))
    return value


class FrozenFilters(tuple[tuple[str, frozenset[str]], ...]):
    """Filters as a key of a cache; reads like the mapping it came from."""

    def items(self) -> FrozenFilters:
        return self
