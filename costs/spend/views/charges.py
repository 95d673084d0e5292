"""The charges behind a figure: rows of bills with the file and the row they stand in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.queries import scope_of
from costs.people.scope import Scope
from costs.periods import Period
from costs.spend import forms, queries, tables
from costs.spend.explore import Selection
from costs.spend.queries.charges import ChargeSum, charge_sums, every_charge
from costs.spend.queries.charges import charges as charges_of
from costs.spend.views.explore import NOT_YET, today

CHARGES_A_PAGE = 100


@require_safe
def charges(request: HttpRequest) -> HttpResponse:
    """A page of charges, the largest first."""
    scope, now = scope_of(request.user), timezone.now()
    selection, also, known = _asked(request, scope, now, ("page",))
    number = forms.page_number(also["page"])
    if known is None:
        return render_page(request, "spend/empty.html", {"now": now})
    sums = charge_sums(scope, selection)
    selection, own = _in_one_currency(selection, sums)
    paginator = Paginator(range(own.count), CHARGES_A_PAGE)
    page: Page[int] = paginator.get_page(number)
    rows = charges_of(
        scope, selection, limit=CHARGES_A_PAGE, offset=(page.number - 1) * CHARGES_A_PAGE
    )
    return render_page(
        request,
        "spend/charges.html",
        {
            "state": selection,
            "charges": rows,
            "sum": own,
            "currencies": tuple(one.currency for one in sums),
            "page_obj": page,
            "known": known,
            "now": now,
        },
        partials={"charges"},
    )


@require_safe
def charges_csv(request: HttpRequest) -> StreamingHttpResponse:
    """All of these charges as a file."""
    scope, now = scope_of(request.user), timezone.now()
    selection, _, known = _asked(request, scope, now, ())
    if known is None:
        raise Http404(NOT_YET)
    selection, _ = _in_one_currency(selection, charge_sums(scope, selection))
    rows: Iterable[tables.Row] = map(tables.charge, every_charge(scope, selection))
    return StreamingHttpResponse(
        csv_lines(tables.CHARGE_HEADER, rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="charges-{selection.period.start}'
            f'-to-{selection.period.last}.csv"'
        },
    )


def _asked(
    request: HttpRequest, scope: Scope, now: datetime, also: tuple[str, ...]
) -> tuple[Selection, dict[str, str], Period | None]:
    known = queries.known_days(scope)
    selection, others = forms.selection(request.GET, today=today(now), known=known, also=also)
    return selection, others, known


def _in_one_currency(
    selection: Selection, sums: tuple[ChargeSum, ...]
) -> tuple[Selection, ChargeSum]:
    """The currency asked for, or the one with the largest cost; what there is of it."""
    largest = max(sums, key=lambda one: (abs(one.cost), one.currency), default=None)
    currency = selection.currency or (largest.currency if largest else "")
    own = next((one for one in sums if one.currency == currency), None)
    return replace(selection, currency=currency), own or ChargeSum(currency, 0, tables.ZERO)
