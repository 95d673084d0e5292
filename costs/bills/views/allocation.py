"""Where cost belongs: the rules, how much they place, and what they do not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.bills import coverage, drafting, previews
from costs.bills.allocation import Rule
from costs.bills.allocation_forms import TryForm
from costs.bills.drafting import Draft
from costs.bills.models import RuleSet
from costs.bills.previews import Decision
from costs.bills.reallocation import KIND
from costs.bills.rule_sets import Document, PlacedRule, differences
from costs.jobs.queries import latest_run
from costs.pages import render_page
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope
from costs.periods import Period

HISTORY_SHOWN = 8
LOST_SHOWN = 8


@dataclass(frozen=True)
class RuleLine:
    """A rule as the list shows it."""

    placed: PlacedRule
    number: int
    first: bool
    last: bool
    state: str
    """``new`` or ``changed`` against the rules in force, else empty."""

    @property
    def rule(self) -> Rule:
        return self.placed.rule


def _lines(draft: Draft, target: str) -> list[RuleLine]:
    saved = {one.id: one.rule for one in draft.saved.rules}
    rules = draft.document.of_target(target)
    return [
        RuleLine(
            placed=one,
            number=nth + 1,
            first=nth == 0,
            last=nth == len(rules) - 1,
            state="new" if one.id not in saved else "changed" if saved[one.id] != one.rule else "",
        )
        for nth, one in enumerate(rules)
    ]


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """The rules and environments, how much they place, and what they do not."""
    if request.htmx and request.htmx.target == "progress":  # type: ignore[attr-defined]
        return _progress(request)
    scope, now = scope_of(request.user), timezone.now()
    draft = drafting.read_draft()
    month = coverage.last_month(scope, now.date())
    months = coverage.coverage(scope, now.date()) if month else []
    context: dict[str, Any] = {
        "now": now,
        "draft": draft,
        "may_edit": has_role(request.user, OPERATOR) and scope == Scope.everything(),
        "targets": [
            ("environment", "Environment", _lines(draft, "environment")),
            ("cost_center", "Cost center", _lines(draft, "cost_center")),
        ],
        "differences": differences(draft.saved, draft.document) if draft.changed else [],
        "run": latest_run(KIND),
        "newest": RuleSet.objects.first(),
        "history": RuleSet.objects.all()[:HISTORY_SHOWN],
        "month": month,
        "coverage": months,
        "chart": _chart(months),
        "last": next((one for one in reversed(months) if month and one.month == month), None),
        "sees_all": scope == Scope.everything(),
        **_lost_context(scope, month),
        **_try_context(request, scope, draft.document, month),
    }
    return render_page(request, "allocation/rules.html", context, partials={"try"})


def _progress(request: HttpRequest) -> HttpResponse:
    """Only how far the run is; the whole page anew once it has ended."""
    run = latest_run(KIND)
    response = render_page(
        request,
        "allocation/rules.html",
        {"run": run, "now": timezone.now(), "newest": RuleSet.objects.first()},
        partials={"progress"},
    )
    if run is None or not run.is_open:
        response["HX-Refresh"] = "true"
    return response


def _lost_context(scope: Scope, month: Period | None) -> dict[str, Any]:
    if month is None:
        return {"lost": [], "lost_count": 0, "lost_sums": []}
    count, sums = coverage.lost_sums(scope, month, "environment")
    return {
        "lost": coverage.lost_resources(scope, month, "environment", limit=LOST_SHOWN),
        "lost_count": count,
        "lost_sums": sums,
    }


@dataclass(frozen=True)
class CoverageBar:
    """A month in the chart: height and top of its bar from 0 to 100."""

    month: Period
    environment: str
    environment_y: str
    currency: str
    whole: str
    """The share with an environment in whole percent, cut: 99.9 is not all."""


def _chart(months: list[coverage.MonthCoverage]) -> list[CoverageBar]:
    """The currency with the most cost; the table behind the chart has all of them."""
    sums: dict[str, Decimal] = {}
    for one in months:
        sums[one.currency] = sums.get(one.currency, Decimal(0)) + abs(one.total)
    currency = max(sorted(sums), key=lambda code: sums[code], default="")
    shown = [one for one in months if one.currency == currency]

    def height(share: Decimal | None) -> float:
        return min(100.0, max(0.0, float(share or 0)))

    return [
        CoverageBar(
            month=one.month,
            environment=f"{height(one.environment_share):.2f}",
            environment_y=f"{100 - height(one.environment_share):.2f}",
            currency=currency,
            whole="–" if one.environment_share is None else f"{int(one.environment_share)}",
        )
        for one in shown
    ]


# -- the test box ----------------------------------------------------------------------------------


def _try_context(
    request: HttpRequest, scope: Scope, document: Document, month: Period | None
) -> dict[str, Any]:
    asked = any(name in request.GET for name in TryForm.base_fields)
    form = TryForm(
        {name: request.GET.get(name, "") for name in TryForm.base_fields} if asked else None
    )
    decisions: list[Decision] = []
    known = False
    if asked and form.is_valid():
        subject = form.as_subject()
        subjects = [] if subject.is_empty else [subject]
        only_id = subject == previews.Subject(resource_id=subject.resource_id)
        if only_id and subjects and month:
            found = previews.known_resource(scope, subject.resource_id, month)
            known, subjects = bool(found), found or subjects
        decisions = previews.decide(document, subjects)
    return {"try_form": form, "tried": asked, "decisions": decisions, "known": known}
