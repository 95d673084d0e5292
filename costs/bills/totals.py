"""Reading totals: what the live bills hold of each account's month, beside the provider's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db.models import QuerySet

from costs.bills.matrix import month_text
from costs.bills.models import ProviderTotal
from costs.bills.reconciliation import (
    Imported,
    Stated,
    Verdict,
    compare,
    together,
)
from costs.lake.models import BillVersion
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import month_of


@dataclass(frozen=True)
class Origin:
    """The provider's total of one origin beside ours."""

    pk: int
    origin: str
    invoice_id: str
    """Not empty: of this invoice alone, and so is ``imported``."""
    billed_cost: Decimal
    imported: Decimal | None
    verdict: Verdict
    confirmed_at: datetime
    stated_at: datetime
    stated_by: str
    why: str


@dataclass(frozen=True)
class Invoice:
    """What the live bills hold of one invoice."""

    invoice_id: str
    """Empty: of charges that are on no invoice (yet)."""
    billed_cost: Decimal


@dataclass(frozen=True)
class Reconciliation:
    """An account's month in one currency: our total, the provider's, and what to make of it."""

    provider_name: str
    billing_account_id: str
    billing_period: date
    end: date
    """First day after the billing period."""
    currency: str
    imported: Decimal | None
    """Billed cost of all live bills; None where there is none."""
    delivered_at: datetime | None
    sources: tuple[str, ...]
    origins: tuple[Origin, ...]
    invoices: tuple[Invoice, ...]
    """The largest first; empty where no charge names one."""
    verdict: Verdict

    @property
    def month(self) -> str:
        """As in addresses."""
        return month_text(self.billing_period)

    @property
    def told(self) -> Origin | None:
        """The origin that the verdict is about."""
        return next((one for one in self.origins if one.verdict is self.verdict), None)


type _Key = tuple[str, str, date, str]
"""Provider and account in small letters, first day, currency."""


@dataclass
class _Account:
    """What is gathered of one key."""

    provider_name: str
    billing_account_id: str
    end: date
    delivered_at: datetime | None = None
    sources: list[str] = field(default_factory=list)
    invoices: dict[str, Decimal] = field(default_factory=dict)
    waits: bool = False

    @property
    def billed(self) -> Decimal:
        billed = Decimal(0)
        for amount in self.invoices.values():
            billed = EXACT.add(billed, amount)
        return billed


def reconciliations(
    scope: Scope,
    *,
    as_of: date,
    since: date | None = None,
    source: str = "",
    period: date | None = None,
) -> list[Reconciliation]:
    """Every account and month with a live bill or a provider's total, the newest month first.

    ``since`` leaves earlier billing periods out; ``source`` with ``period`` asks for the accounts
    of one bill. Two statements, whatever there is. Whole bills belong to no environment: a
    restricted ``scope`` gets nothing.
    """
    if scope != Scope.everything():
        return []
    live = BillVersion.objects.filter(status=BillVersion.Status.LIVE)
    totals = ProviderTotal.objects.order_by("pk")
    if since is not None:
        live, totals = (
            live.filter(billing_period__gte=since),
            totals.filter(billing_period__gte=since),
        )
    if period is not None:
        live = live.filter(billing_period=period)
        totals = totals.filter(billing_period=period)
    accounts = _imported(live)
    stated: dict[_Key, list[ProviderTotal]] = {}
    for total in totals:
        key = (
            total.provider_name.lower(),
            total.billing_account_id.lower(),
            total.billing_period,
            total.currency,
        )
        stated.setdefault(key, []).append(total)
    found = [
        _reconciled(key, accounts.get(key), stated.get(key, []), as_of)
        for key in {**accounts, **stated}
        if not source or (key in accounts and source in accounts[key].sources)
    ]
    found.sort(key=lambda one: (one.provider_name.lower(), one.billing_account_id, one.currency))
    found.sort(key=lambda one: one.billing_period, reverse=True)
    return found


