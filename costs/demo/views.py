"""Loading the demo into an empty installation, with its progress."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from costs.demo.tasks import LOAD
from costs.jobs import operations as jobs
from costs.jobs.queries import latest_run, open_runs
from costs.lake.models import Source
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR


@require_POST
@needs_role(OPERATOR)
def load(request: HttpRequest) -> HttpResponse:
    """Ask for the demo. Only where there is no bill at all: it would mix with real figures."""
    if Source.objects.exists() and not open_runs(LOAD):
        return render_page(request, "demo/refused.html", {}, status=409)
    now = timezone.now()
    actor = request.user.get_username()
    jobs.request(LOAD, "the demo estate", actor=actor, now=now, as_of=now.date().isoformat())
    return redirect("demo:loading")


@require_safe
@needs_role(OPERATOR)
def loading(request: HttpRequest) -> HttpResponse:
    """How far it is."""
    run = latest_run(LOAD)
    if run is None:
        raise Http404("The demo has not been asked for.")
    return render_page(
        request, "demo/loading.html", {"run": run, "now": timezone.now()}, partials={"loading"}
    )
