"""Reads the demo's files with nothing but csv and Decimal, by the rules of the formats themselves,
so that what the generator says about its bills is checked by something that is not it."""

import csv
import gzip
import io
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Charge:
    """What the tests need of a row, whatever its format."""

    row: dict[str, str]
    kind: str
    day: str
    resource_id: str
    sku: str
    tags: str
    quantity: Decimal
    billed: Decimal
    effective: Decimal


def charges_in(path: Path) -> list[Charge]:
    """All rows of one file of the demo, its format told by the header."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    if "lineItem/LineItemType" in rows[0]:
        return [_aws(row) for row in rows]
    if "MeterCategory" in rows[0]:
        return [_azure(row) for row in rows]
    return [_focus(row) for row in rows]


def _aws(row: dict[str, str]) -> Charge:
    kind = row["lineItem/LineItemType"]
    billed = Decimal(row["lineItem/UnblendedCost"])
    effective = {
        "DiscountedUsage": lambda: Decimal(row["reservation/EffectiveCost"]),
        "RIFee": lambda: (
            Decimal(row["reservation/UnusedRecurringFee"])
            + Decimal(row["reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"])
        ),
        "SavingsPlanCoveredUsage": lambda: Decimal(row["savingsPlan/SavingsPlanEffectiveCost"]),
        "SavingsPlanNegation": lambda: ZERO,
        "SavingsPlanRecurringFee": lambda: (
            Decimal(row["savingsPlan/TotalCommitmentToDate"])
            - Decimal(row["savingsPlan/UsedCommitment"])
        ),
    }.get(kind, lambda: billed)()
    return Charge(
        row=row,
        kind=kind,
        day=row["lineItem/UsageStartDate"][:10],
        resource_id=row["lineItem/ResourceId"],
        sku=row["lineItem/UsageType"],
        tags="".join(value for column, value in row.items() if column.startswith("resourceTags/")),
        quantity=Decimal(row["lineItem/UsageAmount"]),
        billed=billed,
        effective=effective,
    )


def _azure(row: dict[str, str]) -> Charge:
    month, day, year = row["Date"].split("/")
    cost = Decimal(row["Cost"])
    return Charge(
        row=row,
        kind=row["ChargeType"],
        day=f"{year}-{month}-{day}",
        resource_id=row["ResourceId"],
        sku=row["MeterName"],
        tags=row["Tags"],
        quantity=Decimal(row["Quantity"]),
        billed=cost,
        effective=cost,
    )


def _focus(row: dict[str, str]) -> Charge:
    return Charge(
        row=row,
        kind=row["ChargeCategory"],
        day=row["ChargePeriodStart"][:10],
        resource_id=row["ResourceId"],
        sku=row["SkuId"],
        tags=row["Tags"],
        quantity=Decimal(row["PricingQuantity"] or "1"),
        billed=Decimal(row["BilledCost"]),
        effective=Decimal(row["EffectiveCost"]),
    )


def costs_by_day(charges: list[Charge]) -> dict[str, Decimal]:
    """Billed cost of each day."""
    found: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for charge in charges:
        found[charge.day] += charge.billed
    return dict(found)