def _imported(live: QuerySet[BillVersion]) -> dict[_Key, _Account]:
    accounts: dict[_Key, _Account] = {}
    for version in live.select_related("source", "day_costs"):
        kept = version.day_costs if hasattr(version, "day_costs") else None
        rows = kept.invoices if kept else []
        # Just delivered: what its accounts come to is being added up.
        waiting = [
            (*pair, currency, "", "0") for pair in version.accounts for currency in version.sums
        ]
        for provider, account, currency, invoice, billed in rows or waiting:
            key = (provider.lower(), account.lower(), version.billing_period, currency)
            known = accounts.setdefault(
                key, _Account(provider, account, version.billing_period_end)
            )
            known.invoices[invoice] = EXACT.add(
                known.invoices.get(invoice, Decimal(0)), Decimal(billed)
            )
            known.waits = known.waits or not rows
            if version.source.name not in known.sources:
                known.sources.append(version.source.name)
            if known.delivered_at is None or version.delivered_at > known.delivered_at:
                known.delivered_at = version.delivered_at
    return accounts


def _reconciled(
    key: _Key, account: _Account | None, totals: Sequence[ProviderTotal], as_of: date
) -> Reconciliation:
    end = account.end if account else month_of(key[2]).end
    newest = {(total.origin, total.invoice_id): total for total in totals}
    origins = [_origin(total, account, end, as_of) for _, total in sorted(newest.items())]
    named = account.invoices if account and set(account.invoices) - {""} else {}
    return Reconciliation(
        provider_name=account.provider_name if account else totals[0].provider_name,
        billing_account_id=account.billing_account_id if account else totals[0].billing_account_id,
        billing_period=key[2],
        end=end,
        currency=key[3],
        imported=account.billed if account and not account.waits else None,
        delivered_at=account.delivered_at if account else None,
        sources=tuple(account.sources) if account else (),
        origins=tuple(origins),
        invoices=tuple(
            Invoice(invoice, billed)
            for invoice, billed in sorted(named.items(), key=lambda one: (-abs(one[1]), one[0]))
        ),
        verdict=together(one.verdict for one in origins),
    )


def _origin(total: ProviderTotal, account: _Account | None, end: date, as_of: date) -> Origin:
    billed: Decimal | None = None
    if account is not None:
        if total.invoice_id:
            billed = account.invoices.get(total.invoice_id, Decimal(0))
        else:
            billed = account.billed
    imported = (
        Imported(billed, account.delivered_at)
        if account is not None and billed is not None and account.delivered_at is not None
        else None
    )
    stated = Stated(total.origin, total.invoice_id, total.billed_cost, total.confirmed_at)
    return Origin(
        pk=total.pk,
        origin=total.origin,
        invoice_id=total.invoice_id,
        billed_cost=total.billed_cost,
        imported=billed,
        verdict=Verdict("not yet comparable", "The bill has just come and is being added up.")
        if account is not None and account.waits
        else compare(imported, stated, end=end, as_of=as_of),
        confirmed_at=total.confirmed_at,
        stated_at=total.stated_at,
        stated_by=total.stated_by,
        why=total.why,
    )


def given(
    scope: Scope, *, provider_name: str, billing_account_id: str, billing_period: date
) -> list[ProviderTotal]:
    """Every total that was ever given of an account's month, the newest first."""
    if scope != Scope.everything():
        return []
    return list(
        ProviderTotal.objects.filter(
            provider_name__iexact=provider_name,
            billing_account_id__iexact=billing_account_id,
            billing_period=billing_period,
        ).order_by("-pk")
    )


def accounts(scope: Scope) -> list[tuple[str, str]]:
    """Provider and billing account of every live bill, by name."""
    if scope != Scope.everything():
        return []
    live = BillVersion.objects.filter(status=BillVersion.Status.LIVE)
    return sorted(
        {(one[0], one[1]) for pairs in live.values_list("accounts", flat=True) for one in pairs}
    )
