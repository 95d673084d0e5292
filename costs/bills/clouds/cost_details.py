"""Azure Cost Management, Generate Cost Details: every charge of a scope, a month at a time.

Source: Microsoft, "Generate Cost Details Report - Create Operation" (API 2025-03-01): asked for a
report, Azure answers 202 with a Location to look at and a Retry-After; when the report is done,
that place names blobs behind links that are good for a while. A report is of actual or of amortized
cost; both together are a bill. It covers a month at most, and 13 months back.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from azure.mgmt.core.polling.arm_polling import ARMPolling
from azure.mgmt.costmanagement import CostManagementClient

from costs.bills.clouds.answers import monthly
from costs.bills.clouds.azure_access import WAITS, Endpoints, credential, of_answer, translated
from costs.bills.clouds.blob import BlobLink
from costs.bills.clouds.connector import Finding, Tell, Total, finding
from costs.bills.clouds.downloading import download
from costs.bills.clouds.patience import Patience
from costs.bills.clouds.trouble import Busy, CloudTrouble, Refused
from costs.bills.connections import first_month
from costs.bills.exports import Offer
from costs.periods import month_of

PERMISSION = "Microsoft.CostManagement/generateCostDetailsReport/action"
METRICS: Final = ("ActualCost", "AmortizedCost")
LONGEST_REPORT = 3600.0
"""Seconds that a report may take. Microsoft: a large one takes minutes, up to an hour (ours)."""
POLL = 15.0
"""Seconds between two looks where Azure does not say how long to wait (ours)."""


class Polling(ARMPolling):
    """The SDK's way of looking again, with our patience, and to no other server."""

    def __init__(self, patience: Patience, endpoints: Endpoints, scope: str) -> None:
        super().__init__(timeout=POLL)
        self._patience = patience
        self._endpoints = endpoints
        self._scope = scope
        self._slept = 0.0

    def _sleep(self, delay: float) -> None:
        self._slept += delay
        if self._slept > LONGEST_REPORT:
            raise Busy("Azure has not finished the report within an hour")
        self._patience.sleep(delay)

    def request_status(self, status_link: str) -> Any:
        """One look; what is wrong with the answer is one of our troubles."""
        self._endpoints.check(status_link)
        look = super().request_status

        def ask() -> Any:
            answer: Any = look(status_link)
            if answer.http_response.status_code >= 400:
                raise of_answer(answer.http_response, PERMISSION, self._scope)
            return answer

        return self._patience.of(lambda: translated(ask, PERMISSION, self._scope))


@dataclass
class CostDetailsConnector:
    """Has reports made, and fetches them."""

    scope: str
    since: str = ""
    identity: str = ""
    endpoints: Endpoints = field(default_factory=Endpoints)
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self.scope = "/" + self.scope.strip("/")

    @cached_property
    def _client(self) -> CostManagementClient:
        return CostManagementClient(
            credential(self.identity),
            base_url=self.endpoints.management,
            credential_scopes=[f"{self.endpoints.management}/.default"],
            **WAITS,
        )

    def offers(self, since: date | None, today: date) -> Sequence[Offer]:
        """One delivery per month."""
        return list(monthly(self.scope, first_month(self.since, today), today))

    def bring(self, offer: Offer, into: Path, tell: Tell) -> Sequence[Total]:
        """Have both reports of a month in ``into``, each with a manifest that says which it is."""
        assert offer.period is not None  # noqa: S101 - offers above have one
        for nth, metric in enumerate(METRICS):
            folder = into / metric.lower()
            # A report that has come whole before a worker died is not asked for again.
            if not (folder / "manifest.json").exists():
                self._report(metric, offer.period, folder, _half(tell, nth))
        actual, amortized = (into / metric.lower() for metric in METRICS)
        if _contents(actual) == _contents(amortized):
            # Without a commitment both are the same, and one says all of it.
            shutil.rmtree(amortized, ignore_errors=True)
        return ()

    def _report(self, metric: str, period: date, folder: Path, tell: Tell) -> None:
        tell(f"waiting for Azure’s report of {metric}", 0)
        found = self._made(metric, period, month_of(period).last)
        if not found:
            return
        # Every report is a new set of blobs: what an interrupted run left belongs to another one.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        names = []
        for number, (link, size) in enumerate(found, 1):
            name = f"part_{number - 1}_{number:04}.csv"
            source = BlobLink(link)
            stored = self.patience.of(lambda s=source, n=name: s.stored(n))  # type: ignore[misc]
            download(
                source,
                stored,
                folder / name,
                patience=self.patience,
                tell=lambda there, n=name, of=size: tell(f"fetching {n}", there / max(of, 1)),  # type: ignore[misc]
            )
            names.append(name)
        manifest = {
            "exportConfig": {"type": metric, "resourceId": self.scope},
            "runInfo": {"startDate": f"{period}T00:00:00"},
            "blobs": [{"blobName": name} for name in names],
        }
        # Its being there says that the report is whole, so it appears whole itself.
        written = folder / ".manifest"
        written.write_text(json.dumps(manifest), encoding="utf-8")
        written.replace(folder / "manifest.json")

    def _made(self, metric: str, first: date, last: date) -> list[tuple[str, int]]:
        """Links and sizes of the blobs of a report, once it is made; none without any cost."""
        asked: dict[str, Any] = {
            "metric": metric,
            "timePeriod": {"start": f"{first}", "end": f"{last}"},
        }
        begin: Any = self._client.generate_cost_details_report.begin_create_operation

        def ask() -> Any:
            polling = Polling(self.patience, self.endpoints, self.scope)
            return begin(self.scope.lstrip("/"), asked, polling=polling)

        poller = self.patience.of(lambda: translated(ask, PERMISSION, self.scope))
        report = translated(poller.result, PERMISSION, self.scope)
        status = "NoDataFound" if report is None else report.get("status", "Completed")
        if status == "NoDataFound":
            return []
        if status != "Completed" or report.manifest is None:
            said = report.error.message if report.error else status
            raise Refused(f"Azure could not make the report: {said}")
        return [(str(one.blob_link), int(one.byte_count or 0)) for one in report.manifest.blobs]

    def check(self, today: date) -> Iterator[Finding]:
        """Ask for a report of one day, and do not wait for it."""
        yesterday = today - timedelta(days=1)
        asked: Any = {
            "metric": "ActualCost",
            "timePeriod": {"start": f"{yesterday}", "end": f"{yesterday}"},
        }
        begin: Any = self._client.generate_cost_details_report.begin_create_operation

        def ask() -> Any:
            return begin(self.scope.lstrip("/"), asked, polling=False)

        try:
            self.patience.of(lambda: translated(ask, PERMISSION, self.scope))
        except CloudTrouble as trouble:
            yield finding(PERMISSION, self.scope, trouble)
            return
        yield finding(PERMISSION, self.scope)


def _contents(folder: Path) -> list[str]:
    """Digests of the parts of a report; none where there is no report."""
    digests = []
    for path in sorted(folder.glob("*.csv")):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests


def _half(tell: Tell, nth: int) -> Tell:
    return lambda what, share: tell(what, (nth + min(share, 1)) / len(METRICS))
