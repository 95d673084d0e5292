"""Azure Cost Management, ``query.usage``: daily cost of a scope as a bill, and monthly totals.

Source: Microsoft, "Query - Usage" (API 2025-03-01). The order of the columns is not fixed, so they
are found by name; the cost column is called like its aggregation; ``UsageDate`` is the number
20260131; there is a ``nextLink`` while there is more. A query groups by two columns at most, so
each charge type is asked for by itself: that makes the category of each row certain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from azure.core.rest import HttpRequest
from azure.mgmt.costmanagement import CostManagementClient

from costs.bills.clouds.answers import money, monthly, write_csv
from costs.bills.clouds.azure_access import WAITS, Endpoints, credential, of_answer, translated
from costs.bills.clouds.connector import Finding, Tell, Total, finding
from costs.bills.clouds.patience import Patience
from costs.bills.clouds.trouble import CloudTrouble, Refused
from costs.bills.connections import first_month
from costs.bills.exports import Offer
from costs.money import EXACT
from costs.periods import month_of

PERMISSION = "Microsoft.CostManagement/query/action"
ORIGIN = "Azure query.usage"
HEADER: Final = (
    "UsageDate",
    "BillingMonth",
    "BillingScope",
    "SubscriptionId",
    "ResourceGroupName",
    "ServiceName",
    "ChargeType",
    "ActualCost",
    "AmortizedCost",
    "Currency",
)
"""Columns of the file that the answers become: the reader ``azure-query`` knows them."""
COLUMN = "Cost"
"""The column that is summed: cost in the billing currency."""


@dataclass
class QueryConnector:
    """Asks for one scope, a month at a time."""

    scope: str
    since: str = ""
    totals_only: bool = False
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

    @property
    def _second(self) -> str:
        """The second column to group by: below a subscription resource groups say most."""
        return "ResourceGroupName" if self._subscription else "SubscriptionId"

    @property
    def _subscription(self) -> str:
        steps = self.scope.split("/")
        return steps[2] if steps[1].lower() == "subscriptions" else ""

    def offers(self, since: date | None, today: date) -> Sequence[Offer]:
        """One delivery per month."""
        return list(monthly(self.scope, first_month(self.since, today), today))

    def bring(self, offer: Offer, into: Path, tell: Tell) -> Sequence[Total]:
        """Ask for one month, write it as a CSV file, and return its totals by currency."""
        assert offer.period is not None  # noqa: S101 - offers above have one
        tell("asking for the totals", 0)
        sides = ("ActualCost", "AmortizedCost")
        by_type = {side: self._by_charge_type(side, offer.period) for side in sides}
        totals: dict[str, Decimal] = {}
        for row in by_type["ActualCost"]:
            currency = str(row["Currency"])
            totals[currency] = EXACT.add(totals.get(currency, Decimal(0)), row[COLUMN])
        if not self.totals_only:
            self._write(offer.period, by_type, into, tell)
        return [
            Total("Microsoft", self.billing_account, offer.period, currency, cost, ORIGIN)
            for currency, cost in sorted(totals.items())
        ]

    @property
    def billing_account(self) -> str:
        """What the totals and the bill are of: the billing account, or the subscription alone."""
        steps = self.scope.strip("/").split("/")
        return self._subscription or (steps[3] if len(steps) > 3 else self.scope)

    def _by_charge_type(self, side: str, period: date) -> list[dict[str, Any]]:
        return list(self._rows(side, period, None, ["ChargeType"]))

    def _write(
        self,
        period: date,
        by_type: Mapping[str, Sequence[_Group]],
        into: Path,
        tell: Tell,
    ) -> None:
        keys: dict[tuple[str, ...], dict[str, Decimal]] = {}
        asked = [
            (side, kind)
            for side, rows in by_type.items()
            for kind in sorted({str(row["ChargeType"] or "") for row in rows})
        ]
        for nth, (side, kind) in enumerate(asked):
            tell(f"asking for {kind or 'charges without a type'}", (nth + 1) / (len(asked) + 1))
            for row in self._rows(side, period, kind, ["ServiceName", self._second]):
                second = str(row[self._second] or "")
                key = (
                    _day(row["UsageDate"]),
                    self._subscription or second,
                    second if self._subscription else "",
                    str(row["ServiceName"] or ""),
                    kind,
                    str(row["Currency"]),
                )
                costs = keys.setdefault(key, {})
                costs[side] = EXACT.add(costs.get(side, Decimal(0)), row[COLUMN])
        rows = [
            (
                *(day, f"{period:%Y-%m}", self.billing_account, subscription, group, service, kind),
                *(money(costs.get(side, Decimal(0))) for side in by_type),
                currency,
            )
            for (day, subscription, group, service, kind, currency), costs in sorted(keys.items())
        ]
        write_csv(into / f"azure-query-{period:%Y-%m}.csv", HEADER, rows)

    def check(self, today: date) -> Iterator[Finding]:
        """Ask for this month's cost so far."""
        try:
            rows = self._by_charge_type("ActualCost", today.replace(day=1))
        except CloudTrouble as trouble:
            yield finding(PERMISSION, self.scope, trouble)
            return
        yield finding(PERMISSION, self.scope)
        said = ", ".join(f"{row[COLUMN]:,.2f} {row['Currency']}" for row in rows[:3])
        yield Finding("", self.scope, True, f"this month so far: {said or 'no cost yet'}")

    def _rows(
        self, side: str, period: date, charge_type: str | None, groups: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """Rows of a question as mappings; costs are decimals. A day each with ``charge_type``."""
        dataset: dict[str, Any] = {
            "granularity": "None" if charge_type is None else "Daily",
            "aggregation": {"totalCost": {"name": COLUMN, "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": name} for name in groups],
        }
        if charge_type is not None:
            dataset["filter"] = {
                "dimensions": {"name": "ChargeType", "operator": "In", "values": [charge_type]}
            }
        last = month_of(period).last
        body = {
            "type": side,
            "timeframe": "Custom",
            "timePeriod": {"from": f"{period}T00:00:00Z", "to": f"{last}T23:59:59Z"},
            "dataset": dataset,
        }
        text = self.patience.of(lambda: self._first(body))
        while text:
            # From the text itself: through a float a cost would lose its last digits.
            answer = json.loads(text, parse_float=Decimal)
            properties = answer.get("properties") or {}
            yield from _mappings(properties, (*groups, "Currency"))
            link = properties.get("nextLink")
            if not link:
                return
            self.endpoints.check(str(link))
            text = self.patience.of(lambda link=str(link): self._next(link, body))  # type: ignore[misc]

    def _first(self, body: dict[str, Any]) -> str:
        def text_of(response: Any, *_: Any) -> str:
            return str(response.http_response.text() or "")

        def ask() -> str:
            usage: Any = self._client.query.usage  # a mapping does for a model, and cls for a type
            return str(usage(self.scope.lstrip("/"), body, cls=text_of))

        return translated(ask, PERMISSION, self.scope)

    def _next(self, link: str, body: dict[str, Any]) -> str:
        def ask() -> str:
            response = self._client.send_request(HttpRequest("POST", link, json=body))
            if response.status_code not in {200, 204}:
                raise of_answer(response, PERMISSION, self.scope)
            return str(response.text() or "")

        return translated(ask, PERMISSION, self.scope)


type _Group = Mapping[str, Any]
"""A row of an answer by the names of its columns; the cost is a decimal."""


def _mappings(properties: Mapping[str, Any], needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of one answer by the name of their column, in whatever order these come."""
    names = [str(column.get("name", "")) for column in properties.get("columns") or ()]
    known = {name.lower(): name for name in (*needed, COLUMN, "UsageDate")}
    # The cost column is called like the aggregation: by the column it sums, or by its own name.
    known |= {"totalcost": COLUMN, "pretaxcost": COLUMN, "costusd": "CostUSD"}
    places = {known.get(name.lower(), name): nth for nth, name in enumerate(names)}
    rows = properties.get("rows") or ()
    for name in (*needed, COLUMN):
        if rows and name not in places:
            raise Refused(f"Azure’s answer has no column {name}: it has {', '.join(names)[:200]}")
    for row in rows:
        found = {name: row[nth] for name, nth in places.items()}
        yield {**found, COLUMN: Decimal(found[COLUMN] or 0)}


def _day(number: Any) -> str:
    """``20260131`` as ``2026-01-31``."""
    text = str(number)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"
