"""The charges behind a sum: the only place where pages read them.

Charges are read of the live versions that touch the days, joined with what the allocation rules
say of their keys, so that every filter of the daily tables holds here as well and the sums agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from django.conf import settings

from costs.focus import DECIMAL
from costs.lake.engine import cursor
from costs.lake.models import BillVersion, Part
from costs.lake.versions import charges_keys, from_files, keys_key, table_key
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.explore import Metric, Selection
from costs.spend.queries.asking import selected
from costs.spend.queries.restriction import Restriction, every
from costs.stores import open_store

CHUNK: Final = 1000
"""Rows that a download holds at once."""

_COLUMNS: Final = (
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "region_id",
    "sku_id",
    "sku_meter",
    "pricing_unit",
    "pricing_quantity",
    "charge_category",
    "charge_class",
    "charge_description",
    "charge_frequency",
    "commitment_discount_id",
    "commitment_discount_status",
    "billing_currency",
    "billed_cost",
    "effective_cost",
    "charge_day",
    "charge_days",
    "source_file",
    "source_row",
)


@dataclass(frozen=True)
class Charge:
    """A row of a bill, with the file and the row that it stands in."""

    day: date
    days: int
    """How many days it spans, from ``day`` on."""
    provider_name: str
    service_name: str
    resource_id: str
    sku_id: str
    sku_meter: str
    charge_category: str
    description: str
    environment: str
    cost_center: str
    quantity: Decimal | None
    unit: str
    currency: str
    billed_cost: Decimal
    effective_cost: Decimal
    cost: Decimal
    """What of it falls on the days asked for, in the metric asked for."""
    file: str
    row: int

    @property
    def last_day(self) -> date:
        """The last day that it is for."""
        return date.fromordinal(self.day.toordinal() + max(self.days, 1) - 1)


@dataclass(frozen=True)
class ChargeSum:
    """How many charges there are in a currency, and what of them falls on the days."""

    currency: str
    count: int
    cost: Decimal


@dataclass(frozen=True)
class _Source:
    """A FROM clause over the charges of some days, with its parameters and file names."""

    sql: str
    parameters: tuple[object, ...]
    files: dict[tuple[int, int], str]


def charge_sums(scope: Scope, selection: Selection) -> tuple[ChargeSum, ...]:
    """Count and cost by currency, the largest first; they are those of the daily tables."""
    with _source(scope, selection) as source, cursor() as connection:
        if source is None:
            return ()
        rows = connection.execute(
            f"SELECT billing_currency, count(*), sum(cost) AS c FROM ({source.sql})"
            " GROUP BY billing_currency ORDER BY c DESC, billing_currency",
            list(source.parameters),
        ).fetchall()
    return tuple(ChargeSum(*row) for row in rows)


def charges(
    scope: Scope, selection: Selection, *, limit: int, offset: int = 0
) -> tuple[Charge, ...]:
    """Charges of one currency, the largest cost first, ties as they stand in the files."""
    with _source(scope, selection) as source, cursor() as connection:
        if source is None:
            return ()
        rows = connection.execute(
            f"SELECT {_SHOWN} FROM ({source.sql}) WHERE billing_currency = ?"
            " ORDER BY cost DESC, version, source_file, source_row"
            f" LIMIT {int(limit)} OFFSET {int(offset)}",
            [*source.parameters, selection.currency],
        ).fetchall()
        return tuple(_charge(row, source) for row in rows)


def every_charge(scope: Scope, selection: Selection) -> Iterator[Charge]:
    """All of them for a download, in the same order, a thousand in memory at a time."""
    with _source(scope, selection) as source, cursor() as connection:
        if source is None:
            return
        found = connection.execute(
            f"SELECT {_SHOWN} FROM ({source.sql}) WHERE billing_currency = ?"
            " ORDER BY cost DESC, version, source_file, source_row",
            [*source.parameters, selection.currency],
        )
        while rows := found.fetchmany(CHUNK):
            for row in rows:
                yield _charge(row, source)


_SHOWN: Final = """
    charge_day, charge_days, coalesce(provider_name, ''), coalesce(service_name, ''),
    coalesce(resource_id, ''), coalesce(sku_id, ''), coalesce(sku_meter, ''),
    coalesce(charge_category, ''), coalesce(charge_description, ''), coalesce(environment, ''),
    coalesce(cost_center, ''), pricing_quantity, coalesce(pricing_unit, ''), billing_currency,
    billed_cost, effective_cost, cost, version, source_file, source_row"""


def _charge(row: Sequence[object], source: _Source) -> Charge:
    *values, version, file, number = row
    name = source.files.get((int(str(version)), int(str(file))), "")
    return Charge(*values, name, number)  # type: ignore[arg-type, call-arg]


@contextmanager
def _source(scope: Scope, selection: Selection) -> Iterator[_Source | None]:
    """The charges of live versions that ``scope`` and ``selection`` leave, None for no version.

    Its files stay as long as the ``with``.
    """
    period = selection.period
    parts = list(
        Part.objects.filter(
            version__status=BillVersion.Status.LIVE,
            version__least_day__lt=period.end,
            version__greatest_day__gte=period.start,
        )
        .select_related("version", "delivery")
        .order_by("version_id", "number")
    )
    if not parts:
        yield None
        return
    versions = {part.version_id: part.version for part in parts}
    numbers = Counter(part.version_id for part in parts)
    charges = {pk: charges_keys(one.key, numbers[pk]) for pk, one in versions.items()}
    others = {
        pk: (keys_key(one.key), table_key(one.key, "allocation", one.rule_set))
        for pk, one in versions.items()
    }
    store = open_store(settings.LAKE_URL)
    with store.reading(
        [key for keys in (*charges.values(), *others.values()) for key in keys]
    ) as paths:
        # Joined version by version: the rules of one month need not be those of another.
        selects = [
            f"SELECT {pk} AS version, {', '.join(f'c.{name}' for name in _COLUMNS)},"
            " k.resource_id, CAST(c.billing_period_start AS DATE) AS billing_period,"
            " a.environment, a.cost_center"
            f" FROM {from_files(paths[key] for key in charges[pk])} c"
            f" JOIN {from_files([paths[keys]])} k USING (allocation_key, provider_name)"
            f" JOIN {from_files([paths[allocation]])} a USING (allocation_key, provider_name)"
            for pk, (keys, allocation) in others.items()
        ]
        wanted = every([_in_days(selection.metric, period), selected(scope, selection)])
        yield _Source(
            sql=(
                f"SELECT *, {_cost(selection.metric, period)} AS cost"
                f" FROM ({' UNION ALL '.join(selects)}) WHERE {wanted.sql}"
            ),
            parameters=wanted.parameters,
            files={(part.version_id, part.number): part.delivery.file_name for part in parts},
        )


def _in_days(metric: Metric, period: Period) -> Restriction:
    """Charges with a part in ``period``: billed on their first day, effective on each of them."""
    if metric == "billed_cost":
        return Restriction("charge_day >= ? AND charge_day < ?", (period.start, period.end))
    return Restriction(
        "charge_day < ? AND charge_day + greatest(charge_days, 1) > ?", (period.end, period.start)
    )


def _cost(metric: Metric, period: Period) -> str:
    """What of a charge falls on the days, as the daily tables spread it, to the last digit.

    An effective cost of u units of 1e-18 over n days gives every day u // n units, and one more
    to each of the first u % n days. So the days from a to b (counted from the charge's first) get
    (b − a) × (u // n) and one for each day before u % n.
    """
    if metric == "billed_cost":
        return "billed_cost"
    start, end = f"DATE '{period.start}'", f"DATE '{period.end}'"
    unit = "CAST('0.000000000000000001' AS DECIMAL(19,18))"
    units = "CAST(replace(CAST(effective_cost AS VARCHAR), '.', '') AS HUGEINT)"
    first = f"greatest({start} - charge_day, 0)"
    after = f"least({end} - charge_day, charge_days)"
    rest = f"abs({units} % charge_days)"
    more = f"greatest(least({after}, {rest}) - {first}, 0) * sign({units})"
    share = f"({units} // charge_days) * ({after} - {first}) + {more}"
    return (
        f"CASE WHEN charge_days <= 1 OR effective_cost = 0 THEN effective_cost"
        f" ELSE CAST(CAST({share} AS DECIMAL(38,0)) * {unit} AS {DECIMAL}) END"
    )
