"""Writing down what a provider itself says that a month was billed."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from costs.bills.models import ProviderTotal
from costs.lake.operations import hold
from costs.money import plain
from costs.people.operations import record

ENTERED: Final = "entered"
"""The origin of a total that somebody typed for a whole month."""
INVOICE: Final = "invoice"
"""The origin of a total that stands on an invoice."""
LARGEST: Final = Decimal(10) ** 15
"""A month's total ends below this: wide enough for any currency, and a slip is caught (ours)."""


class Overtaken(RuntimeError):
    """Somebody else has given another figure meanwhile; nothing was written."""


def record_provider_total(
    *,
    provider_name: str,
    billing_account_id: str,
    billing_period: date,
    currency: str,
    billed_cost: Decimal,
    origin: str,
    actor: str,
    now: datetime,
    invoice_id: str = "",
    why: str = "",
    seen: int | None = None,
) -> ProviderTotal:
    """Keep the provider's own total of one account, month and currency; return its row.

    ``billing_period`` is the first day of the billing period, ``billed_cost`` the exact amount.
    ``origin`` says where it comes from: ``AWS Cost Explorer``, ``Azure query.usage``,
    ``manifest``, ``invoice``, ``entered``. With ``invoice_id`` it is the total of that invoice
    alone. The newest of each origin and invoice counts; those before it stay. The same amount
    again only says that it still holds (``confirmed_at``), so a figure may be fetched daily.

    ``seen`` is the key of the newest figure of this month that the person has seen, 0 for none;
    None does not ask. Raises :class:`ValueError` with one sentence for what cannot be a total,
    :class:`Overtaken` when there is a newer figure of this origin than ``seen``.
    """
    provider_name, billing_account_id = provider_name.strip(), billing_account_id.strip()
    origin, invoice_id, currency = origin.strip(), invoice_id.strip(), currency.strip().upper()
    _check(provider_name, billing_account_id, currency, billed_cost, origin)
    if len(invoice_id) > 200:
        raise ValueError("The number of an invoice has at most 200 characters.")
    with transaction.atomic():
        hold()  # whoever comes second finds the figure of the first
        newest = (
            ProviderTotal.objects.filter(
                provider_name__iexact=provider_name,
                billing_account_id__iexact=billing_account_id,
                billing_period=billing_period,
                currency=currency,
                origin=origin,
                invoice_id=invoice_id,
            )
            .order_by("pk")
            .last()
        )
        if seen is not None and newest is not None and newest.pk > seen:
            raise Overtaken(str(newest))
        if newest is not None and newest.billed_cost == billed_cost:
            newest.confirmed_at = max(now, newest.confirmed_at)
            newest.save(update_fields=["confirmed_at"])
            return newest
        total = ProviderTotal.objects.create(
            provider_name=provider_name,
            billing_account_id=billing_account_id,
            billing_period=billing_period,
            currency=currency,
            billed_cost=billed_cost,
            origin=origin,
            invoice_id=invoice_id,
            stated_at=now,
            confirmed_at=now,
            stated_by=actor,
            why=why.strip()[:300],
        )
        record(
            actor=actor,
            action="total.given",
            subject=str(total),
            detail={
                "billed_cost": plain(billed_cost),
                "before": None if newest is None else plain(newest.billed_cost),
                "why": why.strip()[:300],
            },
            now=now,
        )
    return total


def _check(provider: str, account: str, currency: str, billed_cost: Decimal, origin: str) -> None:
    for name, text, most in (
        ("provider", provider, 200),
        ("billing account", account, 300),
        ("origin", origin, 60),
    ):
        if not text:
            raise ValueError(f"The {name} of a total is missing.")
        if len(text) > most:
            raise ValueError(f"The {name} of a total has at most {most} characters.")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise ValueError(f"“{currency[:20]}” is not a three-letter currency code.")
    if not billed_cost.is_finite() or abs(billed_cost) >= LARGEST:
        raise ValueError(f"A total must be a number below {LARGEST:,f}.")
