"""Each planted truth can be found in the files."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from costs.demo.estate import Estate
from costs.periods import Period, month_of
from tests.demo.conftest import Live
from tests.demo.reading import ZERO, charges_in, costs_by_day

CENT = Decimal("0.01")


def periods(estate: Estate) -> list[Period]:
    return sorted({delivery.billing_period for delivery in estate.deliveries})


def test_thirteen_months_the_last_one_open(estate: Estate) -> None:
    found = periods(estate)
    assert len(found) == 13
    assert found[-1] == estate.truths.open_month == month_of(estate.truths.as_of)
    assert all(one.end == other.start for one, other in pairwise(found))


def test_the_spike_costs_what_it_says(estate: Estate, live: Live) -> None:
    spike = estate.truths.spike
    rows = [
        row
        for row in live(spike.source, month_of(spike.first_day))
        if row.resource_id == spike.resource_id and row.sku == spike.sku
    ]
    by_day = costs_by_day(rows)
    spiked = Period(spike.first_day, spike.end)
    assert spiked.days == spike.days
    usual = [cost for day, cost in by_day.items() if day < spike.first_day.isoformat()]
    for day in spiked:
        assert abs(by_day[day.isoformat()] - spike.extra_cost_per_day) < 2 * max(usual)
    assert by_day[spike.end.isoformat()] < 2 * max(usual)
    price = {row.billed / row.quantity for row in rows}
    assert price == {spike.extra_cost_per_day / spike.extra_quantity_per_day}
    assert {row.row["resourceTags/user:workspace"] for row in rows} == {"template-staging"}


def test_the_price_changes_on_its_day_by_its_factor(estate: Estate, live: Live) -> None:
    change = estate.truths.price_change
    prices: dict[bool, set[Decimal]] = defaultdict(set)
    for period in periods(estate):
        for row in live(change.source, period):
            if row.sku == change.sku:
                changed = row.day >= change.first_day.isoformat()
                prices[changed].add(Decimal(row.row["EffectivePrice"]))
    (before,), (after,) = prices[False], prices[True]
    assert after == before * change.factor


def test_untagged_resources_have_no_tag_and_a_place_nothing_names(
    estate: Estate, live: Live
) -> None:
    for untagged in estate.truths.untagged:
        rows = [
            row
            for row in live(untagged.source, estate.truths.open_month)
            if row.resource_id == untagged.resource_id
        ]
        assert rows, untagged
        assert {row.tags for row in rows} == {""}
        assert not [name for name in ("dev", "stag", "stg", "prod") if name in rows[0].resource_id]


def test_credits_stand_in_the_bill_of_their_day(estate: Estate, live: Live) -> None:
    for credit in estate.truths.credits:
        rows = live(credit.source, month_of(credit.day))
        found = [row for row in rows if row.kind == "Credit"]
        assert [(row.day, row.billed) for row in found] == [(credit.day.isoformat(), credit.amount)]


def test_tax_is_its_rate_of_what_each_account_pays_for_each_service(
    estate: Estate, live: Live
) -> None:
    tax = estate.truths.tax
    rows = live(tax.source, periods(estate)[5])
    taxed = sum(row.billed for row in rows if row.kind not in ("Tax", "Credit"))
    taxes = [row for row in rows if row.kind == "Tax"]
    assert abs(sum(row.billed for row in taxes) - taxed * tax.rate) < CENT * len(taxes)
    assert all(row.billed == row.billed.quantize(CENT) for row in taxes)
    others = [live(source, periods(estate)[5]) for source in ("azure", "saas")]
    assert not [row for rows in others for row in rows if row.kind == "Tax"]


def test_one_month_was_restated_by_late_usage_of_one_meter(estate: Estate) -> None:
    late, outcome = estate.truths.restatement, estate.outcome
    first, again = (
        charges_in(delivery.path)
        for delivery in estate.deliveries
        if (delivery.source, delivery.billing_period) == (late.source, late.billing_period)
    )
    assert sum(row.billed for row in first) == outcome.restated_from.billed
    assert sum(row.billed for row in again) == outcome.restated_to.billed
    assert outcome.restated_to.billed > outcome.restated_from.billed
    changed = [
        (old, new) for old, new in zip(first, again, strict=True) if old.billed != new.billed
    ]
    assert len(changed) == (late.billing_period.end - late.first_day).days
    for old, new in changed:
        assert (new.resource_id, new.sku) == (late.resource_id, late.sku)
        assert old.quantity == new.quantity * late.visible_share
    twice = [
        delivery.billing_period
        for delivery in estate.deliveries
        if delivery.source == late.source and delivery.billing_period != estate.truths.open_month
    ]
    assert {period for period in twice if twice.count(period) > 1} == {late.billing_period}


def test_reserved_usage_and_what_nothing_used_come_to_the_fee(estate: Estate, live: Live) -> None:
    bought = estate.truths.reservation
    for period in periods(estate):
        rows = live("aws", period)
        fees = [row for row in rows if row.kind == "RIFee"]
        covered = [row for row in rows if row.kind == "DiscountedUsage"]
        if period.start < bought.start:
            assert not fees
            assert not covered
            continue
        (fee,) = fees
        assert fee.row["reservation/ReservationARN"] == bought.commitment_id
        assert {row.row["reservation/ReservationARN"] for row in covered} == {bought.commitment_id}
        hours = period.days * 24 * bought.units
        assert fee.billed == hours * bought.price
        used = sum(row.effective for row in covered)
        if period != estate.truths.open_month:
            assert used + fee.effective == fee.billed
        else:
            # The last day is not all there, and the fee of the whole month is.
            assert used + fee.effective == (21 * 24 + 15) * bought.units * bought.price


def test_the_savings_plan_is_used_and_unused_to_the_hour(estate: Estate, live: Live) -> None:
    plan = estate.truths.savings_plan
    utilization = []
    for period in periods(estate):
        rows = [row for row in live("aws", period) if row.kind.startswith("SavingsPlan")]
        if period.start < plan.start:
            assert not rows
            continue
        covered = [row for row in rows if row.kind == "SavingsPlanCoveredUsage"]
        negated = [row for row in rows if row.kind == "SavingsPlanNegation"]
        fees = [row for row in rows if row.kind == "SavingsPlanRecurringFee"]
        assert [row.billed for row in covered] == [-row.billed for row in negated]
        assert sum(row.quantity for row in fees) * plan.hourly_commitment == sum(
            row.billed for row in fees
        )
        used = sum((row.effective for row in covered), ZERO)
        assert used + sum(row.effective for row in fees) == sum(row.billed for row in fees)
        assert all(ZERO <= row.effective <= row.billed for row in fees)
        utilization.append(used / sum(row.billed for row in fees))
    # Bought too large: below the break-even of a discount of 28 % all along.
    assert all(Decimal("0.3") < share < Decimal("0.72") for share in utilization)


def test_the_last_week_has_its_new_and_its_gone_preview(estate: Estate) -> None:
    week, outcome = estate.truths.last_week, estate.outcome
    assert week.week.end == estate.truths.as_of
    assert outcome.new_resources == {week.new_resource_id.casefold()}
    assert outcome.gone_resources == {week.gone_resource_id.casefold()}


def test_traffic_grows_by_its_rate(estate: Estate, live: Live) -> None:
    (grown,) = [one for one in estate.truths.growth if one.environment == "production"]
    year = periods(estate)
    # Four whole weeks, 48 weeks apart, so that the rhythm of the week cancels out.
    start = estate.truths.open_month.start
    weeks = Period(start - timedelta(days=28), start)
    before, after = (
        sum(
            row.quantity
            for period in year
            for row in live("azure", period)
            if row.sku == "Medium Data Processed"
            if days.start.isoformat() <= row.day < days.end.isoformat()
        )
        for days in (weeks.shifted(-336), weeks)
    )
    factor = float(after / before)
    expected = float(1 + grown.percent_per_month / 100) ** (336 / 30.4375)
    assert abs(factor / expected - 1) < 0.03
