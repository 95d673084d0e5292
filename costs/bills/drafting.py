"""Changing the allocation rules: a draft that all operators share, then applied as a whole.

Nothing that pages or bills read changes before a draft is applied and every bill follows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from costs.bills.models import AllocationDraft, AllocationRule, Environment, RuleSet
from costs.bills.reallocation import KIND, SUBJECT
from costs.bills.rule_sets import (
    Document,
    NamedEnvironment,
    PlacedRule,
    differences,
    from_json,
    to_json,
)
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.jobs.queries import latest_run
from costs.people.operations import record

KEPT: Final = 20
"""How many changes can be taken back, one after the other (ours)."""


class Changed(RuntimeError):
    """Somebody else changed the draft meanwhile; nothing was done. The message says who."""


@dataclass(frozen=True)
class Step:
    """A change of the draft that can be taken back."""

    what: str
    by: str


@dataclass(frozen=True)
class Draft:
    """The rules as they would be, beside those that are in force or on their way."""

    version: int
    document: Document
    saved: Document
    changed: bool
    changed_at: datetime | None
    changed_by: str
    last: Step | None
    """What undo takes back."""


def saved_document() -> Document:
    """The rules that were applied last; without any, what the tables hold.

    Tables that somebody changed by other means count more than the history.
    """
    newest = RuleSet.objects.first()
    tables = table_document()
    if newest is None:
        return tables
    document = from_json(newest.document)
    if newest.in_force_since is not None and document.digest != tables.digest:
        return tables
    return document


def table_document() -> Document:
    """The rules and environments in force; ids are those of the rows."""
    return Document(
        rules=tuple(
            PlacedRule(id=f"r{row.pk}", rule=row.as_rule()) for row in AllocationRule.objects.all()
        ),
        environments=tuple(
            NamedEnvironment(name=row.name, label=row.label, words=tuple(row.words))
            for row in Environment.objects.all()
        ),
    )


def read_draft() -> Draft:
    """The draft, or the saved rules where there is none."""
    row = AllocationDraft.objects.filter(pk=1).first()
    saved = saved_document()
    if row is None or row.document is None:
        version = 0 if row is None else row.version
        return Draft(version, saved, saved, False, None, "", None)
    last = row.undo[-1] if row.undo else None
    document = from_json(row.document)
    return Draft(
        version=row.version,
        document=document,
        saved=saved,
        changed=not document.same(saved),
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        last=None if last is None else Step(last["what"], last["by"]),
    )


def change(
    edit: Callable[[Document], Document],
    *,
    what: str,
    action: str,
    subject: str,
    actor: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> Draft:
    """Make one change to the draft; what it was and what was before it can be taken back.

    ``edit`` is called with the document as it is now, inside the transaction, and may raise.
    ``what`` is a sentence, ``action`` and ``subject`` go to the audit log.
    """
    with transaction.atomic():
        row = _locked()
        draft = read_draft()
        edited = edit(draft.document)
        if edited.same(draft.document):
            return draft
        before = to_json(draft.document)
        row.undo = [*row.undo, {"what": what, "by": actor, "document": before}][-KEPT:]
        _write(row, edited, actor, now)
        record(
            actor=actor,
            action=action,
            subject=subject,
            detail={"draft": row.version, "what": what, **(detail or {})},
            now=now,
        )
        return read_draft()


def undo(*, version: int, actor: str, now: datetime) -> str:
    """Take the last change back; gives what it was.

    Raises :class:`Changed` when the draft is no longer of that ``version``.
    """
    with transaction.atomic():
        row = _locked()
        _same_version(row, version)
        if not row.undo:
            raise Changed("There is nothing left to take back.")
        *rest, step = row.undo
        row.undo = rest
        _write(row, from_json(step["document"]), actor, now)
        record(
            actor=actor,
            action="rules.undone",
            subject="draft",
            detail={"draft": row.version, "what": step["what"]},
            now=now,
        )
    return str(step["what"])


def discard(*, version: int, actor: str, now: datetime) -> None:
    """Throw the draft away. Raises :class:`Changed` when it is no longer of that ``version``."""
    with transaction.atomic():
        row = _locked()
        _same_version(row, version)
        record(
            actor=actor,
            action="rules.discarded",
            subject="draft",
            detail={"draft": row.version, "changes": [step["what"] for step in row.undo]},
            now=now,
        )
        _clear(row, actor, now)


def restore(number: int, *, actor: str, now: datetime) -> Draft:
    """Take the rules of an earlier set into the draft. Raises RuleSet.DoesNotExist."""
    document = from_json(RuleSet.objects.get(number=number).document)
    return change(
        lambda _: document,
        what=f"Took back the rules {number}",
        action="rules.restored",
        subject=f"rules {number}",
        actor=actor,
        now=now,
    )


def apply(*, version: int, why: str, actor: str, now: datetime) -> tuple[RuleSet, JobRun]:
    """Make the draft the next set of rules and ask for every bill to follow it.

    Raises :class:`Changed` when the draft is no longer of that ``version``, is no change, or
    while an earlier set is still on its way.
    """
    with transaction.atomic():
        row = _locked()
        _same_version(row, version)
        draft = read_draft()
        if not draft.changed:
            raise Changed("There is no change to apply.")
        run = latest_run(KIND)
        if run is not None and run.is_open:
            raise Changed("Rules that were applied before are still on their way; wait for them.")
        _keep_first(now)
        changes = [
            {"what": one.what, "fields": [list(field) for field in one.fields]}
            for one in differences(draft.saved, draft.document)
        ]
        rules = RuleSet.objects.create(
            number=(RuleSet.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
            digest=draft.document.digest,
            document=to_json(draft.document),
            changes=changes,
            made_at=now,
            made_by=actor,
            why=why.strip()[:500],
        )
        _clear(row, actor, now)
        record(
            actor=actor,
            action="rules.applied",
            subject=str(rules),
            detail={"changes": changes, "why": rules.why, "rule_set": rules.digest},
            now=now,
        )
        run, _ = jobs.request(KIND, SUBJECT, actor=actor, now=now)
        return rules, run


def retry(*, actor: str, now: datetime) -> JobRun:
    """Ask once more for every bill to follow the rules that were applied last."""
    with transaction.atomic():
        run, new = jobs.request(KIND, SUBJECT, actor=actor, now=now)
        if new:
            record(actor=actor, action="rules.retried", subject=SUBJECT, detail={}, now=now)
    return run


def _keep_first(now: datetime) -> None:
    """The rules that nobody applied here, as set 1, so that they can be taken back."""
    if RuleSet.objects.exists():
        return
    first = table_document()
    RuleSet.objects.create(
        number=1,
        digest=first.digest,
        document=to_json(first),
        made_at=now,
        made_by="headroom",
        why="The rules before the first change on this page.",
        in_force_since=now,
    )


def _locked() -> AllocationDraft:
    AllocationDraft.objects.get_or_create(pk=1)
    return AllocationDraft.objects.select_for_update().get(pk=1)


def _same_version(row: AllocationDraft, version: int) -> None:
    if row.version != version:
        who = row.changed_by or "Somebody"
        raise Changed(f"{who} has changed the draft meanwhile; look at it again.")


def _write(row: AllocationDraft, document: Document, actor: str, now: datetime) -> None:
    row.version += 1
    row.document = to_json(document)
    row.changed_at, row.changed_by = now, actor
    if document.same(saved_document()) and not row.undo:
        row.document = None
    row.save()


def _clear(row: AllocationDraft, actor: str, now: datetime) -> None:
    row.version += 1
    row.document, row.undo = None, []
    row.changed_at, row.changed_by = now, actor
    row.save()
