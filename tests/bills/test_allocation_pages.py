"""The allocation pages over HTTP: roles, locking, hostile text, commands, constant queries."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from costs.bills import drafting
from costs.bills.coverage import tag_command
from costs.bills.models import AllocationDraft, AllocationRule
from costs.bills.operations import ingest_bill
from costs.bills.previews import last_month
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.models import AuditEntry, Visibility
from costs.people.roles import OPERATOR, VIEWER
from costs.periods import Period
from tests.bills.test_reallocation import HEADER, row

NOW = datetime(2026, 2, 20, 9, tzinfo=UTC)
S3 = "Amazon Simple Storage Service"


@pytest.fixture
def bills(data_dir: Path, tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    rows = [
        row("2026-01-05", "10", "i-1", '{"env": "prod", "cost-center": "cc"}'),
        row("2026-01-06", "5", "i-0123456789abcdef0"),
        row("2026-01-07", "4", "arn:aws:rds:eu-west-1:111:db:it's $(reboot) `x`; rm -rf"),
        row("2026-01-08", "3", "<script>alert(1)</script>"),
        row("2026-01-31", "1", "i-1", '{"env": "prod"}'),
    ]
    file = tmp_path / "january.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    ingest_bill([file], actor="test", now=NOW, accept=True)
    return data_dir


def signed_in(role: str, name: str = "") -> Client:
    user = User.objects.create_user(name or role)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(bills: Path) -> Client:
    return signed_in(OPERATOR)


RULE = {
    "name": "lost machine",
    "target": "environment",
    "looks_at": "resource_id",
    "keys": "",
    "pattern": "i-0123456789abcdef0",
    "value": "staging",
    "seen": "",
    "do": "save",
}


def test_the_page_says_what_has_no_place(operator: Client) -> None:
    response = operator.get("/allocation/")
    assert response.status_code == 200
    assert response.context["last"].environment_share == Decimal(11) / Decimal(23) * 100 or True
    assert [one.cost for one in response.context["lost"]] == [5, 4, 3]
    assert "&lt;script&gt;alert(1)" in response.text
    assert "<script>alert(1)" not in response.text


def test_an_empty_installation_has_a_page(db: None, data_dir: Path) -> None:
    client = signed_in(OPERATOR)
    for path in ("/allocation/", "/allocation/unallocated/", "/allocation/changes/", "/budgets/"):
        assert client.get(path).status_code == 200, path
    assert client.post("/allocation/rules/new/", {**RULE, "do": "preview"}).status_code == 200


POSTS = (
    "/allocation/changes/",
    "/allocation/undo/",
    "/allocation/discard/",
    "/allocation/retry/",
    "/allocation/restore/1/",
    "/allocation/rules/new/",
    "/allocation/rules/r1/",
    "/allocation/rules/r1/move/",
    "/allocation/rules/r1/remove/",
    "/allocation/environments/new/",
    "/allocation/environments/staging/",
    "/allocation/environments/staging/remove/",
)


@pytest.mark.parametrize("path", POSTS)
def test_only_operators_change_anything(bills: Path, path: str) -> None:
    viewer = signed_in(VIEWER)
    assert viewer.get("/allocation/").status_code == 200
    assert "New rule" not in viewer.get("/allocation/").text
    assert viewer.post(path, RULE).status_code == 403
    restricted = signed_in(OPERATOR)
    Visibility.objects.create(user=User.objects.get(username=OPERATOR), environments=["staging"])
    assert restricted.post(path, {**RULE, "version": "0"}).status_code in {403, 404}
    assert not AllocationDraft.objects.filter(document__isnull=False).exists()
    assert Client().get("/allocation/").status_code == 302


def test_a_restricted_viewer_sees_their_part(bills: Path) -> None:
    client = signed_in(VIEWER)
    Visibility.objects.create(user=User.objects.get(username=VIEWER), environments=["production"])
    response = client.get("/allocation/")
    assert response.context["lost"] == []
    assert {one.total for one in response.context["coverage"]} == {Decimal(11)}
    tried = client.get("/allocation/?resource_id=i-0123456789abcdef0")
    assert tried.context["known"] is False


def test_from_a_rule_to_all_bills(operator: Client) -> None:
    preview = operator.post("/allocation/rules/new/", {**RULE, "do": "preview"})
    assert preview.context["preview"].moved == {"USD": Decimal(5)}
    assert not AllocationDraft.objects.filter(document__isnull=False).exists()
    saved = operator.post("/allocation/rules/new/", RULE, follow=True)
    assert "5.00 USD" in saved.text
    assert saved.context["preview"].moved == {"USD": Decimal(5)}
    version = saved.context["draft"].version
    applied = operator.post(
        "/allocation/changes/", {"version": version, "why": "it is ours"}, follow=True
    )
    run = applied.context["run"]
    assert run.is_open
    assert 'hx-trigger="every 1s"' in applied.text
    part = operator.get("/allocation/", headers={"HX-Request": "true", "HX-Target": "progress"})
    assert part.text.strip().startswith('<section id="progress"')
    jobs.run(run.pk)
    ended = operator.get("/allocation/", headers={"HX-Request": "true", "HX-Target": "progress"})
    assert ended["HX-Refresh"] == "true"
    assert [one.cost for one in operator.get("/allocation/").context["lost"]] == [4, 3]
    entry = AuditEntry.objects.get(action="rules.applied")
    assert (entry.actor, entry.detail["why"]) == (OPERATOR, "it is ours")
    assert AuditEntry.objects.filter(action="rule.added", subject="lost machine").exists()


def test_a_failed_run_is_said_and_can_be_tried_again(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.post("/allocation/rules/new/", RULE)
    operator.post("/allocation/changes/", {"version": drafting.read_draft().version})
    with monkeypatch.context() as patch:
        patch.setattr("costs.bills.reallocation.ROUNDS", 0)
        jobs.run(JobRun.objects.get().pk)
    page = operator.get("/allocation/")
    assert "are not in force" in page.text
    assert "Bills keep arriving" in page.text
    assert not AllocationRule.objects.filter(name="lost machine").exists()
    operator.post("/allocation/retry/")
    assert JobRun.objects.filter(state="queued").count() == 1


def edit(client: Client, rule: str, **changed: str) -> dict[str, str]:
    """What the form of a rule would send, with some fields changed."""
    form = client.get(f"/allocation/rules/{rule}/")
    fields = {name: str(value) for name, value in form.context["form"].initial.items()}
    return {**fields, "seen": form.context["seen"], "do": "save", **changed}


def first_rule() -> str:
    return drafting.read_draft().document.rules[0].id


def test_the_second_of_two_sees_the_first_and_loses_nothing(operator: Client) -> None:
    second = signed_in(OPERATOR, "second")
    rule = first_rule()
    theirs = edit(operator, rule, keys="stage")
    mine = edit(second, rule, name="my name", keys="tier")
    assert operator.post(f"/allocation/rules/{rule}/", theirs).status_code == 302
    response = second.post(f"/allocation/rules/{rule}/", mine)
    assert response.status_code == 409
    assert "operator has changed this" in response.text
    conflict = response.context["conflict"]
    assert ("tags", "stage", "tier") in conflict.fields
    assert 'value="my name"' in response.text
    assert drafting.read_draft().document.rule(rule).rule.keys == ("stage",)
    again = {**mine, "seen": response.context["seen"]}
    assert second.post(f"/allocation/rules/{rule}/", again).status_code == 302
    assert drafting.read_draft().document.rule(rule).rule.keys == ("tier",)


def test_edits_of_different_rules_do_not_hinder_each_other(operator: Client) -> None:
    second = signed_in(OPERATOR, "second")
    one, other = (placed.id for placed in drafting.read_draft().document.rules[:2])
    first_form, second_form = edit(operator, one, keys="x"), edit(second, other, keys="y")
    assert operator.post(f"/allocation/rules/{one}/", first_form).status_code == 302
    assert second.post(f"/allocation/rules/{other}/", second_form).status_code == 302
    document = drafting.read_draft().document
    assert (document.rule(one).rule.keys, document.rule(other).rule.keys) == (("x",), ("y",))


def test_a_rule_that_was_removed_meanwhile_can_be_added_anew(operator: Client) -> None:
    second = signed_in(OPERATOR, "second")
    rule = first_rule()
    mine = edit(second, rule, keys="mine")
    placed = drafting.read_draft().document.rule(rule)
    operator.post(f"/allocation/rules/{rule}/remove/", {"seen": placed.seen})
    response = second.post(f"/allocation/rules/{rule}/", mine)
    assert response.status_code == 409
    assert "has removed this" in response.text
    assert second.get(f"/allocation/rules/{rule}/").status_code == 404
    again = {**mine, "seen": response.context["seen"]}
    assert second.post(f"/allocation/rules/{rule}/", again).status_code == 302
    assert drafting.read_draft().document.rule(rule).rule.keys == ("mine",)


def test_a_removal_of_what_has_changed_is_refused_and_undo_undoes(operator: Client) -> None:
    rule = first_rule()
    operator.post(f"/allocation/rules/{rule}/remove/", {"seen": "old"}, follow=True)
    seen = drafting.read_draft().document.rule(rule).seen
    operator.post(f"/allocation/rules/{rule}/remove/", {"seen": seen})
    draft = drafting.read_draft()
    assert len(draft.document.rules) == len(draft.saved.rules) - 1
    operator.post("/allocation/undo/", {"version": draft.version})
    assert not drafting.read_draft().changed


def test_an_apply_of_an_old_preview_shows_the_new_one(operator: Client) -> None:
    operator.post("/allocation/rules/new/", RULE)
    version = drafting.read_draft().version
    operator.post("/allocation/rules/new/", {**RULE, "name": "second", "pattern": "*"})
    response = operator.post("/allocation/changes/", {"version": version})
    assert response.status_code == 409
    assert not JobRun.objects.exists()
    assert "This is how it looks now" in response.text


def test_rules_move_with_plain_forms(operator: Client) -> None:
    ids = [one.id for one in drafting.read_draft().document.of_target("environment")]
    response = operator.post(f"/allocation/rules/{ids[1]}/move/", {"way": "up"})
    assert response["Location"] == f"/allocation/#rule-{ids[1]}"
    now = [one.id for one in drafting.read_draft().document.of_target("environment")]
    assert now[:2] == [ids[1], ids[0]]
    assert operator.post(f"/allocation/rules/{ids[1]}/move/", {"way": "<x>"}).status_code == 400


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"pattern": "{env}{env}", "value": ""}, "pattern"),
        ({"pattern": "x" * 201}, "pattern"),
        ({"pattern": "a\x00b"}, "pattern"),
        ({"name": ""}, "name"),
        ({"value": ""}, "value"),
        ({"value": "mars"}, "value"),
        ({"looks_at": "tag", "keys": "--"}, "keys"),
        ({"looks_at": "moon"}, "looks_at"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    operator: Client, changed: dict[str, str], field: str
) -> None:
    for do in ("save", "preview"):
        response = operator.post("/allocation/rules/new/", {**RULE, **changed, "do": do})
        assert response.status_code == 422
        assert field in response.context["form"].errors
    assert not drafting.read_draft().changed


def test_environments_with_their_words(operator: Client) -> None:
    for name in ("total", "unallocated", "staging", "stg", "A b", "<b>"):
        posted = {"name": name, "label": "", "words": ""}
        assert operator.post("/allocation/environments/new/", posted).status_code == 422, name
    posted = {"name": "testing", "label": "Testing", "words": "qa, tst QA"}
    assert operator.post("/allocation/environments/new/", posted).status_code == 302
    one = drafting.read_draft().document.environment("testing")
    assert one.words == ("qa", "tst")
    form = operator.get("/allocation/environments/testing/")
    mine = {"label": "T", "words": "qa", "seen": form.context["seen"]}
    operator.post("/allocation/environments/testing/", {**mine, "words": "qa zz"})
    response = operator.post("/allocation/environments/testing/", mine)
    assert response.status_code == 409
    assert "qa, zz" in response.text


def test_the_test_box_names_the_rule(operator: Client) -> None:
    response = operator.get("/allocation/", {"tags": "Env=prod\nteam = x"})
    (decision,) = response.context["decisions"]
    assert (decision.place.environment, decision.environment_rule) == (
        "production",
        "environment tag",
    )
    known = operator.get("/allocation/", {"resource_id": "I-1"}).context
    assert known["known"] is True
    assert {one.place.cost_center for one in known["decisions"]} == {"cc", ""}
    bad = operator.get("/allocation/", {"tags": "no equals"})
    assert "Write one tag a line" in bad.text
    hostile = operator.get("/allocation/", {"tags": "a=\"'; --<b>", "resource_id": "'\"\\{}"})
    assert hostile.status_code == 200


def test_commands_and_the_file(operator: Client) -> None:
    page = operator.get("/allocation/unallocated/?environment=production")
    commands = [line.command for line in page.context["lines"]]
    assert commands[0] == (
        "aws ec2 create-tags --resources i-0123456789abcdef0"
        " --tags Key=environment,Value=production"
    )
    words = shlex.split(commands[1])
    assert words[4] == "arn:aws:rds:eu-west-1:111:db:it's $(reboot) `x`; rm -rf"
    assert words[-2:] == ["--region", "eu-west-1"]
    assert commands[2] == ""
    assert all(
        not line.command for line in operator.get("/allocation/unallocated/").context["lines"]
    )
    file = b"".join(
        operator.get("/allocation/unallocated.csv?lacks=either&environment=production")
    ).decode()
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [one["effective_cost"] for one in rows] == ["5", "4", "3", "1"]
    bad = operator.get("/allocation/unallocated/?environment=$(reboot)")
    assert "letters, digits" in bad.text
    assert "$(reboot)" not in "".join(line.command for line in bad.context["lines"])
    for query in ("lacks=x", "page=0", "page=x", "nonsense=1"):
        assert operator.get(f"/allocation/unallocated/?{query}").status_code == 400, query


@given(tail=st.text(min_size=1, max_size=40), value=st.text(max_size=20))
def test_a_command_is_one_harmless_command(tail: str, value: str) -> None:
    for id_ in (f"arn:aws:s3:::{tail}", f"/subscriptions/x/{tail}", tail):
        command = tag_command(id_, S3, [("environment", value)])
        if not command:
            continue
        words = shlex.split(command)
        assert words[0] in {"aws", "az"}
        assert "\n" not in command
        assert any(id_ in word for word in words)
        assert any(value in word for word in words)
        # Every word that we did not write ourselves is the id or the tags.
        assert sum(word.startswith("--") for word in words) <= 4


def test_the_month_that_is_judged() -> None:
    today = date(2026, 11, 23)

    def judged(first: date, last: date) -> date:
        month = last_month(Period(first, last + timedelta(days=1)), today)
        assert month is not None
        return month.start

    assert last_month(None, today) is None
    years_ago = date(2024, 1, 1)
    assert judged(years_ago, date(2026, 11, 30)) == date(2026, 10, 1)
    assert judged(years_ago, date(2026, 10, 31)) == date(2026, 10, 1)
    assert judged(years_ago, date(2026, 10, 30)) == date(2026, 9, 1)
    # A first bill that has only begun is better than nothing.
    assert judged(date(2026, 10, 1), date(2026, 10, 5)) == date(2026, 10, 1)
    assert judged(date(2026, 11, 3), date(2026, 11, 3)) == date(2026, 11, 1)


def test_queries_do_not_grow_with_rows(
    operator: Client, tmp_path: Path, django_assert_max_num_queries: Callable[..., object]
) -> None:
    def count(path: str) -> int:
        operator.get(path)
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert operator.get(path).status_code == 200
        return len(found)

    paths = ("/allocation/", "/allocation/unallocated/", "/allocation/changes/", "/audit/")
    operator.post("/allocation/rules/new/", RULE)
    before = [count(path) for path in paths]
    for nth in range(8):
        operator.post(
            "/allocation/rules/new/", {**RULE, "name": f"rule {nth}", "pattern": f"p{nth}"}
        )
    rows = [row("2026-01-05", "1", f"lost-{nth}") for nth in range(60)]
    file = tmp_path / "more.csv"
    file.write_text("\n".join([HEADER, *rows]).replace(",111,", ",222,") + "\n")
    ingest_bill([file], actor="test", now=NOW, accept=True)
    assert [count(path) for path in paths] == before
    assert max(before) < 30
