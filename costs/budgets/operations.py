"""Setting bands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from django.db import transaction

from costs.bills import queries as bills
from costs.bills.models import Environment
from costs.budgets.findings import Finding
from costs.budgets.models import BandChange, DriverChange, FindingRecord
from costs.money import plain
from costs.people.operations import record
from costs.people.scope import Scope

DEFAULTS_FROM: Final = date(2000, 1, 1)
DEFAULTS: Final = {
    "development": (Decimal(200), Decimal(400)),
    "staging": (Decimal(400), Decimal(800)),
    "production": (Decimal(1000), Decimal(3000)),
}
"""Low and high in USD a month: the project's own bands (infrastructure overview, Cost Controls)."""

LARGEST: Final = Decimal(10) ** 15
"""A band ends below this: wide enough for any currency, and a typing slip is caught."""


class Overtaken(RuntimeError):
    """Somebody else has changed the same thing meanwhile; nothing was done."""


def set_band(
    *,
    actor: str,
    environment: str,
    valid_from: date,
    low: Decimal,
    high: Decimal,
    currency: str,
    why: str,
    now: datetime,
    seen: int | None = None,
) -> None:
    """Set the band of ``environment`` from the month that starts on ``valid_from``.

    Nothing is overwritten: the edit is a row of the history and an entry of the audit log.
    ``seen`` is the key of the newest edit that the person has seen, 0 for none; None does not ask.
    Raises :class:`ValueError` with one sentence that names what is wrong, :class:`Overtaken` when
    there is a newer edit than ``seen``.
    """
    _check(environment, valid_from, low, high, currency, why)
    with transaction.atomic():
        if seen is not None:
            # Whoever comes second waits here, and then finds the edit of the first.
            list(Environment.objects.select_for_update().filter(name=environment))
            newest = BandChange.objects.filter(environment=environment).order_by("pk").last()
            if newest is not None and newest.pk != seen:
                raise Overtaken(environment)
        previous = (
            BandChange.objects.filter(environment=environment, valid_from__lte=valid_from)
            .order_by("valid_from", "created_at", "pk")
            .last()
        )
        BandChange.objects.create(
            environment=environment,
            valid_from=valid_from,
            low=low,
            high=high,
            currency=currency,
            created_at=now,
            created_by=actor,
            why=why.strip(),
            previous=previous,
        )
        record(
            actor=actor,
            action="band.set",
            subject=environment,
            detail={
                "valid_from": f"{valid_from:%Y-%m}",
                "low": plain(low),
                "high": plain(high),
                "currency": currency,
                "why": why.strip(),
                "previous": None if previous is None else str(previous),
            },
            now=now,
        )


def _check(
    environment: str, valid_from: date, low: Decimal, high: Decimal, currency: str, why: str
) -> None:
    if environment == "total":
        raise ValueError("The total band is the sum of the others and cannot be set.")
    names = [known.name for known in bills.environments(Scope.everything())]
    if environment not in names:
        raise ValueError(f"There is no environment “{environment}”; there are {', '.join(names)}.")
    if valid_from.day != 1:
        raise ValueError(f"A band starts with a month: {valid_from} is not its first day.")
    for name, amount in (("low", low), ("high", high)):
        if not amount.is_finite():
            raise ValueError(f"The {name} of a band must be a number.")
        if amount < 0:
            raise ValueError(f"The {name} of a band cannot be negative: {plain(amount)}.")
        if amount >= LARGEST:
            raise ValueError(f"The {name} of a band must be below {LARGEST:,f}.")
        if int(amount.as_tuple().exponent) < -18:
            raise ValueError(f"The {name} of a band has more than 18 decimals.")
    if low > high:
        raise ValueError(f"The low ({plain(low)}) must not be above the high ({plain(high)}).")
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ValueError(f"“{currency}” is not a currency code; write it like USD.")
    if not why.strip():
        raise ValueError("Say why the band changes: it is kept in its history.")
    if len(why.strip()) > 500:
        raise ValueError("The reason is longer than 500 characters.")


