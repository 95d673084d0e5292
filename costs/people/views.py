"""Signing in and out, and who did what."""

from __future__ import annotations

import json

from django.contrib.auth.views import LoginView, LogoutView
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.forms import AuditForm
from costs.people.gates import needs_role
from costs.people.models import AuditEntry
from costs.people.queries import audit_entries
from costs.people.roles import OPERATOR

ENTRIES_A_PAGE = 50


@method_decorator(never_cache, name="dispatch")
class SignIn(LoginView):
    """Django's sign-in on our page; who is signed in already is sent on."""

    template_name = "people/sign_in.html"
    redirect_authenticated_user = True


sign_in = SignIn.as_view()
sign_out = LogoutView.as_view()


@require_safe
@needs_role(OPERATOR)
def audit(request: HttpRequest) -> HttpResponse:
    """The audit log, newest first: who did what, to what, with which values."""
    form = AuditForm.read(request.GET)
    paginator = Paginator(audit_entries(**form.texts), ENTRIES_A_PAGE)
    page: Page[AuditEntry] = paginator.get_page(form.cleaned_data["page"] or 1)
    return render_page(
        request,
        "people/audit.html",
        {
            "form": form,
            "page_obj": page,
            "query": urlencode({name: text for name, text in form.texts.items() if text}),
            "now": timezone.now(),
        },
        partials={"entries"},
    )


@require_safe
@needs_role(OPERATOR)
def audit_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file, all of it."""
    form = AuditForm.read(request.GET)
    rows = (
        (
            entry.at.isoformat(),
            entry.actor,
            entry.action,
            entry.subject,
            json.dumps(entry.detail, sort_keys=True, ensure_ascii=False),
        )
        for entry in audit_entries(**form.texts).iterator(chunk_size=2000)
    )
    return StreamingHttpResponse(
        csv_lines(("at", "actor", "action", "subject", "detail"), rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )
