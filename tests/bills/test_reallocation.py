"""Re-allocation: old or new rules everywhere, sums kept, and the preview is what happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from costs.bills import drafting, reallocation
from costs.bills.allocation import Rule
from costs.bills.models import AllocationRule, Environment, RuleSet
from costs.bills.operations import ingest_bill
from costs.bills.previews import Place, Subject, decide, preview
from costs.bills.rule_sets import (
    BadField,
    Document,
    NamedEnvironment,
    PlacedRule,
    check_environment,
    check_rule,
    differences,
    from_json,
    moved,
    to_json,
    with_environment,
    with_rule,
    without_environment,
    without_rule,
)
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.lake import operations as lake
from costs.lake.models import BillVersion
from costs.lake.queries import generation
from costs.lake.versions import TABLES, table_file
from costs.money import EXACT
from costs.people.models import AuditEntry
from costs.people.scope import Scope
from costs.periods import Period, month_of
from costs.spend.queries import cost_by
from costs.stores import open_store
from costs.stores.local import LocalStore

ALL = Scope.everything()
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
JANUARY = month_of(date(2026, 1, 1))
HEADER = (
    "BilledCost,EffectiveCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,"
    "ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,ServiceName,ResourceId,Tags"
)


def row(day: str, cost: str, resource: str, tags: str = "{}", *, days: int = 1) -> str:
    first = date.fromisoformat(day)
    month = month_of(first)
    quoted = tags.replace('"', '""')
    return (
        f"{cost},{cost},111,USD,{month.start},{month.end},{first},{first + timedelta(days=days)},"
        f'Usage,AWS,Machines,{resource},"{quoted}"'
    )


JANUARY_ROWS = [
    row("2026-01-05", "10.000000000000000001", "i-1", '{"env": "prod", "team": "a"}'),
    row("2026-01-06", "7", "i-1", '{"env": "prod", "team": "b"}'),  # the same, tagged anew
    row("2026-01-07", "5", "i-2", '{"team": "a"}'),
    row("2026-01-08", "-1.5", "i-3", '{"team": "b", "cost-center": "cc"}'),
    row("2026-01-30", "3", "fee", days=4),  # reaches into February
    row("2026-01-09", "2", ""),
]
FEBRUARY_ROWS = [row("2026-02-03", "4", "i-2", '{"team": "a"}'), row("2026-02-04", "8", "i-9")]


def ingest(folder: Path, name: str, rows: Sequence[str]) -> None:
    file = folder / name
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    ingest_bill([file], actor="test", now=NOW, accept=True)


@pytest.fixture
def bills(data_dir: Path, tmp_path: Path, db: None) -> Path:
    ingest(tmp_path, "january.csv", JANUARY_ROWS)
    ingest(tmp_path, "february.csv", FEBRUARY_ROWS)
    return data_dir


def silent(what: str, share: float) -> None:
    """Nobody listens."""


def places(period: Period | None = None) -> dict[tuple[Place, str], Decimal]:
    return {
        (Place(*one.keys), one.currency): one.cost
        for one in cost_by(ALL, by=("environment", "cost_center"), period=period)
    }


def total() -> Decimal:
    (one,) = cost_by(ALL, by=())
    return one.cost


def add(rule: Rule, *, first: bool = False) -> None:
    drafting.change(
        lambda document: with_rule(
            document, PlacedRule(f"x{len(document.rules)}", rule), after="" if first else None
        ),
        what=f"Added {rule.name}",
        action="rule.added",
        subject=rule.name,
        actor="op",
        now=NOW,
    )


def apply() -> RuleSet:
    rules, _ = drafting.apply(
        version=drafting.read_draft().version, why="because", actor="op", now=NOW
    )
    return rules


TEAM_A = Rule("team a", "environment", "tag", "a", keys=("team",), value="staging")


def test_all_bills_follow_new_rules_and_sums_stay(bills: Path) -> None:
    before, sum_before, versions = places(), total(), list(BillVersion.objects.values("pk", "key"))
    number = generation()
    add(TEAM_A)
    assert places() == before  # a draft moves nothing
    rules = apply()
    assert places() == before  # nor does asking for it
    result = reallocation.work(silent)
    assert result == {"rule_set": rules.digest, "bills": 2, "written": 2}
    after = places()
    assert after[Place("staging", ""), "USD"] == Decimal(9)
    assert total() == sum_before
    assert generation() == number + 1
    assert list(BillVersion.objects.values("pk", "key")) == versions  # no new version
    assert AllocationRule.objects.filter(name="team a").exists()
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"rule.added", "rules.applied", "rules.in_force"} <= actions


def test_twice_is_once(bills: Path) -> None:
    add(TEAM_A)
    apply()
    reallocation.work(silent)
    after, number = places(), AuditEntry.objects.count()
    assert reallocation.work(silent)["written"] == 0
    assert places() == after
    assert AuditEntry.objects.count() == number


class Killed(BaseException):
    """As if the process had died."""


@pytest.mark.parametrize("step", range(9))
def test_killed_at_any_step_the_old_rules_stay_and_it_can_be_done_again(
    bills: Path, step: int
) -> None:
    before = places()
    add(TEAM_A)
    apply()
    steps = iter(range(100))

    def dying[**P, R](function: Callable[P, R]) -> Callable[P, R]:
        def maybe(*args: P.args, **kwargs: P.kwargs) -> R:
            if next(steps) == step:
                raise Killed
            return function(*args, **kwargs)

        return maybe

    with pytest.MonkeyPatch.context() as patch:
        # Three files for each of two bills, then the rules' own tables, the flip, and its entry.
        patch.setattr(LocalStore, "publish", dying(LocalStore.publish))
        patch.setattr(reallocation, "_write_rules", dying(reallocation._write_rules))
        patch.setattr(lake, "flip_rules", dying(lake.flip_rules))
        patch.setattr(reallocation, "record", dying(vars(reallocation)["record"]))
        with pytest.raises(Killed):
            reallocation.work(silent)
    assert places() == before
    assert not AllocationRule.objects.filter(name="team a").exists()
    assert len(set(BillVersion.objects.values_list("rule_set", flat=True))) == 1
    reallocation.work(silent)
    assert places()[Place("staging", ""), "USD"] == Decimal(9)


def test_files_are_added_never_overwritten(bills: Path) -> None:
    store = open_store(str(bills / "lake"))
    version = BillVersion.objects.first()
    assert version is not None
    folder = store.path(version.key)
    old = {path.name: path.read_bytes() for path in folder.iterdir()}
    add(TEAM_A)
    rules = apply()
    reallocation.work(silent)
    new = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name: new[name] for name in old} == old
    assert set(new) - set(old) == {table_file(table, rules.digest) for table in TABLES}


def test_tidy_removes_the_tables_of_old_rules_a_day_later(bills: Path) -> None:
    store = open_store(str(bills / "lake"))
    version = BillVersion.objects.first()
    assert version is not None
    add(TEAM_A)
    rules = apply()
    reallocation.work(silent)
    version.refresh_from_db()
    assert version.allocated_at is not None
    old = (version.allocated_at - timedelta(days=9)).timestamp()
    for path in store.path(version.key).iterdir():
        os.utime(path, (old, old))
    count = len(list(store.path(version.key).iterdir()))
    lake.tidy(store, now=version.allocated_at + timedelta(hours=23), progress=lambda _: None)
    assert len(list(store.path(version.key).iterdir())) == count
    lake.tidy(store, now=version.allocated_at + timedelta(hours=25), progress=lambda _: None)
    left = {path.name for path in store.path(version.key).iterdir()}
    assert len(left) == count - 3
    assert {table_file(table, rules.digest) for table in TABLES} <= left
    assert places()[Place("staging", ""), "USD"] == Decimal(9)


def test_a_bill_that_arrives_meanwhile_follows_the_new_rules_too(
    bills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(TEAM_A)
    rules = apply()
    flip = lake.flip_rules
    arrived: list[int] = []

    def late(*args: object, **kwargs: object) -> None:
        if not arrived:
            arrived.append(1)
            # In its own transaction it would come just before; the flip must see it.
            BillVersion.objects.filter(billing_period=date(2026, 3, 1)).update(status="live")
        flip(*args, **kwargs)  # type: ignore[arg-type]

    ingest(tmp_path, "march.csv", [row("2026-03-01", "6", "i-7", '{"team": "a"}')])
    BillVersion.objects.filter(billing_period=date(2026, 3, 1)).update(status="superseded")
    monkeypatch.setattr(lake, "flip_rules", late)
    monkeypatch.setattr(reallocation, "ROUNDS", 1)
    # The conflict rolls the arrival back as well: it has to arrive once more.
    with pytest.raises(reallocation.Unsettled):
        reallocation.work(silent)
    BillVersion.objects.filter(billing_period=date(2026, 3, 1)).update(status="live")
    monkeypatch.setattr(reallocation, "ROUNDS", 3)
    reallocation.work(silent)
    assert set(BillVersion.objects.values_list("rule_set", flat=True)) == {rules.digest}
    assert places()[Place("staging", ""), "USD"] == Decimal(15)


def test_a_bill_read_under_old_rules_enters_with_those_in_force(
    bills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from costs.bills import operations

    add(TEAM_A)
    rules = apply()
    judged = operations._judged
    done: list[int] = []

    def slow(*args: object) -> lake.NewVersion:
        if not done:
            done.append(1)
            reallocation.work(silent)  # the rules change after the bill was written
        return judged(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(operations, "_judged", slow)
    ingest(tmp_path, "march.csv", [row("2026-03-01", "6", "i-7", '{"team": "a"}')])
    assert set(BillVersion.objects.values_list("rule_set", flat=True)) == {rules.digest}
    assert places()[Place("staging", ""), "USD"] == Decimal(15)


def test_a_closed_month_is_left_alone(bills: Path) -> None:
    january = BillVersion.objects.get(billing_period=JANUARY.start)
    lake.pin(january, holder="month 2026-01", now=NOW)
    rule_set, before = january.rule_set, places(JANUARY)
    add(TEAM_A)
    apply()
    reallocation.work(silent)
    january.refresh_from_db()
    assert january.rule_set == rule_set
    assert places(JANUARY) == before
    assert places()[Place("staging", ""), "USD"] == Decimal(4)


def test_held_bills_follow_too(bills: Path) -> None:
    BillVersion.objects.filter(billing_period=date(2026, 2, 1)).update(status="held")
    add(TEAM_A)
    rules = apply()
    reallocation.work(silent)
    assert set(BillVersion.objects.values_list("rule_set", flat=True)) == {rules.digest}


def test_tables_changed_by_other_means_are_brought_in(bills: Path) -> None:
    AllocationRule.objects.create(
        position=0, name="all", target="cost_center", looks_at="service", pattern="*", value="it"
    )
    reallocation.work(silent)
    assert places()[Place("production", "it"), "USD"] == Decimal("17.000000000000000001")


def test_a_label_alone_writes_no_tables(bills: Path) -> None:
    drafting.change(
        lambda d: with_environment(d, NamedEnvironment("staging", "Stage", ("stg",), "op")),
        what="x",
        action="environment.changed",
        subject="staging",
        actor="op",
        now=NOW,
    )
    drafting.change(
        lambda d: with_environment(
            d, NamedEnvironment("staging", "Stage", ("staging", "stage", "stg"), "op")
        ),
        what="y",
        action="environment.changed",
        subject="staging",
        actor="op",
        now=NOW,
    )
    apply()
    assert reallocation.work(silent)["written"] == 0
    assert Environment.objects.get(name="staging").label == "Stage"


# -- the preview -----------------------------------------------------------------------------------

texts = st.text(alphabet="abi-123*'\"\\(){}[]^$.|+?%_é\n ", min_size=1, max_size=12)
rules = st.builds(
    lambda target, looks_at, pattern, value: Rule(
        "drawn",
        target,
        looks_at,
        pattern,
        keys=("team",) if looks_at == "tag" else (),
        value="staging" if target == "environment" else value,
    ),
    st.sampled_from(["environment", "cost_center"]),
    st.sampled_from(["tag", "resource_id", "service", "resource_group", "sub_account"]),
    st.one_of(
        texts, st.sampled_from(["a", "b", "*", "i-*", "*1", "machines", "*{env}", "{value}"])
    ),
    texts,
)


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(rules, min_size=1, max_size=3), order=st.booleans())
def test_the_preview_is_what_happens(bills: Path, drawn: list[Rule], order: bool) -> None:
    for nth, one in enumerate(drawn):
        given_by_pattern = "{env}" in one.pattern or "{value}" in one.pattern
        rule = replace(one, name=f"rule {nth}", value="" if given_by_pattern else one.value)
        with suppress(BadField):
            add(rule, first=order)
    draft = drafting.read_draft()
    if not draft.changed:
        return
    before = places(JANUARY)
    expected = preview(ALL, draft.document, JANUARY)
    assert places(JANUARY) == before
    apply()
    reallocation.work(silent)
    after = places(JANUARY)
    assert after == dict(expected.after)
    (month,) = cost_by(ALL, by=(), period=JANUARY)
    assert expected.total["USD"] == month.cost
    change: dict[Place, Decimal] = {}
    for move in expected.moves:
        for place, sign in ((move.source, -1), (move.target, 1)):
            signed = EXACT.multiply(move.cost, Decimal(sign))
            change[place] = EXACT.add(change.get(place, Decimal(0)), signed)
    for place in {*change, *(place for place, _ in before)}:
        moved_to = EXACT.add(before.get((place, "USD"), Decimal(0)), change.get(place, Decimal(0)))
        assert moved_to == after.get((place, "USD"), Decimal(0))
    # Back to the start for the next example; going on counting, as an installation does.
    JobRun.objects.all().delete()
    drafting.restore(1, actor="op", now=NOW)
    apply()
    reallocation.work(silent)
    assert places(JANUARY) == before
    JobRun.objects.all().delete()


def test_a_restricted_person_sees_no_preview(bills: Path) -> None:
    with pytest.raises(PermissionError):
        preview(
            Scope(environments=frozenset({"staging"}), cost_centers=None),
            drafting.read_draft().document,
            JANUARY,
        )


@pytest.mark.usefixtures("bills")
@pytest.mark.parametrize(
    "pattern",
    ["(" * 99, "*" * 200, "a{9999}", "(a+)+$", "[[[", "\\", "'; DROP TABLE x; --", "{env"],
)
def test_hostile_patterns_are_plain_text_and_quick(pattern: str) -> None:
    document = drafting.read_draft().document
    rule = Rule("hostile", "environment", "resource_id", pattern, value="staging")
    edited = with_rule(document, PlacedRule("h", rule))
    fitting, other = Subject(resource_id=pattern), Subject(resource_id="a" * 900 + "!")
    answers = decide(edited, [fitting, other])
    assert answers[0].place.environment == "staging"
    assert answers[1].place.environment == ("staging" if set(pattern) == {"*"} else "unallocated")


# -- documents -------------------------------------------------------------------------------------

DOCUMENT = Document(
    rules=(
        PlacedRule("e1", Rule("one", "environment", "tag", "{env}", keys=("env",))),
        PlacedRule("c1", Rule("two", "cost_center", "tag", "{value}", keys=("cc",))),
        PlacedRule("e2", Rule("three", "environment", "service", "*", value="prod")),
    ),
    environments=(NamedEnvironment("prod", "Production", ("prd",)),),
)


def test_a_document_survives_the_database() -> None:
    assert from_json(to_json(DOCUMENT)) == DOCUMENT


def test_moving_passes_rules_of_the_same_target_only() -> None:
    ids = [one.id for one in moved(DOCUMENT, "e2", "up").rules]
    assert ids == ["e2", "c1", "e1"]
    assert moved(DOCUMENT, "e1", "up") == DOCUMENT
    assert moved(DOCUMENT, "c1", "down") == DOCUMENT


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Rule(" ", "environment", "tag", "{env}", keys=("e",)), "name"),
        (Rule("ONE", "environment", "tag", "{env}", keys=("e",)), "name"),
        (Rule("x", "environment", "tag", "{env}"), "keys"),
        (Rule("x", "environment", "tag", "", keys=("e",)), "pattern"),
        (Rule("x", "environment", "tag", "{env}{env}", keys=("e",)), "pattern"),
        (Rule("x", "cost_center", "tag", "{env}", keys=("e",)), "pattern"),
        (Rule("x", "environment", "service", "{value}"), "pattern"),
        (Rule("x", "environment", "service", "*", value="mars"), "value"),
        (Rule("x", "environment", "service", "*"), "value"),
        (Rule("x", "environment", "service", "{env}", value="prod"), "value"),
        (Rule("x", "planet", "service", "*", value="prod"), "target"),  # type: ignore[arg-type]
        (Rule("x", "environment", "moon", "*", value="prod"), "looks_at"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_with_a_rule_is_said_at_its_field(rule: Rule, field: str) -> None:
    with pytest.raises(BadField) as caught:
        check_rule(rule, DOCUMENT)
    assert caught.value.field == field
    assert "rule “" not in str(caught.value)


@pytest.mark.parametrize("name", ["total", "unallocated", "", "Big", "a b", "-x", "x" * 61, "prd"])
def test_names_that_no_environment_can_have(name: str) -> None:
    with pytest.raises(BadField) as caught:
        check_environment(NamedEnvironment(name, "Label", ()), DOCUMENT)
    assert caught.value.field == "name"


def test_a_word_means_one_environment() -> None:
    with pytest.raises(BadField, match="means prod already"):
        check_environment(NamedEnvironment("testing", "Testing", ("PRD",)), DOCUMENT)
    with pytest.raises(BadField, match="no environment"):
        check_environment(NamedEnvironment("testing", "Testing", ("total",)), DOCUMENT)


def test_an_environment_that_a_rule_gives_stays() -> None:
    with pytest.raises(BadField, match="three"):
        without_environment(DOCUMENT, "prod")
    assert not without_environment(without_rule(DOCUMENT, "e2"), "prod").environments


def test_differences_in_words() -> None:
    edited = moved(without_rule(DOCUMENT, "c1"), "e2", "up")
    edited = with_environment(edited, NamedEnvironment("testing", "Testing", ("qa",)))
    said = [one.what for one in differences(DOCUMENT, edited)]
    assert said == ["Removed rule “two”", "Moved “three”", "New environment “Testing”"]
    assert differences(DOCUMENT, DOCUMENT) == []


# -- the draft -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_undo_goes_back_step_by_step_and_refuses_an_old_version() -> None:
    start = drafting.read_draft()
    add(TEAM_A)
    add(Rule("b", "environment", "tag", "b", keys=("team",), value="staging"))
    draft = drafting.read_draft()
    assert draft.last is not None
    assert draft.last.what == "Added b"
    with pytest.raises(drafting.Changed):
        drafting.undo(version=draft.version - 1, actor="op", now=NOW)
    assert drafting.undo(version=draft.version, actor="op", now=NOW) == "Added b"
    drafting.undo(version=drafting.read_draft().version, actor="op", now=NOW)
    end = drafting.read_draft()
    assert not end.changed
    assert end.document.same(start.document)


@pytest.mark.django_db
def test_a_draft_is_applied_once_and_waits_for_the_one_before() -> None:
    add(TEAM_A)
    version = drafting.read_draft().version
    apply()
    with pytest.raises(drafting.Changed):
        drafting.apply(version=version, why="", actor="op", now=NOW)
    add(Rule("b", "environment", "tag", "b", keys=("team",), value="staging"))
    with pytest.raises(drafting.Changed, match="on their way"):
        apply()


@pytest.mark.django_db
def test_earlier_rules_can_be_taken_back(data_dir: Path) -> None:
    add(TEAM_A)
    apply()
    jobs.run(JobRun.objects.get().pk)
    assert JobRun.objects.get().state == "done"
    draft = drafting.restore(1, actor="op", now=NOW)
    assert [one.what for one in differences(draft.saved, draft.document)] == [
        "Removed rule “team a”"
    ]
