"""Every URL of the product: one include per wing."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database can be asked, 503 otherwise; says nothing else to strangers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503)
    return JsonResponse({"status": "ok", "database": "ok"})


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("", include("costs.people.urls")),
    path("", include("costs.jobs.urls")),
    path("", include("costs.review.urls")),
    path("", include("costs.spend.urls")),
    path("", include("costs.spend.currency_urls")),
    path("", include("costs.spend.shared_urls")),
    path("", include("costs.bills.urls")),
    path("", include("costs.bills.allocation_urls")),
    path("", include("costs.budgets.urls")),
    path("", include("costs.alerts.urls")),
    path("", include("costs.demo.urls")),
    path("", include("costs.guide.urls")),
]
handler400 = "costs.errors.bad_request"
handler403 = "costs.errors.forbidden"
handler404 = "costs.errors.not_found"
handler500 = "costs.errors.server_error"
