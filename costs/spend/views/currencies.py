"""Exchange rates: which month has which, who set it, and the currency that pages show sums in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.core import signing
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from costs.csv_cells import csv_lines
from costs.money import plain
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope
from costs.spend import ecb, pinning
from costs.spend.currency import Rate, Rates
from costs.spend.queries.rates import (
    RateEdit,
    charges_by_month,
    display_edits,
    rate_edits,
    rates_in_force,
)
from costs.spend.rate_forms import DisplayForm, FileForm, ImportForm, RateForm
from costs.spend.rate_table import MONTHS_SHOWN, RateTable, rate_table

EDITS_SHOWN: Final = 20
PREVIEW_SALT: Final = "costs.spend.currencies.import"
PREVIEW_KEPT: Final = 4 * 3600
"""Seconds for which a preview can be agreed to."""


@dataclass(frozen=True)
class Conflict:
    """What somebody else made of the same thing, beside what was typed."""

    by: str
    gone: bool
    fields: tuple[tuple[str, str, str], ...]


def _table(scope: Scope, edits: Sequence[RateEdit], target: str) -> RateTable:
    held = list(rates_in_force(edits).values())
    rates = Rates(rate for one in held if (rate := one.rate))
    return rate_table(target, charges_by_month(scope), held, rates)


@require_safe
def rates(request: HttpRequest) -> HttpResponse:
    """Rates by month, what has none, and every edit."""
    scope, now = scope_of(request.user), timezone.now()
    edits, display = rate_edits(scope), display_edits(scope)
    target = display[0].currency if display else ""
    table = _table(scope, edits, target)
    return render_page(
        request,
        "currencies/rates.html",
        {
            "now": now,
            "table": table,
            "rows": table.rows[:MONTHS_SHOWN],
            "display": display[0] if display else None,
            "target": target,
            "billed": sorted({one.currency for one in charges_by_month(scope)}),
            "edits": edits[:EDITS_SHOWN],
            "edit_count": len(edits),
            "rule": ecb.RULE,
            "may_edit": has_role(request.user, OPERATOR),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def rate(request: HttpRequest) -> HttpResponse:
    """A form for the rate of one pair in one month; an edit is added, nothing is overwritten."""
    scope, now = scope_of(request.user), timezone.now()
    edits = rate_edits(scope)
    context: dict[str, Any] = {"now": now}
    if request.method != "POST":
        asked = {name: request.GET.get(name, "")[:10] for name in ("month", "base", "quote")}
        form = RateForm({**asked, "why": "x", "seen": "0"})
        form.is_valid()
        held, own = _of(edits, form.cleaned_data)
        context["form"] = RateForm(
            initial={
                **asked,
                **({"base": held.base, "quote": held.quote} if held else {}),
                "value": plain(held.value) if held and held.value is not None else "",
                "seen": held.key if held else 0,
            }
        )
        context["edits"] = own
        return render_page(request, "currencies/rate.html", context)
    form = RateForm(request.POST)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "currencies/rate.html", context, status=422)
    cleaned = form.cleaned_data
    held, context["edits"] = _of(edits, cleaned)
    try:
        pinning.set_rate(
            actor=request.user.get_username(),
            month=cleaned["month"],
            base=cleaned["base"],
            quote=cleaned["quote"],
            value=cleaned["value"],
            why=cleaned["why"],
            now=now,
            seen=cleaned["seen"],
        )
    except pinning.Overtaken:
        held, context["edits"] = _of(rate_edits(scope), cleaned)
        context |= {"conflict": _rate_conflict(held, cleaned), "seen": held.key if held else 0}
        return render_page(request, "currencies/rate.html", context, status=409)
    except ValueError as error:
        form.add_error(_field_of(str(error)), str(error))
        return render_page(request, "currencies/rate.html", context, status=422)
    said = f"{cleaned['base']} in {cleaned['quote']} of {cleaned['month']:%B %Y}"
    messages.success(
        request,
        f"The rate of {said} is set." if cleaned["value"] is not None else f"{said} has no rate.",
    )
    return redirect("currencies:rates")


def _of(
    edits: Iterable[RateEdit], cleaned: dict[str, Any]
) -> tuple[RateEdit | None, list[RateEdit]]:
    """The newest edit of a pair and month, and all of them."""
    month, pair = cleaned.get("month"), frozenset((cleaned.get("base"), cleaned.get("quote")))
    own = [edit for edit in edits if edit.month == month and edit.pair == pair]
    return (own[0] if own else None), own


def _rate_conflict(theirs: RateEdit | None, cleaned: dict[str, Any]) -> Conflict:
    if theirs is None:
        return Conflict("", gone=False, fields=())

    def text(value: Decimal | None) -> str:
        return "none" if value is None else plain(value)

    pairs = (
        ("one", theirs.base, cleaned["base"]),
        ("is, in", theirs.quote, cleaned["quote"]),
        ("rate", text(theirs.value), text(cleaned["value"])),
        ("why", theirs.why, cleaned["why"]),
    )
    differing = tuple(pair for pair in pairs if pair[1] != pair[2])
    return Conflict(theirs.created_by, gone=False, fields=differing)


def _field_of(message: str) -> str | None:
    """The field that a message of :mod:`~costs.spend.pinning` is about."""
    for start, field in (("A rate holds", "month"), ("A rate", "value"), ("Say why", "why")):
        if message.startswith(start):
            return field
    return "quote"


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def display(request: HttpRequest) -> HttpResponse:
    """A form for the currency that pages show sums in."""
    scope, now = scope_of(request.user), timezone.now()
    edits = display_edits(scope)
    context: dict[str, Any] = {"now": now, "edits": edits}
    if request.method != "POST":
        current = edits[0] if edits else None
        context["form"] = DisplayForm(
            initial={
                "currency": current.currency if current else "",
                "seen": current.key if current else 0,
            }
        )
        return render_page(request, "currencies/display.html", context)
    form = DisplayForm(request.POST)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "currencies/display.html", context, status=422)
    cleaned = form.cleaned_data
    try:
        pinning.set_display_currency(
            actor=request.user.get_username(),
            currency=cleaned["currency"],
            why=cleaned["why"],
            now=now,
            seen=cleaned["seen"],
        )
    except pinning.Overtaken:
        context["edits"] = edits = display_edits(scope)
        theirs = edits[0]
        pairs = (
            ("currency", theirs.currency, cleaned["currency"]),
            ("why", theirs.why, cleaned["why"]),
        )
        differing = tuple(pair for pair in pairs if pair[1] != pair[2])
        context["conflict"] = Conflict(theirs.created_by, gone=False, fields=differing)
        context["seen"] = theirs.key
        return render_page(request, "currencies/display.html", context, status=409)
    except ValueError as error:
        form.add_error("why" if str(error).startswith("Say why") else "currency", str(error))
        return render_page(request, "currencies/display.html", context, status=422)
    shown = f"in {cleaned['currency']}" if cleaned["currency"] else "as they were billed"
    messages.success(request, f"Costs are shown {shown}.")
    return redirect("currencies:rates")


# -- a file of rates -------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def import_rates(request: HttpRequest) -> HttpResponse:
    """Read a file, show what it would change, and set it when somebody agrees."""
    context: dict[str, Any] = {"now": timezone.now(), "rule": ecb.RULE, "file_form": FileForm()}
    if request.method != "POST":
        return render_page(request, "currencies/import.html", context)
    if "found" in request.POST:
        return _agreed(request)
    form = FileForm(request.POST, request.FILES)
    context["file_form"] = form
    if not form.is_valid():
        return render_page(request, "currencies/import.html", context, status=422)
    try:
        found = ecb.read(form.cleaned_data["file"])
    except ecb.BadFile as error:
        form.add_error("file", f"{form.name}: {error}")
        return render_page(request, "currencies/import.html", context, status=422)
    edits = rate_edits(Scope.everything())
    wanted, since = (None, None) if form.cleaned_data["every"] else _needed(edits)
    changed, same = ecb.changes(
        found,
        [rate for one in rates_in_force(edits).values() if (rate := one.rate)],
        wanted=wanted,
        since=since,
    )
    newest = max((edit.key for edit in edits), default=0)
    kept = [
        [f"{one.found.month.start}", one.found.currency, plain(one.found.value), one.found.origin]
        for one in changed
    ]
    context |= {
        "name": form.name,
        "read": found,
        "changed": sorted(changed, key=lambda one: one.found.month.start, reverse=True),
        "same": same,
        "wanted": sorted(wanted) if wanted is not None else None,
        "absent": sorted(wanted - set(found.currencies) - {"EUR"}) if wanted else [],
        "form": ImportForm(
            initial={
                "found": signing.dumps([newest, kept], salt=PREVIEW_SALT, compress=True),
                "why": f"ECB reference rates, {form.name}"[:500],
            }
        ),
    }
    return render_page(request, "currencies/import.html", context)


def _needed(edits: Sequence[RateEdit]) -> tuple[frozenset[str], date | None]:
    """The currencies that charges, rates and the page need, and the first month with charges."""
    charges = charges_by_month(Scope.everything())
    codes = {one.currency for one in charges}
    codes |= {code for edit in edits for code in edit.pair}
    codes |= {edit.currency for edit in display_edits(Scope.everything())[:1] if edit.currency}
    return frozenset(codes), min((one.month for one in charges), default=None)


def _agreed(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST)
    if not form.is_valid():
        raise BadRequest("Say why in 1 to 500 characters; go back and try again.")
    try:
        newest, kept = signing.loads(
            form.cleaned_data["found"], salt=PREVIEW_SALT, max_age=PREVIEW_KEPT
        )
    except signing.BadSignature:
        messages.warning(request, "This preview is too old; choose the file once more.")
        return redirect("currencies:import_rates")
    found = [
        pinning.NewRate(
            Rate(date.fromisoformat(month), "EUR", currency, Decimal(value)), origin=origin
        )
        for month, currency, value, origin in kept
    ]
    try:
        count = pinning.import_rates(
            found,
            actor=request.user.get_username(),
            why=form.cleaned_data["why"],
            now=timezone.now(),
            newest=newest,
        )
    except pinning.Overtaken:
        messages.warning(
            request,
            "Somebody has changed rates since this preview; choose the file once more to see what"
            " it would change now.",
        )
        return redirect("currencies:import_rates")
    messages.success(request, f"{count} rate{'' if count == 1 else 's'} set from the file.")
    return redirect("currencies:rates")


# -- files -----------------------------------------------------------------------------------------


@require_safe
def rates_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The rates in force, and the charges that have none."""
    scope = scope_of(request.user)
    edits, shown = rate_edits(scope), display_edits(scope)
    table = _table(scope, edits, shown[0].currency if shown else "")
    rows: list[tuple[object, ...]] = [
        (*_line(one), None, None)
        for one in sorted(
            rates_in_force(edits).values(), key=lambda one: (one.month, one.base, one.quote)
        )
    ]
    rows += [
        (
            *(f"{one.amount.month:%Y-%m}", one.base, one.quote, None, "missing", None, None, None),
            *(one.amount.currency, one.amount.amount),
        )
        for one in reversed(table.missing)
    ]
    header = ("month", "base", "quote", "rate", "origin", "set_at", "set_by", "why")
    return _csv("rates", (*header, "unconverted_currency", "unconverted_cost"), rows)


@require_safe
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every edit of every rate."""
    header = ("month", "base", "quote", "rate", "origin", "set_at", "set_by", "why", "before")
    rows = ((*_line(one), one.previous) for one in rate_edits(scope_of(request.user)))
    return _csv("rates-history", header, rows)


def _line(edit: RateEdit) -> tuple[object, ...]:
    return (
        *(f"{edit.month:%Y-%m}", edit.base, edit.quote, edit.value, edit.origin or "typed"),
        *(edit.created_at.isoformat(), edit.created_by, edit.why),
    )


def _csv(
    name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
