"""All charges of one delivery of one source, before a format is chosen for them."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from costs.demo.aws_estate import aws_meters
from costs.demo.azure_estate import azure_meters, preview_meter
from costs.demo.charges import CENT, ZERO, Charge, Kind, day_of, metered
from costs.demo.identifiers import PAYER, SAAS_BILLING_ACCOUNT, preview_id
from costs.demo.meters import Behaviour, Meter, Price
from costs.demo.nodes import node_charges
from costs.demo.quantities import View
from costs.demo.saas_estate import saas_meters
from costs.demo.truths import Truths
from costs.periods import Period, week_of

SOURCES = ("aws", "azure", "saas")


def charges_of(planted: Truths, view: View) -> list[Charge]:
    """What the delivery holds, in the order of the file."""
    if view.source == "aws":
        used = [*metered(aws_meters(planted), planted, view), *node_charges(planted, view)]
        return [*used, *_taxes(used, planted, view), *_credits(planted, view)]
    if view.source == "azure":
        return [*metered(azure_meters(planted), planted, view), *_previews(planted, view)]
    return [*metered(saas_meters(), planted, view), *_credits(planted, view)]


def _previews(planted: Truths, view: View) -> Iterator[Charge]:
    """Each ISO week's preview environment, on the days of the week that lie in the month."""
    week = week_of(view.period.start)
    while week.start < view.end:
        meter = preview_meter(preview_id(week))
        days = Period(max(week.start, view.period.start), min(week.end, view.period.end))
        seen = (charge for charge in metered([meter], planted, view) if charge.days.start in days)
        yield from seen
        week = week.shifted(7)


def _taxes(used: list[Charge], planted: Truths, view: View) -> Iterator[Charge]:
    """One tax row per account and service. That of the open month is an estimate to date."""
    taxed: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for charge in used:
        taxed[charge.meter.account, charge.meter.service] += charge.billed
    span = Period(view.period.start, view.end)
    for (account, service), billed in sorted(taxed.items()):
        tax = (billed * planted.tax.rate).quantize(CENT)
        if tax:
            row = Meter("aws", service, "", Price(tax, ""), Behaviour.MONTHLY, 1, account)
            yield Charge(Kind.TAX, row, span, Decimal(1), ZERO, tax, tax)


def _credits(planted: Truths, view: View) -> Iterator[Charge]:
    account, service = {"aws": (PAYER, "ec2"), "saas": (SAAS_BILLING_ACCOUNT, "logs")}[view.source]
    for credit in planted.credits:
        if credit.source == view.source and credit.day in view.period.before(view.end):
            usd, day = credit.amount, day_of(credit.day)
            row = Meter(credit.source, service, "", Price(usd, ""), Behaviour.MONTHLY, 1, account)
            yield Charge(Kind.CREDIT, row, day, Decimal(1), ZERO, usd, usd, credit.description)
