"""Cost queries: scopes, filters, limits, bad questions, and no query that grows with rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.queries import GROUPINGS, CostRow, cost_by, last_day
from tests.bills.making import ALL, focus, ingest, spent, total, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def tagged(environment: str, center: str, cost: str) -> dict[str, str]:
    tags = f'{{"env": "{environment}", "cost-center": "{center}"}}'
    return focus(BilledCost=cost, Tags=tags, ResourceId=f"{environment}-{center}")


@pytest.fixture
def lake(data_dir: Path, tmp_path: Path) -> None:
    ingest(
        write(
            tmp_path / "b.csv",
            [
                tagged("prod", "a", "1"),
                tagged("prod", "b", "2"),
                tagged("dev", "a", "4"),
                tagged("?", "a", "8"),
                tagged("dev", "", "16"),
            ],
        )
    )


def seen(scope: Scope, *by: str, **more: Any) -> dict[tuple[str, ...], Decimal]:
    return {row.keys: row.cost for row in cost_by(scope, by=by, **more)}


@pytest.mark.usefixtures("lake")
def test_a_scope_hides_all_else() -> None:
    production = Scope(frozenset(["production"]), None)
    center = Scope(None, frozenset(["a"]))

    assert seen(production, "environment") == {("production",): Decimal(3)}
    assert seen(production, "resource_id") == {("prod-a",): Decimal(1), ("prod-b",): Decimal(2)}
    assert seen(production, where={"environment": ["development"]}) == {}
    assert seen(center, "environment") == {
        ("production",): Decimal(1),
        ("development",): Decimal(4),
        ("unallocated",): Decimal(8),
    }
    assert seen(Scope(frozenset(["production"]), frozenset(["a"]))) == {(): Decimal(1)}
    assert seen(Scope(None, frozenset([""])), "environment") == {("development",): Decimal(16)}
    assert seen(Scope(frozenset(), None)) == {}
    assert seen(Scope(frozenset(["x' OR 1=1 --"]), None)) == {}
    assert last_day(Scope(frozenset(), None)) is None
    assert last_day(production) == date(2026, 1, 5)


@pytest.mark.usefixtures("lake")
def test_answers_for_one_are_not_given_to_another() -> None:
    """The cache must know the scope."""
    assert seen(ALL) == {(): Decimal(31)}
    assert seen(Scope(frozenset(["production"]), None)) == {(): Decimal(3)}
    assert seen(ALL) == {(): Decimal(31)}


@pytest.mark.usefixtures("lake")
def test_filters_limits_and_order() -> None:
    rows = cost_by(ALL, by=("resource_id",), limit=2)

    assert [(row.keys[0], row.cost) for row in rows] == [("dev-", Decimal(16)), ("?-a", Decimal(8))]
    assert seen(ALL, where={"resource_id": ["prod-a", "dev-a"]}) == {(): Decimal(5)}
    assert seen(ALL, where={"cost_center": [""]}) == {(): Decimal(16)}
    assert seen(ALL, where={"cost_center": []}) == {}
    assert seen(ALL, where={"resource_id": ["' OR true --"]}) == {}


@pytest.mark.usefixtures("lake")
def test_periods_are_half_open() -> None:
    day = date(2026, 1, 5)

    assert total(period=Period(day, date(2026, 1, 6))) == 31
    assert total(period=Period(date(2026, 1, 1), day)) == 0
    assert total(period=Period(day, day)) == 0


def test_questions_that_cannot_be_answered() -> None:
    with pytest.raises(ValueError, match="cannot group by nonsense"):
        cost_by(ALL, by=("nonsense",))
    with pytest.raises(ValueError, match="cannot group by nonsense"):
        cost_by(ALL, by=(), where={"nonsense": ["x"]})
    with pytest.raises(ValueError, match="unknown metric"):
        cost_by(ALL, by=(), metric="x); DROP TABLE y; --")  # type: ignore[arg-type]


def test_an_empty_lake_has_no_costs() -> None:
    assert cost_by(ALL, by=tuple(GROUPINGS)) == []
    assert last_day(ALL) is None


def test_an_answer_is_new_after_a_flip(tmp_path: Path) -> None:
    ingest(write(tmp_path / "1/b.csv", [focus(BilledCost="1")]))
    assert total() == 1
    ingest(write(tmp_path / "2/b.csv", [focus(BilledCost="2")]))
    assert total() == 2


def test_what_is_returned_can_be_changed_without_harm(tmp_path: Path) -> None:
    ingest(write(tmp_path / "b.csv", [focus(BilledCost="1")]))
    cost_by(ALL, by=()).append(CostRow((), "USD", Decimal(99)))

    assert total() == 1


def test_no_database_query_grows_with_rows(
    tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    for n in range(6):
        rows = [
            focus(BillingAccountId=f"a-{n}", ResourceId=str(m), ChargePeriodStart="2026-01-05")
            for m in range(3 ** (n + 1) if n < 4 else 1)
        ]
        ingest(write(tmp_path / f"{n}/b.csv", rows))
        with django_assert_max_num_queries(4):
            spent("resource_id", "day")
        with django_assert_max_num_queries(2):
            spent("resource_id", "day")


def test_queries_of_the_bills_page_do_not_grow(
    tmp_path: Path, client: Client, django_user_model: type[User]
) -> None:
    client.force_login(django_user_model.objects.create_user("viewer-1"))
    counts = []
    for n in range(6):
        for month in ("2026-01", "2026-02"):
            row = focus(
                BillingAccountId=f"a-{n}",
                BilledCost=n + 1,
                BillingPeriodStart=f"{month}-01",
                BillingPeriodEnd=f"{month}-28",
            )
            ingest(write(tmp_path / f"{n}/{month}/b.csv", [row]))
        if n in (0, 5):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(reverse("bills:sources")).status_code == 200
            counts.append(len(queries))
    assert counts[0] == counts[1], counts
