"""Setting exchange rates and the currency that pages show sums in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from costs.bills.models import Environment
from costs.money import plain
from costs.people.operations import record
from costs.spend.currency import CODE, Rate, check_rate
from costs.spend.models import DisplayCurrencyChange, RateChange

LONGEST_REASON = 500


class Overtaken(RuntimeError):
    """Somebody else has changed the same thing meanwhile; nothing was done."""


@dataclass(frozen=True)
class NewRate:
    """A rate to set, and where it comes from (empty: typed)."""

    rate: Rate
    origin: str = ""


def set_rate(
    *,
    actor: str,
    month: date,
    base: str,
    quote: str,
    value: Decimal | None,
    why: str,
    now: datetime,
    seen: int | None = None,
) -> None:
    """Set what one ``base`` is in ``quote`` in ``month``; None takes the rate away.

    Nothing is overwritten: the edit is a row of the history and an entry of the audit log. ``seen``
    is the key of the newest edit of the pair and month that the person has seen, 0 for none; None
    does not ask. Raises :class:`ValueError` with one sentence, :class:`Overtaken` when there is a
    newer edit than ``seen``.
    """
    check_rate(Rate(month, base, quote, Decimal(1) if value is None else value))
    _check_why(why)
    with transaction.atomic():
        previous = _held_lock(month, base, quote)
        if seen is not None and previous is not None and previous.pk != seen:
            raise Overtaken(f"{base} {quote}")
        _add(actor, month, base, quote, value, "", why, now, previous)
        record(
            actor=actor,
            action="rate.set" if value is not None else "rate.removed",
            subject=f"{base} in {quote}, {month:%Y-%m}",
            detail={
                "value": None if value is None else plain(value),
                "why": why.strip(),
                "previous": None if previous is None else str(previous),
            },
            now=now,
        )


def import_rates(
    rates: Sequence[NewRate], *, actor: str, why: str, now: datetime, newest: int
) -> int:
    """Set many rates at once, all or none; returns how many.

    ``newest`` is the key of the newest edit of any rate when they were looked at. Raises
    :class:`Overtaken` when there is another one since, :class:`ValueError` for what cannot be.
    """
    _check_why(why)
    for one in rates:
        check_rate(one.rate)
    with transaction.atomic():
        _lock()
        rows = list(RateChange.objects.order_by("created_at", "pk"))
        if max((row.pk for row in rows), default=0) != newest:
            raise Overtaken("rates")
        held = {(row.month, frozenset((row.base, row.quote))): row for row in rows}
        for one in rates:
            rate = one.rate
            previous = held.get((rate.month, frozenset((rate.base, rate.quote))))
            _add(
                actor, rate.month, rate.base, rate.quote, rate.value, one.origin, why, now, previous
            )
        months = sorted({one.rate.month for one in rates})
        record(
            actor=actor,
            action="rates.imported",
            subject=f"{len(rates)} rates",
            detail={
                "rates": [
                    f"{one.rate.month:%Y-%m} {one.rate.quote} {plain(one.rate.value)}"
                    for one in rates[:200]
                ],
                "months": [f"{month:%Y-%m}" for month in months],
                "why": why.strip(),
            },
            now=now,
        )
    return len(rates)


def set_display_currency(
    *, actor: str, currency: str, why: str, now: datetime, seen: int | None = None
) -> None:
    """Show sums in ``currency`` from now on; empty shows them as billed.

    Raises :class:`ValueError` with one sentence, :class:`Overtaken` as :func:`set_rate` does.
    """
    if currency and not CODE.fullmatch(currency):
        raise ValueError(f"“{currency[:20]}” is not a currency code; write it like EUR.")
    _check_why(why)
    with transaction.atomic():
        _lock()
        newest = DisplayCurrencyChange.objects.order_by("created_at", "pk").last()
        if seen is not None and newest is not None and newest.pk != seen:
            raise Overtaken("display currency")
        DisplayCurrencyChange.objects.create(
            currency=currency, created_at=now, created_by=actor, why=why.strip()
        )
        record(
            actor=actor,
            action="display_currency.set",
            subject=currency or "as billed",
            detail={"why": why.strip(), "previous": newest.currency if newest else ""},
            now=now,
        )


def _check_why(why: str) -> None:
    if not why.strip() or len(why.strip()) > LONGEST_REASON:
        raise ValueError(f"Say why in 1 to {LONGEST_REASON} characters: it is kept in the history.")


def _add(
    actor: str,
    month: date,
    base: str,
    quote: str,
    value: Decimal | None,
    origin: str,
    why: str,
    now: datetime,
    previous: RateChange | None,
) -> None:
    RateChange.objects.create(
        month=month,
        base=base,
        quote=quote,
        value=value,  # type: ignore[misc]  # nullable, see the model
        origin=origin,
        created_at=now,
        created_by=actor,
        why=why.strip(),
        previous=previous,
    )


def _held_lock(month: date, base: str, quote: str) -> RateChange | None:
    _lock()
    return (
        RateChange.objects.filter(month=month, base__in=(base, quote), quote__in=(base, quote))
        .order_by("created_at", "pk")
        .last()
    )


def _lock() -> None:
    """Whoever comes second waits here, and then finds the edit of the first.

    SQLite lets one transaction write at a time anyway. PostgreSQL needs rows to wait for: those of
    the environments, as for bands, are always there.
    """
    list(Environment.objects.select_for_update())
