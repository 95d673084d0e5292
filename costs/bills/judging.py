"""What to make of a delivery: its name, its sums, and whether it may go live by itself. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from costs.money import EXACT, plain

REJECTS_ALLOWED = Decimal("0.01")
"""Share of a delivery's rows; with more it is held (DESIGN.md section 4)."""
SHRINKING_ALLOWED = Decimal("0.5")
"""Share of the live version's rows or cost; with less it is held (DESIGN.md section 4)."""
REPEATS_ALLOWED = Decimal("0.8")
"""Share of one part's charges that may stand in another part of the same delivery (ours)."""
IMPLAUSIBLE = Decimal("0.05")
"""Billed and effective cost differ by more although little is committed: said (ours)."""
COMMITTED = Decimal("0.02")
"""Share of rows from which a commitment may explain such a difference (ours)."""
AMOUNTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


type Sums = Mapping[str, Mapping[str, str]]
"""By currency: ``rows`` and exact amounts as text."""


class Charges(Protocol):
    """A slice of a staged file: one provider, account, billing period and currency."""

    @property
    def provider_name(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def billed_cost(self) -> Decimal: ...
    @property
    def effective_cost(self) -> Decimal: ...
    @property
    def list_cost(self) -> Decimal | None: ...
    @property
    def contracted_cost(self) -> Decimal | None: ...
    @property
    def committed(self) -> int: ...


def source_name(provider: str, account: str, family: str) -> str:
    """The name of a source when nobody gave one: ``aws-111122223333-cur``.

    Where an account's name does not survive as it is, a few digits of its digest keep it apart
    from others that would look the same.
    """
    tail = account.rstrip("/").rsplit("/", 1)[-1].lower()
    if _slug(provider) and _slug(tail) == account.lower():
        return _slug(f"{provider}-{tail}-{family}")
    digest = hashlib.sha256(f"{provider}\n{account}".lower().encode()).hexdigest()[:6]
    return _slug(f"{provider}-{tail[:100]}-{digest}-{family}")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:200]


def sums_of(slices: Iterable[Charges]) -> dict[str, dict[str, str]]:
    """By currency: rows and exact amounts as text."""
    sums: dict[str, dict[str, str]] = {}
    for part in slices:
        known = sums.setdefault(part.currency, {"rows": "0"})
        known["rows"] = str(int(known["rows"]) + part.rows)
        for name in AMOUNTS:
            amount = getattr(part, name)
            if amount is not None:
                known[name] = plain(EXACT.add(Decimal(known.get(name, "0")), amount))
    return sums


def implausible(slices: Iterable[Charges]) -> list[str]:
    """Sentences about providers whose effective cost cannot be what it says.

    All files of a bill are looked at together: of two halves each has one cost only.
    """
    sums: dict[tuple[str, str], tuple[Decimal, Decimal, int, int]] = {}
    for part in slices:
        key = (part.provider_name, part.currency)
        billed, effective, rows, committed = sums.get(key, (Decimal(0), Decimal(0), 0, 0))
        sums[key] = (
            EXACT.add(billed, part.billed_cost),
            EXACT.add(effective, part.effective_cost),
            rows + part.rows,
            committed + part.committed,
        )
    return [
        f"{provider}: effective cost {plain(effective)} and billed cost {plain(billed)}"
        f" {currency} differ, although next to nothing here is covered by a commitment: the file"
        " may hold rounded figures."
        for (provider, currency), (billed, effective, rows, committed) in sums.items()
        if committed < COMMITTED * rows and abs(billed - effective) > IMPLAUSIBLE * abs(billed)
    ]


def unread(counts: Mapping[str, int]) -> list[str]:
    """Sentences about values, by column, that could not be read but did not cost the row."""
    return [
        f"{count:,} {'value' if count == 1 else 'values'} of {column} could not be read and"
        f" {'counts' if count == 1 else 'count'} as unknown."
        for column, count in counts.items()
    ]


def repeats(share: Decimal) -> str:
    """Why parts that repeat each other's charges are held; ``share`` is 0 to 1."""
    if share < REPEATS_ALLOWED:
        return ""
    return (
        f"{share:.0%} of one file's charges stand in another file of the folder as well, so these"
        " are perhaps two deliveries of one month; give only the later one"
    )


def held_reason(
    *, rows: int, rejected: int, sums: Sums, live: tuple[int, Sums] | None, others: Sequence[str]
) -> str:
    """Why a delivery must wait for someone's yes; empty when it need not.

    ``live`` is the row count and the sums of the version that it would replace, ``others`` the
    sources that already cover the same account and month.
    """
    if others:
        return (
            f"{', '.join(others)} already covers this account and month, so it would count twice;"
            " accept the one that counts"
        )
    if rejected > REJECTS_ALLOWED * (rows + rejected):
        share = 100 * rejected / (rows + rejected)
        return f"{rejected:,} of its {rows + rejected:,} rows ({share:.1f} %) could not be read"
    if live is None:
        return ""
    live_rows, live_sums = live
    if rows < SHRINKING_ALLOWED * live_rows:
        return f"it has {rows:,} rows where the live version has {live_rows:,}"
    for currency, amounts in live_sums.items():
        before = Decimal(amounts["billed_cost"])
        after = Decimal(sums.get(currency, {}).get("billed_cost", "0"))
        if before > 0 and after < SHRINKING_ALLOWED * before:
            return (
                f"it costs {plain(after)} {currency} where the live version costs {plain(before)}"
            )
    return ""
