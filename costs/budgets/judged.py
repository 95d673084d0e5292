"""A month held against its band: the gauge to draw and the verdict to say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from costs.budgets.bands import (
    Band,
    Forecasting,
    Gauge,
    Verdict,
    pace,
    total_band,
    verdict,
)
from costs.budgets.outlooks import certain
from costs.money import MixedCurrencies
from costs.periods import Period


def judged(
    forecast: Forecasting,
    environment: str,
    currency: str,
    month: Period,
    *,
    complete_days: int,
    spent: Decimal,
    band: Band | Verdict | None,
    sees_all_cost_centers: bool,
) -> tuple[Gauge, Verdict]:
    """The gauge of ``month``, whose ``complete_days`` have cost ``spent``, and its verdict.

    ``band`` may be the reason why there is none (:func:`band_of_total`).
    """
    reason = band if isinstance(band, Verdict) else None
    held = None if isinstance(band, Verdict) else band
    if held is not None and not sees_all_cost_centers:
        reason = Verdict(
            "unknown", "You see only some cost centers; the band is for all of them together."
        )
    usable = held if held and held.currency == currency and reason is None else None
    outlook, lacking = None, None
    if complete_days >= month.days:
        outlook = certain(spent, usable)
    else:
        outlook = forecast.outlook(environment, currency, month, usable)
        lacking = forecast.lacking(environment, currency, month)
    gauge = Gauge(
        currency=currency,
        band=usable,
        month_to_date=spent,
        pace=None if usable is None else pace(usable, month, complete_days),
        outlook=outlook,
        lacking=lacking,
    )
    judgement = verdict(replace(gauge, band=held), month, complete_days=complete_days)
    return gauge, reason or judgement


def band_of_total(bands: Mapping[str, Band], members: Iterable[str]) -> Band | Verdict | None:
    """The sum of the bands of ``members``, or why they have none."""
    held = [bands[name] for name in sorted(members) if name in bands]
    try:
        return total_band(held)
    except MixedCurrencies:
        codes = " and ".join(sorted({band.currency for band in held}))
        return Verdict("unknown", f"Bands in {codes} have no sum: no exchange rate is known.")
