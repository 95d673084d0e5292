"""The kinds of connections: what each needs to know, and when it is due. Pure.

A connection keeps names alone: of a bucket, an account, a role. Nothing secret is a parameter;
who may read what is decided by the credentials of the machine that runs Headroom.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal

type Cloud = Literal["aws", "azure"]
type ScheduleName = Literal["hourly", "six_hourly", "daily"]


class BadParameter(ValueError):
    """A parameter of a connection cannot be used; ``name`` is which."""

    def __init__(self, name: str, said: str) -> None:
        self.name = name
        super().__init__(said)


@dataclass(frozen=True)
class Parameter:
    """One thing that a kind of connection needs to know."""

    name: str
    label: str
    help: str
    pattern: str
    """Regular expression that the whole value fits."""
    expects: str
    """What it is, to follow “is no …”."""
    example: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    """Value and label, where only some values go; the first is the default."""


@dataclass(frozen=True)
class ConnectionKind:
    """A way to bills."""

    name: str
    label: str
    cloud: Cloud
    says: str
    """What it fetches and whom it is for."""
    parameters: tuple[Parameter, ...]

    def clean(self, given: Mapping[str, str]) -> dict[str, str]:
        """The parameters that are given, checked. Raises :class:`BadParameter`."""
        clean = {}
        for one in self.parameters:
            value = str(given.get(one.name, "")).strip()
            if one.name == "prefix":
                value = value.lstrip("/")
            if not value and one.choices:
                value = one.choices[0][0]
            if not value:
                if one.required:
                    raise BadParameter(one.name, f"{one.label} is needed.")
                continue
            if one.choices and value not in dict(one.choices):
                raise BadParameter(one.name, f"“{value[:60]}” is none of the choices.")
            if not re.fullmatch(one.pattern, value):
                raise BadParameter(one.name, f"“{value[:60]}” is no {one.expects}.")
            if secret := looks_secret(value):
                raise BadParameter(one.name, f"This looks like {secret}, which has no place here.")
            clean[one.name] = value
        return clean


def looks_secret(value: str) -> str:
    """What kind of secret somebody seems to have typed by mistake; empty for none."""
    if re.search(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b", value):
        return "an access key"
    if re.search(r"[?&]sig=|SharedAccessSignature", value, re.IGNORECASE):
        return "a shared access signature"
    if re.search(r"AccountKey=|password=|secret=", value, re.IGNORECASE):
        return "a password or key"
    return ""


_PREFIX = Parameter(
    "prefix",
    "Prefix",
    "The folder that the exports lie in, as it stands in the export’s settings. Empty: all of it.",
    r"[^\x00-\x1f\\]{1,800}",
    "prefix: it has control characters or is longer than 800 characters",
    "exports/",
)
_SOURCE = Parameter(
    "source",
    "Source",
    "A name for the source of these bills, where the derived one does not do.",
    r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}",
    "name: use up to 100 letters, digits, spaces and . _ -",
)
_SINCE = Parameter(
    "since",
    "First month",
    "Bills of earlier months are left where they are. Empty: as far back as there are any"
    " (12 months where an API is asked).",
    r"20\d\d-(0[1-9]|1[0-2])",
    "month: write it like 2026-01",
    "2026-01",
)
_REGION = Parameter(
    "region",
    "Region",
    "Of the bucket. Empty: the region of the environment or the profile.",
    r"[a-z]{2}(-[a-z]+)+-\d{1,2}",
    "region such as eu-central-1",
    "eu-central-1",
)
_AWS_ACCESS = (
    Parameter(
        "profile",
        "Profile",
        "A profile of the AWS files of the machine that runs the worker. Empty: the standard"
        " chain.",
        r"[A-Za-z0-9 ._/@+-]{1,100}",
        "name of a profile",
    ),
    Parameter(
        "role",
        "Role",
        "A role to assume, by its ARN, for exports of another account.",
        r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,500}",
        "ARN of a role",
        "arn:aws:iam::111122223333:role/headroom",
    ),
    Parameter(
        "external_id",
        "External ID",
        "Only where the role asks for one. It is a name, not a secret.",
        r"[\w+=,.@:/-]{2,1224}",
        "external ID",
    ),
)
_SCOPE = Parameter(
    "scope",
    "Scope",
    "A subscription, a resource group, a billing account or a part of one, by its ID.",
    r"/?(subscriptions/[0-9a-fA-F-]{36}(/resourceGroups/[\w().-]{1,90})?"
    r"|providers/Microsoft\.(Billing/billingAccounts|Management/managementGroups)"
    r"/[\w:.-]{1,200}(/[A-Za-z]{1,40}/[\w:.-]{1,200}){0,2})/?",
    "scope: begin with /subscriptions/… or /providers/Microsoft.Billing/billingAccounts/…",
    "/subscriptions/00000000-0000-0000-0000-000000000000",
    required=True,
)
_IDENTITY = Parameter(
    "identity",
    "Identity",
    "The client ID of a user-assigned managed identity. Empty: the standard chain.",
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "client ID: it looks like 00000000-0000-0000-0000-000000000000",
)
_USE = Parameter(
    "use",
    "Used as",
    "Where an export brings the bill itself, the totals alone are held against it.",
    r"bill|totals",
    "use",
    choices=(("bill", "The bill, and its monthly totals"), ("totals", "Monthly totals only")),
)

KINDS: Final = (
    ConnectionKind(
        "aws-s3",
        "AWS exports in S3",
        "aws",
        "Cost and Usage Reports and Data Exports (CUR 2.0, FOCUS), and any other bills in a"
        " bucket. The best source there is: every charge, with its resource and tags.",
        (
            Parameter(
                "bucket",
                "Bucket",
                "By its name.",
                r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
                "name of a bucket: small letters, digits, dots and dashes",
                "example-billing",
                required=True,
            ),
            _PREFIX,
            _REGION,
            _SINCE,
            _SOURCE,
            *_AWS_ACCESS,
        ),
    ),
    ConnectionKind(
        "aws-cost-explorer",
        "AWS Cost Explorer",
        "aws",
        "Daily cost by service and account, and the monthly totals that AWS itself gives. For"
        " who has no export yet, or wants its bill held against AWS’s own figures. Each request"
        " costs 0.01 USD: about five per month that is asked for.",
        (
            _USE,
            Parameter(
                "split_by",
                "Split by",
                "Empty, usage type, or tag:KEY of a cost allocation tag. One request more for each"
                " account and kind of record.",
                r"usage type|tag:[^\x00-\x1f$]{1,128}",
                "way to split: write usage type, or tag: and its key",
                "tag:environment",
            ),
            _SINCE,
            _SOURCE,
            *_AWS_ACCESS,
        ),
    ),
    ConnectionKind(
        "azure-blob",
        "Azure exports in Blob Storage",
        "azure",
        "Exports of Cost Management (cost details, FOCUS), and any other bills in a container. The"
        " best source there is: every charge, with its resource and tags.",
        (
            Parameter(
                "account",
                "Storage account",
                "By its name, without an address.",
                r"[a-z0-9]{3,24}",
                "name of a storage account: 3 to 24 small letters and digits",
                "examplebilling",
                required=True,
            ),
            Parameter(
                "container",
                "Container",
                "By its name.",
                r"\$?[a-z0-9](-?[a-z0-9]){2,62}",
                "name of a container: small letters, digits and dashes",
                "exports",
                required=True,
            ),
            _PREFIX,
            _SINCE,
            _SOURCE,
            _IDENTITY,
        ),
    ),
    ConnectionKind(
        "azure-cost-details",
        "Azure cost details",
        "azure",
        "Every charge of a scope, as a report that Azure makes when asked: actual and amortized"
        " cost. For who cannot set up an export.",
        (_SCOPE, _SINCE, _SOURCE, _IDENTITY),
    ),
    ConnectionKind(
        "azure-query",
        "Azure Cost Management query",
        "azure",
        "Daily cost by service and resource group or subscription, and the monthly totals that"
        " Azure itself gives. For who wants its bill held against Azure’s own figures.",
        (_SCOPE, _USE, _SINCE, _SOURCE, _IDENTITY),
    ),
)
"""Every kind, in the order in which people are offered them."""


def kind_of(name: str) -> ConnectionKind:
    """The kind of that name. Raises :class:`LookupError`."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise LookupError(f"there is no kind of connection “{name[:60]}”")