def set_driver(
    *,
    actor: str,
    environment: str,
    metric: str,
    baseline: Decimal | None,
    fixed_share: Decimal | None,
    why: str,
    now: datetime,
    seen: int | None = None,
) -> None:
    """Say what the band of ``environment`` scales with; an empty ``metric`` ends it.

    ``baseline`` is the metric's sum in a month for which the band holds as set, ``fixed_share`` the
    part of the band (0 to 1) that does not scale: METHODS.md section 1. Raises :class:`ValueError`
    with one sentence, :class:`Overtaken` as :func:`set_band` does.
    """
    metric, why = metric.strip(), why.strip()
    if environment not in [one.name for one in bills.environments(Scope.everything())]:
        raise ValueError(f"There is no environment “{environment}”.")
    if not why or len(why) > 500:
        raise ValueError("Say why in 1 to 500 characters: it is kept in the history.")
    if not metric:
        baseline = fixed_share = None
    else:
        if not re.fullmatch("[a-z][a-z0-9_]{0,99}", metric):
            raise ValueError("A metric is written like requests or network_out_bytes.")
        if baseline is None or not baseline.is_finite() or not 0 < baseline < LARGEST:
            raise ValueError(f"The baseline is a number above 0 and below {LARGEST:,f}.")
        if fixed_share is None or not fixed_share.is_finite() or not 0 <= fixed_share <= 1:
            raise ValueError("The fixed share is a number from 0 to 1.")
    with transaction.atomic():
        list(Environment.objects.select_for_update().filter(name=environment))
        newest = DriverChange.objects.filter(environment=environment).order_by("pk").last()
        if seen is not None and newest is not None and newest.pk != seen:
            raise Overtaken(environment)
        DriverChange.objects.create(
            environment=environment,
            metric=metric,
            baseline=baseline,  # type: ignore[misc]  # nullable, see the model
            fixed_share=fixed_share,
            created_at=now,
            created_by=actor,
            why=why,
        )
        record(
            actor=actor,
            action="driver.set",
            subject=environment,
            detail={
                "metric": metric,
                "baseline": None if baseline is None else plain(baseline),
                "fixed_share": None if fixed_share is None else plain(fixed_share),
                "why": why,
                "previous": None if newest is None else str(newest),
            },
            now=now,
        )


@dataclass(frozen=True)
class Recorded:
    """What :func:`record_findings` changed."""

    new: int
    still: int
    ended: int


def record_findings(origin: str, findings: Iterable[Finding], *, now: datetime) -> Recorded:
    """Say all that ``origin`` finds true at ``now``; what it said before and does not now, ends.

    ``origin`` names who found it, for example ``capacity.thresholds``; origins do not touch each
    other's findings. The next evaluation of the alerts raises, escalates and closes accordingly.
    Of two findings about the same thing the urgent one counts. Saying the same twice changes
    nothing.
    """
    said: dict[tuple[str, str, str, str], Finding] = {}
    for one in sorted(findings, key=lambda finding: (finding.is_urgent, finding.message)):
        said[one.kind, one.environment, one.subject[:500], one.period] = one
    with transaction.atomic():
        open_ones = {
            (row.kind, row.environment, row.subject, row.period): row
            for row in FindingRecord.objects.filter(origin=origin, ended_at=None)
        }
        gone = [row.pk for key, row in open_ones.items() if key not in said]
        FindingRecord.objects.filter(pk__in=gone).update(ended_at=now)
        new = []
        for key, one in said.items():
            text = {
                **asdict(one),
                "subject": one.subject[:500],
                "title": one.title[:300],
                "link": one.link[:500],
            }
            if row := open_ones.get(key):
                for name, value in text.items():
                    setattr(row, name, value)
                row.seen_at = now
            else:
                new.append(FindingRecord(origin=origin, found_at=now, seen_at=now, **text))
        FindingRecord.objects.bulk_create(new, batch_size=500)
        FindingRecord.objects.bulk_update(
            [row for key, row in open_ones.items() if key in said],
            ["title", "message", "action", "why", "look_at", "link", "seen_at"],
            batch_size=500,
        )
    return Recorded(new=len(new), still=len(said) - len(new), ended=len(gone))


def install_default_bands() -> int:
    """Give each default environment that never had a band its default. Returns how many.

    They are dated to the month they hold from: nobody set them at a moment of their own.
    """
    with transaction.atomic():
        known = set(BandChange.objects.values_list("environment", flat=True))
        missing = [name for name in DEFAULTS if name not in known]
        for name in missing:
            low, high = DEFAULTS[name]
            BandChange.objects.create(
                environment=name,
                valid_from=DEFAULTS_FROM,
                low=low,
                high=high,
                currency="USD",
                created_at=datetime.combine(DEFAULTS_FROM, time(), tzinfo=UTC),
                created_by="headroom",
                why="Default band of the project.",
            )
    return len(missing)
