"""Setting bands: what is refused, what is kept, which one holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.budgets.bands import Band
from costs.budgets.models import BandChange
from costs.budgets.operations import DEFAULTS, install_default_bands, set_band
from costs.budgets.queries import band_history, bands_for
from costs.people.models import AuditEntry
from costs.people.scope import Scope
from costs.periods import month_of

pytestmark = pytest.mark.django_db

EVERYTHING = Scope.everything()
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
NOVEMBER = month_of(date(2026, 11, 1))


def edit(**changes: Any) -> None:
    given: dict[str, Any] = {
        "actor": "operator",
        "environment": "staging",
        "valid_from": date(2026, 11, 1),
        "low": Decimal(500),
        "high": Decimal(900),
        "currency": "USD",
        "why": "A second load test a month.",
        "now": NOW,
    }
    set_band(**(given | changes))


def test_the_defaults_hold_from_the_start() -> None:
    for day in (date(2000, 1, 1), date(2026, 11, 1)):
        assert bands_for(EVERYTHING, month_of(day)) == {
            name: Band(low, high, "USD") for name, (low, high) in DEFAULTS.items()
        }
    assert bands_for(EVERYTHING, month_of(date(1999, 12, 1))) == {}


def test_the_defaults_are_installed_once_and_never_over_an_edit() -> None:
    edit()
    assert install_default_bands() == 0
    assert BandChange.objects.count() == 4


def test_a_band_holds_from_its_month_on() -> None:
    edit()
    october = month_of(date(2026, 10, 1))
    assert bands_for(EVERYTHING, october)["staging"] == Band(Decimal(400), Decimal(800), "USD")
    for month in (NOVEMBER, month_of(date(2027, 5, 1))):
        assert bands_for(EVERYTHING, month)["staging"] == Band(Decimal(500), Decimal(900), "USD")


def test_the_later_month_wins_and_then_the_later_edit() -> None:
    edit(valid_from=date(2026, 12, 1), high=Decimal(1200))
    edit(high=Decimal(950), now=NOW + timedelta(hours=1))
    edit(high=Decimal(960), now=NOW + timedelta(hours=2))
    assert bands_for(EVERYTHING, NOVEMBER)["staging"].high == 960
    assert bands_for(EVERYTHING, month_of(date(2026, 12, 1)))["staging"].high == 1200


def test_a_band_keeps_every_digit() -> None:
    low = Decimal("8.545007786741936")
    edit(low=low)
    assert bands_for(EVERYTHING, NOVEMBER)["staging"].low == low


def test_an_edit_is_history_and_audited() -> None:
    edit()
    latest, default = band_history(EVERYTHING, "staging")
    assert latest.band == Band(Decimal(500), Decimal(900), "USD")
    assert latest.previous == default.band == Band(Decimal(400), Decimal(800), "USD")
    assert (latest.created_by, latest.created_at) == ("operator", NOW)
    assert latest.why == "A second load test a month."
    entry = AuditEntry.objects.get(action="band.set")
    assert (entry.actor, entry.subject, entry.at) == ("operator", "staging", NOW)
    assert entry.detail["high"] == "900"
    assert entry.detail["previous"] == "staging from 2000-01: 400 to 800 USD"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environment": "total"}, "The total band is the sum"),
        ({"environment": "moon"}, "no environment “moon”; there are development, staging"),
        ({"environment": "unallocated"}, "no environment “unallocated”"),
        ({"valid_from": date(2026, 11, 2)}, "2026-11-02 is not its first day"),
        ({"low": Decimal(-1)}, "The low of a band cannot be negative: -1"),
        ({"high": Decimal("NaN")}, "The high of a band must be a number"),
        ({"high": Decimal("Infinity")}, "The high of a band must be a number"),
        ({"high": Decimal("1e15")}, "must be below 1,000,000,000,000,000"),
        ({"low": Decimal("1e-19")}, "more than 18 decimals"),
        ({"low": Decimal(901)}, r"The low \(901\) must not be above the high \(900\)"),
        ({"currency": "usd"}, "“usd” is not a currency code"),
        ({"currency": "US DOLLAR"}, "is not a currency code"),
        ({"why": "  "}, "Say why"),
        ({"why": "x" * 501}, "longer than 500"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        edit(**changes)
    assert BandChange.objects.count() == 3
    assert not AuditEntry.objects.filter(action="band.set").exists()


def test_low_may_equal_high_and_be_zero() -> None:
    edit(low=Decimal(0), high=Decimal(0))
    assert bands_for(EVERYTHING, NOVEMBER)["staging"] == Band(Decimal(0), Decimal(0), "USD")


def test_history_cannot_be_changed() -> None:
    row = BandChange.objects.get(environment="staging")
    for attempt in (
        row.save,
        row.delete,
        BandChange.objects.all().delete,
        lambda: BandChange.objects.update(high=1),
    ):
        with pytest.raises(TypeError, match="append-only"):
            attempt()


def test_a_scope_sees_its_own_bands_only() -> None:
    scope = Scope(environments=frozenset({"staging"}), cost_centers=None)
    assert list(bands_for(scope, NOVEMBER)) == ["staging"]
    assert band_history(scope, "production") == []
    assert len(band_history(scope, "staging")) == 1
    nobody = Scope(environments=frozenset(), cost_centers=frozenset())
    assert bands_for(nobody, NOVEMBER) == {}
