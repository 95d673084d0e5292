"""The weekly sitting: one ISO week on one page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.queries import scope_of
from costs.people.scope import Scope
from costs.periods import Period, iso_week, week_name, week_of
from costs.review import converted_tables, queries, tables
from costs.review.bridge import STEPS
from costs.review.bridge_queries import WeekBridge, week_bridge
from costs.review.forms import CurrentForm, WeekForm
from costs.review.restated import changed_since
from costs.review.tables import Table
from costs.review.week import WeekReview

EARLIEST = date(2000, 1, 3)
"""The first Monday that a review is given for: clouds are younger, and so are default bands."""


@require_safe
def current(request: HttpRequest) -> HttpResponse:
    """The week of the last complete day: what is to be talked about today."""
    form = CurrentForm.read(request.GET)
    now = timezone.now()
    if picked := form.cleaned_data["week"]:
        name = week_name(_week(picked, now))
        return redirect(reverse("review:week", args=[name]) + form.as_query)
    return _page(request, None, form, now)


@require_safe
def week(request: HttpRequest, name: str) -> HttpResponse:
    """Any ISO week, by its name (``2026-W47``)."""
    form = WeekForm.read(request.GET)
    now = timezone.now()
    return _page(request, _week(name, now), form, now)


@require_safe
def services_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """Every service of the week and the one before."""
    return _download(request, name, "services", tables.services, converted_tables.services)


@require_safe
def resources_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """The resources that moved most, the new, the gone and the unallocated."""
    return _download(request, name, "resources", tables.resources, converted_tables.resources)


@require_safe
def daily_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """The figures behind the daily chart."""
    return _download(request, name, "days", tables.days, converted_tables.days)


@require_safe
def month_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """The way of the month to its expected end, day by day."""
    return _download(request, name, "month", tables.month, tables.month)


@require_safe
def bridge(request: HttpRequest, name: str) -> HttpResponse:
    """Why the week cost more or less than the one before."""
    form = WeekForm.read(request.GET)
    now = timezone.now()
    found = _bridge(request, name, form, now)
    context = {"bridge": found, "name": week_name(found.span.week), "form": form, "now": now}
    return render_page(request, "review/bridge.html", context | {"metric": form.chosen})


@require_safe
def bridge_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """The same as a file, with every digit."""
    form = WeekForm.read(request.GET)
    found = _bridge(request, name, form, timezone.now())
    rows = [
        (one.environment, code, one.before, *one.steps, one.after)
        for code, bridges in found.currencies
        for one in bridges.environments
    ]
    file = f"{week_name(found.span.week)}-bridge.csv"
    return StreamingHttpResponse(
        csv_lines(("environment", "currency", "last_week", *STEPS, "this_week"), rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def _bridge(request: HttpRequest, name: str, form: WeekForm, now: datetime) -> WeekBridge:
    found = week_bridge(
        scope_of(request.user), _week(name, now), as_of=today(now), metric=form.chosen
    )
    if found is None:
        raise Http404("There are no bills yet, so there is nothing to explain either.")
    return found


def today(now: datetime) -> date:
    """The UTC day, as charge days are."""
    return now.astimezone(UTC).date()


def _week(name: str, now: datetime) -> Period:
    try:
        week = iso_week(name)
    except ValueError as error:
        raise BadRequest(f"{error}.") from None
    if week.start > today(now):
        raise Http404(f"{week_name(week)} lies in the future: it starts on {_long(week.start)}.")
    if week.start < EARLIEST:
        raise Http404(f"There is nothing before {week_name(week_of(EARLIEST))}.")
    return week


def _long(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _page(request: HttpRequest, week: Period | None, form: WeekForm, now: datetime) -> HttpResponse:
    scope = scope_of(request.user)
    review = queries.week_review(
        scope,
        week,
        as_of=today(now),
        metric=form.chosen,
        as_billed=form.as_billed,
        with_shared=form.with_shared,
        ending=form.ending,
    )
    if review is None:
        return render_page(request, "review/empty.html", {"now": now})
    if review.ending is None:
        raise BadRequest(f"forecast: there is no environment “{form.ending[:40]}” in this review.")
    return render_page(
        request,
        "review/week.html",
        {
            "review": review,
            "changed": changed_since(scope, review.week, as_of=today(now), metric=review.metric),
            "whole": scope == Scope.everything(),
            "metric": review.metric,
            "form": form,
            "now": now,
        },
        partials={"review"},
    )


def _download(
    request: HttpRequest,
    name: str,
    file: str,
    table_of: Callable[[WeekReview], Table],
    converted: Callable[[WeekReview], Table],
) -> StreamingHttpResponse:
    form = WeekForm.read(request.GET)
    now = timezone.now()
    review = queries.week_review(
        scope_of(request.user),
        _week(name, now),
        as_of=today(now),
        metric=form.chosen,
        listed=None,
        as_billed=form.as_billed,
        with_shared=form.with_shared,
        ending=form.ending,
    )
    if review is None:
        raise Http404("There are no bills yet, so there is no table either.")
    table = (converted if review.shown_in else table_of)(review)
    return StreamingHttpResponse(
        csv_lines(table.header, table.rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{review.name}-{file}.csv"'},
    )
