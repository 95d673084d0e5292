"""Charges that people type, as the bills that they become. Pure.

All charges of one provider in one month are one bill, written as FOCUS and read like any other. A
charge lasts the whole month, so its effective cost is spread over the days.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.money import plain
from costs.periods import month_of

ACCOUNT = "manual"
"""The billing account of charges that nobody billed electronically."""
PREFIX = "manual-"
"""How the name of their source begins."""


@dataclass(frozen=True)
class Entry:
    """A charge as somebody typed it: ``amount`` in each month from the first to the last."""

    provider_name: str
    service_name: str
    amount: Decimal
    currency: str
    first_month: date
    last_month: date | None
    """First day of the last month; None goes on."""
    environment: str = ""
    cost_center: str = ""
    note: str = ""

    def holds_in(self, month: date) -> bool:
        """Whether it is charged in the month that begins on ``month``."""
        return self.first_month <= month and (self.last_month is None or month <= self.last_month)


def source_of(provider: str) -> str:
    """The name of the source that a provider's typed charges make."""
    slug = re.sub(r"[^a-z0-9]+", "-", provider.lower()).strip("-")[:60]
    if slug == provider.lower().replace(" ", "-"):
        return PREFIX + slug
    return f"{PREFIX}{slug or 'x'}-{hashlib.sha256(provider.encode()).hexdigest()[:6]}"


def months_of(entries: Iterable[Entry], through: date) -> list[date]:
    """The first days of all months with a charge, up to the month that begins on ``through``."""
    return sorted({month for entry in entries for month in _months(entry, through)})


def _months(entry: Entry, through: date) -> Iterator[date]:
    month = entry.first_month
    while month <= min(through, entry.last_month or through):
        yield month
        month = month_of(month).end


HEADER = (
    *("BilledCost", "EffectiveCost", "BillingAccountId", "BillingCurrency"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"),
    *("ChargeCategory", "ChargeFrequency", "ChargeDescription", "ProviderName", "ServiceName"),
    "Tags",
)


def bill_of(
    provider: str, entries: Sequence[Entry], month: date, emptied: Sequence[str] = ()
) -> str:
    """The bill of one month as CSV.

    ``emptied`` are the currencies of a month that had charges and has none any more: a bill cannot
    be without rows, so it says that it costs nothing.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    period = month_of(month)
    times = [f"{day.isoformat()}T00:00:00Z" for day in (period.start, period.end)] * 2
    for one in entries:
        if not one.holds_in(month):
            continue
        tags = {"environment": one.environment, "cost-center": one.cost_center}
        given = {name: value for name, value in tags.items() if value}
        once = one.last_month == one.first_month
        writer.writerow(
            (
                *(plain(one.amount),) * 2,
                ACCOUNT,
                one.currency,
                *times,
                "Usage",
                "One-Time" if once else "Recurring",
                one.note,
                provider,
                one.service_name,
                json.dumps(given, ensure_ascii=False) if given else "",
            )
        )
    for currency in emptied:
        writer.writerow(
            (
                *("0", "0", ACCOUNT, currency, *times, "Usage", "One-Time"),
                *("No charge is entered any more", provider, "No charge", ""),
            )
        )
    return out.getvalue()
