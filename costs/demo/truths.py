"""Every fact planted in the demo estate, in one place, for the generator and the tests to read.

All of it follows from one date, so that the same `as_of` always plants the same things, and two
dates of one month plant the same past (but for the spike, which waits until day 12).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from costs.demo.identifiers import LOG_GROUP_OF_STAGING, TELEMETRY_OF_PRODUCTION, preview_id
from costs.periods import Period, month_of, week_of


@dataclass(frozen=True, slots=True)
class Growth:
    """Quantities driven by traffic grow by this share of themselves a month; 1.0 at `anchor`."""

    environment: str
    percent_per_month: Decimal
    anchor: date


@dataclass(frozen=True, slots=True)
class PriceChange:
    """From `first_day` on, each unit of this SKU costs `factor` times what it did."""

    first_day: date
    source: str
    sku: str
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Spike:
    """Somebody left debug logging on: so many GB more on each of these days."""

    first_day: date
    days: int
    environment: str
    source: str
    service: str
    sku: str
    resource_id: str
    extra_quantity_per_day: Decimal
    extra_cost_per_day: Decimal

    @property
    def end(self) -> date:
        """The first day without it."""
        return self.first_day + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Untagged:
    """A resource that no tag, resource group or account name places in an environment."""

    source: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Money given back on one day; `amount` is negative, USD."""

    day: date
    source: str
    amount: Decimal
    description: str


@dataclass(frozen=True, slots=True)
class Tax:
    """Sales tax on all that a source bills, per account and service, each rounded to cents."""

    source: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Restatement:
    """A closed month delivered twice: first with only `visible_share` of one meter's last days."""

    source: str
    billing_period: Period
    resource_id: str
    sku: str
    first_day: date
    visible_share: Decimal
    delivered_on: date
    restated_on: date


@dataclass(frozen=True, slots=True)
class Reservation:
    """Reserved instances without upfront payment: the fee of a whole month falls on its first day.

    `price` is USD per instance and hour; `end` is the first day without it.
    """

    commitment_id: str
    instance_type: str
    units: int
    price: Decimal
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class SavingsPlan:
    """A compute savings plan without upfront payment; `price` is what it pays per instance hour."""

    commitment_id: str
    hourly_commitment: Decimal
    price: Decimal
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class WeeklyChange:
    """A preview environment lives for one ISO week, so each week has one new and one gone."""

    week: Period
    new_resource_id: str
    gone_resource_id: str


@dataclass(frozen=True, slots=True)
class Truths:
    """What a reader of the bills of `as_of` should find out."""

    as_of: date
    open_month: Period
    growth: tuple[Growth, ...]
    price_change: PriceChange
    spike: Spike
    untagged: tuple[Untagged, ...]
    credits: tuple[Credit, ...]
    tax: Tax
    restatement: Restatement
    reservation: Reservation
    savings_plan: SavingsPlan
    last_week: WeeklyChange


def weekly_change(week: Period) -> WeeklyChange:
    """The preview environments that come and go with an ISO week."""
    return WeeklyChange(week, preview_id(week), preview_id(week.shifted(-7)))


def months_after(month: date, count: int) -> date:
    """The first day of the month `count` after (negative: before) the one of `month`."""
    years, index = divmod(month.month - 1 + count, 12)
    return date(month.year + years, index + 1, 1)


def truths(as_of: date) -> Truths:
    """What is planted in the bills delivered up to and on `as_of` (which has no charges yet)."""
    month = as_of.replace(day=1)
    ago = [months_after(month, -n) for n in range(13)]
    # Five days of a spike need a few days after them before anyone can say what they cost.
    spike_month = month if as_of.day >= 12 else ago[1]
    payer = "arn:aws:ec2:us-east-1:111122223333"
    shared = "/subscriptions/5c1f2a54-0f0e-4c58-9a59-6f1d2c7be003/resourceGroups/rg-shared-tools"
    return Truths(
        as_of=as_of,
        open_month=month_of(as_of),
        growth=(
            Growth("development", Decimal(0), month),
            Growth("staging", Decimal("0.4"), month),
            Growth("production", Decimal("3.8"), month),
        ),
        price_change=PriceChange(ago[2], "azure", "P1 v3 App", Decimal("1.06")),
        spike=Spike(
            first_day=spike_month.replace(day=6),
            days=5,
            environment="staging",
            source="aws",
            service="AmazonCloudWatch",
            sku="DataProcessing-Bytes",
            resource_id=LOG_GROUP_OF_STAGING,
            extra_quantity_per_day=Decimal("74.6"),
            extra_cost_per_day=Decimal("37.3"),
        ),
        untagged=(
            Untagged("aws", "old-marketing-uploads"),
            Untagged("aws", f"{payer}:elastic-ip/eipalloc-0d1f77ab3c9e20b54"),
            Untagged("azure", f"{shared}/providers/Microsoft.Compute/disks/disk-build-cache"),
            Untagged("azure", f"{shared}/providers/Microsoft.Compute/disks/disk-wiki-backup"),
            Untagged(
                "azure", f"{shared}/providers/Microsoft.Network/publicIPAddresses/pip-old-vpn"
            ),
        ),
        credits=(
            Credit(ago[5].replace(day=17), "aws", Decimal("-41.73"), "Migration programme credit"),
            Credit(ago[1].replace(day=9), "aws", Decimal("-18.46"), "Service level credit"),
            Credit(ago[3].replace(day=12), "saas", Decimal("-12.85"), "Log management outage"),
        ),
        tax=Tax("aws", Decimal("0.029")),
        restatement=Restatement(
            source="azure",
            billing_period=month_of(ago[2]),
            resource_id=TELEMETRY_OF_PRODUCTION,
            sku="Data Ingestion",
            first_day=ago[1] - timedelta(days=6),
            visible_share=Decimal("0.35"),
            delivered_on=ago[1].replace(day=4),
            restated_on=ago[1].replace(day=18),
        ),
        reservation=Reservation(
            commitment_id=f"{payer}:reserved-instances/8f2c61d7-43b8-4f2a-9a51-0a7d6be1c0f4",
            instance_type="t3.medium",
            units=5,
            price=Decimal("0.0261"),
            start=ago[10],
            end=months_after(month, 2),
        ),
        savings_plan=SavingsPlan(
            commitment_id="arn:aws:savingsplans::111122223333:savingsplan/"
            "3d6e7c1a-9f04-4b1b-8c35-27f90d1e6a42",
            hourly_commitment=Decimal("0.06"),
            price=Decimal("0.03"),
            start=ago[6],
            end=months_after(ago[6], 12),
        ),
        last_week=weekly_change(week_of(as_of).shifted(-7)),
    )
