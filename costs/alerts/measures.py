"""From facts to measures: what each kind counts, and the sentences that go with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from costs.alerts.alerting import Key, Measure
from costs.alerts.facts import (
    AnomalyFact,
    BandFact,
    DifferenceFact,
    Facts,
    NewcomerFact,
    SourceFact,
    UnallocatedFact,
)
from costs.alerts.kinds import KINDS, TOTAL, Level
from costs.budgets.bands import Band, Outlook, chance, figures
from costs.budgets.findings import Finding
from costs.money import EXACT, plain
from costs.periods import month_before, week_name, week_of

UNALLOCATED: Final = "unallocated"
OPEN_DAYS: Final = 2
"""Days that every source needs to finish a day: so much is nobody's delay (bills.queries)."""
NEW_DAYS: Final = 30
"""Days for which something new is new (ours)."""
HUNDRED: Final = Decimal(100)
MOVES_SAID: Final = 3
NOTABLE_MOVE: Final = 1
"""Percent of the month to date that a service must have moved by to be a reason (ours)."""


@dataclass(frozen=True)
class Measured:
    """The measures of an evaluation, and the kinds of which they are all."""

    measures: tuple[Measure, ...]
    looked_at: frozenset[str]


def measure(facts: Facts) -> Measured:
    """Everything that ``facts`` say, in the order of the kinds."""
    found = [
        *_bands(facts),
        *_sources(facts.sources, facts.as_of),
        *(_unallocated(facts.unallocated) if facts.unallocated else ()),
        *_newcomers("untagged-resource", facts.new_resources),
        *_newcomers("new-service", facts.new_services),
    ]
    looked_at = {"stale-data", "missing-bill", "held-bill"}
    if facts.through is not None:
        # Without a complete day nothing can be said of costs: what is open stays open.
        looked_at |= {"band-share", "forecast-over", "ending-below", "unallocated-share"}
        looked_at |= {"untagged-resource", "new-service"}
    if facts.anomalies is not None:
        found += [_anomaly(one) for one in facts.anomalies]
        looked_at |= {"anomaly"}
    if facts.differences is not None:
        found += [_difference(one) for one in facts.differences]
        looked_at |= {"reconciliation"}
    if facts.findings is not None:
        found += [_finding(one) for one in facts.findings]
        looked_at |= {"threshold", "commitment-expiring"}
    return Measured(tuple(found), frozenset(looked_at))


# -- bands -----------------------------------------------------------------------------------------


def _bands(facts: Facts) -> Iterator[Measure]:
    for fact in facts.bands:
        band = fact.gauge.band
        if band is None or band.currency != fact.gauge.currency:
            continue
        if band.high > 0:
            yield _share(fact, band)
        yield from _chances(fact, band)


def _share(fact: BandFact, band: Band) -> Measure:
    spent, month = fact.gauge.month_to_date, f"{fact.month.start:%B}"
    share = EXACT.divide(EXACT.multiply(spent, HUNDRED), band.high)
    so_far, high = figures(band.currency, spent, band.high)
    said = f"{int(share)} %"
    over = spent > band.high
    title = (
        f"{_subject(fact)} is over its {month} band"
        if over
        else f"{_subject(fact)} has spent {said} of {month}’s high"
    )
    days = f"{fact.complete_days} of {fact.month.days} days"
    message = f"{so_far} spent after {days}, {said} of the high of {high}."
    if fact.is_complete:
        message = f"{month} ended at {so_far}, {said} of the high of {high}."
    elif pace := fact.gauge.pace:
        (even,) = figures(band.currency, pace)
        message += f" An even pace through the band would be {even} by now."
    return Measure(
        key=Key("band-share", fact.environment, "", f"{fact.month.start:%Y-%m}"),
        value=share,
        title=title,
        message=message,
        closing=_over_with(fact) or f"It is {said} of the high now: {so_far} of {high}.",
        why=tuple(_moved(fact)),
        look_at=_look(fact),
        link=_review(fact),
        currency=band.currency,
        evidence=_gauge(fact),
        # A month that has ended inside its band is no alarm, however much of it was used.
        waned=not fact.latest or (fact.is_complete and not over),
    )


