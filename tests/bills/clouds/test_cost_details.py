"""Azure cost details: reports that are made when asked, by the real SDK and a fake Azure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from costs.bills import connecting, fetching
from costs.bills.clouds import cost_details, downloading
from costs.bills.fetching import FetchFailed, fetch
from costs.bills.models import Connection
from costs.lake.models import BillVersion
from tests.bills.clouds.azure_fake import AzureFake, azure_error
from tests.bills.clouds.conftest import Clock
from tests.bills.clouds.gateway import Fault
from tests.bills.making import AZURE_EA, csv_text, spent, total

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)
SCOPE = "/subscriptions/00000000-0000-0000-0000-000000000001"


def connection() -> Connection:
    return connecting.add_connection(
        actor="an operator",
        name="azure-details",
        kind="azure-cost-details",
        parameters={"scope": SCOPE, "since": "2026-01"},
        schedule="daily",
        hour=6,
        now=NOW,
    )


def run(known: Connection, clock: Clock) -> Any:
    known.refresh_from_db()
    return fetch(lambda _w, _s: None, known, again=False, now=NOW, patience=clock.patience())


def report(month: int, *costs: str) -> str:
    return csv_text(
        [
            {
                **AZURE_EA,
                "BillingPeriodStartDate": f"{month:02}/01/2026",
                "BillingPeriodEndDate": f"{month:02}/28/2026",
                "Date": f"{month:02}/05/2026",
                "Cost": cost,
                "ResourceId": f"{AZURE_EA['ResourceId']}-{nth}",
            }
            for nth, cost in enumerate(costs)
        ],
        AZURE_EA,
    )


def three_months(azure: AzureFake) -> None:
    for month, costs in ((1, ["1.1", "0.2"]), (2, ["2.5"]), (3, ["4"])):
        for metric in ("ActualCost", "AmortizedCost"):
            azure.reports[f"{metric} 2026-{month:02}"] = report(month, *costs)


def test_it_looks_as_often_as_azure_says_and_fetches_what_was_made(
    azure: AzureFake, clock: Clock
) -> None:
    three_months(azure)
    azure.looks_needed = 3
    steps = run(connection(), clock)
    assert [(one.billing_period, one.state, one.error) for one in steps] == [
        ("2026-01", "loaded", ""),
        ("2026-02", "loaded", ""),
        ("2026-03", "loaded", ""),
    ]
    assert total() == Decimal("7.8")
    assert total("effective_cost") == Decimal("7.8")
    assert [one.metric for one in azure.made.values()] == ["ActualCost", "AmortizedCost"] * 3
    assert azure.made["00000002-0000-0000-0000-000000000000"].period == {
        "start": "2026-02-01",
        "end": "2026-02-28",
    }
    # The first look is taken at once, the others after as long as the look before has said.
    assert clock.slept == [30.0, 30.0] * 6


def test_a_look_that_is_throttled_or_fails_is_taken_again(azure: AzureFake, clock: Clock) -> None:
    three_months(azure)
    busy = azure_error(429, "TooManyRequests") | {"headers": {"Retry-After": "9"}}
    azure.faults += [
        Fault(lambda _m, p, _b: "generateCostDetailsReport" in p, **busy),
        Fault(lambda _m, p, _b: "OperationResults/00000001" in p, **azure_error(500, "Internal")),
        Fault(lambda _m, p, _b: "OperationResults/00000002" in p, **busy),
    ]
    run(connection(), clock)
    assert clock.slept.count(9.5) == 2
    assert clock.slept.count(0.5) == 1
    assert total() == Decimal("7.8")


def test_a_month_without_cost_is_no_error(azure: AzureFake, clock: Clock) -> None:
    azure.reports["ActualCost 2026-02"] = report(2, "1")
    steps = run(connection(), clock)
    assert [(one.state, len(one.bills)) for one in steps] == [
        ("loaded", 0),
        ("loaded", 1),
        ("loaded", 0),
    ]


def test_a_token_that_expires_while_waiting_keeps_what_is_done(
    azure: AzureFake, clock: Clock
) -> None:
    three_months(azure)
    expired = azure_error(401, "ExpiredAuthenticationToken", "The access token has expired")
    azure.faults.append(Fault(lambda _m, p, _b: "OperationResults/00000003" in p, **expired))
    known = connection()
    with pytest.raises(FetchFailed, match="the Azure credentials have expired after 1 delivery"):
        run(known, clock)
    assert BillVersion.objects.count() == 1
    made = len(azure.made)
    run(known, clock)
    assert total() == Decimal("7.8")
    again = [one.metric for one in list(azure.made.values())[made:]]
    assert again == ["AmortizedCost", "ActualCost", "AmortizedCost"], "one half was there already"


def test_what_an_interrupted_report_left_is_never_taken_for_the_next(
    azure: AzureFake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the same name and size, of a report that was made before costs changed."""
    three_months(azure)
    known = connection()
    whole = downloading.download

    def die_after(*args: Any, **more: Any) -> None:
        whole(*args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(cost_details, "download", die_after)
        with pytest.raises(KeyboardInterrupt):
            run(known, clock)
    # A part that the next report has not, as where it is cut into fewer.
    (left,) = fetching.fetch_folder(known).rglob("part_0_0001.csv")
    (left.parent / "part_1_0002.csv").write_bytes(left.read_bytes())
    for metric in ("ActualCost", "AmortizedCost"):
        azure.reports[f"{metric} 2026-01"] = report(1, "9.1", "0.2")
    run(known, clock)
    assert total() == Decimal("15.8")


def test_the_secret_of_a_link_is_never_said(
    azure: AzureFake, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    three_months(azure)
    gone = azure_error(403, "AuthenticationFailed", "Signature not valid in the specified time")
    azure.faults.append(Fault(lambda _m, p, _b: "verysecret" in p, **gone))
    known = connection()
    with pytest.raises(FetchFailed) as failed:
        run(known, clock)
    known.refresh_from_db()
    assert "verysecret" not in str(failed.value) + known.last_error + caplog.text


def test_it_does_not_look_elsewhere_and_not_for_ever(
    azure: AzureFake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_months(azure)
    away = {"status": 202, "headers": {"Location": "https://elsewhere.example/x"}}
    azure.faults.append(Fault(lambda _m, p, _b: "generateCostDetailsReport" in p, **away))  # type: ignore[arg-type]
    known = connection()
    with pytest.raises(FetchFailed, match=r"elsewhere\.example, which is not followed"):
        run(known, clock)
    monkeypatch.setattr(cost_details, "LONGEST_REPORT", 100.0)
    azure.looks_needed = 1000
    with pytest.raises(FetchFailed, match="has not finished the report within an hour"):
        run(known, clock)


def test_the_missing_permission_is_named_with_its_scope(azure: AzureFake, clock: Clock) -> None:
    permission = "Microsoft.CostManagement/generateCostDetailsReport/action"
    azure.faults.append(
        Fault(lambda _m, p, _b: "CostDetails" in p, **azure_error(403, "AuthorizationFailed"))
    )

    def said() -> list[str]:
        found = fetching.check_connection(
            "azure-cost-details", {"scope": SCOPE}, today=NOW.date(), patience=clock.patience(1)
        )
        return [one.said for one in found]

    assert said() == [f"{permission} on {SCOPE} is denied"]
    assert said() == [f"{permission} on {SCOPE} is granted"]


def test_both_halves_of_a_month_become_one_bill(azure: AzureFake, clock: Clock) -> None:
    bought = {**AZURE_EA, "ChargeType": "Purchase", "Cost": "3", "ReservationId": "r-1"}
    covered = {**AZURE_EA, "ReservationId": "r-1", "PricingModel": "Reservation"}
    unused = {**covered, "ChargeType": "UnusedReservation", "Cost": "1", "ResourceId": "r-1"}
    columns = [*AZURE_EA, "PricingModel"]
    azure.reports |= {
        "ActualCost 2026-01": csv_text([bought, {**covered, "Cost": "0"}], columns),
        "AmortizedCost 2026-01": csv_text([{**covered, "Cost": "2"}, unused], columns),
    }
    steps = run(connection(), clock)
    assert [(one.state, one.error) for one in steps] == [("loaded", "")] * 3
    assert BillVersion.objects.filter(status="live").count() == 1
    assert total() == total("effective_cost") == 3
    assert spent("charge_category", metric="effective_cost")["Usage", "USD"] == 3
