"""The pages of shared costs over HTTP: rules, preview, order, undo, locking, files."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.money import exact_sum
from costs.people.models import AuditEntry, Visibility
from costs.people.roles import OPERATOR, VIEWER
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend.models import SharedCostSet
from costs.spend.queries import cost_by
from costs.spend.queries.sharing import (
    newest_rules,
    pattern,
    rule_spans,
    shared_cost_by,
    shared_sets,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ALL = Scope.everything()
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
DAYS = Period(date(2026, 8, 20), date(2026, 12, 1))


def signed_in(role: str, name: str = "") -> Client:
    user = User.objects.create_user(name or role)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(lake: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return signed_in(OPERATOR)


def typed(client: Client, **changed: str) -> dict[str, str]:
    page = client.get("/shared-costs/rules/new/")
    initial = {name: str(value) for name, value in page.context["form"].initial.items()}
    values = {"name": "unplaced", "environment": "unallocated", "over": "environment"}
    return {**initial, **values, "do": "save", "valid_from": "2026-08", **changed}


def add(client: Client, **changed: str) -> None:
    response = client.post("/shared-costs/rules/new/", typed(client, **changed))
    assert response.status_code == 302, response.context["form"].errors


def test_nothing_is_shared_at_first(operator: Client) -> None:
    page = operator.get("/shared-costs/")
    assert "No cost is shared" in page.text
    assert "Make the first rule" in page.text
    assert rule_spans(ALL) == ()


def test_a_rule_is_previewed_saved_and_felt(operator: Client) -> None:
    unplaced = exact_sum(
        row.cost
        for row in cost_by(ALL, by=(), period=OCTOBER, where={"environment": ["unallocated"]})
    )
    preview = operator.post("/shared-costs/rules/new/", typed(operator, do="preview"))
    assert preview.status_code == 200
    assert not SharedCostSet.objects.exists()
    assert f"{unplaced:.2f} USD of October 2026 would leave" in preview.text
    add(operator)
    page = operator.get("/shared-costs/")
    assert f"{unplaced:.2f} USD of October 2026 is shared" in page.text
    (euro, dollar) = page.context["effect"].tables[0][1]
    assert (euro.currency, dollar.currency) == ("EUR", "USD")
    pairs = {pair.name: pair for pair in dollar.pairs}
    assert pairs["unallocated"].after == 0
    assert exact_sum(pair.after for pair in dollar.pairs) == dollar.total
    assert exact_sum(pair.before for pair in dollar.pairs) == dollar.total
    assert pairs["production"].after > pairs["production"].before
    assert AuditEntry.objects.get(action="shared_costs.added").actor == OPERATOR


@pytest.mark.parametrize(
    "by",
    [
        ("environment",),
        ("day", "environment", "service_name"),
        ("cost_center", "environment"),
        ("service_name",),
        ("resource_id", "environment"),
        ("month", "environment"),
    ],
)
@pytest.mark.parametrize("metric", ["effective_cost", "billed_cost"])
def test_every_question_has_the_same_total_before_and_after(
    operator: Client, by: tuple[str, ...], metric: str
) -> None:
    add(operator)
    add(
        operator,
        name="credits",
        environment="",
        category="Credit",
        way="fixed",
        targets="production 70\nstaging 30",
    )
    add(
        operator,
        name="databases",
        environment="",
        service="*rds",
        over="cost_center",
        way="even",
        targets="web\ndata\nnew team",
    )
    held = rule_spans(ALL)
    found = shared_cost_by(ALL, by=by, period=DAYS, metric=metric, held=held)  # type: ignore[arg-type]
    direct = cost_by(ALL, by=by, period=DAYS, metric=metric)  # type: ignore[arg-type]
    assert sorted(map(repr, found.before)) == sorted(map(repr, direct))
    places = [nth for nth, name in enumerate(by) if name in ("day", "service_name", "month")]

    def sums(rows: list[object]) -> dict[object, Decimal]:
        added: dict[object, Decimal] = {}
        for row in rows:
            key = (row.currency, *(row.keys[place] for place in places))  # type: ignore[attr-defined]
            added[key] = exact_sum([added.get(key, Decimal(0)), row.cost])  # type: ignore[attr-defined]
        return {key: cost for key, cost in added.items() if cost}

    assert sums(list(found.after)) == sums(list(direct))
    if "environment" in by:
        place = by.index("environment")
        assert "unallocated" not in {row.keys[place] for row in found.after}


def test_the_first_rule_that_selects_a_charge_shares_it(operator: Client) -> None:
    add(operator, way="even", targets="production")
    add(operator, name="second", way="even", targets="development")

    def held_by() -> dict[str, Decimal]:
        found = shared_cost_by(
            ALL, by=("environment",), period=OCTOBER, metric="effective_cost", held=rule_spans(ALL)
        )
        return {row.keys[0]: row.cost for row in found.after if row.currency == "USD"}

    first = held_by()
    second = newest_rules(shared_sets(ALL))[1]
    move = {"way": "up", "seen": "2"}
    assert operator.post(f"/shared-costs/rules/{second.id}/move/", move).status_code == 302
    # From this month on only: October keeps the order it had.
    assert held_by() == first
    assert [rule.name for rule in newest_rules(shared_sets(ALL))] == ["second", "unplaced"]
    assert [(one.number, one.start) for one in rule_spans(ALL)] == [
        (2, date(2026, 8, 1)),
        (3, date(2026, 11, 1)),
    ]


def test_undo_takes_edits_back_one_by_one(operator: Client) -> None:
    add(operator)
    add(operator, name="second", way="even")
    for left, seen in (["unplaced"], "2"), ([], "3"):
        response = operator.post("/shared-costs/undo/", {"seen": seen}, follow=True)
        assert "Taken back: Added the rule" in response.text
        assert [rule.name for rule in newest_rules(shared_sets(ALL))] == left
    assert rule_spans(ALL) == ()
    again = operator.post("/shared-costs/undo/", {"seen": "4"}, follow=True)
    assert "Somebody has changed the rules meanwhile" in again.text
    assert "taken back" in operator.get("/shared-costs/").text
    with pytest.raises(TypeError):
        SharedCostSet.objects.all().delete()
    with pytest.raises(TypeError):
        SharedCostSet.objects.get(number=1).save()


def test_the_second_of_two_sees_the_first_and_loses_nothing(operator: Client) -> None:
    add(operator)
    second = signed_in(OPERATOR, "second")
    (own,) = newest_rules(shared_sets(ALL))
    path = f"/shared-costs/rules/{own.id}/"

    def edited(client: Client, targets: str) -> dict[str, str]:
        initial = client.get(path).context["form"].initial
        values = {name: str(value) for name, value in initial.items()}
        return {**values, "targets": targets, "do": "save"}

    theirs, mine = edited(operator, "production"), edited(second, "staging")
    assert operator.post(path, theirs).status_code == 302
    response = second.post(path, mine)
    assert response.status_code == 409
    assert ("Targets", "production", "staging") in response.context["conflict"].fields
    assert "operator has changed this" in response.text
    assert "staging</textarea>" in response.text
    again = {**mine, "seen": str(response.context["seen"])}
    assert second.post(path, again).status_code == 302
    assert newest_rules(shared_sets(ALL))[0].targets == ("staging",)
    # Moving and removing ask too.
    late = operator.post(f"{path}remove/", {"seen": "1"}, follow=True)
    assert "Somebody has changed the rules meanwhile" in late.text
    assert operator.post(f"{path}remove/", {"seen": "3"}).status_code == 302
    assert operator.get(path).status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"environment": ""}, "service"),
        ({"environment": "mars"}, "environment"),
        ({"category": "x"}, "category"),
        ({"targets": "mars"}, "targets"),
        ({"targets": "production\nproduction"}, "targets"),
        ({"way": "fixed", "targets": "production 60"}, "targets"),
        ({"way": "fixed", "targets": "production NaN\nstaging 40"}, "targets"),
        ({"way": "x"}, "way"),
        ({"over": "x"}, "over"),
        ({"valid_from": "2026-13"}, "valid_from"),
        ({"seen": "x"}, "seen"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    operator: Client, changed: dict[str, str], field: str
) -> None:
    response = operator.post("/shared-costs/rules/new/", typed(operator, **changed))
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not SharedCostSet.objects.exists()


def test_roles_and_scope(operator: Client) -> None:
    add(operator)
    (own,) = newest_rules(shared_sets(ALL))
    viewer = signed_in(VIEWER)
    page = viewer.get("/shared-costs/")
    assert page.status_code == 200
    assert "New rule" not in page.text
    for path in ("rules/new/", f"rules/{own.id}/"):
        assert viewer.get(f"/shared-costs/{path}").status_code == 403
    for path in (f"rules/{own.id}/move/", f"rules/{own.id}/remove/", "undo/"):
        assert viewer.post(f"/shared-costs/{path}", {"seen": "1"}).status_code == 403
    narrow = signed_in(OPERATOR, "narrow")
    Visibility.objects.create(user=User.objects.get(username="narrow"), environments=["staging"])
    page = narrow.get("/shared-costs/")
    assert page.context["effect"] is None
    assert "You see only some environments" in page.text
    assert narrow.get("/shared-costs/rules/new/").status_code == 403
    assert narrow.get("/shared-costs/effect.csv").status_code == 404
    assert Client().get("/shared-costs/").status_code == 302


def test_files(operator: Client) -> None:
    add(operator, name="=cmd()", why="@why")
    text = b"".join(operator.get("/shared-costs/effect.csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    for code in ("USD", "EUR"):
        own = [row for row in rows if row["currency"] == code]
        assert exact_sum(Decimal(row["direct_cost"]) for row in own) == exact_sum(
            Decimal(row["with_shared_costs"]) for row in own
        )
    history = b"".join(operator.get("/shared-costs/history.csv")).decode()
    first = next(csv.DictReader(io.StringIO(history)))
    assert (first["why"], first["counts"], first["valid_from"]) == ("'@why", "yes", "2026-08")


def test_queries_do_not_grow_with_rules(operator: Client) -> None:
    def count() -> int:
        operator.get("/shared-costs/")
        with CaptureQueriesContext(connection) as found:
            operator.get("/shared-costs/")
        return len(found)

    add(operator)
    few = count()
    for nth in range(6):
        add(operator, name=f"rule {nth}", service=f"*{nth}*")
    assert count() == few


def test_a_glob_is_linear_and_whole() -> None:
    assert pattern("AWS (S3)*") == r"(?s)aws\ \(s3\).*"
