"""Mails as they would go out now, to the reader."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from costs.alerts import queries
from costs.alerts.mail import Rendered, render
from costs.alerts.operations.digesting import digest_subject, payload_for, sample_payload
from costs.alerts.operations.telling import environment_labels, told
from costs.alerts.wording import alerts_payload, alerts_subject
from costs.pages import render_page
from costs.people.queries import scope_of
from costs.people.scope import Scope

FRAMING: dict[str, Any] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-src": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}
"""The page's policy; it frames mails."""
FRAMED: dict[str, Any] = {
    "default-src": [CSP.NONE],
    # A mail holds its styles itself, as mail programs want it; no script runs in the frame.
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": ["data:"],
    "frame-ancestors": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
    "sandbox": ["allow-popups"],
}
MOST = 200
KINDS = {"alerts": "Alerts", "digest": "Weekly digest"}


@csp_override(FRAMING)
@require_safe
def preview(request: HttpRequest) -> HttpResponse:
    """The mails in frames, with their text parts."""
    chosen = request.GET.get("mail", "alerts")
    if chosen not in KINDS:
        raise Http404("There are previews of alerts and of the digest.")
    shown, real = _rendered(scope_of(request.user), chosen)
    return render_page(
        request,
        "alerts/preview.html",
        {
            "now": timezone.now(),
            "chosen": chosen,
            "mails": list(KINDS.items()),
            "subject": shown.subject,
            "text": shown.text,
            "real": real,
            "size": len(shown.html) + sum(len(one.picture.png) * 4 // 3 for one in shown.pictures),
        },
    )


@csp_override(FRAMED)
@xframe_options_sameorigin
@require_safe
def preview_mail(request: HttpRequest, mail: str) -> HttpResponse:
    """One mail as a document of its own, its pictures inside."""
    if mail not in KINDS:
        raise Http404("There are previews of alerts and of the digest.")
    shown, _ = _rendered(scope_of(request.user), mail)
    html = shown.html
    for one in shown.pictures:
        data = b64encode(one.picture.png).decode()
        html = html.replace(f"cid:{one.cid}", f"data:image/png;base64,{data}")
    return HttpResponse(html)


def _rendered(scope: Scope, mail: str) -> tuple[Rendered, bool]:
    """The mail that somebody of ``scope`` would get, and whether it is of real alerts."""
    now = timezone.now()
    if mail == "digest":
        payload = payload_for(scope, None, now=now)
        return render("digest", digest_subject(payload), payload), True
    found = queries.alerts(scope, state="active", level=2).order_by("-level", "-changed_at")[:MOST]
    labels = environment_labels()
    if alerts := [told(one, labels) for one in found]:
        payload = alerts_payload(alerts, moment=now)
    else:
        payload = sample_payload(now)
    return render("alerts", alerts_subject(payload), payload), bool(alerts)
