"""What versions changed: one version's ledger, and everything restated in a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.bills import changes
from costs.bills.changes import Entry, Filter, Ledger, Line
from costs.bills.forms import ChangesForm, LedgerForm
from costs.bills.forms import month as parse_month
from costs.csv_cells import csv_lines
from costs.lake.models import Restatement
from costs.pages import render_page
from costs.people.queries import scope_of
from costs.people.scope import Scope
from costs.periods import DAY

CHANGES_A_PAGE = 50
SHOWN_DAYS = 31
"""Days that the list of restatements holds when none are asked for (ours)."""


@require_safe
def ledger(request: HttpRequest, source: str, month: str, number: int) -> HttpResponse:
    """What one version changed, by day and resource or charge by charge."""
    form = LedgerForm.read(request.GET)
    of, scope = _ledger(request, source, month, number)
    find = changes.entries if form.shown == "charges" else changes.lines
    offset = (form.number - 1) * changes.LINES_A_PAGE
    count, rows = find(scope, of, _filter(form), limit=changes.LINES_A_PAGE, offset=offset)
    page: Page[int] = Paginator(range(count), changes.LINES_A_PAGE).get_page(form.number)
    return render_page(
        request,
        "bills/ledger.html",
        {
            "ledger": of,
            "form": form,
            "shown": form.shown,
            "services": changes.service_names(scope, of),
            "count": count,
            "rows": rows,
            "page_obj": page,
            "query": form.query(),
            "days_query": form.query(show="", column="", kind=""),
            "charges_query": form.query(show="charges"),
            "filtered": any(
                form.cleaned_data[name] for name in ("day", "service", "resource", "column", "kind")
            ),
            "now": timezone.now(),
        },
        partials={"changes"},
    )


@require_safe
def ledger_csv(request: HttpRequest, source: str, month: str, number: int) -> StreamingHttpResponse:
    """The same as a file, all of it."""
    form = LedgerForm.read(request.GET)
    of, scope = _ledger(request, source, month, number)
    rows: Iterable[tuple[object, ...]]
    if form.shown == "charges":
        rows = map(_entry, changes.entries(scope, of, _filter(form))[1])
    else:
        rows = map(_line, changes.lines(scope, of, _filter(form))[1])
    name = f"changes-{of.source}-{of.month}-v{of.number}-{form.shown}.csv"
    return StreamingHttpResponse(
        csv_lines(ENTRY if form.shown == "charges" else LINE, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


LINE = (
    "day",
    "provider_name",
    "sub_account_id",
    "service_name",
    "resource_id",
    "currency",
    "billed_before",
    "billed_after",
    "effective_before",
    "effective_after",
    "added",
    "removed",
    "changed",
)


def _line(one: Line) -> tuple[object, ...]:
    return (
        *(one.day, one.provider_name, one.sub_account_id, one.service_name, one.resource_id),
        *(one.currency, one.billed.before, one.billed.after),
        *(one.effective.before, one.effective.after, one.added, one.removed, one.changed),
    )


ENTRY = (
    "kind",
    "charge",
    "day",
    "service_name",
    "resource_id",
    "charge_category",
    "charge_description",
    "currency",
    "column",
    "before",
    "after",
    "billed_before",
    "billed_after",
    "effective_before",
    "effective_after",
    "row_before",
    "row_after",
)


def _entry(one: Entry) -> tuple[object, ...]:
    return (
        *(one.kind, one.charge, one.day, one.service_name, one.resource_id),
        *(one.charge_category, one.charge_description, one.currency, one.column),
        *(one.before, one.after, one.billed_before, one.billed_after),
        *(one.effective_before, one.effective_after, one.row_before, one.row_after),
    )


def _filter(form: LedgerForm) -> Filter:
    given = form.cleaned_data
    return Filter(given["day"], given["service"], given["resource"], given["column"], given["kind"])


def _everything(request: HttpRequest) -> Scope:
    scope = scope_of(request.user)
    if scope != Scope.everything():
        raise PermissionDenied(
            "A whole bill belongs to no single environment; ask someone who sees all."
        )
    return scope


def _ledger(request: HttpRequest, source: str, month: str, number: int) -> tuple[Ledger, Scope]:
    scope = _everything(request)
    try:
        period = parse_month(month)
    except ValueError as error:
        raise BadRequest(f"{error}.") from None
    found = changes.ledger(scope, source, period, number)
    if found is None:
        raise Http404(
            f"Version {number} of {source[:100]}, {period:%B %Y} has replaced nothing, or what it"
            " changed is being added up just now."
        )
    return found, scope


@require_safe
def restated(request: HttpRequest) -> HttpResponse:
    """Everything that replaced an earlier version in a time, over all sources."""
    form = ChangesForm.read(request.GET)
    scope, now = _everything(request), timezone.now()
    since, until = _days(form, now)
    rows = changes.restated(scope, source=form.cleaned_data["source"], **_moments(since, until))
    page: Page[Restatement] = Paginator(rows, CHANGES_A_PAGE).get_page(form.number)
    return render_page(
        request,
        "bills/restated.html",
        {
            "form": form,
            "since": since,
            "until": until,
            "ledgers": changes.as_ledgers(list(page.object_list)),
            "page_obj": page,
            "query": form.query,
            "now": now,
        },
        partials={"restated"},
    )


@require_safe
def restated_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file: a row for each version and currency."""
    form = ChangesForm.read(request.GET)
    since, until = _days(form, timezone.now())
    rows = changes.restated(
        _everything(request), source=form.cleaned_data["source"], **_moments(since, until)
    )
    return StreamingHttpResponse(
        csv_lines(RESTATED, _restated(changes.as_ledgers(list(rows)))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="restated.csv"'},
    )


RESTATED = (
    "at",
    "source",
    "billing_period",
    "version",
    "replaced",
    "added",
    "removed",
    "changed",
    "currency",
    "billed_before",
    "billed_after",
    "effective_before",
    "effective_after",
)


def _restated(ledgers: list[Ledger]) -> Iterator[tuple[object, ...]]:
    for one in ledgers:
        start = (
            *(one.at.isoformat(), one.source, one.month, one.number, one.before),
            *(one.added, one.removed, one.changed),
        )
        if not one.sums:
            yield (*start, *[None] * 5)
        for sums in one.sums:
            costs = (sums.billed.before, sums.billed.after)
            yield (*start, sums.currency, *costs, sums.effective.before, sums.effective.after)


def _days(form: ChangesForm, now: datetime) -> tuple[date, date]:
    """First and last day that are asked for."""
    until = form.cleaned_data["until"] or now.astimezone(UTC).date()
    return form.cleaned_data["since"] or until - timedelta(days=SHOWN_DAYS - 1), until


def _moments(since: date, until: date) -> dict[str, datetime]:
    return {
        "since": datetime.combine(since, time(), UTC),
        "until": datetime.combine(until + DAY, time(), UTC),
    }
