"""AWS Cost Explorer: daily cost by service and account as a bill, and monthly totals.

Source: AWS, "GetCostAndUsage". It groups by two keys at most and has no paginator: the next page
is asked for with ``NextPageToken``. One first question says which kinds of records and accounts
there are, and their monthly totals; then one question per kind of record makes the category of
each row certain. Each request costs 0.01 USD (AWS price list, 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from costs.bills.clouds.answers import money, monthly, write_csv
from costs.bills.clouds.aws_access import client, translated
from costs.bills.clouds.connector import Finding, Tell, Total, finding
from costs.bills.clouds.patience import Patience
from costs.bills.clouds.trouble import CloudTrouble, Refused
from costs.bills.connections import first_month
from costs.bills.exports import Offer
from costs.money import EXACT
from costs.periods import DAY, Period, month_of

PERMISSION = "ce:GetCostAndUsage"
RESOURCE = "Cost Explorer"
ORIGIN = "AWS Cost Explorer"
METRICS: Final = ("UnblendedCost", "AmortizedCost")
HEADER: Final = (
    "TimePeriodStart",
    "TimePeriodEnd",
    "BillingMonth",
    "PayerAccountId",
    "LinkedAccountId",
    "LinkedAccountName",
    "RecordType",
    "Service",
    "SplitBy",
    "SplitValue",
    "UnblendedCost",
    "AmortizedCost",
    "Currency",
)
"""Columns of the file that the answers become: the reader ``aws-cost-explorer`` knows them."""


@dataclass
class CostExplorerConnector:
    """Asks for one payer, a month at a time."""

    since: str = ""
    split_by: str = ""
    """Empty, ``usage type`` or ``tag:KEY``: a second question per account then tells them apart."""
    totals_only: bool = False
    region: str = ""
    profile: str = ""
    role: str = ""
    external_id: str = ""
    patience: Patience = field(default_factory=Patience)

    def _make(self, service: str) -> Any:
        return self.patience.of(
            lambda: client(
                service,
                region=self.region or "us-east-1",  # the one place where Cost Explorer answers
                profile=self.profile,
                role=self.role,
                external_id=self.external_id,
            )
        )

    @cached_property
    def _ce(self) -> Any:
        return self._make("ce")

    @cached_property
    def _account(self) -> str:
        """The account of the credentials: whoever asks for all of an organization is its payer."""
        sts = self._make("sts")
        told = self.patience.of(
            lambda: translated(sts.get_caller_identity, "sts:GetCallerIdentity", "AWS")
        )
        return str(told["Account"])

    def offers(self, since: date | None, today: date) -> Sequence[Offer]:
        """One delivery per month."""
        return list(monthly(ORIGIN, first_month(self.since, today), today))

    def bring(self, offer: Offer, into: Path, tell: Tell) -> Sequence[Total]:
        """Ask for one month, write it as a CSV file, and return its totals by currency."""
        assert offer.period is not None  # noqa: S101 - offers above have one
        month = month_of(offer.period)
        tell("asking for the totals", 0)
        groups = list(self._ask(month, "MONTHLY", ("RECORD_TYPE", "LINKED_ACCOUNT")))
        totals: dict[str, Decimal] = {}
        for one in groups:
            known = totals.get(one.currency, Decimal(0))
            totals[one.currency] = EXACT.add(known, one.unblended)
        if not self.totals_only:
            self._write(month, groups, into, tell)
        return [
            Total("AWS", self._account, month.start, currency, cost, ORIGIN)
            for currency, cost in sorted(totals.items())
        ]

    def _write(self, month: Period, groups: Sequence[_Row], into: Path, tell: Tell) -> None:
        # Which account is called what is said once, by the first question.
        names = groups[0].names if groups else {}
        asked = sorted({one.keys if self.split_by else (one.keys[0], "") for one in groups})
        rows = []
        for nth, (record, account) in enumerate(asked):
            tell(f"asking for {record}", (nth + 1) / (len(asked) + 1))
            second = self.split_by or "LINKED_ACCOUNT"
            for one in self._ask(month, "DAILY", ("SERVICE", second), record, account):
                owner = account or one.keys[1]
                split = (self.split_by, one.keys[1]) if self.split_by else ("", "")
                rows.append(
                    (
                        *(one.start, one.end, f"{month.start:%Y-%m}", self._account, owner),
                        *(names.get(owner, ""), record, one.keys[0], *split),
                        *(money(one.unblended), money(one.amortized), one.currency),
                    )
                )
        write_csv(into / f"aws-cost-explorer-{month.start:%Y-%m}.csv", HEADER, sorted(rows))

    def check(self, today: date) -> Iterator[Finding]:
        """Ask for this month's cost so far: one request."""
        try:
            yield Finding("", RESOURCE, True, f"signed in to account {self._account}")
            month = month_of(today - DAY)
            rows = list(self._ask(month, "MONTHLY", ("RECORD_TYPE", "LINKED_ACCOUNT")))
        except CloudTrouble as trouble:
            yield finding(PERMISSION, RESOURCE, trouble)
            return
        yield finding(PERMISSION, RESOURCE)
        accounts = len({one.keys[1] for one in rows})
        said = f"{month.start:%Y-%m} has cost in {accounts} account{'s' * (accounts != 1)}"
        yield Finding("", RESOURCE, True, said)

    def _ask(
        self,
        month: Period,
        granularity: str,
        groups: tuple[str, str],
        record: str = "",
        account: str = "",
    ) -> Iterator[_Row]:
        question: dict[str, Any] = {
            "TimePeriod": {"Start": f"{month.start}", "End": f"{month.end}"},
            "Granularity": granularity,
            "Metrics": list(METRICS),
            "GroupBy": [_group(one) for one in groups],
        }
        filters = [
            {"Dimensions": {"Key": key, "Values": [value]}}
            for key, value in (("RECORD_TYPE", record), ("LINKED_ACCOUNT", account))
            if value
        ]
        if filters:
            question["Filter"] = filters[0] if len(filters) == 1 else {"And": filters}
        names: dict[str, str] = {}
        while True:
            page = self.patience.of(lambda: self._page(question))
            for one in page.get("DimensionValueAttributes") or ():
                names[str(one["Value"])] = str(one.get("Attributes", {}).get("description", ""))
            for day in page.get("ResultsByTime") or ():
                for group in day.get("Groups") or ():
                    yield _row(day["TimePeriod"], group, names)
            token = page.get("NextPageToken")
            if not token:
                return
            question["NextPageToken"] = token

    def _page(self, question: Mapping[str, Any]) -> Any:
        return translated(lambda: self._ce.get_cost_and_usage(**question), PERMISSION, RESOURCE)


@dataclass(frozen=True)
class _Row:
    """A group of an answer."""

    start: str
    end: str
    keys: tuple[str, str]
    names: Mapping[str, str]
    """Account names by account."""
    unblended: Decimal
    amortized: Decimal
    currency: str


def _row(period: Mapping[str, str], group: Mapping[str, Any], names: Mapping[str, str]) -> _Row:
    metrics = group["Metrics"]
    unblended, amortized = (metrics[name] for name in METRICS)
    if unblended["Unit"] != amortized["Unit"]:
        raise Refused("Cost Explorer answers in two currencies for one cost")
    first, second = (str(key) for key in group["Keys"])
    return _Row(
        period["Start"],
        period["End"],
        # A tag comes as KEY$VALUE; without a value after the dollar it is not set.
        (first, second.partition("$")[2] if "$" in second else second),
        names,
        Decimal(unblended["Amount"]),
        Decimal(amortized["Amount"]),
        str(unblended["Unit"]),
    )


def _group(name: str) -> dict[str, str]:
    if name.startswith("tag:"):
        return {"Type": "TAG", "Key": name.removeprefix("tag:")}
    return {"Type": "DIMENSION", "Key": name.upper().replace(" ", "_")}