def _chances(fact: BandFact, band: Band) -> Iterator[Measure]:
    outlook, month = fact.gauge.outlook, f"{fact.month.start:%B}"
    over, below = _chance_values(fact, band, outlook)
    (expected,) = figures(band.currency, outlook.expected if outlook else fact.gauge.month_to_date)
    low, high = figures(band.currency, band.low, band.high)
    ended = f"{month} ended at {expected}"
    common: dict[str, Any] = {
        "why": tuple(_moved(fact)),
        "look_at": _look(fact),
        "link": _review(fact),
        "currency": band.currency,
        "evidence": _gauge(fact),
        "waned": not fact.latest,
    }
    likely = ""
    if outlook and not fact.is_complete:
        least, most = figures(band.currency, outlook.low_80, outlook.high_80)
        likely = f" 80 % likely between {least} and {most}."
    # What is spent is spent: a month that is over already has its own alert, at 100 %.
    yield Measure(
        key=Key("forecast-over", fact.environment, "", f"{fact.month.start:%Y-%m}"),
        value=None if over is None else _percent(over),
        title=f"{_subject(fact)} is expected to end {month} above its band",
        message=f"{ended}, above the high of {high}."
        if fact.is_complete
        else f"Expected {expected} at the month’s end, {_said(over)} chance of passing the high of"
        f" {high}.{likely}",
        closing=_over_with(fact)
        or f"The chance is {_said(over)} now: expected {expected}, the high is {high}.",
        **common,
    )
    yield Measure(
        key=Key("ending-below", fact.environment, "", f"{fact.month.start:%Y-%m}"),
        value=None if below is None else _percent(below),
        title=f"{_subject(fact)} ended {month} below its band"
        if fact.is_complete
        else f"{_subject(fact)} is expected to end {month} below its band",
        message=f"{ended}, below the low of {low}."
        if fact.is_complete
        else f"Expected {expected} at the month’s end, {_said(below)} chance of ending below the"
        f" low of {low}.{likely}",
        closing=_over_with(fact)
        or f"The chance is {_said(below)} now: expected {expected}, the low is {low}.",
        **{
            **common,
            "look_at": (
                "Is a bill missing, or part of one? Look at the sources.",
                "If the money is not needed, lower the band.",
            ),
        },
    )


def _chance_values(
    fact: BandFact, band: Band, outlook: Outlook | None
) -> tuple[float | None, float | None]:
    """Chances of ending above and below; certain for a complete month."""
    spent = fact.gauge.month_to_date
    if fact.is_complete:
        # Above is told by the share of the band; below has no other alert.
        return 0.0, float(spent < band.low)
    if spent > band.high:
        return 0.0, 0.0
    if outlook is None:
        return None, None
    return outlook.chance_above, outlook.chance_below


def _percent(share: float) -> Decimal:
    return Decimal(repr(round(share * 100, 6)))


def _said(value: float | None) -> str:
    return "unknown" if value is None else chance(value)


def _subject(fact: BandFact) -> str:
    return "The total" if fact.environment == TOTAL else fact.label


def _over_with(fact: BandFact) -> str:
    """The reason why alerts of a month that is over close; empty while it is not."""
    if fact.latest and not fact.is_complete:
        return ""
    (ended,) = figures(fact.gauge.currency, fact.gauge.month_to_date)
    band = fact.gauge.band
    if band is None:
        return f"{fact.month.start:%B} ended at {ended}."
    low, high = figures(band.currency, band.low, band.high)
    return f"{fact.month.start:%B} ended at {ended}; its band was {low} to {high}."


def _moved(fact: BandFact) -> Iterator[str]:
    """What the month differs by from the one before, as far as it is worth a line."""
    currency, spent = fact.gauge.currency, fact.gauge.month_to_date
    before = month_before(fact.month)
    same = f"{before.start:%B}" if fact.is_complete else f"the same days of {before.start:%B}"
    for move in fact.moves[:MOVES_SAID]:
        if abs(move.difference) * HUNDRED < abs(spent) * NOTABLE_MOVE or not move.difference:
            continue
        by, now = figures(currency, abs(move.difference), move.after)
        way = "more" if move.difference > 0 else "less"
        yield (
            f"{move.service or 'Charges without a service'} cost {by} {way} than in {same},"
            f" {now} in all."
        )


