"""What has changed since the last review, on its page."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from costs.bills.operations import ingest_bill
from costs.people.models import Visibility
from tests.review.test_views import NOW, bill, charge

pytestmark = pytest.mark.django_db


def deliver(folder: Path, name: str, lines: list[str], at: datetime) -> None:
    (folder / name).mkdir()
    ingest_bill(
        [bill(folder / name, date(2026, 11, 1), lines)], actor="a test", now=at, accept=True
    )


def test_known_days_that_cost_otherwise(
    client: Client, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the week from the 16th: what came since, of days that were complete on the 16th."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    client.force_login(get_user_model().objects.create_user("viewer"))
    deliver(
        tmp_path,
        "1",
        [charge(date(2026, 11, 3), "10"), charge(date(2026, 11, 4), "5", environment="staging")],
        datetime(2026, 11, 15, 6, tzinfo=UTC),
    )
    page = client.get("/weeks/2026-W47/")
    assert "Changed since the last review" in page.text
    assert page.context["changed"].bills == ()
    assert "Nothing: every day before" in page.text
    deliver(
        tmp_path,
        "2",
        [
            charge(date(2026, 11, 3), "12.5"),
            charge(date(2026, 11, 4), "4", environment="staging"),
            charge(date(2026, 11, 15), "99"),  # was not complete on the 16th
        ],
        datetime(2026, 11, 17, 6, tzinfo=UTC),
    )
    page = client.get("/weeks/2026-W47/")
    (one,) = page.context["changed"].bills
    assert one.environments == (("Production", Decimal("2.5")), ("Staging", Decimal(-1)))
    assert (one.difference, one.versions, one.currency) == (Decimal("1.5"), 1, "USD")
    assert f"/bills/{one.source}/2026-11/changes/2/" in page.text
    assert client.get("/weeks/2026-W46/").context["changed"].before == date(2026, 11, 8)
    user = get_user_model().objects.get()
    Visibility.objects.create(user=user, environments=["staging"])
    page = client.get("/weeks/2026-W47/")
    assert page.context["changed"].bills[0].environments == (("Staging", Decimal(-1)),)
    assert "/changes/2/" not in page.text
