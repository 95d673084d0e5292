"""Bands: what each environment may cost in a month, who said so, and how the year went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from costs.bills import queries as bills
from costs.budgets import operations, queries
from costs.budgets.bands import Band
from costs.budgets.forms import METRICS, BandForm, DriverForm
from costs.budgets.queries import BandEdit, Driver
from costs.budgets.year import UNALLOCATED, Year, YearRow, last_complete_day, months_until, year_of
from costs.csv_cells import csv_lines
from costs.money import plain
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import has_role, scope_of
from costs.people.roles import OPERATOR
from costs.people.scope import Scope
from costs.periods import Period, month_of
from costs.spend import queries as spend

EDITS_SHOWN = 20


@dataclass(frozen=True)
class BandCard:
    """An environment with the band of this month, what it scales with, and what comes."""

    row: YearRow
    band: Band | None
    edit: BandEdit | None
    """The edit that made the band."""
    driver: Driver | None
    coming: tuple[BandEdit, ...]
    """Edits that hold from a later month on, the next first."""


@require_safe
def bands(request: HttpRequest) -> HttpResponse:
    """The bands in force, the year against them, and every edit."""
    scope, now = scope_of(request.user), timezone.now()
    year = _year(scope, now)
    edits = queries.band_edits(scope)
    drivers = queries.drivers(scope)
    month = year.months[-1]
    known = [one.name for one in bills.environments(scope)]
    cards = [_card(row, month, edits, drivers) for row in year.rows if row.environment in known]
    return render_page(
        request,
        "budgets/bands.html",
        {
            "now": now,
            "year": year,
            "cards": cards,
            "edits": edits[:EDITS_SHOWN],
            "edit_count": len(edits),
            "may_edit": has_role(request.user, OPERATOR),
            "month": month,
            "total": year.rows[-1],
        },
    )


def _year(scope: Scope, now: datetime) -> Year:
    today = _today(now)
    through = last_complete_day(bills.freshness(scope, today))
    months = months_until(today)
    period = Period(months[0].start, months[-1].end)
    return year_of(
        months,
        environments=[(one.name, one.label) for one in bills.environments(scope)],
        sees_unallocated=scope.environments is None or UNALLOCATED in scope.environments,
        sees_all_cost_centers=scope.cost_centers is None,
        costs=spend.cost_by(scope, by=("day", "environment"), period=period),
        bands=queries.band_of_months(scope, months),
        forecast=queries.forecast(scope, through),
        through=through,
    )


def _today(now: datetime) -> date:
    """The UTC day, as charge days are."""
    return now.astimezone(UTC).date()


def _card(
    row: YearRow, month: Period, edits: Sequence[BandEdit], drivers: dict[str, Driver]
) -> BandCard:
    own = [edit for edit in edits if edit.environment == row.environment]
    held = _holding(own, month)
    driver = drivers.get(row.environment)
    coming = sorted(
        (edit for edit in own if edit.valid_from > month.start),
        key=lambda edit: (edit.valid_from, edit.created_at, edit.key),
    )
    # Of several edits for one month only the last counts.
    latest = {edit.valid_from: edit for edit in coming}
    return BandCard(
        row=row,
        band=held.band if held else None,
        edit=held,
        driver=driver if driver and driver.metric else None,
        coming=tuple(latest.values()),
    )


def _holding(edits: Iterable[BandEdit], month: Period) -> BandEdit | None:
    """The edit that makes the band of ``month``."""
    return max(
        (edit for edit in edits if edit.valid_from <= month.start),
        key=lambda edit: (edit.valid_from, edit.created_at, edit.key),
        default=None,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def band(request: HttpRequest, environment: str) -> HttpResponse:
    """A form for the band of one environment; an edit is added, nothing is overwritten."""
    scope, now = scope_of(request.user), timezone.now()
    label = _label(scope, environment)
    edits = queries.band_history(scope, environment)
    month = month_of(_today(now))
    held = _holding(edits, month)
    newest = max((edit.key for edit in edits), default=0)
    context: dict[str, Any] = {
        "now": now,
        "environment": environment,
        "label": label,
        "held": held,
        "edits": edits,
    }
    if request.method != "POST":
        context["form"] = BandForm(
            initial={
                "valid_from": f"{month.start:%Y-%m}",
                "low": plain(held.band.low) if held else "",
                "high": plain(held.band.high) if held else "",
                "currency": held.band.currency if held else "USD",
                "seen": newest,
            }
        )
        return render_page(request, "budgets/band.html", context)
    form = BandForm(request.POST)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "budgets/band.html", context, status=422)
    cleaned = form.cleaned_data
    try:
        operations.set_band(
            actor=request.user.get_username(),
            environment=environment,
            valid_from=cleaned["valid_from"],
            low=cleaned["low"],
            high=cleaned["high"],
            currency=cleaned["currency"],
            why=cleaned["why"],
            now=now,
            seen=cleaned["seen"],
        )
    except operations.Overtaken:
        theirs = max(queries.band_history(scope, environment), key=lambda edit: edit.key)
        mine = {
            "from": f"{cleaned['valid_from']:%Y-%m}",
            "low": plain(cleaned["low"]),
            "high": plain(cleaned["high"]),
            "currency": cleaned["currency"],
            "why": cleaned["why"],
        }
        context |= {"theirs": theirs, "pairs": _pairs(_said(theirs), mine), "seen": theirs.key}
        return render_page(request, "budgets/band.html", context, status=409)
    except ValueError as error:
        form.add_error(_field_of(str(error)), str(error))
        return render_page(request, "budgets/band.html", context, status=422)
    messages.success(request, f"The band of {label} is set from {cleaned['valid_from']:%B %Y} on.")
    return redirect("budgets:bands")


def _said(edit: BandEdit) -> dict[str, str]:
    return {
        "from": f"{edit.valid_from:%Y-%m}",
        "low": plain(edit.band.low),
        "high": plain(edit.band.high),
        "currency": edit.band.currency,
        "why": edit.why,
    }


def _pairs(theirs: dict[str, str], mine: dict[str, str]) -> list[tuple[str, str, str]]:
    return [(name, theirs[name], mine[name]) for name in theirs if theirs[name] != mine[name]]


def _field_of(message: str) -> str | None:
    """The field that a message of :func:`~costs.budgets.operations.set_band` is about."""
    for start, field in (
        ("The low", "low"),
        ("The high", "high"),
        ("“", "currency"),
        ("Say why", "why"),
        ("The baseline", "baseline"),
        ("The fixed share", "fixed_share"),
        ("A metric", "metric"),
    ):
        if message.startswith(start):
            return field
    return None


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def driver(request: HttpRequest, environment: str) -> HttpResponse:
    """A form for what the band of one environment scales with."""
    scope, now = scope_of(request.user), timezone.now()
    label = _label(scope, environment)
    current = queries.drivers(scope).get(environment)
    context: dict[str, Any] = {
        "now": now,
        "environment": environment,
        "label": label,
        "current": current,
        "metrics": METRICS,
    }
    if request.method != "POST":
        context["form"] = DriverForm(
            initial={
                "metric": current.metric if current else "",
                "baseline": plain(current.baseline) if current and current.baseline else "",
                "fixed_share": plain(current.fixed_share)
                if current and current.fixed_share is not None
                else "",
                "seen": current.key if current else 0,
            }
        )
        return render_page(request, "budgets/driver.html", context)
    form = DriverForm(request.POST)
    context["form"] = form
    if not form.is_valid():
        return render_page(request, "budgets/driver.html", context, status=422)
    cleaned = form.cleaned_data
    try:
        operations.set_driver(
            actor=request.user.get_username(),
            environment=environment,
            metric=cleaned["metric"],
            baseline=cleaned["baseline"],
            fixed_share=cleaned["fixed_share"],
            why=cleaned["why"],
            now=now,
            seen=cleaned["seen"],
        )
    except operations.Overtaken:
        theirs = queries.drivers(scope)[environment]
        context |= {"theirs": theirs, "seen": theirs.key, "pairs": _driver_pairs(theirs, cleaned)}
        return render_page(request, "budgets/driver.html", context, status=409)
    except ValueError as error:
        form.add_error(_field_of(str(error)), str(error))
        return render_page(request, "budgets/driver.html", context, status=422)
    said = f"scales with {cleaned['metric']}" if cleaned["metric"] else "does not scale"
    messages.success(request, f"The band of {label} {said}.")
    return redirect("budgets:bands")


def _driver_pairs(theirs: Driver, cleaned: dict[str, Any]) -> list[tuple[str, str, str]]:
    def text(value: Any) -> str:
        return "" if value is None else plain(value)

    return _pairs(
        {
            "metric": theirs.metric,
            "baseline": text(theirs.baseline),
            "fixed share": text(theirs.fixed_share),
            "why": theirs.why,
        },
        {
            "metric": cleaned["metric"],
            "baseline": text(cleaned["baseline"]),
            "fixed share": text(cleaned["fixed_share"]),
            "why": cleaned["why"],
        },
    )


def _label(scope: Scope, environment: str) -> str:
    for one in bills.environments(scope):
        if one.name == environment:
            return one.label
    raise Http404("There is no such environment, or you may not see it.")


@require_safe
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every edit of every band as a file."""
    edits = queries.band_edits(scope_of(request.user))
    header = (
        *("environment", "valid_from", "low", "high", "currency", "set_at", "set_by", "why"),
        *("previous_low", "previous_high", "previous_currency"),
    )
    rows = (
        (
            edit.environment,
            f"{edit.valid_from:%Y-%m}",
            edit.band.low,
            edit.band.high,
            edit.band.currency,
            edit.created_at.isoformat(),
            edit.created_by,
            edit.why,
            edit.previous.low if edit.previous else None,
            edit.previous.high if edit.previous else None,
            edit.previous.currency if edit.previous else None,
        )
        for edit in edits
    )
    return _csv("bands", header, rows)


@require_safe
def year_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The year at a glance as a file: a row for each environment and month."""
    year = _year(scope_of(request.user), timezone.now())
    header = (
        *("month", "environment", "currency", "effective_cost", "band_low", "band_high"),
        *("verdict", "complete", "reason"),
    )
    rows = (
        (
            f"{cell.month.start:%Y-%m}",
            row.environment,
            year.currency,
            cell.gauge.month_to_date,
            cell.gauge.band.low if cell.gauge.band else None,
            cell.gauge.band.high if cell.gauge.band else None,
            cell.verdict.name,
            "yes" if cell.complete else "no",
            cell.verdict.reason,
        )
        for row in year.rows
        for cell in row.cells
        if not cell.empty
    )
    return _csv(f"bands-{year.months[-1].start:%Y-%m}", header, rows)


def _csv(
    name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
