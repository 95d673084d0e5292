"""Shared costs: the rules in order, what they move, and every edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from costs.bills import queries as bills
from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope
from costs.periods import Period, month_before, month_of
from costs.spend import queries, sharing
from costs.spend.before_after import BeforeAfter, before_after
from costs.spend.queries.sharing import (
    SharedSet,
    may_share,
    newest_rules,
    shared_cost_by,
    shared_sets,
    spans_of,
)
from costs.spend.shared_costs import (
    BadRule,
    Fallback,
    RuleSpan,
    SharedRule,
    moved,
    with_rule,
    without_rule,
)
from costs.spend.shared_forms import SharedRuleForm

EDITS_SHOWN: Final = 12
OVERTAKEN: Final = "Somebody has changed the rules meanwhile; look at them again."


@dataclass(frozen=True)
class Effect:
    """What rules do to a month, by each dimension they split over."""

    month: Period
    tables: tuple[tuple[str, tuple[BeforeAfter, ...]], ...]
    """Label and tables by currency."""
    fallbacks: tuple[Fallback, ...]

    @property
    def moved(self) -> list[tuple[str, Decimal]]:
        """What leaves its environment, by currency; empty where nothing does."""
        return [(one.currency, one.moved) for one in self.tables[0][1] if one.moved]


@dataclass(frozen=True)
class Conflict:
    """What somebody else made of the same thing, beside what was typed."""

    by: str
    gone: bool
    fields: tuple[tuple[str, str, str], ...] = ()


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """The rules in their order, and last month before and after them."""
    scope, now = scope_of(request.user), timezone.now()
    sets = shared_sets(scope)
    own = newest_rules(sets)
    month = _last_month(scope, now)
    return render_page(
        request,
        "shared/rules.html",
        {
            "now": now,
            "rules": own,
            "sets": sets[:EDITS_SHOWN],
            "set_count": len(sets),
            "newest": sets[0].number if sets else 0,
            "last": next((one for one in sets if one.counts), None),
            "effect": _effect(scope, month, spans_of(sets), own) if month else None,
            "may_share": may_share(scope),
            "may_edit": has_role(request.user, OPERATOR) and may_share(scope),
        },
    )


def _last_month(scope: Scope, now: datetime) -> Period | None:
    """The last whole month with charges; the one under way where there is none before it."""
    known = queries.known_days(scope)
    if known is None:
        return None
    today = now.astimezone(UTC).date()
    month = month_before(month_of(today))
    if known.end <= month.start:
        return month_of(known.last)
    return month if known.start < month.end else month_of(today)


def _effect(
    scope: Scope, month: Period, held: tuple[RuleSpan, ...], own: Sequence[SharedRule]
) -> Effect | None:
    """Before and after; None where ``scope`` sees only a part of what is shared."""
    if not may_share(scope):
        return None
    found = shared_cost_by(
        scope,
        by=("environment", "cost_center"),
        period=month,
        metric="effective_cost",
        held=held,
    )
    order = [*(one.name for one in bills.environments(scope)), "unallocated"]
    tables = [("Environment", before_after(found.before, found.after, order))]
    if any(rule.over == "cost_center" for rule in own):
        before, after = (
            [queries.CostRow(row.keys[::-1], row.currency, row.cost) for row in rows]
            for rows in (found.before, found.after)
        )
        tables.append(("Cost center", before_after(before, after)))
    return Effect(month, tuple(tables), found.fallbacks)


# -- one rule --------------------------------------------------------------------------------------


def _editor(request: HttpRequest) -> str:
    """Who edits. Raises PermissionDenied for a restricted scope."""
    if not may_share(scope_of(request.user)):
        raise PermissionDenied(
            "Shared costs move between environments and cost centers; only who sees all of them"
            " may change the rules."
        )
    return request.user.get_username()


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def new_rule(request: HttpRequest) -> HttpResponse:
    """A form for one more rule; shows what it would move."""
    return _rule_form(request, None, "")


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def rule(request: HttpRequest, rule: str) -> HttpResponse:
    """A form for one rule."""
    own = next(
        (one for one in newest_rules(shared_sets(Scope.everything())) if one.id == rule), None
    )
    if own is None and request.method != "POST":
        raise Http404("This rule has been removed; the list has those that there are.")
    return _rule_form(request, own, rule)


def _rule_form(request: HttpRequest, own: SharedRule | None, id_: str) -> HttpResponse:
    actor, now, scope = _editor(request), timezone.now(), Scope.everything()
    sets = shared_sets(scope)
    environments = [(one.name, one.label) for one in bills.environments(scope)]
    newest = sets[0].number if sets else 0
    context: dict[str, Any] = {
        "now": now,
        "rule": own,
        "environments": environments,
        "seen": newest,
    }
    if request.method != "POST":
        names = "\n".join(name for name, _ in environments)
        initial = SharedRuleForm.of(own) if own else {"way": "proportional", "targets": names}
        this_month = f"{now.astimezone(UTC):%Y-%m}"
        context["form"] = SharedRuleForm(
            initial={**initial, "valid_from": this_month, "seen": newest}, environments=environments
        )
        return render_page(request, "shared/rule.html", context)
    # htmx shows nothing of an answer that is an error, so a preview's is none.
    wrong, overtaken = (200, 200) if request.htmx else (422, 409)  # type: ignore[attr-defined]
    form = SharedRuleForm(request.POST, environments=environments)
    context |= {"form": form, "seen": request.POST.get("seen", "")[:12]}
    if not form.is_valid():
        return render_page(request, "shared/rule.html", context, {"rule-form"}, status=wrong)
    try:
        mine = form.as_rule(id_ or uuid4().hex[:8])
        if request.POST.get("do") == "preview":
            after = with_rule(newest_rules(sets), mine)
            month = _last_month(scope, now)
            span = RuleSpan(newest + 1, date.min, None, after)
            context["asked_preview"] = True
            context["effect"] = _effect(scope, month, (span,), after) if month else None
            return render_page(request, "shared/rule.html", context, {"rule-form"})
        sharing.change_rules(
            lambda rules: with_rule(rules, mine),
            actor=actor,
            what=f"{'Changed' if id_ else 'Added'} the rule “{mine.name}”",
            action="shared_costs.changed" if id_ else "shared_costs.added",
            valid_from=form.cleaned_data["valid_from"],
            why=form.cleaned_data["why"],
            now=now,
            seen=form.cleaned_data["seen"],
        )
    except BadRule as error:
        form.add_error(error.field, str(error))
        return render_page(request, "shared/rule.html", context, {"rule-form"}, status=wrong)
    except sharing.Overtaken:
        sets = shared_sets(scope)
        context |= {"conflict": _conflict(sets, id_, form), "seen": sets[0].number}
        return render_page(request, "shared/rule.html", context, {"rule-form"}, status=overtaken)
    messages.success(
        request,
        f"The rule “{mine.name}” holds from {form.cleaned_data['valid_from']:%B %Y} on.",
    )
    return redirect("shared:rules")


def _conflict(sets: Sequence[SharedSet], id_: str, form: SharedRuleForm) -> Conflict:
    """What the rules are now, where another edit came first."""
    by = sets[0].created_by
    theirs = next((one for one in newest_rules(sets) if one.id == id_), None)
    if theirs is None:
        return Conflict(by=by, gone=bool(id_))
    old, new = SharedRuleForm.of(theirs), {name: str(form[name].value()) for name in form.fields}
    labels = {name: str(form.fields[name].label or name) for name in old}
    return Conflict(
        by=by,
        gone=False,
        fields=tuple(
            (labels[name], old[name], new[name])
            for name in old
            if old[name].split() != new[name].split()
        ),
    )


@require_POST
@needs_role(OPERATOR)
def move_rule(request: HttpRequest, rule: str) -> HttpResponse:
    """One place up or down, from this month on."""
    way = request.POST.get("way")
    if way not in ("up", "down"):
        raise BadRequest("A rule goes up or down.")
    return _change(
        request,
        lambda rules: moved(rules, rule, up=way == "up"),
        what=f"Moved the rule “{_name_of(rule)}” {way}",
        action="shared_costs.moved",
    )


@require_POST
@needs_role(OPERATOR)
def remove_rule(request: HttpRequest, rule: str) -> HttpResponse:
    """Without the rule, from this month on; undo brings it back."""
    return _change(
        request,
        lambda rules: without_rule(rules, rule),
        what=f"Removed the rule “{_name_of(rule)}”",
        action="shared_costs.removed",
    )


def _name_of(rule: str) -> str:
    own = newest_rules(shared_sets(Scope.everything()))
    return next((one.name for one in own if one.id == rule), rule)


def _change(
    request: HttpRequest,
    edit: Callable[[Sequence[SharedRule]], tuple[SharedRule, ...]],
    *,
    what: str,
    action: str,
) -> HttpResponse:
    actor, now = _editor(request), timezone.now()
    try:
        sharing.change_rules(
            edit,
            actor=actor,
            what=what,
            action=action,
            valid_from=date(now.year, now.month, 1),
            why="",
            now=now,
            seen=_seen(request),
        )
    except sharing.Overtaken:
        messages.warning(request, OVERTAKEN)
    else:
        messages.success(request, f"{what}, from {now:%B %Y} on.")
    return redirect("shared:rules")


@require_POST
@needs_role(OPERATOR)
def undo(request: HttpRequest) -> HttpResponse:
    """Take the last edit back."""
    actor = _editor(request)
    try:
        what = sharing.undo(actor=actor, seen=_seen(request), now=timezone.now())
    except sharing.Overtaken:
        messages.warning(request, OVERTAKEN)
    else:
        messages.success(request, f"Taken back: {what}.")
    return redirect("shared:rules")


def _seen(request: HttpRequest) -> int:
    text = request.POST.get("seen", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("seen: that is not the number of an edit.")
    return int(text)


# -- files -----------------------------------------------------------------------------------------


@require_safe
def effect_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Last month by environment, without and with shared costs."""
    scope, now = scope_of(request.user), timezone.now()
    sets = shared_sets(scope)
    month = _last_month(scope, now)
    effect = _effect(scope, month, spans_of(sets), newest_rules(sets)) if month else None
    if effect is None:
        raise Http404("There is nothing to show: no bills, or you see only a part of them.")
    rows = [
        (
            *(f"{effect.month.start:%Y-%m}", label.lower(), pair.name),
            *(table.currency, pair.before, pair.after, pair.difference),
        )
        for label, tables in effect.tables
        for table in tables
        for pair in table.pairs
    ]
    header = ("month", "by", "name", "currency", "direct_cost", "with_shared_costs", "difference")
    return _csv(f"shared-costs-{effect.month.start:%Y-%m}", header, rows)


@require_safe
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every edit of the rules."""
    header = ("number", "valid_from", "what", "counts", "set_at", "set_by", "why")
    rows = (
        (
            *(one.number, f"{one.valid_from:%Y-%m}", one.what, "yes" if one.counts else "no"),
            *(one.created_at.isoformat(), one.created_by, one.why),
        )
        for one in shared_sets(scope_of(request.user))
    )
    return _csv("shared-costs-history", header, rows)


def _csv(
    name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
