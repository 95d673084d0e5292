"""Setting bands."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from django.db import transaction

from costs.bills import queries as bills
from costs.budgets.models import BandChange
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
) -> None:
    """Set the band of ``environment`` from the month that starts on ``valid_from``.

    Nothing is overwritten: the edit is a row of the history and an entry of the audit log.
    Raises :class:`ValueError` with one sentence that names what is wrong.
    """
    _check(environment, valid_from, low, high, currency, why)
    with transaction.atomic():
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
