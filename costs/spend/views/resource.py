"""The page of one resource."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.pages import render_page
from costs.people.queries import scope_of
from costs.spend import forms, queries, results
from costs.spend.explore import Explore, Selection, range_period
from costs.spend.queries import exploring
from costs.spend.queries.resource import allocations_of, cover_of, life_of
from costs.spend.views.explore import today

SKUS = 20
"""SKUs of a resource that are listed by name; the rest is one row."""
PARAMETERS = ("id", "step")
ALWAYS = "12_months"
"""The days shown unless others are asked for."""


@require_safe
def resource(request: HttpRequest) -> HttpResponse:
    """What a resource costs, what it is, and which rule placed it."""
    scope, now = scope_of(request.user), timezone.now()
    known = queries.known_days(scope)
    selection, also = forms.selection(request.GET, today=today(now), known=known, also=PARAMETERS)
    resource_id = forms.resource_id(also["id"])
    if selection.filtered:
        raise BadRequest("id: this page shows one resource and takes no other filters.")
    life = life_of(scope, resource_id, metric=selection.metric)
    if life is None:
        raise Http404("No cost that you may see is of such a resource.")
    if "range" not in request.GET and "from" not in request.GET and "to" not in request.GET:
        selection = replace(
            selection, range=ALWAYS, period=range_period(ALWAYS, today(now), life.days)
        )
    currencies = tuple(currency for currency, _ in life.costs)
    selection = replace(
        selection,
        currency=selection.currency or currencies[0],
        where=(("resource_id", (resource_id,)),),
    )
    state = _state(selection, also["step"])
    groups = exploring.cost_groups(scope, state.selection, keys=state.keys, top=SKUS, compared=None)
    result = results.result_of(groups.all, selection.currency)
    parts = exploring.cost_over_time(
        scope,
        state.selection,
        keys=state.keys,
        groups=tuple(row.keys for row in results.charted(result.rows)),
        step=state.step,
    )
    complete = exploring.complete_through(scope, today(now))
    bars = results.bars_of(result, parts, period=state.period, step=state.step, complete=complete)
    allocations = allocations_of(scope, resource_id)
    return render_page(
        request,
        "spend/resource.html",
        {
            "resource_id": resource_id,
            "name": results.name_of(resource_id),
            "life": life,
            "state": state,
            "result": result,
            "bars": bars,
            "spec": results.bar_chart(bars, state.step) if bars.days else None,
            "currencies": currencies,
            "complete": complete,
            "cover": cover_of(scope, resource_id, period=state.period, currency=selection.currency),
            "allocation": allocations[0] if allocations else None,
            "others": allocations[1:],
            "now": now,
        },
        partials={"resource"},
    )


def _state(selection: Selection, step: str) -> Explore:
    """The same charges by SKU and meter: a SKU's id alone says little."""
    return Explore(
        period=selection.period,
        range=selection.range,
        where=selection.where,
        metric=selection.metric,
        currency=selection.currency,
        by="sku_id",
        asked_step=forms.step(step, selection.period),
    )
