"""Re-allocation: every bill follows other rules, all of them from one moment on.

The new tables are written beside the old ones, which pages keep reading. Then one transaction puts
the rules in force and lets every version use its new tables: nobody ever sees two sets of rules
together, and whoever is killed before that moment leaves the old ones in force. No bill gets a new
version, and what a closed month has pinned is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from costs.bills.allocation import rule_set_digest
from costs.bills.building import current_rules
from costs.bills.models import AllocationRule, Environment, RuleSet
from costs.bills.rule_sets import Document, from_json
from costs.bills.rule_tables import write_rule_tables
from costs.jobs.kinds import Telling
from costs.lake import operations as lake
from costs.lake.operations import Allocated
from costs.people.operations import record
from costs.stores import open_store

KIND = "bills.reallocate"
SUBJECT = "allocation rules"

ROUNDS = 100
"""How often bills that arrive meanwhile are fetched in before giving up (ours)."""


class Unsettled(RuntimeError):
    """Bills kept arriving faster than they could be allocated."""


def work(tell: Telling) -> dict[str, Any]:
    """The kind ``bills.reallocate``: bring every bill to the newest rules that somebody applied.

    Without any, to those in the database now. Done twice it does nothing the second time.
    """
    newest = RuleSet.objects.first()
    if newest is None or newest.in_force_since is not None:
        return reallocate(None, tell)
    return reallocate(newest, tell)


def reallocate(rules: RuleSet | None, tell: Telling) -> dict[str, Any]:
    """Let every live and held bill follow ``rules``, or without any those in the database now.

    Gives ``rule_set``, how many ``bills`` follow it and for how many tables were ``written``.
    Raises :class:`Unsettled` when bills keep arriving.
    """
    store = open_store(settings.LAKE_URL)
    written = 0
    ready: dict[int, Allocated] = {}
    for _ in range(ROUNDS):
        if rules is None:
            plain, words = current_rules()
        else:
            document = from_json(rules.document)
            plain, words = document.plain_rules, document.words
        digest = rule_set_digest(plain, words)
        todo = [
            version
            for version in lake.under_rules().exclude(rule_set=digest).order_by("-billing_period")
            if ready.get(version.pk) != Allocated(version.pk, digest)
        ]
        for nth, version in enumerate(todo):
            name = f"{version.source.name} {version.billing_period:%B %Y}"
            tell(f"{nth + 1} of {len(todo)}: {name}", nth / (len(todo) + 1))
            parts = version.parts.count()
            written += write_rule_tables(store, version.key, parts, digest, plain, words)
            ready[version.pk] = Allocated(version.pk, digest)
        tell("putting the rules in force", 1)
        try:
            _put_in_force(rules, digest, list(ready.values()), now=timezone.now())
        except lake.Conflict:
            continue
        return {"rule_set": digest, "bills": lake.under_rules().count(), "written": written}
    raise Unsettled("Bills keep arriving faster than they can be allocated; try again later.")


def _put_in_force(
    rules: RuleSet | None, digest: str, ready: list[Allocated], *, now: datetime
) -> None:
    """The moment from which on all bills follow ``rules``; raises lake.Conflict when not all can.

    Whoever was slower than another finds the rules in force already and changes nothing.
    """
    with transaction.atomic():
        lake.hold()
        if rules is None:
            if rule_set_digest(*current_rules()) != digest:
                raise lake.Conflict("the allocation rules have changed meanwhile")
        else:
            mine = RuleSet.objects.filter(pk=rules.pk, in_force_since=None)
            if not mine.update(in_force_since=now):
                return
            _write_rules(from_json(rules.document))
        lake.flip_rules(ready, digest, now=now)
        if rules is not None:
            record(
                actor=rules.made_by,
                action="rules.in_force",
                subject=str(rules),
                detail={"rule_set": digest, "bills": lake.under_rules().count()},
                now=now,
            )


def _write_rules(document: Document) -> None:
    """What the rest of the product reads: the tables of rules and environments."""
    AllocationRule.objects.all().delete()
    AllocationRule.objects.bulk_create(
        AllocationRule(
            position=nth,
            name=placed.rule.name,
            target=placed.rule.target,
            looks_at=placed.rule.looks_at,
            pattern=placed.rule.pattern,
            keys=list(placed.rule.keys),
            value=placed.rule.value,
        )
        for nth, placed in enumerate(document.rules)
    )
    names = [one.name for one in document.environments]
    Environment.objects.exclude(name__in=names).delete()
    for nth, one in enumerate(document.environments):
        values: Mapping[str, Any] = {
            "label": one.label,
            "position": nth,
            "words": list(one.words),
        }
        Environment.objects.update_or_create(name=one.name, defaults=values)
