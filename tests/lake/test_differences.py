"""What changed between two versions: each changed cell once, and sums that are the difference."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from costs.bills.readers.focus import Focus
from costs.focus import BY_NAME, COLUMNS
from costs.lake import pairing
from costs.lake.engine import cursor, quote
from costs.lake.ledgers import ask_for_ledgers, unwritten, work, write_ledgers
from costs.lake.models import BillVersion, DayCosts, Restatement
from costs.lake.operations import tidy
from costs.lake.retention import Policy
from costs.lake.retiring import planned
from costs.stores import open_store
from costs.stores.local import LocalStore
from tests.bills.making import NOW, Row, focus, ingest, write

pytestmark = pytest.mark.django_db

FULL = {
    "AvailabilityZone": "eu-1a",
    "BillingAccountType": "Payer",
    "CapacityReservationId": "cr-1",
    "CapacityReservationStatus": "Used",
    "ChargeClass": "",
    "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountId": "plan-1",
    "CommitmentDiscountName": "Plan",
    "CommitmentDiscountQuantity": "1",
    "CommitmentDiscountStatus": "Used",
    "CommitmentDiscountType": "Savings Plan",
    "CommitmentDiscountUnit": "Hours",
    "ConsumedQuantity": "24",
    "ConsumedUnit": "Hours",
    "ContractedUnitPrice": "1",
    "InvoiceId": "",
    "ListUnitPrice": "1",
    "PricingCategory": "Standard",
    "PricingCurrency": "USD",
    "PricingCurrencyContractedUnitPrice": "1",
    "PricingCurrencyEffectiveCost": "1",
    "PricingCurrencyListUnitPrice": "1",
    "RegionName": "Europe 1",
    "ResourceName": "machine",
    "ResourceType": "Machine",
    "ServiceSubcategory": "Virtual machines",
    "SkuMeter": "Machine hours",
    "SkuPriceDetails": "{}",
    "SkuPriceId": "price-1",
    "SubAccountType": "Member",
}
"""What makes a row of the hand-written bills hold a value in every column."""
OTHER = {"decimal": "7.25", "json": '{"changed": "yes"}', "text": "Changed"}
AWAY = {
    "BillingPeriodStart": None,  # another month is another bill
    "BillingPeriodEnd": "2026-01-31T00:00:00Z",
    "ChargePeriodStart": "2026-01-05T01:00:00Z",
    "ChargePeriodEnd": "2026-01-06T01:00:00Z",
    "ChargeCategory": "Adjustment",
    "ChargeFrequency": "One-Time",
    "BillingCurrency": "EUR",
    "ChargeClass": "Correction",
}
"""What a column may be changed to where any text will not do."""


def full(number: int, **changes: str) -> dict[str, str]:
    return focus(**{**FULL, "ResourceId": f"vm-{number}", **changes})


def restate(folder: Path, before: Sequence[Row], after: Sequence[Row], **more: Any) -> Restatement:
    """Deliver ``before``, then ``after``, and return what the ledger says."""
    ingest(write(folder / "1/bill.csv", before), source="own", **more)
    ingest(write(folder / "2/bill.csv", after), source="own", accept=True, **more)
    return Restatement.objects.latest("pk")


def entries(row: Restatement) -> list[tuple[Any, ...]]:
    return _rows(row, "charges", "kind, resource_id, changed_column, before, after")


def lines(row: Restatement, columns: str) -> list[tuple[Any, ...]]:
    return _rows(row, "lines", columns, " GROUP BY ALL" if "sum(" in columns else "")


def _rows(row: Restatement, file: str, columns: str, grouped: str = "") -> list[tuple[Any, ...]]:
    from django.conf import settings

    path = open_store(settings.LAKE_URL).path(f"{row.key}/{file}.parquet")
    with cursor() as connection:
        return connection.execute(
            f"SELECT {columns} FROM read_parquet({quote(str(path))}){grouped} ORDER BY ALL"
        ).fetchall()


def changes_of_every_column() -> list[tuple[str, str]]:
    """Each FOCUS column that a row of the same bill may differ in, with another value for it."""
    found = []
    for column in COLUMNS:
        value = AWAY.get(column.focus_name, OTHER.get(column.kind))
        if value is not None:
            found.append((column.focus_name, value))
    return found


def test_each_changed_cell_is_seen_whatever_its_column(data_dir: Path, tmp_path: Path) -> None:
    changes = changes_of_every_column()
    assert len(changes) == len(COLUMNS) - 1
    before = [full(number) for number in range(len(changes) + 40)]
    after = [dict(row) for row in before]
    for charge, (name, value) in zip(after, changes, strict=False):
        charge[name] = value
    row = restate(tmp_path, before, after)
    assert [one for one in entries(row) if one[0] != "changed"] == []
    assert (row.added, row.removed, row.changed) == (0, 0, len(changes))
    assert row.columns == {BY_NAME[_snake(name)].name: 1 for name, _ in changes}
    assert row.listed == len(changes)
    assert {one[2] for one in entries(row)} == set(row.columns)


def _snake(name: str) -> str:
    return next(column.name for column in COLUMNS if column.focus_name == name)


def test_twenty_rows_changed_in_twenty_cells_are_exactly_these(
    data_dir: Path, tmp_path: Path
) -> None:
    before = [full(number, Tags="", BilledCost=f"{number}.5") for number in range(200)]
    after = [dict(row) for row in before]
    changes = changes_of_every_column()[::2][:20]
    assert len(changes) == 20
    expected = set()
    for nth, (name, value) in enumerate(changes):
        number = nth * 9
        after[number][name] = value
        expected.add((after[number]["ResourceId"], _snake(name)))
    row = restate(tmp_path, before, after[::-1])  # the order of rows means nothing
    assert {(one[1], one[2]) for one in entries(row)} == expected
    assert {one[0] for one in entries(row)} == {"changed"}
    assert row.listed == 20
    assert row.changed == 20


def test_values_are_those_of_both_files(data_dir: Path, tmp_path: Path) -> None:
    before = [full(1), full(2)]
    after = [full(1), full(2, Tags='{"environment": "dev"}', BilledCost="1.250")]
    row = restate(tmp_path, before, after)
    assert ("changed", "vm-2", "billed_cost", "1", "1.25") in entries(row)
    assert row.sums == {
        "USD": {
            "billed_before": "1",
            "billed_after": "1.25",
            "effective_before": "1",
            "effective_after": "1.25",
        }
    }
    assert row.columns == {
        "billed_cost": 1,
        "contracted_cost": 1,
        "effective_cost": 1,
        "list_cost": 1,
        "tags": 1,
    }


def test_repeated_charges_are_counted(data_dir: Path, tmp_path: Path) -> None:
    two = full(2, BilledCost="9")
    row = restate(tmp_path, [full(1)] * 3 + [two], [full(1), two, two])
    assert (row.added, row.removed, row.changed) == (1, 2, 0)
    assert [one[:2] for one in entries(row)] == [
        ("added", "vm-2"),
        ("removed", "vm-1"),
        ("removed", "vm-1"),
    ]


def test_the_same_charges_in_other_parts_are_no_change(data_dir: Path, tmp_path: Path) -> None:
    rows = [full(number) for number in range(8)]
    ingest(write(tmp_path / "1/bill.csv", rows), source="own")
    write(tmp_path / "2/a.csv", rows[5:])
    write(tmp_path / "2/b.csv", rows[:5])
    ingest(tmp_path / "2", source="own", accept=True)
    row = Restatement.objects.get()
    assert (row.added, row.removed, row.changed, row.sums) == (0, 0, 0, {})


def test_currencies_stand_apart(data_dir: Path, tmp_path: Path) -> None:
    before = [full(1), full(2, BillingCurrency="EUR")]
    after = [full(1, BilledCost="2"), full(2, BillingCurrency="EUR", BilledCost="3")]
    row = restate(tmp_path, before, after)
    assert {name: one["billed_after"] for name, one in row.sums.items()} == {
        "EUR": "3",
        "USD": "2",
    }


def test_a_charge_over_several_days_changes_each_of_them(data_dir: Path, tmp_path: Path) -> None:
    spans = {"ChargePeriodStart": "2026-01-05T00:00:00Z", "ChargePeriodEnd": "2026-01-08T00:00:00Z"}
    row = restate(
        tmp_path, [full(1, **spans), full(2)], [full(1, **spans, BilledCost="4"), full(2)]
    )
    found = lines(row, "day, billed_before, billed_after, effective_before, effective_after")
    assert [one[0] for one in found] == [date(2026, 1, 5) + timedelta(n) for n in range(3)]
    assert [one[2] for one in found] == [Decimal(4), Decimal(0), Decimal(0)]
    assert sum(one[4] for one in found) == Decimal(4)
    assert lines(row, "sum(changed)") == [(1,)]


def test_a_first_version_has_no_ledger_but_its_days(data_dir: Path, tmp_path: Path) -> None:
    ingest(write(tmp_path / "bill.csv", [full(1)]))
    assert not Restatement.objects.exists()
    kept = DayCosts.objects.get()
    assert kept.days == {"USD": {"2026-01-05": ["1", "1"]}}
    assert kept.invoices == [["Example Cloud", "account-1", "USD", "", "1"]]


def test_allocation_anew_is_no_restatement(data_dir: Path, tmp_path: Path) -> None:
    """The ledger's folder holds neither environment nor cost center."""
    row = restate(tmp_path, [full(1)], [full(1, BilledCost="2")])
    with cursor() as connection:
        for file in ("lines", "charges"):
            path = open_store(str(data_dir / "lake")).path(f"{row.key}/{file}.parquet")
            named = connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()
            assert not {"environment", "cost_center"} & {one[0] for one in named}