def _look(fact: BandFact) -> tuple[str, ...]:
    named = [move.service for move in fact.moves if move.service and move.difference > 0]
    first = (
        f"Open the review and start with {named[0]}."
        if named
        else "Open the review and start with what moved most."
    )
    return (first, "Then decide: switch something off, or raise the band and say why.")


def _review(fact: BandFact) -> str:
    last = fact.month.start
    if fact.complete_days:
        last = list(fact.month)[min(fact.complete_days, fact.month.days) - 1]
    return f"/weeks/{week_name(week_of(last))}/"


def _gauge(fact: BandFact) -> dict[str, Any]:
    """What the picture of the gauge needs, as JSON."""
    gauge = fact.gauge
    found: dict[str, Any] = {
        "label": fact.label,
        "month": f"{fact.month.start:%Y-%m}",
        "complete_days": fact.complete_days,
        "currency": gauge.currency,
        "month_to_date": plain(gauge.month_to_date),
        "pace": None if gauge.pace is None else plain(gauge.pace),
        "moves": [
            {
                "service": move.service or "No service",
                "before": plain(move.before),
                "after": plain(move.after),
            }
            for move in fact.moves[:MOVES_SAID]
        ],
    }
    if gauge.band:
        found["band"] = {"low": plain(gauge.band.low), "high": plain(gauge.band.high)}
    if gauge.outlook:
        found["outlook"] = {
            name: plain(getattr(gauge.outlook, name))
            for name in ("expected", "low_80", "high_80", "low_95", "high_95")
        }
    return found


# -- data ------------------------------------------------------------------------------------------


def _sources(sources: Iterable[SourceFact], as_of: date) -> Iterator[Measure]:
    for one in sources:
        if one.last_complete_day is not None:
            yield _stale(one, one.last_complete_day, as_of)
        for month in one.missing:
            yield Measure(
                key=Key("missing-bill", TOTAL, one.name, f"{month:%Y-%m}"),
                value=Decimal(1),
                title=f"The bill of {one.name} for {month:%B %Y} is missing",
                message=f"{one.name} has delivered bills, but none for {month:%B %Y}. Every figure"
                " of that month is too low.",
                closing="The bill has come.",
                look_at=("Ask the provider’s export for that month, and read it.",),
                link="/bills/",
            )
        if one.held:
            several = len(one.held) > 1
            yield Measure(
                key=Key("held-bill", TOTAL, one.name, ""),
                value=Decimal(len(one.held)),
                title=f"{len(one.held)} deliver{'ies' if several else 'y'} of {one.name}"
                f" {'wait' if several else 'waits'} for a decision",
                message=f"Held, and not counted: {'; '.join(one.held)[:400]}",
                closing="Somebody has decided on it.",
                look_at=("Compare it with what it would replace, then accept or refuse it.",),
                link="/bills/",
            )


def _stale(one: SourceFact, complete: date, as_of: date) -> Measure:
    late = max(0, (as_of - complete).days - OPEN_DAYS - one.usual_gap)
    rhythm = "daily" if one.usual_gap <= 1 else f"every {one.usual_gap} days"
    day = f"{complete.day} {complete:%B}"
    came = f"{one.delivered_on.day} {one.delivered_on:%B}" if one.delivered_on else "never"
    return Measure(
        key=Key("stale-data", TOTAL, one.name, ""),
        value=Decimal(late),
        title=f"The bills of {one.name} are stale",
        message=f"Complete only to {day}; the last delivery came on {came}, {late} days later than"
        f" usual ({rhythm}). Figures after {day} are too low.",
        closing=f"Bills have come: complete to {day} now.",
        look_at=("Is the export still switched on, and is its folder still read?",),
        link="/bills/",
        evidence={"last_complete_day": complete.isoformat(), "usual_gap": one.usual_gap},
    )


def _difference(one: DifferenceFact) -> Measure:
    gap = EXACT.subtract(one.ours, one.theirs)
    base = abs(one.theirs)
    value = HUNDRED if not base else EXACT.divide(EXACT.multiply(abs(gap), HUNDRED), base)
    ours, theirs, by = figures(one.currency, one.ours, one.theirs, abs(gap))
    return Measure(
        key=Key("reconciliation", TOTAL, one.source, f"{one.billing_period:%Y-%m}"),
        value=value if gap else Decimal(0),
        title=f"{one.source} {one.billing_period:%B} differs from the provider’s own total",
        message=f"The provider says {theirs}, the charges add up to {ours}: {by} apart.",
        closing=f"The totals agree now: {theirs}.",
        why=(one.why,) if one.why else (),
        look_at=("Is a delivery missing, or were rows refused? Both leave our total too low.",),
        link="/bills/reconciliation/?verdict=differs",
        currency=one.currency,
        evidence={"ours": plain(one.ours), "theirs": plain(one.theirs)},
    )


