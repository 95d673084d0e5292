"""Pages about the product itself: its words, and what its pages are made of."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.glossary import by_topic
from costs.guide import specimens
from costs.guide.forms import SpecimenForm
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.roles import OPERATOR


@require_safe
def glossary(request: HttpRequest) -> HttpResponse:
    """Every term with its meaning."""
    return render_page(request, "guide/glossary.html", {"topics": by_topic()})


@require_safe
@needs_role(OPERATOR)
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in every state."""
    now = timezone.now()
    return render_page(
        request,
        "guide/styleguide.html",
        {
            "now": now,
            "gauges": specimens.gauges(),
            "amounts": specimens.AMOUNTS,
            "shares": specimens.SHARES,
            "moments": specimens.moments(now),
            "icons": specimens.ICONS,
            "hues": specimens.hues(),
            "tokens": specimens.TOKENS,
            "weeks": specimens.WEEKS,
            "moves": specimens.moves(),
            "chart": specimens.chart(now.date()),
            "form": SpecimenForm(),
            "wrong": SpecimenForm({"name": "", "low": "9", "high": "x"}),
            "run": specimens.RUNS,
        },
    )
