"""Which anomalies there are: looked for in the lake, or as they were written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from costs.bills import queries as bills
from costs.budgets.anomalies import (
    HISTORY_DAYS,
    Anomaly,
    Driver,
    Found,
    SeriesKey,
    compared_days,
    drivers,
    find_anomalies,
)
from costs.budgets.models import AnomalyRecord
from costs.budgets.year import last_complete_day
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import DAY, Period
from costs.spend import queries as spend

State = AnomalyRecord.State
NOTHING: Final = Found((), {})


def look(
    scope: Scope,
    as_of: date,
    *,
    through: date | None = None,
    as_delivered: datetime | None = None,
) -> Found:
    """What stands out in the days complete by ``as_of``, or up to ``through``.

    Days of acknowledged anomalies are usual. ``as_delivered`` looks only at what had arrived by
    then. Whoever does not see all cost centers sees none: the figures are of all of them.
    """
    if scope.cost_centers is not None:
        return NOTHING
    if through is None:
        through = last_complete_day(bills.freshness(scope, as_of))
    if through is None:
        return NOTHING
    through = min(through, as_of - DAY)
    period = Period(through - timedelta(days=HISTORY_DAYS - 1), through + DAY)
    rows = spend.service_days(scope, period=period, as_delivered=as_delivered)
    return find_anomalies(rows, through=through, usual=_usual())


def _usual() -> dict[SeriesKey, set[date]]:
    usual: dict[SeriesKey, set[date]] = defaultdict(set)
    rows = AnomalyRecord.objects.filter(state=State.ACKNOWLEDGED)
    for environment, service, currency, days in rows.values_list(
        "environment", "service_name", "currency", "days"
    ):
        usual[environment, service, currency] |= {date.fromisoformat(day) for day in days}
    return usual


def drivers_of(scope: Scope, anomaly: Anomaly) -> tuple[Driver, ...]:
    """What made ``anomaly`` dearer than the weeks before it: regions and resources."""
    days = set(anomaly.days)
    compared = compared_days(anomaly.first_day, len(days))
    rows = spend.cost_by(
        scope,
        by=("day", "region_id", "resource_id"),
        period=Period(compared[0], anomaly.last_day + DAY),
        where={
            "environment": {anomaly.environment},
            "service_name": {anomaly.service_name},
        },
    )
    sums: dict[bool, dict[tuple[str, str], Decimal]] = {
        False: defaultdict(Decimal),
        True: defaultdict(Decimal),
    }
    for row in rows:
        day = date.fromisoformat(row.keys[0])
        if row.currency != anomaly.currency or (day not in days and day >= anomaly.first_day):
            continue
        place = row.keys[1], row.keys[2]
        sums[day in days][place] = EXACT.add(sums[day in days][place], row.cost)
    scaled = {
        place: EXACT.divide(EXACT.multiply(cost, Decimal(len(days))), Decimal(len(compared)))
        for place, cost in sums[False].items()
    }
    return drivers(scaled, sums[True])


@dataclass(frozen=True)
class AnomalyRow:
    """An anomaly as it was last seen, with what people said of it. Money in ``currency``."""

    key: int
    environment: str
    service_name: str
    currency: str
    kind: str
    days: tuple[date, ...]
    actual: Decimal
    expected: Decimal
    score: float | None
    drivers: tuple[Driver, ...]
    state: str
    found_at: datetime
    note: str
    decided_at: datetime | None
    decided_by: str
    closed_why: str

    @property
    def first_day(self) -> date:
        return self.days[0]

    @property
    def last_day(self) -> date:
        return self.days[-1]

    @property
    def impact(self) -> Decimal:
        """What it cost more than expected."""
        return EXACT.subtract(self.actual, self.expected)

    @property
    def factor(self) -> Decimal | None:
        """How much more, in percent of what was expected; None where nothing was."""
        if self.expected <= 0:
            return None
        return EXACT.divide(EXACT.multiply(self.impact, Decimal(100)), self.expected)


def anomalies(
    scope: Scope,
    *,
    states: frozenset[str] | None = None,
    period: Period | None = None,
    environment: str = "",
    service_name: str = "",
) -> list[AnomalyRow]:
    """The anomalies written down, newest first; those that touch ``period`` when it is given."""
    rows = _visible(scope)
    if states is not None:
        rows = rows.filter(state__in=states)
    if period is not None:
        rows = rows.filter(first_day__lt=period.end, last_day__gte=period.start)
    if environment:
        rows = rows.filter(environment=environment)
    if service_name:
        rows = rows.filter(service_name=service_name)
    return [_row(record) for record in rows]


def anomaly(scope: Scope, key: int) -> AnomalyRow | None:
    """One of them, if ``scope`` includes it."""
    record = _visible(scope).filter(pk=key).first()
    return None if record is None else _row(record)


def _visible(scope: Scope) -> QuerySet[AnomalyRecord]:
    if scope.cost_centers is not None:
        return AnomalyRecord.objects.none()
    rows = AnomalyRecord.objects.all()
    if scope.environments is not None:
        rows = rows.filter(environment__in=scope.environments)
    return rows


def _row(record: AnomalyRecord) -> AnomalyRow:
    return AnomalyRow(
        key=record.pk,
        environment=record.environment,
        service_name=record.service_name,
        currency=record.currency,
        kind=record.kind,
        days=tuple(date.fromisoformat(day) for day in record.days),
        actual=record.actual,
        expected=record.expected,
        score=record.score,
        drivers=tuple(_driver(one) for one in record.drivers),
        state=record.state,
        found_at=record.found_at,
        note=record.note,
        decided_at=record.decided_at,
        decided_by=record.decided_by,
        closed_why=record.closed_why,
    )


def _driver(stored: Mapping[str, str]) -> Driver:
    return Driver(
        region_id=stored["region_id"],
        resource_id=stored["resource_id"],
        change=Decimal(stored["change"]),
        share=Decimal(stored["share"]),
    )
