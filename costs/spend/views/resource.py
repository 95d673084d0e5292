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
from costs.spend.explore import Explore, range_period, step_for
from costs.spend.queries import exploring
from costs.spend.queries.resource import allocations_of, resource_of
from costs.spend.views.explore import today

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
    if not {"range", "from", "to"} & set(request.GET):
        always = range_period(ALWAYS, today(now), known or selection.period)
        selection = replace(selection, range=ALWAYS, period=always)
    step = forms.step(also["step"], selection.period)
    found = resource_of(scope, selection, resource_id, step=step or step_for(selection.period))
    if found is None:
        raise Http404("No cost that you may see is of such a resource.")
    state = Explore(
        period=selection.period,
        range=selection.range,
        where=(("resource_id", (resource_id,)),),
        metric=selection.metric,
        currency=found.skus.currency,
        by="sku_id",
        asked_step=step,
    )
    result = results.result_of(found.skus.all, found.skus.currency)
    complete = exploring.complete_through(scope, today(now))
    bars = results.bars_of(
        result, found.parts, period=state.period, step=state.step, complete=complete
    )
    allocations = allocations_of(scope, resource_id)
    return render_page(
        request,
        "spend/resource.html",
        {
            "resource_id": resource_id,
            "name": results.name_of(resource_id),
            "life": found.life,
            "state": state,
            "result": result,
            "bars": bars,
            "spec": results.bar_chart(bars, state.step) if bars.days else None,
            "currencies": tuple(currency for currency, _ in found.life.costs),
            "complete": complete,
            "cover": found.cover,
            "allocation": allocations[0] if allocations else None,
            "others": allocations[1:],
            "now": now,
        },
        partials={"resource"},
    )
