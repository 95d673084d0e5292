"""Azure Cost Management's query: the real SDK against a fake Azure on loopback."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from costs.bills import connecting, fetching
from costs.bills.fetching import FetchFailed, fetch
from costs.bills.models import Connection, ProviderTotal
from costs.lake.models import BillVersion
from tests.bills.clouds.azure_fake import AzureFake, azure_error
from tests.bills.clouds.conftest import Clock
from tests.bills.clouds.gateway import Fault
from tests.bills.making import spent, total

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TINY = Decimal("0.000000040000000123")
"""What is finer than the lake is rounded to it."""
SCOPE = f"/subscriptions/{SUBSCRIPTION}"


def connection(**parameters: str) -> Connection:
    return connecting.add_connection(
        actor="an operator",
        name="azure-main",
        kind="azure-query",
        parameters={"scope": SCOPE, "since": "2026-01", **parameters},
        schedule="daily",
        hour=6,
        now=NOW,
    )


def run(known: Connection, clock: Clock, now: datetime = NOW) -> Any:
    known.refresh_from_db()
    return fetch(lambda _w, _s: None, known, again=False, now=now, patience=clock.patience())


def cost(day: int, actual: str, amortized: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "UsageDate": day,
        "ServiceName": "Virtual Machines",
        "ResourceGroupName": "rg-shop-prod",
        "SubscriptionId": SUBSCRIPTION,
        "ChargeType": "Usage",
        "Currency": "USD",
        "ActualCost": actual,
        "AmortizedCost": actual if amortized is None else amortized,
        **more,
    }


def three_months(azure: AzureFake) -> None:
    azure.costs = [
        cost(20260105, "173.41979241290323"),
        cost(20260105, "19.545363672276512", ServiceName="Storage"),
        cost(20260106, "0.000000040000000123456", ResourceGroupName="rg-shop-dev"),
        cost(20260101, "100", "0", ChargeType="Purchase", ServiceName="Reservations"),
        cost(20260107, "0", "3.25", ChargeType="UnusedReservation"),
        cost(20260202, "20.35941656262545"),
        cost(20260202, "5", Currency="EUR"),
        cost(20260319, "1.5"),
    ]


def test_three_months_come_with_every_digit_and_their_totals(
    azure: AzureFake, clock: Clock
) -> None:
    three_months(azure)
    azure.page = 2
    steps = run(connection(), clock)
    assert [one.billing_period for one in steps] == ["2026-01", "2026-02", "2026-03"]
    january = Decimal("173.41979241290323") + Decimal("19.545363672276512") + 100
    exact, january = january + Decimal("0.000000040000000123456"), january + TINY
    assert spent("billing_period")["2026-01", "USD"] == january
    assert spent("billing_period", metric="effective_cost")[
        "2026-01", "USD"
    ] == january - 100 + Decimal("3.25")
    assert total() == january + Decimal("20.35941656262545") + Decimal("1.5")
    assert total(currency="EUR") == 5
    assert spent("charge_category")["Purchase", "USD"] == 100
    assert spent("environment")["production", "USD"] > 0, "resource groups find an environment"
    assert azure.asked("skiptoken"), "it came in pages"
    totals = {
        (one.billing_period.month, one.currency): one.billed_cost
        for one in ProviderTotal.objects.filter(origin="Azure query.usage")
    }
    assert totals == {
        (1, "USD"): exact,
        (2, "USD"): Decimal("20.35941656262545"),
        (2, "EUR"): Decimal(5),
        (3, "USD"): Decimal("1.5"),
    }


def test_asked_again_only_what_may_change_is_asked_for_and_nothing_is_loaded_twice(
    azure: AzureFake, clock: Clock
) -> None:
    three_months(azure)
    known = connection()
    run(known, clock)
    azure.costs.append(cost(20260320, "2"))
    steps = run(known, clock)
    assert {one.billing_period: one.bills[0]["status"] for one in steps} == {"2026-03": "restated"}
    steps = run(known, clock)
    assert {one.bills[0]["status"] for one in steps} == {"unchanged"}
    assert BillVersion.objects.filter(status="live").count() == 3


def test_totals_alone_load_no_bill(azure: AzureFake, clock: Clock) -> None:
    three_months(azure)
    run(connection(use="totals"), clock)
    assert not BillVersion.objects.exists()
    assert ProviderTotal.objects.count() == 4


def test_a_month_without_cost_is_no_error(azure: AzureFake, clock: Clock) -> None:
    azure.costs = [cost(20260202, "1")]
    steps = run(connection(), clock)
    assert [(one.billing_period, one.state, len(one.bills)) for one in steps] == [
        ("2026-01", "loaded", 0),
        ("2026-02", "loaded", 1),
        ("2026-03", "loaded", 0),
    ]


def test_throttled_it_waits_for_the_longest_of_azures_headers(
    azure: AzureFake, clock: Clock
) -> None:
    three_months(azure)
    busy = azure_error(429, "429") | {
        "headers": {
            "Retry-After": "5",
            "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "13",
        }
    }
    azure.faults.append(Fault(lambda _m, path, _b: path.endswith("2025-03-01"), times=2, **busy))
    run(connection(), clock)
    assert clock.slept == [13.5, 14.0]


def test_errors_of_the_server_pass(azure: AzureFake, clock: Clock) -> None:
    three_months(azure)
    azure.page = 2
    azure.faults.append(Fault(lambda _m, p, _b: "/query" in p, times=3, **azure_error(503, "Busy")))
    azure.faults.append(
        Fault(lambda _m, p, _b: "skiptoken" in p, times=1, **azure_error(500, "Internal"))
    )
    run(connection(), clock)
    assert clock.slept[:3] == [0.5, 1.0, 2.0]
    assert len(clock.slept) == 4


def test_a_token_that_expires_half_way_keeps_what_is_done(azure: AzureFake, clock: Clock) -> None:
    three_months(azure)
    expired = azure_error(401, "ExpiredAuthenticationToken", "The access token expiry UTC time …")
    azure.faults.append(Fault(lambda _m, _p, body: b"2026-02-01" in body, **expired))
    known = connection()
    with pytest.raises(FetchFailed, match="the Azure credentials have expired after 1 delivery"):
        run(known, clock)
    assert BillVersion.objects.count() == 1
    known.refresh_from_db()
    assert known.passes
    steps = run(known, clock)
    assert [one.billing_period for one in steps] == ["2026-02", "2026-03"]


def test_the_missing_permission_is_named_with_its_scope(azure: AzureFake, clock: Clock) -> None:
    azure.faults.append(
        Fault(
            lambda _m, p, _b: "/query" in p,
            **azure_error(
                403,
                "AuthorizationFailed",
                "The client '…' does not have authorization to perform action"
                f" 'Microsoft.CostManagement/query/action' over scope '{SCOPE}' or the scope is"
                " invalid.",
            ),
        )
    )
    found = fetching.check_connection(
        "azure-query", {"scope": SCOPE}, today=NOW.date(), patience=clock.patience(1)
    )
    assert [(one.permission, one.resource, one.good) for one in found] == [
        ("Microsoft.CostManagement/query/action", SCOPE, False)
    ]
    assert found[0].said == f"Microsoft.CostManagement/query/action on {SCOPE} is denied"
    azure.costs = [cost(20260319, "1.5")]
    found = fetching.check_connection(
        "azure-query", {"scope": SCOPE}, today=NOW.date(), patience=clock.patience(1)
    )
    assert [one.said for one in found] == [
        f"Microsoft.CostManagement/query/action on {SCOPE} is granted",
        "this month so far: 1.50 USD",
    ]


def test_no_identity_and_no_trust(
    azure: AzureFake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> str:
        found = fetching.check_connection(
            "azure-query", {"scope": SCOPE}, today=NOW.date(), patience=clock.patience(1)
        )
        return found[-1].said

    azure.token = "of somebody else"
    assert "Azure does not accept the credentials" in said()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert "its certificate is not good" in said()


def test_a_link_to_another_server_is_not_followed(azure: AzureFake, clock: Clock) -> None:
    three_months(azure)
    page = (
        '{"properties": {"columns": [{"name": "Cost"}, {"name": "ChargeType"},'
        ' {"name": "Currency"}], "rows": [[1, "Usage", "USD"]],'
        ' "nextLink": "https://elsewhere.example/?$skiptoken=1"}}'
    )
    azure.faults.append(Fault(lambda _m, p, _b: "/query" in p, status=200, body=page.encode()))
    with pytest.raises(FetchFailed, match=r"elsewhere\.example, which is not followed"):
        run(connection(), clock)
