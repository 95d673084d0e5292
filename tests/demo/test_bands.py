"""The estate lives where the project's budget bands are, and only staging is in trouble."""

from datetime import date
from decimal import Decimal

import pytest

from costs.demo.bills import charges_of
from costs.demo.estate import Estate
from costs.demo.outcome import BANDS, Outcome, outcome_of
from costs.demo.schedule import schedule
from costs.demo.truths import truths
from costs.periods import month_before


def outcome(as_of: date) -> Outcome:
    planted = truths(as_of)
    return outcome_of(planted, {view: charges_of(planted, view) for view in schedule(planted)})


def test_past_months_lie_inside_their_bands(estate: Estate) -> None:
    month = month_before(estate.truths.open_month)
    for _ in range(12):
        for environment, (low, high) in BANDS.items():
            assert low < estate.outcome.total(None, month, environment).effective < high
        assert 620 < estate.outcome.total(None, month, "staging").effective < 700
        month = month_before(month)


def test_production_grows(estate: Estate) -> None:
    last = month_before(estate.truths.open_month)
    first = min(part.period for part in estate.outcome.costs)
    before = estate.outcome.total(None, first, "production").effective / first.days
    after = estate.outcome.total(None, last, "production").effective / last.days
    assert Decimal("1.1") < after / before < Decimal("1.25")


def test_a_small_part_of_every_month_is_unallocated(estate: Estate) -> None:
    for period in {part.period for part in estate.outcome.costs}:
        total = estate.outcome.total(None, period).effective
        share = 100 * estate.outcome.total(None, period, "").effective / total
        assert 3 < share < 5, period


def test_parts_of_a_month_come_to_its_total(estate: Estate) -> None:
    whole = estate.outcome.total()
    for split in (
        [estate.outcome.total(source=source) for source in ("aws", "azure", "saas")],
        [estate.outcome.total(environment=environment) for environment in (*BANDS, "")],
    ):
        assert sum(part.billed for part in split) == whole.billed
        assert sum(part.effective for part in split) == whole.effective


@pytest.mark.parametrize(
    ("as_of", "staging"), [(date(2026, 10, 12), "at risk"), (date(2028, 2, 29), "over")]
)
def test_staging_is_in_trouble_and_the_others_are_not(as_of: date, staging: str) -> None:
    verdicts = {pace.environment: pace.verdict for pace in outcome(as_of).paces}
    assert verdicts == {"development": "inside", "staging": staging, "production": "inside"}


def test_nothing_is_known_of_a_month_that_has_no_complete_day(estate: Estate) -> None:
    found = outcome(date(2028, 3, 1))
    assert {pace.verdict for pace in found.paces} == {"unknown"}
    february = month_before(truths(date(2028, 3, 1)).open_month)
    assert february.days == 29
    # Early in a month the spike is still where it was seen: in the month before.
    assert found.total(None, february, "staging").effective > BANDS["staging"][1]
    assert estate.outcome.paces[1].verdict == "at risk"
