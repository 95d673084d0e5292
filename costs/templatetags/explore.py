"""Links between pages about cost: from any figure to the question behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from costs.charts import DailyCosts
from costs.money import CENT, plain
from costs.periods import Period
from costs.spend.explore import (
    COMPARISONS,
    DEFAULT_RANGE,
    DIMENSIONS,
    METRICS,
    RANGES,
    STEPS,
    TOPS,
    Explore,
    Selection,
)
from costs.spend.results import Row, name_of
from costs.templatetags.dates import span
from costs.templatetags.money import MINUS, NOTHING, money

register = template.Library()


@register.simple_tag
def alter(state: Selection, **changes: object) -> str:
    """The query string of ``state`` with other values; ``range`` brings its own days."""
    return replace(state, **changes).query  # type: ignore[arg-type]


@register.simple_tag
def in_place(query: str) -> SafeString:
    """The attributes of a link that shows ``query`` on the explore page, with and without htmx."""
    address = reverse("spend:explore") + query
    return format_html(
        'href="{0}" hx-get="{0}" hx-target="#explore" hx-swap="outerHTML" hx-push-url="true"',
        address,
    )


@register.simple_tag
def drill(state: Explore, row: Row) -> str:
    """Where a row leads: to what is inside it, a resource to its page, the last step to charges."""
    resource = dict(zip(state.keys, row.keys, strict=True)).get("resource_id")
    if resource:
        return resource_url(state.selection, resource)
    below = state.drilled(row.keys)
    if len(below.among(below.by)) == 1:
        return charges_url(state, row)
    return reverse("spend:explore") + below.query


@register.simple_tag
def resource_url(selection: Selection, resource_id: str, **changes: object) -> str:
    """The page of a resource, for the same days, metric and currency, or for other ones."""
    changed = replace(selection, **changes)  # type: ignore[arg-type]
    kept = [
        (name, value)
        for name, value in changed.unfiltered.selection_pairs
        if name in {"range", "from", "to", "metric", "currency"}
    ]
    if changed.range == DEFAULT_RANGE:
        kept.append(("range", changed.range))  # the resource page has another default
    return f"{reverse('spend:resource')}?{urlencode([('id', resource_id), *kept])}"


@register.simple_tag
def resource_place(name: str, value: str) -> str:
    """The explore page for what shares a place with a resource, by resource."""
    return f"{reverse('spend:explore')}?{urlencode([('by', 'resource_id'), (name, value)])}"


@register.filter
def last_day_by(period: Period, day: date | None) -> date:
    """The last day of ``period``, or ``day`` where that is earlier: what a figure of it counts."""
    return period.last if day is None else min(period.last, max(day, period.start))


@register.filter
def days(period: Period) -> str:
    """``16–22 Nov 2026``; a single day once."""
    if period.days == 1:
        return f"{period.start:%a} {period.start.day} {period.start:%b %Y}"
    return span(period)


@register.filter
def short_name(resource_id: str) -> str:
    """The last part of a resource's id."""
    return name_of(resource_id)


@register.filter
def quantity(amount: Decimal | None) -> str:
    """``1,234.5``: without zeros at the end."""
    return NOTHING if amount is None else f"{Decimal(plain(amount)):,f}".replace("-", MINUS)


@register.filter
def money_exact(amount: Decimal | None) -> str:
    """To the cent; with all of its digits where it is less than one, so that it is not 0.00."""
    if amount is None or amount == 0 or abs(amount) >= CENT:
        return money(amount)
    return plain(amount.quantize(Decimal("0.000000001"))).replace("-", MINUS)


@register.simple_tag
def charges_url(selection: Selection, row: Row | None = None) -> str:
    """The charges behind a selection, or behind one row of it."""
    chosen = selection
    if isinstance(selection, Explore):
        chosen = selection.selection
        for name, value in zip(selection.keys, row.keys if row else (), strict=False):
            chosen = chosen.only(name, value)
    return reverse("spend:charges") + chosen.query


@register.simple_tag
def share_bar(share: Decimal | None, hue: int) -> SafeString:
    """A share of the total (percent) as a bar of its hue; nothing below zero."""
    width = max(Decimal(0), min(share or Decimal(0), Decimal(100)))
    return format_html(
        '<svg class="share hue-{}" width="100%" height="8" aria-hidden="true" focusable="false">'
        '<rect class="share-bar" width="{}%" height="8" rx="2"/></svg>',
        hue,
        f"{width:.2f}",
    )


@register.simple_tag
def bar_rows(bars: DailyCosts) -> SafeString:
    """The rows of the table behind the bars, the latest first.

    A year of days has thousands of cells; the template's own loops would take most of a page's
    time.
    """
    rows = []
    for day in reversed(bars.days):
        mark = "" if day.complete else " <small>incomplete</small>"
        cells = "".join(f'<td class="number">{money(cost)}</td>' for cost in day.costs)
        rows.append(
            f"<tr{'' if day.complete else ' class="is-incomplete"'}>"
            f'<th scope="row">{escape(day.label)}{mark}</th>{cells}'
            f'<td class="number is-sum">{money(day.total)}</td></tr>'
        )
    return SafeString("\n".join(rows))


@register.simple_tag
def explore_url(**parameters: object) -> str:
    """The explore page for the given parameters; empty ones are left out, ``None`` values too.

    ``environment`` may be the review's ``total``, which is no restriction.
    """
    return reverse("spend:explore") + _query(parameters)


@register.simple_tag
def resource_page(**parameters: object) -> str:
    """The page of a resource for the given parameters."""
    return reverse("spend:resource") + _query(parameters)


def _query(parameters: dict[str, object]) -> str:
    pairs = [
        (name, value.isoformat() if isinstance(value, date) else str(value))
        for name, value in parameters.items()
        if value is not None and (name, value) != ("environment", "total")
    ]
    return f"?{urlencode(pairs)}"


@register.simple_tag
def hidden_inputs(state: Selection, *names: str) -> SafeString:
    """What a form must send along, so that it changes nothing but its own fields.

    ``names`` are the parameters that it has fields for; ``where`` stands for every filter.
    """

    def own(name: str) -> bool:
        bare = name.removeprefix("not.")
        return name in names or bare in names or ("where" in names and bare in DIMENSIONS)

    return format_html_join(
        "",
        '<input type="hidden" name="{}" value="{}">',
        [(name, value) for name, value in state.pairs if not own(name)],
    )


@register.simple_tag
def dimensions() -> Sequence[tuple[str, str]]:
    """Names and labels of everything that cost can be grouped and filtered by."""
    return tuple(DIMENSIONS.items())


@register.simple_tag
def choices(of: str) -> Sequence[tuple[object, str]]:
    """Values and labels of ``range``, ``metric``, ``step``, ``compare`` or ``top``."""
    return {
        "range": tuple(RANGES.items()),
        "metric": tuple(METRICS.items()),
        "step": tuple(STEPS.items()),
        "compare": tuple(COMPARISONS.items()),
        "top": tuple((top, str(top)) for top in TOPS),
    }[of]


@register.filter
def dimension(name: str) -> str:
    """The label of a dimension."""
    return DIMENSIONS.get(name, name)


@register.filter
def chosen(state: Selection, name: str) -> tuple[str, ...]:
    """The values that ``name`` is restricted to."""
    return state.among(name)


@register.filter
def excluded(state: Selection, name: str) -> tuple[str, ...]:
    """The values of ``name`` that are left out."""
    return state.among(name, excluded=True)
