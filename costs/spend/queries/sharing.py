"""Sums with shared costs, beside the same sums without.

Which rule selects a charge is decided in SQL, on the daily tables; how it is split is decided in
Python (:mod:`costs.spend.shared_costs`), on grouped results. Facts stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from costs.lake.daily import ONLY_FACTS
from costs.lake.queries import select
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import Period, month_of
from costs.spend.models import SharedCostSet
from costs.spend.queries.restriction import (
    GROUPINGS,
    Restriction,
    every,
    restricted,
    until_changed,
)
from costs.spend.queries.totals import CostRow, Metric, daily_files
from costs.spend.shared_costs import (
    NO_COST_CENTER,
    Direct,
    Fallback,
    Portion,
    RuleSpan,
    SetLike,
    SharedRule,
    Shares,
    direct_of,
    from_json,
    shared,
    spans,
)

MONTH: Final = "CAST(date_trunc('month', day) AS DATE)"


@dataclass(frozen=True)
class SharedSet:
    """One edit of the rules; ``counts`` is False where it was taken back."""

    number: int
    valid_from: date
    rules: tuple[SharedRule, ...]
    what: str
    undoes: int | None
    counts: bool
    created_at: datetime
    created_by: str
    why: str


def shared_sets(scope: Scope) -> list[SharedSet]:
    """Every edit of the rules for shared costs, the latest first. The same for every scope."""
    del scope
    rows = list(SharedCostSet.objects.select_related("undoes").order_by("-number"))
    undone = {row.undoes.number for row in rows if row.undoes is not None}
    return [
        SharedSet(
            number=row.number,
            valid_from=row.valid_from,
            rules=from_json(row.rules),
            what=row.what,
            undoes=row.undoes.number if row.undoes else None,
            counts=row.undoes is None and row.number not in undone,
            created_at=row.created_at,
            created_by=row.created_by,
            why=row.why,
        )
        for row in rows
    ]


def newest_rules(sets: Sequence[SharedSet]) -> tuple[SharedRule, ...]:
    """The rules as the last edit that counts left them; ``sets`` come latest first."""
    return next((one.rules for one in sets if one.counts), ())


def rule_spans(scope: Scope) -> tuple[RuleSpan, ...]:
    """Which rules hold for which days; none where nothing is shared."""
    return spans_of(shared_sets(scope))


def spans_of(sets: Sequence[SharedSet]) -> tuple[RuleSpan, ...]:
    """The same of ``sets``."""
    return spans(SetLike(one.number, one.valid_from, one.rules) for one in sets if one.counts)


@dataclass(frozen=True)
class SharedSums:
    """Sums as they are, and with shared costs; ``before`` and ``after`` add up to the same."""

    before: list[CostRow]
    after: list[CostRow]
    fallbacks: tuple[Fallback, ...]
    """Proportional rules that had nothing to go by and split evenly."""


def may_share(scope: Scope) -> bool:
    """Whether ``scope`` sees all that is shared and all it is shared over."""
    return scope == Scope.everything()


def shared_cost_by(
    scope: Scope,
    *,
    by: tuple[str, ...],
    period: Period,
    metric: Metric,
    held: tuple[RuleSpan, ...],
    where: Restriction | None = None,
    facts: bool = False,
    only_shared: bool = False,
) -> SharedSums:
    """Cost grouped by ``by`` over ``period``, without and with the shared costs of ``held``.

    ``where`` restricts charges by what sharing does not change; ``facts`` says that it asks for
    resources; ``only_shared`` leaves out what no rule selects. A proportional rule goes by the
    whole month's own costs, whatever is asked for.
    Rows come by day where that is the first grouping, else the largest cost first.
    """
    portions = list(
        _portions(
            scope,
            by=by,
            period=period,
            metric=metric,
            held=held,
            where=(where.sql, where.parameters) if where else ("true", ()),
            facts=facts,
        )
    )
    if only_shared:
        portions = [one for one in portions if one.rule]
    shares = Shares(held, _direct(scope, period, metric, held))
    after = shared(portions, by, shares)
    return SharedSums(_rows(portions, by), _rows(after, by), tuple(shares.fallbacks.values()))


def _direct(scope: Scope, period: Period, metric: Metric, held: tuple[RuleSpan, ...]) -> Direct:
    if not any(rule.way == "proportional" for span in held for rule in span.rules):
        return {}
    dimensions = ("environment", "cost_center")
    months = (
        Period(period.start.replace(day=1), month_of(period.last).end) if period.days else period
    )
    return direct_of(
        _portions(
            scope,
            by=dimensions,
            period=months,
            metric=metric,
            held=held,
            where=("true", ()),
            facts=False,
        ),
        dimensions,
    )


@until_changed
def _portions(
    scope: Scope,
    *,
    by: tuple[str, ...],
    period: Period,
    metric: Metric,
    held: tuple[RuleSpan, ...],
    where: tuple[str, tuple[object, ...]],
    facts: bool,
) -> tuple[Portion, ...]:
    which = _rule(held)
    needs_facts = facts or bool(
        set(by) & ONLY_FACTS or any(rule.resource for span in held for rule in span.rules)
    )
    allowed = every([restricted(scope, period), Restriction(*where)])
    keys = "".join(f"coalesce({GROUPINGS[name]}, '') AS k{nth}, " for nth, name in enumerate(by))
    rows = select(
        f"SELECT {keys}{MONTH} AS month, billing_currency, {which.sql} AS rule,"
        f" sum({metric}) AS cost FROM {{files}} WHERE {allowed.sql} GROUP BY ALL ORDER BY ALL",
        daily_files(period, facts=needs_facts),
        (*which.parameters, *allowed.parameters),
    )
    return tuple(
        Portion(tuple(map(str, keys)), month, str(currency), str(rule), cost)  # type: ignore[arg-type]
        for *keys, month, currency, rule, cost in rows
    )


def _rule(held: Sequence[RuleSpan]) -> Restriction:
    """The first rule that selects a charge, as SQL."""
    cases = []
    parameters: list[object] = []
    for span in held:
        for rule in span.rules:
            days = [Restriction("day >= ?", (span.start,))]
            if span.end is not None:
                days.append(Restriction("day < ?", (span.end,)))
            selected = every([*days, *_conditions(rule)])
            cases.append(f"WHEN {selected.sql} THEN ?")
            parameters += [*selected.parameters, span.key(rule)]
    if not cases:
        return Restriction("''", ())
    return Restriction(f"CASE {' '.join(cases)} ELSE '' END", tuple(parameters))


def _conditions(rule: SharedRule) -> list[Restriction]:
    exact = {
        "charge_category": rule.category,
        "environment": rule.environment,
        "cost_center": "" if rule.cost_center == NO_COST_CENTER else rule.cost_center,
    }
    asked = {"cost_center"} if rule.cost_center else set()
    asked |= {name for name, value in exact.items() if value}
    found = [Restriction(f"coalesce({name}, '') = ?", (exact[name],)) for name in sorted(asked)]
    for column, glob in (("service_name", rule.service), ("resource_id", rule.resource)):
        if glob:
            found.append(Restriction(f"regexp_full_match(lower({column}), ?)", (pattern(glob),)))
    return found


def pattern(glob: str) -> str:
    """A glob as a regular expression over text in small letters, for DuckDB's linear matcher."""
    parts = re.split(r"(\*)", glob.strip().lower())
    return "(?s)" + "".join(".*" if part == "*" else re.escape(part) for part in parts)


def _rows(portions: Sequence[Portion], by: Sequence[str]) -> list[CostRow]:
    sums: dict[tuple[tuple[str, ...], str], Decimal] = {}
    for one in portions:
        key = one.keys, one.currency
        sums[key] = EXACT.add(sums.get(key, Decimal(0)), one.cost)
    rows = [CostRow(keys, currency, cost) for (keys, currency), cost in sums.items()]
    if by and by[0] == "day":
        return sorted(rows, key=lambda row: (row.keys, row.currency))
    return sorted(rows, key=lambda row: (-row.cost, row.keys, row.currency))