SCHEDULES: Final[Mapping[str, str]] = {
    "daily": "Every day",
    "six_hourly": "Every 6 hours",
    "hourly": "Every hour",
}
"""Schedule by name, with what people read. Providers write exports up to three times a day."""
RETRY_AFTER = timedelta(hours=1)
"""After a trouble that may pass by itself, it is tried again this much later (ours)."""


def slot(schedule: str, hour: int, moment: datetime) -> datetime:
    """The beginning of the slot that ``moment`` (UTC) lies in: a schedule runs once in each.

    ``hour`` (UTC, 0 to 23) is when a day's run begins, and one of the four of every six hours.
    """
    start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if schedule == "hourly":
        return start
    every = timedelta(hours=6 if schedule == "six_hourly" else 24)
    first = datetime.combine(start.date(), time(hour), UTC)
    return first + ((start - first) // every) * every


def next_run(
    schedule: str, hour: int, last_run: datetime | None, *, passes: bool, now: datetime
) -> datetime:
    """When a connection is due: now where it never ran, then once in every slot.

    ``passes``: the last run failed for something that may pass by itself.
    """
    if last_run is None:
        return now
    every = timedelta(hours={"hourly": 1, "six_hourly": 6}.get(schedule, 24))
    following = slot(schedule, hour, last_run) + every
    return min(following, last_run + RETRY_AFTER) if passes else following


def first_month(since: str, today: date, months: int = 12) -> date:
    """The month from which an API is asked: ``since``, else this month and those before it."""
    if since:
        return date(int(since[:4]), int(since[5:7]), 1)
    index = today.year * 12 + today.month - 1 - (months - 1)
    return date(index // 12, index % 12 + 1, 1)