def test_a_tag_given_anew_moves_nothing_from_key_to_key(data_dir: Path, tmp_path: Path) -> None:
    row = restate(tmp_path, [full(1)], [full(1, Tags='{"environment": "dev"}')])
    found = lines(row, "allocation_key, billed_before, billed_after")
    assert [one[1:] for one in found] == [(1, 1)]


def test_the_ledger_survives_both_versions(data_dir: Path, tmp_path: Path) -> None:
    row = restate(tmp_path, [full(1)], [full(1, BilledCost="2")])
    store = open_store(str(data_dir / "lake"))
    for version in BillVersion.objects.all():
        store.remove(version.key)
    assert tidy(store, now=NOW + timedelta(days=900)) >= 0
    assert ("changed", "vm-1", "billed_cost", "1", "2") in entries(row)


def test_files_that_are_gone_are_said(data_dir: Path, tmp_path: Path) -> None:
    restate(tmp_path, [full(1)], [full(1, BilledCost="2")])
    Restatement.objects.all().delete()
    store = open_store(str(data_dir / "lake"))
    store.remove(BillVersion.objects.get(number=1).key)
    assert write_ledgers() == 1
    assert Restatement.objects.get().key == ""
    assert not unwritten().exists()


@pytest.mark.parametrize("point", ["publish", "save"])
def test_whoever_is_killed_leaves_it_to_the_sweep(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Killed before the ledger's folder is published or before its row: the bill is live."""
    ingest(write(tmp_path / "1/bill.csv", [full(1)]), source="own")
    with monkeypatch.context() as broken:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        def publish(self: LocalStore, staged: Path, key: str) -> None:
            if key.startswith("ledger/"):
                raise KeyboardInterrupt
            original(self, staged, key)

        original = LocalStore.publish
        if point == "publish":
            broken.setattr(LocalStore, "publish", publish)
        else:
            broken.setattr(Restatement, "save", die)
        with pytest.raises(KeyboardInterrupt):
            ingest(write(tmp_path / "2/bill.csv", [full(1, BilledCost="2")]), source="own")
    assert BillVersion.objects.get(status="live").number == 2
    assert not Restatement.objects.exists()
    ask_for_ledgers(NOW)  # too early: somebody may still be at it
    from costs.jobs.models import JobRun

    assert not JobRun.objects.exists()
    ask_for_ledgers(NOW + timedelta(minutes=3))
    assert JobRun.objects.get().kind == "lake.ledgers"
    assert work(lambda what, share: None) == {"written": 1}
    row = Restatement.objects.get()
    assert row.changed == 1
    folders = [key for key, _ in open_store(str(data_dir / "lake")).folders("ledger", 3)]
    assert row.key in folders
    for key in folders:
        os.utime(data_dir / "lake" / key, (0, 0))
    tidy(open_store(str(data_dir / "lake")), now=NOW + timedelta(days=9))
    assert [key for key, _ in open_store(str(data_dir / "lake")).folders("ledger", 3)] == [row.key]


def test_what_fails_is_no_failure_of_the_delivery(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(write(tmp_path / "1/bill.csv", [full(1)]), source="own")

    def fail(*_: object) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr("costs.lake.ledgers.write_differences", fail)
    (loaded,) = ingest(write(tmp_path / "2/bill.csv", [full(1, BilledCost="2")]), source="own")
    assert loaded.status == "restated"
    assert unwritten().count() == 1
    with pytest.raises(RuntimeError, match="no space"):
        write_ledgers()


def test_a_damaged_version_keeps_no_other_waiting(data_dir: Path, tmp_path: Path) -> None:
    restate(tmp_path, [full(1)], [full(1, BilledCost="2")])
    ingest(write(tmp_path / "other.csv", [full(1, BillingAccountId="2")]), source="other")
    DayCosts.objects.all().delete()
    Restatement.objects.all().delete()
    damaged = BillVersion.objects.get(source__name="other")
    for file in (data_dir / "lake" / damaged.key).rglob("*.parquet"):
        file.write_bytes(b"PAR1 no longer")
    with pytest.raises(RuntimeError, match="other"):
        write_ledgers()
    assert Restatement.objects.get().changed == 1
    assert not DayCosts.objects.filter(version=damaged).exists()
    assert DayCosts.objects.count() == 2


def test_every_charge_may_come_back_at_no_cost(data_dir: Path, tmp_path: Path) -> None:
    """A version that costs nothing any more is listed charge by charge, down to zero."""
    row = restate(
        tmp_path, [full(1), full(2)], [full(n, BilledCost="0", ListCost="1") for n in (1, 2)]
    )
    assert (row.added, row.removed, row.changed) == (0, 0, 2)
    assert row.sums["USD"]["billed_before"] == "2"
    assert row.sums["USD"]["billed_after"] == "0"


def test_a_new_reader_of_the_same_file_is_told_from_a_restatement(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a newer reader reads otherwise stands in the ledger; what it reads alike does not."""
    file = write(tmp_path / "bill.csv", [full(1)])
    (first,) = ingest(file, source="own")
    monkeypatch.setattr(Focus, "version", Focus.version + 1)
    (again,) = ingest(file, source="own")
    assert (first.version, again.version) == (1, 2)
    row = Restatement.objects.get()
    assert (row.added, row.removed, row.changed, row.sums) == (0, 0, 0, {})


def test_an_accepted_version_replaced_what_was_live_then(data_dir: Path, tmp_path: Path) -> None:
    """Not what has the number before it."""
    many = [full(number) for number in range(10)]
    ingest(write(tmp_path / "1/bill.csv", many), source="own")
    ingest(write(tmp_path / "2/bill.csv", many[:2]), source="own")  # held: it lost rows
    ingest(write(tmp_path / "3/bill.csv", many[:9]), source="own")
    ingest(write(tmp_path / "2/bill.csv", many[:2]), source="own", accept=True)
    found = Restatement.objects.order_by("pk")
    assert [(one.before.number, one.version.number, one.removed) for one in found] == [
        (1, 3, 1),
        (3, 2, 7),
    ]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "ResourceId": st.sampled_from(["vm-1", "vm-2", "vm-3"]),
            "ServiceName": st.sampled_from(["Machines", "Disks"]),
            "BilledCost": st.decimals(-20, 20, places=2).map(str),
            "BillingCurrency": st.sampled_from(["USD", "EUR"]),
            "ChargePeriodStart": st.sampled_from(["2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"]),
            "ChargePeriodEnd": st.sampled_from(["2026-01-07T00:00:00Z", "2026-01-09T06:00:00Z"]),
            "Tags": st.sampled_from(['{"env": "prod"}', '{"env": "dev"}', ""]),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(before=ROWS, after=ROWS)
@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_are_the_difference_of_the_daily_tables(
    data_dir: Path, tmp_path: Path, before: list[Row], after: list[Row]
) -> None:
    """By day, service, resource and currency; and the counts are those of the multisets."""
    shutil.rmtree(tmp_path / "1", ignore_errors=True)
    shutil.rmtree(tmp_path / "2", ignore_errors=True)
    Restatement.objects.all().delete()
    DayCosts.objects.all().delete()
    BillVersion.objects.update(replaces=None)
    BillVersion.objects.all().delete()
    first, second = [focus(**row) for row in before], [focus(**row) for row in after]
    ingest(write(tmp_path / "1/bill.csv", first), source="own", accept=True)
    ingest(write(tmp_path / "2/bill.csv", second), source="own", accept=True)
    counted = Counter(map(_known, before)), Counter(map(_known, after))
    if counted[0] == counted[1]:
        found = Restatement.objects.first()
        assert found is None or (found.added, found.removed, found.changed) == (0, 0, 0)
        return
    row = Restatement.objects.get()
    came, went = counted[1] - counted[0], counted[0] - counted[1]
    assert row.added + row.changed == came.total()
    assert row.removed + row.changed == went.total()
    assert lines(row, "sum(added), sum(removed), sum(changed)") == [
        (row.added, row.removed, row.changed)
    ]
    expected: dict[tuple[Any, ...], list[Decimal]] = {}
    for version, sign in ((row.before, -1), (row.version, 1)):
        store = open_store(str(data_dir / "lake"))
        path = store.path(f"{version.key}/daily_facts-{version.rule_set}.parquet")
        with cursor() as connection:
            for *key, billed, effective in connection.execute(
                "SELECT day, service_name, resource_id, billing_currency, sum(billed_cost),"
                f" sum(effective_cost) FROM read_parquet({quote(str(path))}) GROUP BY ALL"
            ).fetchall():
                sums = expected.setdefault(tuple(key), [Decimal(0), Decimal(0)])
                sums[0] += sign * billed
                sums[1] += sign * effective
    told = {
        one[:4]: [one[4], one[5]]
        for one in lines(
            row,
            "day, service_name, resource_id, billing_currency,"
            " sum(billed_after - billed_before), sum(effective_after - effective_before)",
        )
    }
    moved = {key: sums for key, sums in expected.items() if any(sums)}
    assert {key: sums for key, sums in told.items() if any(sums)} == moved


def _known(row: Row) -> tuple[str, ...]:
    return tuple(
        str(Decimal(value)) if name == "BilledCost" else value
        for name, value in sorted(row.items())
    )


def test_a_bill_that_changes_throughout_is_still_paired(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every invoice number arrives at once when a month is closed."""
    monkeypatch.setattr(pairing, "MOST_SOUGHT", 0)
    monkeypatch.setattr("costs.lake.differences.MOST_LISTED", 5)
    before = [full(number) for number in range(30)]
    row = restate(tmp_path, before, [{**one, "InvoiceId": "INV-1"} for one in before])
    assert (row.changed, row.columns, row.listed) == (30, {"invoice_id": 30}, 5)


def test_what_waits_for_its_ledger_is_not_given_up(data_dir: Path, tmp_path: Path) -> None:
    restate(tmp_path, [full(1)], [full(1, BilledCost="2")])
    Restatement.objects.all().delete()
    policy, later = Policy(versions=0, days=1), NOW + timedelta(days=30)
    assert not planned(policy, later).versions
    write_ledgers()
    assert [one.pk for one in planned(policy, later).versions] == [
        BillVersion.objects.get(number=1).pk
    ]
