"""From every figure that the review links to, down to the rows of the files that were delivered.

The lake has two sources; one bill has two parts and was restated, one reaches over the month's end.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from costs.lake import operations as lake
from costs.lake import retiring
from costs.lake.retention import Policy
from costs.money import exact_sum
from costs.stores import open_store
from tests.bills.making import focus, ingest, write

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 2, 3, 9, tzinfo=UTC)
WEEK = "/weeks/2026-W02/"
MONTH = "from=2026-01-01&to=2026-01-31"


def rows(part: str, raise_by: Decimal = Decimal(0)) -> list[dict[str, str]]:
    """Charges of every day of the month, 18 digits each, in three environments."""
    made = []
    for day in range(1, 29):
        for nth, environment in enumerate(("prod", "dev", "")):
            cost = Decimal(day * (nth + 1)) + Decimal("0.000000000000000001") + raise_by
            made.append(
                focus(
                    BilledCost=cost,
                    EffectiveCost=cost,
                    ChargePeriodStart=f"2026-01-{day:02d}T00:00:00Z",
                    ChargePeriodEnd=f"2026-01-{day + 1:02d}T00:00:00Z",
                    ResourceId=f"{part}-{nth}",
                    ServiceName=("Machines", "Disks", "Network")[nth],
                    Tags=f'{{"environment": "{environment}"}}' if environment else "{}",
                )
            )
    return made


@pytest.fixture(params=["folder", "s3_lake"])
def delivered(
    request: pytest.FixtureRequest,
    data_dir: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, list[str]]:
    """The live files' lines by file name; read from a machine that has kept nothing of them."""
    if request.param != "folder":
        request.getfixturevalue(request.param)
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    files = {}
    for version in ("old", "new"):
        more = Decimal(0) if version == "old" else Decimal("0.5")
        folder = tmp_path / version
        for part in ("one", "two"):
            name = f"{part}-{version}.csv"
            files[name] = write(folder / name, rows(part, more)).read_text().splitlines()
        ingest(folder, now=NOW - timedelta(days=3 if version == "old" else 1))
    long = focus(
        BilledCost="0",
        EffectiveCost="100",
        BillingAccountId="account-2",
        ChargePeriodStart="2026-01-07T00:00:00Z",
        ChargePeriodEnd="2026-01-10T00:00:00Z",
        ResourceId="reserved",
    )
    other = write(tmp_path / "other.csv", [long, focus(BillingAccountId="account-2")])
    files["other.csv"] = other.read_text().splitlines()
    ingest(other, now=NOW)
    # What was replaced has given up its files: nothing that pages show needs them.
    store = open_store(settings.LAKE_URL)
    gone = retiring.retire(store, Policy(versions=0, days=1), now=NOW)
    lake.tidy(store, now=datetime.now(UTC) + timedelta(days=2), progress=lambda _: None)
    assert len(gone) == 1
    assert not [one for one in store.files("raw") if "-old" in one.key]
    if request.param != "folder":
        settings.DATA_DIR = tmp_path / "another machine"
    return {name: lines for name, lines in files.items() if "-old" not in name}


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("viewer"))
    return client


def table(client: Client, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200, address
    body = b"".join(answer) if answer.streaming else answer.content
    return list(csv.DictReader(body.decode("utf-8-sig").splitlines()))


def links(client: Client, page: str) -> set[str]:
    answer = client.get(page)
    assert answer.status_code == 200, page
    return {html.unescape(one) for one in re.findall(r'href="(/costs/[^"]*)"', answer.text)}


def grounded(charges: list[dict[str, str]], delivered: dict[str, list[str]]) -> Iterator[Decimal]:
    """The cost of each charge, each once, after it was found in its file."""
    places = [(one["file"], one["row"]) for one in charges]
    assert len(set(places)) == len(places)
    for one in charges:
        lines = delivered[one["file"]]
        header, line = csv.reader([lines[0], lines[int(one["row"]) - 1]])
        found = dict(zip(header, line, strict=True))
        assert found["ResourceId"] == one["resource_id"]
        assert Decimal(found["EffectiveCost"]) == Decimal(one["effective_cost"])
        assert Decimal(found["BilledCost"]) == Decimal(one["billed_cost"])
        yield Decimal(one["cost_in_these_days"])


def test_every_figure_of_the_review(reader: Client, delivered: dict[str, list[str]]) -> None:
    found = links(reader, WEEK)
    explored = {one for one in found if urlsplit(one).path == "/costs/"}
    assert len(explored) > 5
    for address in explored:
        query = urlsplit(address).query
        *_, total = table(reader, f"/costs/groups.csv?{query}")
        # The page itself leads to the charges of all that it shows.
        sums = [
            exact_sum(grounded(table(reader, one.replace("charges/?", "charges.csv?")), delivered))
            for one in links(reader, address)
            if urlsplit(one).path == "/costs/charges/"
        ]
        # Only a place without any charge leads nowhere.
        assert Decimal(total["cost"]) in (sums or [Decimal(0)]), address
    for address in found - explored:
        assert reader.get(address).status_code == 200, address
    resources = {one for one in found if urlsplit(one).path == "/costs/resource/"}
    for address in resources:
        assert any("/costs/charges/" in one for one in links(reader, address)), address


@pytest.mark.parametrize("metric", ["billed_cost", "effective_cost"])
@pytest.mark.parametrize(
    "by", ["environment", "service_name", "resource_id", "billing_account_id", "sub_account_id"]
)
def test_every_group_of_explore(
    reader: Client, delivered: dict[str, list[str]], metric: str, by: str
) -> None:
    *groups, total = table(reader, f"/costs/groups.csv?{MONTH}&by={by}&metric={metric}")
    costs = []
    for group in groups:
        value = group[by]
        charges = table(reader, f"/costs/charges.csv?{MONTH}&metric={metric}&{by}={value}")
        costs.append(exact_sum(grounded(charges, delivered)))
        assert costs[-1] == Decimal(group["cost"]), group
    assert exact_sum(costs) == Decimal(total["cost"])


def test_page_by_page_it_is_all_of_them(reader: Client, delivered: dict[str, list[str]]) -> None:
    first = reader.get(f"/costs/charges/?{MONTH}")
    pages = first.context["page_obj"].paginator.num_pages
    assert pages == 2
    listed = [
        (one.file, one.row, one.cost)
        for number in range(1, pages + 1)
        for one in reader.get(f"/costs/charges/?{MONTH}&page={number}").context["charges"]
    ]
    charges = table(reader, f"/costs/charges.csv?{MONTH}")
    assert len(listed) == len(charges) == 2 * 28 * 3 + 2
    assert [(one["file"], int(one["row"])) for one in charges] == [one[:2] for one in listed]
    assert exact_sum(one[2] for one in listed) == first.context["sum"].cost
    # Every row of every live file, and no other.
    assert {one[:2] for one in listed} == {
        (name, row) for name, lines in delivered.items() for row in range(2, len(lines) + 1)
    }