# -- where cost belongs, and what is new -----------------------------------------------------------


def _unallocated(one: UnallocatedFact) -> list[Measure]:
    if one.total <= 0:
        return []
    share = max(Decimal(0), EXACT.divide(EXACT.multiply(one.unallocated, HUNDRED), one.total))
    part, whole = figures(one.currency, one.unallocated, one.total)
    month = f"{one.month.start:%B}"
    return [
        Measure(
            key=Key("unallocated-share", TOTAL, "", f"{one.month.start:%Y-%m}"),
            value=share,
            title=f"{int(share)} % of {month} belongs to no environment",
            message=f"No rule places {part} of {whole}.",
            closing=f"The share is {int(share)} % now.",
            look_at=("Tag the largest resources, or write a rule for them.",),
            link="/allocation/unallocated/",
            currency=one.currency,
        )
    ]


def _newcomers(kind: str, found: Iterable[NewcomerFact]) -> Iterator[Measure]:
    for one in found:
        (cost,) = figures(one.currency, one.week_cost)
        since = f"{one.first_day.day} {one.first_day:%B}"
        resource = kind == "untagged-resource"
        short = one.name.rstrip("/").rpartition("/")[2][:80] or one.name[:80]
        yield Measure(
            key=Key(kind, one.environment, one.name, ""),
            value=max(Decimal(0), one.week_cost),
            title=f"A new resource has no environment: {short}"
            if resource
            else f"{one.label} uses {one.name}, which is new there",
            message=f"It has cost {cost} in the last 7 complete days, the first time on {since}.",
            closing=f"It cost {cost} in the last 7 complete days.",
            why=(f"It is of {one.service}.",) if one.service else (),
            look_at=(
                ("Ask who started it, then tag it or write a rule for it.",)
                if resource
                else ("Ask who started it and what it is for.",)
            ),
            link=f"/costs/resource/?{urlencode({'id': one.name})}" if resource else "/costs/",
            currency=one.currency,
            evidence={"first_day": one.first_day.isoformat()},
        )


# -- what others have found ------------------------------------------------------------------------


def _anomaly(one: AnomalyFact) -> Measure:
    impact = EXACT.subtract(one.actual, one.expected)
    share = (
        EXACT.divide(EXACT.multiply(impact, HUNDRED), one.expected)
        if one.expected > 0
        else Decimal(1000)
    )
    actual, expected, by = figures(one.currency, one.actual, one.expected, abs(impact))
    what = one.service or "charges without a service"
    day = f"{one.day:%a} {one.day.day} {one.day:%b}"
    when = f"on {day}" if one.days == 1 else f"on {one.days} days from {day} on"
    return Measure(
        key=Key("anomaly", one.environment, one.service, one.day.isoformat()),
        value=Decimal(0) if one.expected_by_people else abs(share),
        title=f"{one.label}: {what} cost {by} {'more' if impact >= 0 else 'less'} than expected"
        f" {when}",
        message=f"{actual} instead of about {expected}.",
        closing="Somebody says that it was expected."
        if one.expected_by_people
        else "The day stands out no more.",
        why=tuple(one.drivers[:MOVES_SAID]),
        look_at=(
            "Look at what drove it. If it was meant, acknowledge it as expected and say why.",
        ),
        link=one.link,
        currency=one.currency,
        evidence={"actual": plain(one.actual), "expected": plain(one.expected)},
    )


def _finding(one: Finding) -> Measure:
    return Measure(
        key=Key(one.kind, one.environment, one.subject, one.period),
        value=Decimal(Level.URGENT if one.is_urgent else Level.WARNING),
        title=one.title,
        message=one.message,
        closing=KINDS[one.kind].gone,
        why=(one.why,) if one.why else (),
        look_at=(one.look_at,) if one.look_at else (),
        link=one.link,
        action=one.action,
    )
