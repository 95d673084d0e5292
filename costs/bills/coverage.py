"""How much of the cost has a place, and what has none."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal

from costs.bills import previews
from costs.bills.allocation import UNALLOCATED
from costs.lake.queries import live_files, select
from costs.money import EXACT
from costs.people.scope import Scope
from costs.periods import Period, month_of

type Lacks = Literal["environment", "cost_center", "either"]

LACKS: Final[dict[Lacks, str]] = {
    "environment": "No environment",
    "cost_center": "No cost center",
    "either": "Either",
}
MONTHS: Final = 12


@dataclass(frozen=True)
class MonthCoverage:
    """Effective cost of a month in one currency, and how much of it has a place."""

    month: Period
    currency: str
    total: Decimal
    with_environment: Decimal
    with_cost_center: Decimal

    @property
    def environment_share(self) -> Decimal | None:
        """Percent; None where the month has no cost."""
        return _percent(self.with_environment, self.total)

    @property
    def cost_center_share(self) -> Decimal | None:
        """Percent; None where the month has no cost."""
        return _percent(self.with_cost_center, self.total)

    @property
    def unallocated(self) -> Decimal:
        return EXACT.subtract(self.total, self.with_environment)


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    if whole <= 0:
        return None
    return EXACT.divide(EXACT.multiply(part, Decimal(100)), whole)


def _allowed(scope: Scope) -> tuple[str, list[object]]:
    """A WHERE clause for what ``scope`` includes."""
    terms: list[str] = []
    parameters: list[object] = []
    for column, values in (
        ("environment", scope.environments),
        ("cost_center", scope.cost_centers),
    ):
        if values is None:
            continue
        marks = ", ".join("?" * len(values))
        terms.append(f"coalesce({column}, '') IN ({marks})" if values else "false")
        parameters += sorted(values)
    return " AND ".join(terms) or "true", parameters


def last_month(scope: Scope, today: date) -> Period | None:
    """The month that previews and lists of the unallocated are about; None without charges."""
    where, parameters = _allowed(scope)
    sql = f"SELECT min(day), max(day) FROM {{files}} WHERE {where}"
    rows = select(sql, live_files("daily_summary"), parameters)
    first, last = rows[0] if rows else (None, None)
    if not isinstance(first, date) or not isinstance(last, date):
        return None
    return previews.last_month(Period(first, last + timedelta(days=1)), today)


def coverage(scope: Scope, until: date) -> list[MonthCoverage]:
    """The last twelve months up to the one of ``until``, by currency, oldest first."""
    last = month_of(until)
    year, month = divmod(last.start.year * 12 + last.start.month - 1 - (MONTHS - 1), 12)
    period = Period(date(year, month + 1, 1), last.end)
    where, parameters = _allowed(scope)
    rows = select(
        f"""
        SELECT CAST(date_trunc('month', day) AS DATE) AS month, billing_currency,
            sum(effective_cost),
            coalesce(sum(effective_cost) FILTER (environment <> '{UNALLOCATED}'), 0),
            coalesce(sum(effective_cost) FILTER (cost_center <> ''), 0)
        FROM {{files}} WHERE day >= ? AND day < ? AND {where} GROUP BY ALL ORDER BY ALL
        """,
        live_files("daily_summary", period),
        [period.start, period.end, *parameters],
    )
    return [
        MonthCoverage(month_of(start), currency, total, environment, center)  # type: ignore[arg-type]
        for start, currency, total, environment, center in rows
    ]


@dataclass(frozen=True)
class LostResource:
    """A resource that lacks a place, with its effective cost of a month."""

    resource_id: str
    provider_name: str
    service_name: str
    sub_account_id: str
    environment: str
    cost_center: str
    currency: str
    cost: Decimal

    @property
    def name(self) -> str:
        """The last part of its id."""
        parts = [part for part in self.resource_id.replace(":", "/").split("/") if part]
        return parts[-1] if parts else "No resource"

    @property
    def lacks(self) -> str:
        """What it has not, in words."""
        lacking = [
            *(["environment"] if self.environment == UNALLOCATED else []),
            *(["cost center"] if not self.cost_center else []),
        ]
        return " and ".join(lacking)


_LACKING: Final[dict[Lacks, str]] = {
    "environment": f"environment = '{UNALLOCATED}'",
    "cost_center": "cost_center = ''",
    "either": f"(environment = '{UNALLOCATED}' OR cost_center = '')",
}


def lost_resources(
    scope: Scope, month: Period, lacks: Lacks, *, limit: int | None = None, offset: int = 0
) -> list[LostResource]:
    """What has no place in ``month``, the most costly first.

    Charges of no resource (tax, support) stand as one row per service and account.
    """
    where, parameters = _allowed(scope)
    cut = "" if limit is None else f"LIMIT {int(limit)} OFFSET {int(offset)}"
    rows = select(
        f"""
        SELECT coalesce(resource_id, '') AS resource, provider_name, coalesce(service_name, ''),
            coalesce(sub_account_id, ''), environment, cost_center, billing_currency,
            sum(effective_cost) AS cost
        FROM {{files}} WHERE day >= ? AND day < ? AND {_LACKING[lacks]} AND {where}
        GROUP BY ALL HAVING sum(effective_cost) <> 0
        ORDER BY cost DESC, resource, provider_name, 3, 4, 5, 6, 7 {cut}
        """,
        live_files("daily_facts", month),
        [month.start, month.end, *parameters],
    )
    return [LostResource(*row) for row in rows]  # type: ignore[arg-type]


def lost_sums(scope: Scope, month: Period, lacks: Lacks) -> tuple[int, list[tuple[str, Decimal]]]:
    """How many rows :func:`lost_resources` has in all, and their cost by currency."""
    where, parameters = _allowed(scope)
    rows = select(
        f"""
        SELECT billing_currency, sum(cost), count(*) FROM (
            SELECT billing_currency, sum(effective_cost) AS cost FROM {{files}}
            WHERE day >= ? AND day < ? AND {_LACKING[lacks]} AND {where}
            GROUP BY resource_id, provider_name, service_name, sub_account_id, environment,
                cost_center, billing_currency HAVING sum(effective_cost) <> 0
        ) GROUP BY ALL ORDER BY ALL
        """,
        live_files("daily_facts", month),
        [month.start, month.end, *parameters],
    )
    counts = [(str(row[0]), row[1], row[2]) for row in rows]
    return (
        sum(int(count) for _, _, count in counts),  # type: ignore[call-overload]
        [(currency, cost) for currency, cost, _ in counts],  # type: ignore[misc]
    )


# -- commands that tag -----------------------------------------------------------------------------

TAG_VALUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+@-]{0,127}")
"""What both clouds accept as a value, without what their command lines read as something else."""
_EC2: Final = re.compile(
    r"(i|vol|snap|eni|nat|eipalloc|vpc|subnet|sg|igw|ami|rtb|tgw|lt|vpce)-[0-9a-f]{6,20}"
)
_ARN: Final = re.compile(r"arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:\S.*")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_AZURE: Final = re.compile(r"/subscriptions/[^/]+/\S.*", re.IGNORECASE)


def tag_command(resource_id: str, service_name: str, tags: Sequence[tuple[str, str]]) -> str:
    """The command that tags a resource at its provider, safe to paste into a POSIX shell.

    Empty where the id is none that ``aws`` or ``az`` take, or where it holds control characters:
    nobody could see what they paste. ``tags`` are names and values; a value that
    :data:`TAG_VALUE` refuses gives no command either.
    """
    if not tags or not resource_id.isprintable():
        return ""
    if not all(TAG_VALUE.fullmatch(part) for tag in tags for part in tag):
        return ""
    if service_name == "Amazon Simple Storage Service" and _BUCKET.fullmatch(resource_id):
        resource_id = f"arn:aws:s3:::{resource_id}"  # bills name buckets without the rest
    if _ARN.fullmatch(resource_id):
        region = resource_id.split(":")[3]
        pairs = ",".join(f"{name}={value}" for name, value in tags)
        words = ["aws", "resourcegroupstaggingapi", "tag-resources"]
        words += ["--resource-arn-list", resource_id, "--tags", pairs]
        words += ["--region", region] if region else []
    elif _EC2.fullmatch(resource_id):
        words = ["aws", "ec2", "create-tags", "--resources", resource_id, "--tags"]
        words += [f"Key={name},Value={value}" for name, value in tags]
    elif _AZURE.fullmatch(resource_id):
        words = ["az", "tag", "update", "--resource-id", resource_id, "--operation", "merge"]
        words += ["--tags", *(f"{name}={value}" for name, value in tags)]
    else:
        return ""
    return shlex.join(words)
