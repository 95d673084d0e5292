"""Setting the rules for shared costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from django.db import transaction

from costs.bills.models import Environment
from costs.people.operations import record
from costs.people.scope import Scope
from costs.spend.models import SharedCostSet
from costs.spend.queries.sharing import newest_rules, shared_sets
from costs.spend.shared_costs import SharedRule, to_json

type Edit = Callable[[Sequence[SharedRule]], tuple[SharedRule, ...]]


class Overtaken(RuntimeError):
    """Somebody else has changed the rules meanwhile; nothing was done."""


def change_rules(
    edit: Edit,
    *,
    actor: str,
    what: str,
    action: str,
    valid_from: date,
    why: str,
    now: datetime,
    seen: int | None = None,
) -> int:
    """Apply ``edit`` to the rules as they are, from the month that starts on ``valid_from``.

    Nothing is overwritten: the result is a new set, and an entry of the audit log; months before
    keep the rules they had. ``seen`` is the number of the newest set that the person has seen;
    None does not ask. Returns the number of the new set. Raises :class:`ValueError` with one
    sentence (:class:`~costs.spend.shared_costs.BadRule` for a rule), :class:`Overtaken` when there
    is a newer set than ``seen``.
    """
    if valid_from.day != 1:
        raise ValueError(f"Rules hold from a month on: {valid_from} is not its first day.")
    if len(why.strip()) > 500:
        raise ValueError("The reason is longer than 500 characters.")
    with transaction.atomic():
        # Whoever comes second waits here, and then finds the set of the first.
        list(Environment.objects.select_for_update())
        sets = shared_sets(Scope.everything())
        newest = sets[0].number if sets else 0
        if seen is not None and newest != seen:
            raise Overtaken("shared costs")
        before = newest_rules(sets)
        after = edit(before)
        made = SharedCostSet.objects.create(
            number=newest + 1,
            valid_from=valid_from,
            rules=to_json(after),
            what=what[:300],
            created_at=now,
            created_by=actor,
            why=why.strip(),
        )
        record(
            actor=actor,
            action=action,
            subject=what[:300],
            detail={
                "number": made.number,
                "valid_from": f"{valid_from:%Y-%m}",
                "before": to_json(before),
                "after": to_json(after),
                "why": why.strip(),
            },
            now=now,
        )
    return made.number


def undo(*, actor: str, seen: int, now: datetime) -> str:
    """Take the newest edit that still counts back; returns what it was.

    Every month has the rules again that it had before that edit. ``seen`` is as for
    :func:`change_rules`. Raises :class:`Overtaken`, also when there is nothing to take back.
    """
    with transaction.atomic():
        list(Environment.objects.select_for_update())
        sets = shared_sets(Scope.everything())
        last = next((one for one in sets if one.counts), None)
        if last is None or sets[0].number != seen:
            raise Overtaken("shared costs")
        undone = SharedCostSet.objects.get(number=last.number)
        SharedCostSet.objects.create(
            number=sets[0].number + 1,
            valid_from=last.valid_from,
            rules=[],
            what=f"Took back: {last.what}"[:300],
            undoes=undone,
            created_at=now,
            created_by=actor,
        )
        record(
            actor=actor,
            action="shared_costs.undone",
            subject=last.what,
            detail={"number": last.number, "valid_from": f"{last.valid_from:%Y-%m}"},
            now=now,
        )
    return last.what
