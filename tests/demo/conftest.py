"""One estate, written once, and its files read back once."""

from collections.abc import Callable
from datetime import date
from functools import cache

import pytest

from costs.demo.estate import Estate, write_estate
from costs.periods import Period
from tests.demo.reading import Charge, charges_in

AS_OF = date(2026, 11, 23)
Live = Callable[[str, Period], list[Charge]]


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """The demo estate as of a Monday late in a month."""
    return write_estate(tmp_path_factory.mktemp("demo"), AS_OF)


@pytest.fixture(scope="session")
def live(estate: Estate) -> Live:
    """The rows of the latest delivery of a source and month."""

    @cache
    def rows(source: str, period: Period) -> list[Charge]:
        paths = [
            delivery.path
            for delivery in estate.deliveries
            if (delivery.source, delivery.billing_period) == (source, period)
        ]
        return charges_in(paths[-1])

    return rows
