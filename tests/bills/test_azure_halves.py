"""Azure's actual and amortized files are one bill, in whatever order and company they come."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costs.bills import operations
from costs.bills.building import IngestError
from costs.bills.halves import Evidence, half_of
from costs.lake.models import BillVersion, Delivery
from tests.bills.making import AZURE_EA, AZURE_MCA, Row, ingest, spent, total, write
from tests.bills.test_focus_traps import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

Line = tuple[str, str, str, str, str]
"""Charge type, resource, reservation, quantity, cost."""

# A reservation of 2.40 a day: a third of it is used by vm-1, a half by vm-2, the rest by nobody.
ACTUAL: list[Line] = [
    ("Usage", "vm-1", "r-1", "8", "0"),
    ("Usage", "vm-2", "r-1", "12", "0"),
    ("Usage", "disk-1", "", "1", "0.55"),
    ("Purchase", "", "r-1", "1", "2.4"),
    ("Refund", "disk-1", "", "1", "-0.05"),
]
AMORTIZED: list[Line] = [
    ("Usage", "vm-1", "r-1", "8", "0.8"),
    ("Usage", "vm-2", "r-1", "12", "1.2"),
    ("UnusedReservation", "", "r-1", "4", "0.4"),
    ("Usage", "disk-1", "", "1", "0.55"),
    ("Refund", "disk-1", "", "1", "-0.05"),
]
PLAIN: list[Line] = [("Usage", "disk-1", "", "1", "0.55"), ("Usage", "disk-2", "", "2", "0.25")]
BILLED = EFFECTIVE = Decimal("2.9")


def rows(lines: list[Line], agreement: str = "EA", day: str = "05") -> list[dict[str, str]]:
    if agreement == "EA":
        return [
            {
                **AZURE_EA,
                "Date": f"01/{day}/2026",
                "ChargeType": kind,
                "ResourceId": f"/x/{resource}" if resource else "",
                "ReservationId": reservation,
                "Quantity": quantity,
                "Cost": cost,
            }
            for kind, resource, reservation, quantity, cost in lines
        ]
    spelled: Row = {**AZURE_MCA, "benefitId": "", "pricingModel": "OnDemand"}
    return [
        {
            **spelled,
            "date": f"1/{int(day)}/2026",
            "chargeType": kind,
            "ResourceId": f"/x/{resource}" if resource else "",
            "benefitId": reservation,
            "pricingModel": "SavingsPlan" if reservation else "OnDemand",
            "quantity": quantity,
            "costInBillingCurrency": cost,
        }
        for kind, resource, reservation, quantity, cost in lines
    ]


def file(folder: Path, lines: list[Line], agreement: str = "EA", day: str = "05") -> Path:
    return write(folder / "part_0_0001.csv", rows(lines, agreement, day))


def live() -> BillVersion:
    return BillVersion.objects.get(status="live")


def check_whole() -> None:
    """The bill of both halves, however it came about."""
    assert (total(), total("effective_cost")) == (BILLED, EFFECTIVE)
    assert spent("resource_id") == {
        ("/x/disk-1", "USD"): Decimal("0.5"),
        ("/x/vm-1", "USD"): 0,
        ("/x/vm-2", "USD"): 0,
        ("", "USD"): Decimal("2.4"),
    }
    assert spent("resource_id", metric="effective_cost") == {
        ("/x/disk-1", "USD"): Decimal("0.5"),
        ("/x/vm-1", "USD"): Decimal("0.8"),
        ("/x/vm-2", "USD"): Decimal("1.2"),
        ("", "USD"): Decimal("0.4"),
    }
    assert not [one for one in live().notices if "Only Azure" in one or "differ" in one]
    assert {part.delivery.format for part in live().parts.all()} == {
        "azure-actual",
        "azure-amortized",
    }


@pytest.mark.parametrize("agreement", ["EA", "MCA"])
def test_together_they_are_one_bill(tmp_path: Path, agreement: str) -> None:
    loaded = ingest(
        file(tmp_path / "a", ACTUAL, agreement), file(tmp_path / "b", AMORTIZED, agreement)
    )

    assert [(one.format, one.status, one.billed_cost, one.effective_cost) for one in loaded] == [
        ("azure-actual", "loaded", BILLED, 0),
        ("azure-amortized", "loaded", 0, EFFECTIVE),
    ]
    check_whole()
    assert ingest(file(tmp_path / "a", ACTUAL, agreement))[0].status == "unchanged"
    assert ingest(file(tmp_path / "b", AMORTIZED, agreement))[0].status == "unchanged"
    assert BillVersion.objects.count() == 1


@pytest.mark.parametrize("agreement", ["EA", "MCA"])
@pytest.mark.parametrize("first", ["actual", "amortized"])
def test_the_second_completes_the_first(tmp_path: Path, first: str, agreement: str) -> None:
    files = [file(tmp_path / "a", ACTUAL, agreement), file(tmp_path / "b", AMORTIZED, agreement)]
    if first == "amortized":
        files.reverse()

    (one,) = ingest(files[0])
    assert (one.status, one.format) == ("loaded", f"azure-{first}")
    assert one.billed_cost == one.effective_cost == BILLED
    assert f"Only Azure's {first} cost is here" in live().notices[0]

    (two,) = ingest(files[1])
    assert two.status == "restated"
    check_whole()
    assert "half has come later" in live().notices[0]
    # Each file has arrived once, though both are parts of the second version.
    assert Delivery.objects.count() == 2


def test_a_new_half_keeps_the_other(tmp_path: Path) -> None:
    ingest(file(tmp_path / "a", ACTUAL), file(tmp_path / "b", AMORTIZED))
    grown = [*ACTUAL, ("Usage", "disk-9", "", "1", "1")]
    (one,) = ingest(file(tmp_path / "c", grown))

    assert (one.status, one.billed_cost) == ("restated", BILLED + 1)
    assert (total(), total("effective_cost")) == (BILLED + 1, EFFECTIVE)


@pytest.mark.parametrize("agreement", ["EA", "MCA"])
def test_what_is_bought_is_used_or_unused(tmp_path: Path, agreement: str) -> None:
    ingest(file(tmp_path / "a", ACTUAL, agreement), file(tmp_path / "b", AMORTIZED, agreement))

    sums = dict.fromkeys(("billed", "Used", "Unused"), Decimal(0))
    for commitment, status, kind, billed, effective in stored(
        "commitment_discount_id, commitment_discount_status, commitment_discount_type,"
        " billed_cost, effective_cost"
    ):
        if commitment is None:
            continue
        assert kind == ("Reservation" if agreement == "EA" else "Savings Plan")
        sums["billed"] += billed  # type: ignore[operator]
        if status:
            sums[str(status)] += effective  # type: ignore[operator]
    assert sums == {"billed": Decimal("2.4"), "Used": Decimal(2), "Unused": Decimal("0.4")}


def test_quantities_count_once(tmp_path: Path) -> None:
    ingest(file(tmp_path / "a", ACTUAL), file(tmp_path / "b", AMORTIZED))

    quantities: dict[str, Decimal] = {}
    for resource, quantity in stored("resource_id, pricing_quantity"):
        if resource and quantity is not None:
            quantities[str(resource)] = quantities.get(str(resource), Decimal(0)) + quantity  # type: ignore[operator]
    assert quantities["/x/vm-1"] == 8
    assert quantities["/x/vm-2"] == 12


@pytest.mark.parametrize("folders", ["one", "two"])
def test_without_commitments_both_halves_are_the_same_and_count_once(
    tmp_path: Path, folders: str
) -> None:
    one = write(tmp_path / "a/actual.csv", rows(PLAIN))
    other = write(tmp_path / ("a" if folders == "one" else "b") / "z.csv", rows(PLAIN[::-1]))
    loaded = ingest(one, other)

    assert {bill.status for bill in loaded} <= {"loaded", "restated"}
    assert (total(), total("effective_cost")) == (Decimal("0.8"), Decimal("0.8"))


def test_partitions_of_each_half(tmp_path: Path) -> None:
    """A part without commitments belongs to the half of the others in its folder."""
    for folder, lines in (("a", ACTUAL), ("b", AMORTIZED)):
        write(tmp_path / folder / "part_0_0001.csv", rows(lines))
        write(tmp_path / folder / "part_1_0001.csv", rows(PLAIN, day="06"))
    ingest(tmp_path / "a", tmp_path / "b")

    assert (total(), total("effective_cost")) == (BILLED + Decimal("0.8"),) * 2
    assert (
        spent("day")
        == spent("day", metric="effective_cost")
        == {
            ("2026-01-05", "USD"): BILLED,
            ("2026-01-06", "USD"): Decimal("0.8"),
        }
    )


def test_a_part_of_either_half_in_one_folder_is_refused(tmp_path: Path) -> None:
    for name, lines in (("1", ACTUAL), ("2", AMORTIZED), ("3", PLAIN)):
        write(tmp_path / f"in/{name}.csv", rows(lines))

    with pytest.raises(IngestError, match=r"3\.csv: .*give each export in a folder of its own"):
        ingest(tmp_path / "in")
    assert not BillVersion.objects.exists()


def test_a_file_of_both_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="actual and amortized cost are mixed"):
        ingest(file(tmp_path, [*ACTUAL, *AMORTIZED]))


@pytest.mark.parametrize(
    ("evidence", "half"),
    [
        ((1, 0, 0, 0), "actual"),
        ((0, 1, 0, 0), "amortized"),
        ((0, 0, 3, 1), "amortized"),
        ((0, 0, 0, 1), "actual"),
        ((0, 0, 0, 0), None),
        ((2, 0, 5, 0), "actual"),
    ],
)
def test_which_half(evidence: tuple[int, int, int, int], half: str | None) -> None:
    assert half_of(Evidence(*evidence)) == half


def manifest(folder: Path, kind: str, count: int) -> Path:
    content = {
        "manifestVersion": "2024-04-01",
        "dataRowCount": count,
        "exportConfig": {"exportName": f"daily-{kind}", "type": kind},
        "runInfo": {"submittedTime": "2026-02-01T03:00:00Z", "startDate": "2026-01-01T00:00:00"},
        "blobs": [{"blobName": f"{folder.name}/part_0_0001.csv", "dataRowCount": count}],
    }
    return write(folder / "manifest.json", json.dumps(content))


def test_the_manifest_says_which_half_it_is(tmp_path: Path) -> None:
    """Without a commitment in the month nothing but the manifest can tell."""
    for kind, lines in (("ActualCost", PLAIN), ("AmortizedCost", PLAIN[::-1])):
        file(tmp_path / kind, lines)
        manifest(tmp_path / kind, kind, len(PLAIN))
    ingest(tmp_path / "ActualCost")
    (bill,) = ingest(tmp_path / "AmortizedCost")

    assert (bill.format, bill.status) == ("azure-amortized", "restated")
    assert (total(), total("effective_cost")) == (Decimal("0.8"), Decimal("0.8"))
    assert live().parts.count() == 2


@pytest.mark.parametrize("lines", [PLAIN, PLAIN[::-1]], ids=["same bytes", "same rows"])
def test_both_exports_in_one_folder_with_their_manifests(tmp_path: Path, lines: list[Line]) -> None:
    """As a container has them, in a month without commitments: equal files, and both count."""
    root = tmp_path / "in"
    for kind, own in (("ActualCost", PLAIN), ("AmortizedCost", lines)):
        folder = root / f"daily-{kind}" / "20260101-20260131" / "run-1"
        file(folder, own)
        manifest(folder, kind, len(own))
    loaded = ingest(root)

    assert [(one.format, one.status) for one in loaded] == [
        ("azure-actual", "loaded"),
        ("azure-amortized", "loaded"),
    ]
    assert (total(), total("effective_cost")) == (Decimal("0.8"), Decimal("0.8"))
    assert not live().notices
    assert {one.status for one in ingest(root)} == {"unchanged"}
    assert BillVersion.objects.count() == 1


@pytest.mark.parametrize("order", list(itertools.permutations("abc"))[:3])
def test_every_order_of_arrival_ends_the_same(tmp_path: Path, order: tuple[str, ...]) -> None:
    kinds = {"a": ACTUAL, "b": AMORTIZED, "c": ACTUAL}
    for nth, name in enumerate(order):
        ingest(file(tmp_path / f"{nth}{name}", kinds[name]))

    check_whole()


def test_both_halves_at_once_lose_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other half goes live after this one has looked for it, and before it is entered."""
    other = file(tmp_path / "b", AMORTIZED)
    building = operations.build  # type: ignore[attr-defined]
    calls: list[str] = []

    def build(*given: Any) -> Any:
        calls.append("")
        if len(calls) == 1:
            assert ingest(other)[0].status == "loaded"
        return building(*given)

    monkeypatch.setattr(operations, "build", build)
    (bill,) = ingest(file(tmp_path / "a", ACTUAL))

    assert bill.status == "restated"
    check_whole()
    assert Delivery.objects.count() == 2
