"""Which objects of a bucket are a delivery: every layout that providers write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.bills.exports import Offer, Stored, manifests_in, offers, period_of, safe

NAMES = (".csv", ".csv.gz", ".parquet")
START = datetime(2026, 4, 1, tzinfo=UTC)


def stored(*keys: str) -> list[Stored]:
    """Objects written one minute after the other."""
    return [
        Stored(key, 10, f"etag-{key}", START + timedelta(minutes=nth))
        for nth, key in enumerate(keys)
    ]


def found(keys: list[str], manifests: dict[str, Any], **more: Any) -> list[Offer]:
    objects = stored(*keys)
    assert set(manifests) <= {one.key for one in manifests_in(objects)}
    return offers(objects, manifests, bill_names=NAMES, **more)


def files(offer: Offer) -> list[str]:
    return [one.key for one in offer.objects if not one.key.endswith("json")]


def report(keys: list[str], month: str = "202601") -> dict[str, Any]:
    return {
        "reportName": "daily",
        "billingPeriod": {"start": f"{month}01T000000.000Z"},
        "reportKeys": keys,
    }


def test_a_legacy_report_is_what_the_manifest_of_its_month_names() -> None:
    folder = "cur/daily/20260101-20260201"
    keys = [
        *(f"{folder}/{one}/daily-00001.csv.gz" for one in ("a1", "a2")),
        *(f"{folder}/{one}/daily-Manifest.json" for one in ("a1", "a2")),
        f"{folder}/daily-Manifest.json",
    ]
    (one,) = found(
        keys,
        {
            f"{folder}/a1/daily-Manifest.json": report([keys[0]]),
            f"{folder}/a2/daily-Manifest.json": report([keys[1]]),
            f"{folder}/daily-Manifest.json": report([keys[1]]),
        },
    )
    assert files(one) == [keys[1]], "what an earlier assembly wrote counts no more"
    assert one.period == date(2026, 1, 1)
    assert one.name == "cur/daily/daily 2026-01"


def test_a_legacy_report_as_parquet_lies_beside_its_manifest() -> None:
    """For Athena AWS writes ``year=/month=`` folders and the manifests somewhere else."""
    parts = [f"cur/daily/daily/year=2026/month=1/daily-0000{n}.snappy.parquet" for n in (1, 2)]
    manifest = "cur/daily/20260101-20260201/daily-Manifest.json"
    (one,) = found([*parts, manifest], {manifest: report(parts)})
    assert files(one) == parts


@pytest.mark.parametrize("run", ["", "2026-02-01T03:04:05.678Z-0b1c2d3e/"])
@pytest.mark.parametrize("named", [True, False])
def test_data_exports_lie_in_two_folders(run: str, named: bool) -> None:
    parts = [f"x/focus/data/BILLING_PERIOD=2026-01/{run}focus-0000{n}.csv.gz" for n in (1, 2)]
    manifest = f"x/focus/metadata/BILLING_PERIOD=2026-01/{run}focus-Manifest.json"
    content = (
        {"dataFiles": [f"s3://bucket/{part}" for part in parts]}
        if named
        else {"exportArn": "arn:…"}
    )
    (one,) = found([*parts, manifest], {manifest: content})
    assert files(one) == parts
    assert (one.name, one.period) == ("x/focus 2026-01", date(2026, 1, 1))


def test_of_several_data_exports_of_a_month_the_last_counts() -> None:
    keys, manifests = [], {}
    for run in ("r1", "r2"):
        keys.append(f"focus/data/BILLING_PERIOD=2026-01/{run}/focus-00001.parquet")
        name = f"focus/metadata/BILLING_PERIOD=2026-01/{run}/focus-Manifest.json"
        manifests[name] = {"dataFiles": [keys[-1]]}
        keys.append(name)
    (one,) = found(keys, manifests)
    assert files(one) == ["focus/data/BILLING_PERIOD=2026-01/r2/focus-00001.parquet"]


def azure(
    kind: str, name: str, run: str, *blobs: str, submitted: str = "2026-02-01"
) -> dict[str, Any]:
    return {
        "exportConfig": {
            "exportName": name,
            "resourceId": f"/subscriptions/1/providers/Microsoft.CostManagement/exports/{name}",
            "type": kind,
        },
        "runInfo": {"runId": run, "startDate": "2026-01-01T00:00:00", "submittedTime": submitted},
        "blobs": [{"blobName": blob, "byteCount": 10} for blob in blobs],
    }


def test_of_azure_exports_the_last_run_counts_and_both_sides_are_one() -> None:
    keys, manifests = [], {}
    for kind, name, run in (
        ("ActualCost", "actual", "r1"),
        ("ActualCost", "actual", "r2"),
        ("AmortizedCost", "amortized", "r3"),
    ):
        folder = f"exports/{name}/20260101-20260131/{run}"
        keys += [f"{folder}/part_0_0001.csv", f"{folder}/manifest.json"]
        manifests[keys[-1]] = azure(kind, name, run, keys[-2], submitted=f"2026-02-0{run[1]}")
    (one,) = found(keys, manifests)
    assert sorted(files(one)) == [
        "exports/actual/20260101-20260131/r2/part_0_0001.csv",
        "exports/amortized/20260101-20260131/r3/part_0_0001.csv",
    ]
    assert one.name == "/subscriptions/1 2026-01"


def test_a_focus_export_of_azure_stands_for_itself() -> None:
    key = "exports/focus/20260101-20260131/r1/part_0_0001.csv"
    manifest = "exports/focus/20260101-20260131/r1/manifest.json"
    (one,) = found([key, manifest], {manifest: azure("FocusCost", "focus", "r1", key)})
    assert one.name == "exports/focus 2026-01"


def test_without_a_manifest_a_folder_is_a_delivery_and_the_newest_comes_last() -> None:
    made = found(["b/2026-02/x.csv", "a/2026-01/x.csv", "a/2026-01/y.parquet", "a/read.me"], {})
    assert [(one.name, files(one)) for one in made] == [
        ("b/2026-02", ["b/2026-02/x.csv"]),
        ("a/2026-01", ["a/2026-01/x.csv", "a/2026-01/y.parquet"]),
    ]


def test_earlier_months_are_left_where_they_are() -> None:
    keys = [f"b/2026-0{n}/x.csv" for n in (1, 2, 3)] + ["top.csv"]
    made = found(keys, {}, since=date(2026, 2, 1))
    assert [one.name for one in made] == ["b/2026-02", "b/2026-03", "the top folder"]


@pytest.mark.parametrize(
    "content", [None, [], "x", {}, {"reportKeys": "no"}, {"blobs": {}}, {"dataFiles": 7}]
)
def test_what_only_looks_like_a_manifest_is_none(content: Any) -> None:
    (one,) = found(["a/x.csv", "b/manifest.json"], {"b/manifest.json": content})
    assert files(one) == ["a/x.csv"]


def test_a_manifest_without_files_and_one_with_a_missing_file_say_so() -> None:
    keys = ["a/20260101-20260201/m-Manifest.json", "b/20260101-20260201/m-Manifest.json"]
    empty, missing = found(keys, {keys[0]: report([]), keys[1]: report(["b/gone.csv"])})
    assert empty.problem == f"the manifest {keys[0]} names no file"
    assert missing.problem == f"the manifest {keys[1]} names b/gone.csv, which is not there"


@pytest.mark.parametrize(
    "key",
    [
        "../x.csv",
        "a/../x.csv",
        "/x.csv",
        "a//x.csv",
        "a/./x.csv",
        "a\\x.csv",
        "a/\n.csv",
        "a/" + "x" * 201,
    ],
)
def test_keys_that_cannot_be_paths_are_no_paths(key: str) -> None:
    assert not safe(key)


@given(st.text(max_size=30))
def test_a_safe_key_stays_below_its_folder(key: str) -> None:
    from pathlib import PurePosixPath

    if safe(key):
        path = PurePosixPath("/exports") / key
        assert path.is_relative_to("/exports")
        assert ".." not in path.parts
        assert str(path) == f"/exports/{key}"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c/d"]), st.sampled_from(["1", "2"]), st.integers(0, 3)
        ),
        unique=True,
        max_size=20,
    )
)
def test_no_object_is_in_two_deliveries(where: list[tuple[str, str, int]]) -> None:
    keys = [f"{folder}/2026-0{month}/{nth}.csv" for folder, month, nth in where]
    made = [key for one in offers(stored(*keys), {}, bill_names=NAMES) for key in files(one)]
    assert sorted(made) == sorted(keys)


def test_the_folder_of_an_offer_is_of_its_content_alone() -> None:
    (one,) = offers(stored("a/x.csv"), {}, bill_names=NAMES)
    other = Stored("a/x.csv", 10, "another", START)
    assert one.folder != Offer(one.name, one.period, (other,)).folder
    assert one.folder == Offer(one.name, None, one.objects).folder


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("x/BILLING_PERIOD=2026-01/f", date(2026, 1, 1)),
        ("x/20261201-20261231/f", date(2026, 12, 1)),
        ("year=2026/month=3", date(2026, 3, 1)),
        ("2026-13/x", None),
        ("x/19990101-19990131/", None),
        ("run-2026-01-02/x", None),
    ],
)
def test_layouts_tell_the_month(text: str, month: date | None) -> None:
    assert period_of(text) == month
