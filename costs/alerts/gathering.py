"""Reading the facts of an evaluation: a handful of grouped sums, however many charges there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from costs.alerts.facts import (
    AnomalyFact,
    BandFact,
    DifferenceFact,
    Facts,
    Move,
    NewcomerFact,
    SourceFact,
    UnallocatedFact,
)
from costs.alerts.kinds import TOTAL
from costs.alerts.measures import NEW_DAYS, UNALLOCATED
from costs.bills import queries as bills
from costs.bills import totals
from costs.budgets import anomaly_queries as watch
from costs.budgets import queries as budgets
from costs.budgets.anomalies import Anomaly, Driver
from costs.budgets.anomaly_queries import AnomalyRow
from costs.budgets.year import last_complete_day
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import DAY, Period, complete_days, month_before, month_of
from costs.spend import queries as spend

EVERYTHING = Scope.everything()
"""Alerts are about whole environments; who may read one is asked when it is told or shown."""
MOVES_KEPT = 5
NEWS = timedelta(days=30)
"""How long after its last day an anomaly may still be raised (ours)."""
EXPLAINED = 10
"""Anomalies, the largest, whose drivers are looked up: one question to the lake each (ours)."""
RECONCILED = timedelta(days=190)
"""Billing periods that begin within these days are held against the provider's totals (ours):
invoices of half a year ago are closed."""


def gather(moment: datetime, *, as_delivered: bool) -> Facts:
    """What there is to see at ``moment``: days before it, from live versions.

    ``as_delivered`` takes only deliveries that had arrived before ``moment``.
    """
    as_of = moment.astimezone(UTC).date()
    arrived = moment if as_delivered else None
    sources = bills.freshness(EVERYTHING, as_of, as_delivered=arrived)
    labels = {one.name: one.label for one in bills.environments(EVERYTHING)}
    labels |= {UNALLOCATED: "Unallocated", TOTAL: "Total"}
    through = last_complete_day(sources)
    facts = Facts(
        as_of=as_of,
        through=through,
        sources=[
            SourceFact(
                name=one.name,
                last_complete_day=one.last_complete_day,
                delivered_on=one.delivered_at.date() if one.delivered_at else None,
                usual_gap=one.usual_gap,
                missing=one.gaps,
                held=one.held_reasons,
            )
            for one in sources
        ],
        # Totals are held against the live bills; what they were at an earlier time is not known.
        differences=None if as_delivered else _differences(as_of),
        findings=budgets.findings_at(EVERYTHING, moment),
        labels=labels,
    )
    if through is None:
        return facts
    return _with_costs(facts, min(through, as_of - DAY), labels, arrived)


def _with_costs(
    facts: Facts, through: date, labels: Mapping[str, str], arrived: datetime | None
) -> Facts:
    month = month_of(through)
    earlier = month_before(month)
    week = Period(through - timedelta(days=6), through + DAY)
    to_date = complete_days(month, through)
    same = Period(earlier.start, min(earlier.start + timedelta(days=to_date.days), month.start))
    moves = _moves(same, to_date, arrived)
    seen = {
        nth: budgets.outlooks(
            EVERYTHING, facts.as_of, month=nth, through=through, as_delivered=arrived
        )
        for nth in (earlier, month)
    }
    since = through + DAY - timedelta(days=NEW_DAYS)
    return replace(
        facts,
        through=through,
        anomalies=_anomalies(through, labels, arrived),
        bands=[
            _band_fact(one, moves, latest=nth == month)
            for nth, outlooks in seen.items()
            for one in outlooks
            if one.gauge.band is not None and one.complete_days
        ],
        unallocated=_unallocated(seen[month]),
        new_services=[
            _newcomer(one, labels)
            for one in spend.new_services(EVERYTHING, since=since, week=week, as_delivered=arrived)
            if one.environment != UNALLOCATED
        ],
        new_resources=[
            _newcomer(one, labels)
            for one in spend.new_unallocated(
                EVERYTHING, since=since, week=week, as_delivered=arrived
            )
        ],
    )


def _anomalies(
    through: date, labels: Mapping[str, str], arrived: datetime | None
) -> list[AnomalyFact]:
    """What stood out lately, and what people have called expected meanwhile."""
    since = through - NEWS
    found = [
        one
        for one in watch.look(
            EVERYTHING, through + DAY, through=through, as_delivered=arrived
        ).anomalies
        if one.last_day >= since
    ]
    largest = sorted(found, key=lambda one: -abs(one.impact))[:EXPLAINED]
    facts = [
        _anomaly(
            one,
            labels,
            drivers=watch.drivers_of(EVERYTHING, one) if one in largest else (),
        )
        for one in found
    ]
    expected = watch.anomalies(
        EVERYTHING, states=frozenset({"acknowledged"}), period=Period(since, through + DAY)
    )
    return facts + [
        _anomaly(one, labels, drivers=one.drivers, expected_by_people=True) for one in expected
    ]


def _anomaly(
    one: Anomaly | AnomalyRow,
    labels: Mapping[str, str],
    *,
    drivers: Sequence[Driver],
    expected_by_people: bool = False,
) -> AnomalyFact:
    return AnomalyFact(
        environment=one.environment,
        label=labels.get(one.environment, one.environment),
        service=one.service_name,
        day=one.first_day,
        currency=one.currency,
        actual=one.actual,
        expected=one.expected,
        days=len(one.days),
        drivers=[
            f"{driver.resource_id or 'what belongs to no resource'}"
            f"{f' in {driver.region_id}' if driver.region_id else ''}: {driver.share} % of it"
            for driver in drivers
        ],
        link=f"/anomalies/?{urlencode({'environment': one.environment, 'state': 'all'})}",
        expected_by_people=expected_by_people,
    )


def _band_fact(
    one: budgets.EnvironmentOutlook,
    moves: Mapping[tuple[str, str], Sequence[Move]],
    *,
    latest: bool,
) -> BandFact:
    own = moves.get((one.environment, one.gauge.currency), ())
    return BandFact(
        environment=one.environment,
        label=one.label,
        month=one.month,
        complete_days=one.complete_days,
        gauge=one.gauge,
        moves=own if latest else (),
        latest=latest,
    )


def _unallocated(outlooks: Sequence[budgets.EnvironmentOutlook]) -> UnallocatedFact | None:
    """In the currency of the total band, else in the one with the largest total."""
    totals = [one for one in outlooks if one.environment == TOTAL]
    if not totals:
        return None
    total = max(totals, key=lambda one: (one.gauge.band is not None, one.gauge.month_to_date))
    currency = total.gauge.currency
    lost = [
        one.gauge.month_to_date
        for one in outlooks
        if (one.environment, one.gauge.currency) == (UNALLOCATED, currency)
    ]
    return UnallocatedFact(
        month=total.month,
        currency=currency,
        unallocated=lost[0] if lost else Decimal(0),
        total=total.gauge.month_to_date,
    )


def _differences(as_of: date) -> list[DifferenceFact]:
    """The totals of the last months that differ by more than rounding explains."""
    found = totals.reconciliations(EVERYTHING, as_of=as_of, since=as_of - RECONCILED)
    return [
        DifferenceFact(
            source=f"{one.provider_name} {one.billing_account_id}",
            billing_period=one.billing_period,
            currency=one.currency,
            ours=one.told.imported or Decimal(0),
            theirs=one.told.billed_cost,
            why=one.verdict.reason,
        )
        for one in found
        if one.verdict.name == "differs" and one.told is not None
    ]


def _newcomer(one: spend.Newcomer, labels: Mapping[str, str]) -> NewcomerFact:
    environment = one.environment or UNALLOCATED
    return NewcomerFact(
        environment=environment,
        label=labels.get(environment, environment),
        name=one.name,
        service=one.service_name,
        first_day=one.first_day,
        currency=one.currency,
        week_cost=one.week_cost,
    )


def _moves(
    before: Period, after: Period, arrived: datetime | None
) -> dict[tuple[str, str], list[Move]]:
    """What moved from ``before`` to ``after`` in each environment (and in total) by service."""
    sums: dict[tuple[str, str], dict[str, list[Decimal]]] = defaultdict(dict)
    for nth, period in enumerate((before, after)):
        for row in spend.cost_by(
            EVERYTHING, by=("environment", "service_name"), period=period, as_delivered=arrived
        ):
            for environment in (row.keys[0] or UNALLOCATED, TOTAL):
                pair = sums[environment, row.currency].setdefault(
                    row.keys[1], [Decimal(0), Decimal(0)]
                )
                pair[nth] = EXACT.add(pair[nth], row.cost)
    if not any(pair[0] for services in sums.values() for pair in services.values()):
        return {}  # without a month before, everything would have moved
    return {
        key: sorted(
            (Move(service, before, after) for service, (before, after) in services.items()),
            key=lambda move: (-abs(move.difference), move.service),
        )[:MOVES_KEPT]
        for key, services in sums.items()
    }
