"""The weekly review over HTTP, on a small bill that is read like any other."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.bills.operations import ingest_bill
from costs.budgets.operations import set_band
from costs.people.models import Visibility
from costs.people.scope import Scope
from costs.periods import iso_week
from costs.review.queries import week_review
from costs.spend.queries import cost_by

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
COLUMNS = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,"
    "ChargeCategory,ChargePeriodStart,ChargePeriodEnd,EffectiveCost,ProviderName,ServiceName,"
    "ResourceId,Tags"
)


def bill(folder: Path, month: date, lines: list[str]) -> Path:
    file = folder / f"{month:%Y-%m}.csv"
    file.write_text("\n".join([COLUMNS, *lines]) + "\n")
    return file


def charge(
    day: date,
    cost: str,
    *,
    environment: str = "prod",
    service: str = "Amazon EC2",
    resource: str = "i-1",
    currency: str = "USD",
    billed: str | None = None,
) -> str:
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    tags = f'"{{""environment"": ""{environment}""}}"' if environment else "{}"
    return (
        f"{billed or cost},111,{currency},{first}T00:00:00Z,{after}T00:00:00Z,Usage,"
        f"{day}T00:00:00Z,{day + timedelta(days=1)}T00:00:00Z,{cost},AWS,{service},"
        f"{resource},{tags}"
    )


def estate(day: date) -> list[str]:
    """A day of a small estate; production grows in week 47, one resource is new in it."""
    grown = day >= date(2026, 11, 16)
    lines = [
        charge(day, "60.000000000000000001", billed="50"),
        charge(day, "10", environment="dev", resource="i-2"),
        charge(day, "20", environment="staging", service="Amazon RDS", resource="db-1"),
        charge(day, "1", environment="", service="<b>=1+1</b>", resource="@lost"),
    ]
    if grown:
        lines.append(charge(day, "30", service="Amazon RDS", resource="db-2"))
    if day == date(2026, 11, 18):
        lines.append(charge(day, "5", currency="EUR"))
    return lines


@pytest.fixture
def lake(data_dir: Path, tmp_path: Path) -> None:
    """September to 23 November 2026, delivered on the 24th: complete through the 22nd."""
    days = [date(2026, 9, 1) + timedelta(days=n) for n in range(84)]
    for month in (9, 10, 11):
        lines = [line for day in days if day.month == month for line in estate(day)]
        file = bill(tmp_path, date(2026, month, 1), lines)
        ingest_bill([file], actor="test", now=NOW)


@pytest.fixture
def reader(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Somebody signed in who may see everything, on 24 November 2026."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    client.force_login(get_user_model().objects.create_user("viewer"))
    return client


@pytest.mark.usefixtures("lake")
def test_the_week_of_the_last_complete_day(reader: Client) -> None:
    response = reader.get("/")
    assert response.status_code == 200
    review = response.context["review"]
    assert review.name == "2026-W47"
    assert review.last_complete_day == date(2026, 11, 22)
    assert review.compared_days == 7
    assert review.finding.startswith("Production +50")
    assert review.finding.endswith("mostly Amazon RDS.")
    assert review.other_currencies == {"EUR": Decimal(5)}
    assert review.resources.new_count == 1
    assert [move.resource_id for move in review.resources.new] == ["db-2"]
    assert [move.resource_id for move in review.unallocated.resources] == ["@lost"]
    assert "&lt;b&gt;=1+1&lt;/b&gt;" in response.text
    assert "<b>=1+1" not in response.text


@pytest.mark.usefixtures("lake")
def test_the_figures_are_those_of_the_bill() -> None:
    review = week_review(Scope.everything(), iso_week("2026-W47"), as_of=TODAY)
    assert review is not None
    rows = {row.environment: row for row in review.environments}
    assert rows["production"].week.after == Decimal("630.000000000000000007")
    assert rows["production"].week.before == Decimal("420.000000000000000007")
    month = rows["production"].months[0]
    assert month.gauge.month_to_date == Decimal("1530.000000000000000022")
    assert month.billed_month_to_date == 22 * 50 + 7 * 30
    assert month.verdict.name == "inside"
    assert rows["total"].week.after == sum(
        row.cost
        for row in cost_by(Scope.everything(), by=("environment",), period=iso_week("2026-W47"))
        if row.currency == "USD"
    )


@pytest.mark.usefixtures("lake")
def test_billed_cost_moves_the_tables_and_not_the_gauges(reader: Client) -> None:
    effective = reader.get("/weeks/2026-W47/").context["review"]
    billed = reader.get("/weeks/2026-W47/?metric=billed_cost").context["review"]
    assert billed.metric == "billed_cost"
    for one, other in zip(effective.environments, billed.environments, strict=True):
        assert one.months == other.months
    assert effective.environments[2].week.after - billed.environments[2].week.after == Decimal(
        "70.000000000000000007"
    )


@pytest.mark.usefixtures("lake")
def test_a_past_week_is_as_of_its_end(reader: Client) -> None:
    review = reader.get("/weeks/2026-W40/").context["review"]
    assert review.last_complete_day == date(2026, 10, 4)
    assert [month.month.start.month for month in review.environments[0].months] == [9, 10]
    assert review.environments[0].months[1].complete_days == 4
    assert (review.previous, review.next) == ("2026-W39", "2026-W41")


@pytest.mark.usefixtures("lake")
def test_a_week_before_the_first_bill_is_empty_but_a_page(reader: Client) -> None:
    response = reader.get("/weeks/2000-W01/")
    assert response.status_code == 200
    assert response.context["review"].environments[-1].week.after == 0


@pytest.mark.usefixtures("lake")
def test_the_running_week_has_no_complete_day(reader: Client) -> None:
    review = reader.get("/weeks/2026-W48/").context["review"]
    assert review.compared_days == 0
    assert review.next is None
    assert review.finding == "No day of this week is complete yet."


@pytest.mark.usefixtures("lake")
def test_a_band_that_is_set_is_judged_by(reader: Client) -> None:
    set_band(
        actor="operator",
        environment="production",
        valid_from=date(2026, 11, 1),
        low=Decimal(100),
        high=Decimal(1500),
        currency="USD",
        why="Test.",
        now=NOW,
    )
    assert (
        reader.get("/")
        .context["review"]
        .finding.startswith(
            "Production is over its November band: spent $1,530, above the high of $1,500"
        )
    )


@pytest.mark.usefixtures("lake")
def test_htmx_gets_the_review_alone(reader: Client) -> None:
    response = reader.get("/weeks/2026-W47/", headers={"HX-Request": "true", "HX-Target": "review"})
    assert 'id="review"' in response.text
    assert "<html" not in response.text
    assert "HX-Request" in response["Vary"]


@pytest.mark.usefixtures("lake")
def test_who_sees_staging_only_sees_staging_only(reader: Client) -> None:
    user = get_user_model().objects.get(username="viewer")
    Visibility.objects.create(user=user, environments=["staging"])
    response = reader.get("/weeks/2026-W47/")
    review = response.context["review"]
    assert [row.environment for row in review.environments] == ["staging", "total"]
    assert review.environments[-1].week.after == 140
    assert review.unallocated.resources == ()
    for hidden in ("i-1", "i-2", "@lost", "Amazon EC2"):
        assert hidden not in response.text


@pytest.mark.usefixtures("lake")
def test_the_number_of_queries_does_not_grow_with_rows(reader: Client, tmp_path: Path) -> None:
    with CaptureQueriesContext(connection) as few:
        reader.get("/")
    days = [date(2026, 11, 1) + timedelta(days=n) for n in range(23)]
    lines = [
        charge(day, "1", resource=f"i-{n}", service=f"S{n}") for day in days for n in range(60)
    ]
    file = bill(tmp_path, days[0], [line for day in days for line in estate(day)] + lines)
    ingest_bill([file], accept=True, actor="test", now=NOW)
    with CaptureQueriesContext(connection) as many:
        review = reader.get("/").context["review"]
    assert len(review.services) == 10
    assert len(many) == len(few)


@pytest.mark.parametrize("path", ["/", "/weeks/2026-W47/", "/weeks/2026-W47/?metric=billed_cost"])
def test_an_empty_lake_says_what_to_do_next(reader: Client, data_dir: Path, path: str) -> None:
    response = reader.get(path)
    assert response.status_code == 200
    for heading in ("No bills yet", "Upload a bill", "Load the demo", "Connect a cloud"):
        assert heading in response.text
    assert "This takes an operator" in response.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/weeks/nonsense/", 400, "“nonsense” is not an ISO week; write it as 2026-W47."),
        ("/weeks/2026-W54/", 400, "2026 has no week 54."),
        ("/weeks/9999-W52/", 400, "9999 has no week 52."),
        ("/weeks/2027-W01/", 404, "2027-W01 lies in the future: it starts on 4 January 2027."),
        ("/weeks/0001-W01/", 404, "There is nothing before 2000-W01."),
        ("/weeks/1999-W52/", 404, "There is nothing before 2000-W01."),
        ("/?metric=cost", 400, "“cost” is not a cost: choose effective_cost or billed_cost."),
        ("/?metric=", 200, ""),
        (
            "/?sort=cost",
            400,
            "This page knows no “sort”: only metric, currency, costs, forecast, week.",
        ),
        (
            "/weeks/2026-W47/?week=2026-W46",
            400,
            "This page knows no “week”: only metric, currency, costs, forecast.",
        ),
        (
            "/?metric=billed_cost&metric=billed_cost",
            400,
            "“metric” stands there more than once.",
        ),
        ("/?week=soon", 400, "“soon” is not an ISO week"),
        ("/?week=2030-W01", 404, "2030-W01 lies in the future"),
        ("/?%3Cscript%3E=1", 400, "knows no “&lt;script&gt;”"),
        ("/weeks/2026-W47/days.csv?x=1", 400, "knows no “x”"),
        ("/weeks/2026-W47/days.csv", 404, "There are no bills yet"),
    ],
)
def test_nonsense_is_named(
    reader: Client, data_dir: Path, path: str, status: int, words: str
) -> None:
    response = reader.get(path)
    assert response.status_code == status
    assert words in response.text


def test_picking_a_week_leads_to_its_own_address(reader: Client, data_dir: Path) -> None:
    response = reader.get("/?week=2026-W40&metric=billed_cost")
    assert response.status_code == 302
    assert response["Location"] == "/weeks/2026-W40/?metric=billed_cost"


def test_only_reading(reader: Client, data_dir: Path) -> None:
    assert reader.post("/").status_code == 405


def test_strangers_are_asked_to_sign_in(client: Client) -> None:
    for path in ("/", "/weeks/2026-W47/", "/weeks/2026-W47/days.csv"):
        assert client.get(path).status_code == 302


def rows_of(reader: Client, path: str) -> list[dict[str, str]]:
    response = reader.get(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.usefixtures("lake")
def test_downloads_are_exact_and_harmless(reader: Client) -> None:
    services = rows_of(reader, "/weeks/2026-W47/services.csv")
    assert {one["service_name"]: one["week"] for one in services} == {
        "Amazon EC2": "490.000000000000000007",
        "Amazon RDS": "350",
        "<b>=1+1</b>": "7",
    }
    resources = rows_of(reader, "/weeks/2026-W47/resources.csv")
    assert {one["resource_id"] for one in resources if one["list"] == "unallocated"} == {"'@lost"}
    days = rows_of(reader, "/weeks/2026-W47/days.csv?metric=billed_cost")
    assert len({one["day"] for one in days}) == 56
    assert {one["metric"] for one in days} == {"billed_cost"}


@pytest.mark.usefixtures("lake")
def test_the_current_week_follows_the_bills_not_the_calendar() -> None:
    for as_of in (TODAY, date(2027, 3, 1)):
        review = week_review(Scope.everything(), None, as_of=as_of)
        assert review is not None
        assert review.name == "2026-W47"


@pytest.mark.usefixtures("lake")
def test_the_month_is_shown_up_to_its_end(reader: Client) -> None:
    page = reader.get("/")
    ending = page.context["review"].ending
    total = page.context["review"].environments[-1].months[0]
    assert ending.environment == "total"
    assert ending.steps[-1].total == total.gauge.outlook.expected
    assert sum(step.known for step in ending.steps) == 22
    assert (ending.incomplete.start, ending.incomplete.days) == (date(2026, 11, 23), 1)
    assert f"November is expected to end at ${total.gauge.outlook.expected:,.0f}" in page.text
    assert "chance of ending above the high of $4,200" in page.text
    # Of October there was enough history on day 10 and 20; of September on neither.
    assert [row.month.start for row in ending.record] == [date(2026, 10, 1)]
    assert "too few to say" in page.text
    assert page.text.count('data-chart="') == 2


@pytest.mark.usefixtures("lake")
def test_the_month_of_one_environment(reader: Client) -> None:
    page = reader.get("/?forecast=staging")
    ending = page.context["review"].ending
    assert (ending.environment, ending.label) == ("staging", "Staging")
    assert ending.steps[-1].total == 600
    assert "Staging: November is expected to end at $600" in page.text
    rows = rows_of(reader, "/weeks/2026-W47/month.csv?forecast=staging")
    assert len(rows) == 30
    assert [rows[21]["state"], rows[22]["state"]] == ["complete", "expected"]
    assert rows[-1] | {"day": ""} == {
        "environment": "staging",
        "day": "",
        "state": "expected",
        "currency": "USD",
        "cost": "20",
        "total": "600",
        **dict.fromkeys(("low_80", "high_80", "low_95", "high_95"), "600"),
    }
    # Links to other weeks stay with the environment.
    assert "/weeks/2026-W46/?forecast=staging" in page.text
    unknown = reader.get("/?forecast=nowhere")
    assert unknown.status_code == 400
    assert "there is no environment “nowhere”" in unknown.text


@pytest.mark.usefixtures("lake")
def test_a_month_that_is_over_has_its_path_and_no_fan(reader: Client) -> None:
    page = reader.get("/weeks/2026-W44/?forecast=staging")
    ending = page.context["review"].ending
    assert ending.month.month.start in {date(2026, 10, 1), date(2026, 11, 1)}
    page = reader.get("/weeks/2026-W40/?forecast=production")
    assert page.status_code == 200


@pytest.mark.usefixtures("lake")
def test_with_little_history_the_page_says_how_much_there_is(reader: Client) -> None:
    page = reader.get("/weeks/2026-W38/")
    assert "Not enough data for a forecast: 20 of 28 days." in page.text
    assert "No past month has enough history before it yet" in page.text
    assert page.context["review"].ending.steps[-1].known
