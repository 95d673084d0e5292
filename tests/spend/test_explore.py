"""The explore page over HTTP and its sums: whatever is asked, the parts are those of cost_by."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.money import exact_sum
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend import results
from costs.spend.explore import DIMENSIONS, TOPS, Explore, compared_period, ordered
from costs.spend.models import SavedView
from costs.spend.queries import GROUPINGS, cost_by
from costs.spend.queries.exploring import explored, values_of
from tests.spend.conftest import EVIL, FORMULA

pytestmark = pytest.mark.django_db
EVERYTHING = Scope.everything()

VALUES: dict[str, list[str]] = {
    "environment": ["production", "development", "staging", "unallocated", "none such"],
    "cost_center": ["web", "data", ""],
    "service_name": ["Amazon EC2", "Amazon RDS", "Other", EVIL, "none such"],
    "region_id": ["eu-central-1", ""],
    "resource_id": ["i-1", "i-2", "db-1", "db-2", "", FORMULA],
    "sku_id": ["sku-a", "sku-b", "", "@sku"],
    "charge_category": ["Usage", "Purchase", "Credit"],
    "commitment_discount_id": ["sp-1", ""],
    "billing_period": ["2026-10", "2026-11"],
}
FILTERS = st.dictionaries(st.sampled_from(sorted(VALUES)), st.just(None), max_size=2).flatmap(
    lambda names: st.fixed_dictionaries(
        {name: st.sets(st.sampled_from(VALUES[name]), min_size=1, max_size=3) for name in names}
    )
)


@st.composite
def questions(draw: st.DrawFn) -> Explore:
    """Any question about the small lake, also about days it does not know."""
    start = date(2026, 8, 1) + timedelta(days=draw(st.integers(0, 130)))
    by, then = draw(
        st.lists(st.sampled_from(list(DIMENSIONS)), min_size=2, max_size=2, unique=True)
    )
    return Explore(
        period=Period(start, start + timedelta(days=draw(st.integers(1, 100)))),
        where=ordered(draw(FILTERS)),
        without=ordered(draw(FILTERS)),
        search=draw(st.sampled_from(["", "", "AMAZON", "sku-", "i-", "%", "_", "'"])),
        metric=draw(st.sampled_from(["billed_cost", "effective_cost"])),
        currency=draw(st.sampled_from(["", "USD", "EUR", "CHF"])),
        by=by,
        then=draw(st.sampled_from(["", then])),
        asked_step=draw(st.sampled_from(["", "day", "week", "month"])),
        top=draw(st.sampled_from(TOPS)),
        compare=draw(st.sampled_from(["none", "before", "year"])),
        sort=draw(st.sampled_from(["cost", "change"])),
    )


LAKE = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def brute_force(state: Explore, period: Period, currency: str) -> dict[tuple[str, ...], Decimal]:
    """The same by cost_by over every dimension that matters, filtered in Python."""
    needed = (
        *state.keys,
        *(name for name, _ in (*state.where, *state.without)),
        *(("resource_id", "service_name", "sku_id", "sku_meter") if state.search else ()),
    )
    by = tuple(dict.fromkeys(needed))
    sums: dict[tuple[str, ...], list[Decimal]] = {}
    for row in cost_by(EVERYTHING, by=by, period=period, metric=state.metric):
        values = dict(zip(by, row.keys, strict=True))
        if row.currency != currency or not passes(state, values):
            continue
        sums.setdefault(tuple(values[name] for name in state.keys), []).append(row.cost)
    return {keys: exact_sum(costs) for keys, costs in sums.items()}


def passes(state: Explore, values: dict[str, str]) -> bool:
    if any(values[name] not in allowed for name, allowed in state.where):
        return False
    if any(values[name] in refused for name, refused in state.without):
        return False
    searched = ("resource_id", "service_name", "sku_id", "sku_meter")
    word = state.search.lower()
    return not word or any(word in values[name].lower() for name in searched)


@pytest.mark.usefixtures("lake")
@given(state=questions())
@LAKE
def test_every_question_adds_up(state: Explore) -> None:
    compared = compared_period(state.period, state.compare)
    found = explored(
        EVERYTHING,
        state.selection,
        keys=state.keys,
        top=state.top,
        step=state.step,
        compared=compared,
        by_change=state.sort == "change",
    )
    groups, parts = found.groups, found.parts
    expected = brute_force(state, state.period, groups.currency)
    before = brute_force(state, compared, groups.currency) if compared else {}
    assert groups.cost == exact_sum(expected.values())
    assert groups.before == exact_sum(before.values())
    assert len(groups.groups) <= state.top
    assert exact_sum(group.count for group in groups.all) == len({*expected, *before})  # type: ignore[misc]
    for group in groups.groups:
        assert group.cost == expected.get(group.keys, 0)
        assert group.before == before.get(group.keys, 0)
    if state.sort == "cost" and groups.groups and groups.other:
        least = min(group.cost for group in groups.groups)
        shown = {group.keys for group in groups.groups}
        assert all(cost <= least for keys, cost in expected.items() if keys not in shown)
    result = results.result_of(groups.all, groups.currency)
    assert exact_sum(row.cents for row in result.rows) == result.total.cents
    assert exact_sum(row.before_cents for row in result.rows) == result.total.before_cents
    charted = results.charted(result.rows)
    if charted:
        assert exact_sum(part.cost for part in parts) == groups.cost
    for place, row in enumerate(charted):
        assert exact_sum(part.cost for part in parts if part.group == place) == row.cost
    bars = results.bars_of(
        result, parts, period=state.period, step=state.step, complete=date(2026, 11, 22)
    )
    for bar in bars.days:
        assert exact_sum(bar.costs) == bar.total
        assert len(bar.costs) == len(bars.series)
    if charted:
        assert exact_sum(one.total for one in bars.series) == result.total.cents


@pytest.mark.usefixtures("lake")
@given(state=questions())
@settings(LAKE, max_examples=15)
def test_every_question_is_a_page_and_its_csv_is_its_table(state: Explore) -> None:
    client = Client()
    user, _ = get_user_model().objects.get_or_create(username="asker")
    client.force_login(user)
    response = client.get(f"/costs/{state.query}")
    assert response.status_code == 200, response.text[:500]
    table = rows_of(client.get(f"/costs/groups.csv{state.query}"))
    result = response.context["result"]
    assert [Decimal(row["cost"]) for row in table] == [
        *(row.cost for row in result.rows),
        result.total.cost,
    ]
    first = [row[state.by].removeprefix("'") for row in table[: len(result.groups)]]
    assert first == [row.keys[0] for row in result.groups]
    assert sum(Decimal(row["cost"]) for row in table[:-1]) == Decimal(table[-1]["cost"])
    bars = response.context["bars"]
    over_time = rows_of(client.get(f"/costs/over-time.csv{state.query}"))
    assert sum(Decimal(row["cost"]) for row in over_time) == sum(bar.total for bar in bars.days)


def rows_of(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.getvalue().decode())))


@pytest.mark.usefixtures("lake")
def test_the_page_is_the_same_as_show_costs(reader: Client) -> None:
    response = reader.get("/costs/?range=last_month&by=environment")
    shown = {row.keys: row.cost for row in response.context["result"].rows}
    month = Period(date(2026, 10, 1), date(2026, 11, 1))
    expected = cost_by(EVERYTHING, by=("environment",), period=month)
    assert shown == {row.keys: row.cost for row in expected if row.currency == "USD"}


@pytest.mark.usefixtures("lake")
def test_other_adds_up_and_says_how_many(reader: Client) -> None:
    response = reader.get("/costs/?by=resource_id&then=sku_id&top=5")
    result = response.context["result"]
    assert len(result.groups) == 5
    other = result.rows[-1]
    assert other.keys == ()
    assert other.count == result.total.count - 5
    assert "more</small>" in response.text


@pytest.mark.usefixtures("lake")
def test_a_service_called_other_is_not_the_grey_one(reader: Client) -> None:
    result = reader.get("/costs/?top=5").context["result"]
    own = next(row for row in result.groups if row.keys == ("Other",))
    assert own.hue > 0
    assert all(row.keys for row in result.rows)


@pytest.mark.usefixtures("lake")
def test_one_currency_at_a_time(reader: Client) -> None:
    response = reader.get("/costs/?range=all")
    assert response.context["result"].currency == "USD"
    assert "currency=EUR" in response.text
    euros = reader.get("/costs/?range=all&currency=EUR").context["result"]
    assert (euros.currency, euros.total.cost) == ("EUR", 5 * 9)
    nothing = reader.get("/costs/?range=all&currency=CHF")
    assert nothing.status_code == 200
    assert "Nothing was spent that fits" in nothing.text
    assert "See the costs in USD" in nothing.text


@pytest.mark.usefixtures("lake")
def test_the_period_before_and_a_year_earlier(reader: Client) -> None:
    response = reader.get("/costs/?by=resource_id&range=last_week&compare=before&sort=change")
    result = response.context["result"]
    assert result.rows[0].keys == ("db-2",)
    assert (result.rows[0].before, result.rows[0].cost) == (0, 210)
    assert "mostly db-2" in response.text
    year = reader.get("/costs/?compare=year")
    assert year.context["result"].total.before == 0
    assert "only partly known" in year.text


@pytest.mark.usefixtures("lake")
def test_values_to_filter_by(reader: Client) -> None:
    page = reader.get("/costs/?pick=service_name&service_name=Amazon+RDS&find=ec2")
    assert [one.value for one in page.context["values"]] == ["Amazon RDS", "Amazon EC2"]
    everywhere = values_of(
        EVERYTHING, replace(page.context["answer"].state.selection, where=()), "service_name"
    )
    assert {one.value for one in everywhere} == {"Amazon EC2", "Amazon RDS", EVIL, "Other"}


@pytest.mark.parametrize("page", ["/costs/", "/costs/groups.csv", "/costs/over-time.csv"])
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?nonsense=1", "nonsense: is nothing this page knows"),
        ("?by=%3Cscript%3E", "by: “&lt;script&gt;” is not one of"),
        ("?metric=list_cost", "metric: "),
        ("?from=2026-13-01", "from: "),
        ("?from=2026-11-02&to=2026-11-01", "to: 2026-11-01 lies before"),
        ("?range=x", "range: "),
        ("?step=x", "step: "),
        ("?top=0", "top: "),
        ("?top=5&top=8", "top: stands there more than once"),
        ("?compare=x", "compare: "),
        ("?sort=x", "sort: "),
        ("?currency=%24", "currency: "),
        ("?pick=x", "pick: "),
        ("?search=%00", "search: "),
        (f"?search={'x' * 200}", "search: "),
        ("?not.x=1", "not.x: "),
    ],
)
def test_nonsense_is_explained(
    reader: Client, lake: None, page: str, query: str, says: str
) -> None:
    response = reader.get(f"{page}{query}")
    assert response.status_code == 400
    assert says in response.text


@pytest.mark.usefixtures("lake")
def test_names_are_only_text(reader: Client) -> None:
    for query in ("", "?by=resource_id&then=service_name&top=50", "?pick=service_name"):
        text = reader.get(f"/costs/{query}").text
        assert EVIL not in text
        assert "&lt;img src=x" in text
    table = rows_of(reader.get("/costs/groups.csv?by=resource_id&top=50"))
    assert f"'{FORMULA}" in {row["resource_id"] for row in table}
    cells = {cell for row in table for cell in row.values()}
    assert not any(cell.startswith(("=", "@", "+")) for cell in cells)


@pytest.mark.usefixtures("lake")
def test_a_part_sees_its_part(narrow_reader: Client) -> None:
    result = narrow_reader.get("/costs/?range=all&by=environment").context["result"]
    assert [row.keys for row in result.rows] == [("development",)]
    forced = narrow_reader.get("/costs/?range=all&environment=production")
    assert forced.context["result"].rows == ()
    values = narrow_reader.get("/costs/?range=all&pick=environment").context["values"]
    assert [one.value for one in values] == ["development"]
    table = rows_of(narrow_reader.get("/costs/groups.csv?range=all&by=resource_id"))
    assert {row["resource_id"] for row in table} <= {"i-2", "", "Total"}


@pytest.mark.usefixtures("data_dir")
def test_an_empty_lake(reader: Client) -> None:
    page = reader.get("/costs/")
    assert page.status_code == 200
    assert "No costs to explore yet" in page.text
    assert reader.get("/costs/groups.csv").status_code == 404
    assert reader.get("/costs/?by=x").status_code == 400


@pytest.mark.usefixtures("lake")
def test_htmx_gets_the_part_and_a_short_address(reader: Client) -> None:
    asked = {"HX-Request": "true", "HX-Target": "explore"}
    whole = reader.get("/costs/?then=&search=&range=3_months&from=2026-09-01&to=2026-11-24&top=8")
    part = reader.get(
        "/costs/?then=&search=&range=3_months&from=2026-09-01&to=2026-11-24&top=5", headers=asked
    )
    assert "<html" in whole.text
    assert "<html" not in part.text
    assert '<article id="explore"' in part.text
    assert part["HX-Push-Url"] == "/costs/?top=5"


@pytest.mark.usefixtures("lake")
def test_the_number_of_queries_stands(reader: Client) -> None:
    def queries(query: str) -> int:
        reader.get(f"/costs/{query}")  # what is cached is cached
        with CaptureQueriesContext(
            connection,
        ) as caught:
            reader.get(f"/costs/{query}")
        return len(caught)

    few = queries("?range=this_week&top=5")
    assert queries("?range=all&by=resource_id&then=sku_id&top=50") == few
    assert few <= 16


@pytest.mark.usefixtures("lake")
def test_signing_in_comes_first(client: Client) -> None:
    for page in ("/costs/", "/costs/groups.csv", "/costs/charges/", "/costs/resource/?id=i-1"):
        assert client.get(page).status_code == 302
    assert client.post("/costs/views/save/", {"name": "x", "query": ""}).status_code == 302


# -- saved views ----------------------------------------------------------------------------------


def names(views: Iterable[SavedView]) -> list[str]:
    return [view.name for view in views]


@pytest.mark.usefixtures("lake")
def test_a_view_is_saved_renamed_deleted_and_brought_back(reader: Client, user: User) -> None:
    query = "by=sku_id&range=this_month&service_name=Amazon+EC2"
    page = reader.post(
        "/costs/views/save/", {"name": "  Compute  now ", "query": query}, follow=True
    )
    assert page.redirect_chain == [(f"/costs/?{query}", 302)]
    assert "Saved as “Compute now”." in page.text
    view = SavedView.objects.get()
    assert (view.name, view.query, view.user) == ("Compute now", query, user)
    assert f'href="/costs/?{query}"'.replace("&", "&amp;") in page.text

    renamed = reader.post(f"/costs/views/{view.pk}/rename/", {"name": "Compute"}, follow=True)
    assert "Renamed to “Compute”." in renamed.text

    gone = reader.post(f"/costs/views/{view.pk}/delete/", follow=True)
    assert not SavedView.objects.exists()
    assert "Deleted “Compute”." in gone.text
    assert 'name="query" value="by=sku_id&amp;range=this_month' in gone.text
    reader.post("/costs/views/save/", {"name": "Compute", "query": query})
    assert names(SavedView.objects.all()) == ["Compute"]


@pytest.mark.usefixtures("lake")
def test_a_name_taken_again_offers_the_way_back(reader: Client) -> None:
    reader.post("/costs/views/save/", {"name": "A", "query": "by=sku_id"})
    page = reader.post("/costs/views/save/", {"name": "A", "query": "by=region_id"}, follow=True)
    assert SavedView.objects.get().query == "by=region_id"
    assert 'name="query" value="by=sku_id"' in page.text
    reader.post("/costs/views/save/", {"name": "B", "query": ""})
    other = SavedView.objects.get(name="B")
    page = reader.post(f"/costs/views/{other.pk}/rename/", {"name": "A"}, follow=True)
    assert "Another of your views is called “A” already." in page.text
    assert names(SavedView.objects.all()) == ["A", "B"]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("name", "query", "says"),
    [
        ("", "", "name: a view needs a name"),
        ("   ", "", "name: a view needs a name"),
        ("x" * 81, "", "name: "),
        ("a\x07b", "", "name: "),
        ("A", "by=nonsense", "by: "),
        ("A", "x" * 4001, "query: "),
    ],
)
def test_a_view_that_makes_no_sense(reader: Client, name: str, query: str, says: str) -> None:
    response = reader.post("/costs/views/save/", {"name": name, "query": query})
    assert response.status_code == 400
    assert says in response.text
    assert not SavedView.objects.exists()


@pytest.mark.usefixtures("lake")
def test_views_are_their_owner_s(reader: Client, user: User) -> None:
    other = get_user_model().objects.create_user("other")
    reader.post("/costs/views/save/", {"name": "<b>mine</b>", "query": ""})
    mine = SavedView.objects.get()
    assert "&lt;b&gt;mine&lt;/b&gt;" in reader.get("/costs/").text
    reader.force_login(other)
    assert "mine" not in reader.get("/costs/").text
    for action in ("rename", "delete"):
        response = reader.post(f"/costs/views/{mine.pk}/{action}/", {"name": "x"})
        assert response.status_code == 404
    assert names(SavedView.objects.all()) == ["<b>mine</b>"]
    assert reader.get(f"/costs/views/{mine.pk}/delete/").status_code == 405


def test_every_grouping_of_the_page_is_one_of_the_queries() -> None:
    assert set(DIMENSIONS) == set(GROUPINGS) - {"day", "month"}


@pytest.mark.usefixtures("lake")
def test_the_review_s_figures_lead_to_themselves(reader: Client) -> None:
    page = reader.get("/weeks/2026-W47/")
    review = page.context["review"]
    total = next(row for row in review.environments if row.environment == "total")
    links = [unescape(link) for link in re.findall(r'href="(/costs/\?[^"]*)"', page.text)]
    assert len(links) > 10
    figures = {reader.get(link).context["result"].total.cost for link in links}
    assert total.week.after in figures
    assert total.months[0].gauge.month_to_date in figures
    assert {move.week.after for move in review.services} <= figures
    assert review.unallocated.cost in figures
    resources = [unescape(link) for link in re.findall(r'"(/costs/resource/[^"]*)"', page.text)]
    assert all(reader.get(link).status_code == 200 for link in resources)
    assert 'href=""' not in page.text
