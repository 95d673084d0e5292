"""What networks and clouds do to a lake, and what people read then: nothing is lost or half."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from costs.errors import OutOfReach
from costs.stores import Store, bucket, open_store
from costs.stores.address import address_of
from costs.stores.blob import BlobContainer
from costs.stores.cached import FETCH_ATTEMPTS, CachedStore
from costs.stores.s3 import S3Bucket
from tests.stores.faulty import Fault
from tests.stores.places import Place

# The packages of the clouds drop broken connections without closing them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

CONTENT = os.urandom(300_000)
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>slower</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


@pytest.fixture(params=["s3_lake", "blob_lake"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(bucket, "FIRST_WAIT", 0.001)
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(place: Place) -> Store:
    return open_store(place.url)


@pytest.fixture
def elsewhere(place: Place, tmp_path: Path) -> CachedStore:
    """The same lake from another machine."""
    return on_another_machine(place, tmp_path / "elsewhere")


def on_another_machine(place: Place, root: Path, limit: int = 1 << 30) -> CachedStore:
    address = address_of(place.url)
    assert address is not None
    cloud = S3Bucket(address) if address.kind == "s3" else BlobContainer(address)
    return CachedStore(cloud, root, limit)


def stage(store: Store, files: int = 3) -> Path:
    folder = store.new_staging()
    for nth in range(files):
        (folder / f"part-{nth}").write_bytes(CONTENT[nth:])
    return folder


def left_over(store: CachedStore) -> list[Path]:
    """Everything in the cache that is no whole file of the lake."""
    return [path for path in store.root.rglob("*") if path.is_file() and path.name != "lock"]


SERVER_ERRORS = [
    Fault(500),
    Fault(503, body=SLOW_DOWN),
    Fault(429, headers={"Retry-After": "0"}),
    Fault("drop"),
    Fault("before"),
]


@pytest.mark.parametrize("nth", range(len(SERVER_ERRORS)))
def test_what_passes_is_not_noticed(
    place: Place, store: Store, elsewhere: CachedStore, nth: int
) -> None:
    fault = SERVER_ERRORS[nth]
    faults = [
        replace(fault, method=method, holding="/team/lake/charges", times=2)
        for method in ("GET", "PUT", "HEAD")
    ]
    place.proxy.faults = list(map(replace, faults))
    store.publish(stage(store), "charges/x/1")
    place.proxy.faults = list(map(replace, faults))
    for one in range(3):
        assert elsewhere.has(f"charges/x/1/part-{one}")
        assert elsewhere.path(f"charges/x/1/part-{one}").read_bytes() == CONTENT[one:]


def test_half_a_body_is_asked_for_again(place: Place, store: Store, elsewhere: CachedStore) -> None:
    store.publish(stage(store), "charges/x/1")
    place.proxy.faults = [Fault("truncate", "GET", "/charges/x/1/part-", 2)]
    keys = [f"charges/x/1/part-{one}" for one in range(3)]
    with elsewhere.reading(keys) as paths:
        assert [path.read_bytes() for path in paths.values()] == [CONTENT[n:] for n in range(3)]


def test_always_half_a_body_is_an_error_and_nothing_half_is_kept(
    place: Place, store: Store, elsewhere: CachedStore
) -> None:
    store.publish(stage(store), "charges/x/1")
    place.proxy.faults = [Fault("truncate", "GET", "/charges/x/1/part-1")]
    keys = [f"charges/x/1/part-{one}" for one in range(3)]
    with (
        pytest.raises(OutOfReach, match=r"part-1 (broke off|did not arrive)"),
        elsewhere.reading(keys),
    ):
        pass
    assert {path.name for path in left_over(elsewhere)} <= {"part-0", "part-2"}
    place.proxy.faults = []
    assert elsewhere.path(keys[1]).read_bytes() == CONTENT[1:]


def test_another_content_than_was_put_is_refused(
    place: Place, store: Store, elsewhere: CachedStore, request: pytest.FixtureRequest
) -> None:
    """The digest of what was put travels with it: the right length is not enough."""
    store.publish(stage(store, 1), "charges/x/1")
    wrong = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    if place.url.startswith("s3"):
        cloud = S3Bucket(address_of(place.url))._client  # type: ignore[arg-type]
        name = place.url.removeprefix("s3://").split("/")[0]
        key = "team/lake/charges/x/1/part-0"
        sha = cloud.head_object(Bucket=name, Key=key)["Metadata"]
        cloud.put_object(Bucket=name, Key=key, Body=wrong, Metadata=sha)
    else:
        blobs = request.getfixturevalue("fake_blobs").blobs[place.url[7:].split("@")[0]]
        blobs["team/lake/charges/x/1/part-0"].content = wrong
    with pytest.raises(OutOfReach, match="part-0 did not arrive as it was stored"):
        elsewhere.path("charges/x/1/part-0")
    assert left_over(elsewhere) == []


@pytest.mark.parametrize("action", ["drop", 500])
def test_out_of_reach_while_fetching(
    place: Place, store: Store, elsewhere: CachedStore, action: int | Literal["drop"]
) -> None:
    store.publish(stage(store, 1), "charges/x/1")
    place.proxy.faults = [Fault(action)]
    place.proxy.requests.clear()
    says = "cannot be reached" if action == "drop" else "answers 500"
    with pytest.raises(OutOfReach, match=f"the lake {place.url} {says}"):
        elsewhere.path("charges/x/1/part-0")
    assert FETCH_ATTEMPTS <= len(place.proxy.requests) <= 2 * FETCH_ATTEMPTS
    assert left_over(elsewhere) == []
    # What is here already is still shown.
    assert store.path("charges/x/1/part-0").read_bytes() == CONTENT


def test_out_of_reach_while_publishing_and_published_again(
    place: Place, store: Store, elsewhere: CachedStore
) -> None:
    folder = stage(store)
    place.proxy.faults = [Fault(503, "PUT", "part-1")]
    with pytest.raises(OutOfReach, match="answers 503"):
        store.publish(folder, "charges/x/1")
    assert len(list(folder.iterdir())) == 3  # nothing lost
    place.proxy.faults = []

    store.publish(folder, "charges/x/1")

    assert len(list(elsewhere.files("charges/x/1"))) == 3
    for one in range(3):
        assert elsewhere.path(f"charges/x/1/part-{one}").read_bytes() == CONTENT[one:]
    assert not folder.exists()


def test_what_is_there_is_not_put_again(place: Place, store: Store) -> None:
    folder = stage(store)
    place.proxy.faults = [Fault(400, "PUT", "part-2", times=1)]
    with pytest.raises(OutOfReach):
        store.publish(folder, "charges/x/1")
    there = {one.key for one in store.files("charges/x/1")}
    place.proxy.requests.clear()
    store.publish(folder, "charges/x/1")
    put = {path for method, path in place.proxy.requests if method == "PUT"}
    assert there
    assert not [path for path in put for key in there if key in path]
    assert len(list(store.files("charges/x/1"))) == 3


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(403, "PUT", body=DENIED), "the permission (s3:PutObject|to write blobs) is missing"),
        (Fault(403, "GET", body=DENIED), "the permission (s3:ListBucket|to list blobs) is missing"),
    ],
)
def test_a_missing_permission_is_named(place: Place, store: Store, fault: Fault, says: str) -> None:
    if place.url.startswith("abfs"):
        fault.headers = {"x-ms-error-code": "AuthorizationPermissionMismatch"}
    place.proxy.faults = [fault]
    place.proxy.requests.clear()
    with pytest.raises(OutOfReach, match=says):
        store.publish(stage(store, 1), "charges/x/1")
    assert len(place.proxy.requests) <= 2  # asking again would not help


def test_no_such_bucket(place: Place, tmp_path: Path) -> None:
    url = place.url.replace("lake-", "nobodys-lake-")
    url = url if url.startswith("s3") else url.replace("nobodys-lake-", "no-")
    store = on_another_machine(Place(url, place.proxy), tmp_path / "nowhere")
    with pytest.raises(OutOfReach, match=r"there is no such (bucket|container)"):
        list(store.files("charges"))


def test_no_credentials(s3_lake: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    store = on_another_machine(s3_lake, tmp_path / "nobody")
    with pytest.raises(OutOfReach, match="there are no credentials"):
        store.has("raw/a")


def test_expired_credentials(s3_lake: Place, tmp_path: Path) -> None:
    s3_lake.proxy.faults = [
        Fault(400, body=b"<Error><Code>ExpiredToken</Code><Message>old</Message></Error>")
    ]
    store = on_another_machine(s3_lake, tmp_path / "late")
    with pytest.raises(OutOfReach, match=r"the credentials are not accepted \(ExpiredToken\)"):
        list(store.files("raw"))


def test_a_broken_connection_string(
    blob_lake: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=hunter2")
    store = on_another_machine(blob_lake, tmp_path / "nobody")
    with pytest.raises(OutOfReach, match="is no connection string") as caught:
        store.has("raw/a")
    assert "hunter2" not in str(caught.value)


def test_retry_after_is_obeyed(
    place: Place, elsewhere: CachedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    place.proxy.faults = [Fault(503, headers={"Retry-After": "7"}, times=2)]
    assert not elsewhere.has("raw/a")
    assert 7 in waited
