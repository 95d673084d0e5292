"""Dates as people say them: relative where the page has a ``now``, absolute on hover."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

NOTHING = "–"


@register.simple_tag(takes_context=True)
def when(context: Context, moment: date | datetime | None) -> SafeString | str:
    """A ``<time>``: “yesterday”, the whole moment in its title.

    The clock is the view's: without ``now`` (an aware datetime) in the context the date itself
    stands there.
    """
    if moment is None:
        return NOTHING
    now = context.get("now")
    absolute = absolute_text(moment)
    said = (
        relative_text(moment, now) if isinstance(now, datetime) else f"{moment.day} {moment:%b %Y}"
    )
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), absolute, said
    )


def absolute_text(moment: date | datetime) -> str:
    """``Mon 16 Nov 2026`` and, for a datetime, ``09:30 UTC``."""
    day = f"{moment:%a} {moment.day} {moment:%b %Y}"
    if isinstance(moment, datetime):
        return f"{day}, {moment.astimezone(UTC):%H:%M} UTC"
    return day


def relative_text(moment: date | datetime, now: datetime) -> str:
    """``5 minutes ago``, ``yesterday``, ``3 days ago``; a plain date beyond four weeks."""
    if isinstance(moment, datetime):
        seconds = (now - moment).total_seconds()
        if 0 <= seconds < 90:
            return "just now"
        if 0 <= seconds < 3600:
            return f"{round(seconds / 60)} minutes ago"
        if 0 <= seconds < 86400:
            hours = round(seconds / 3600)
            return f"{hours} hour{'' if hours == 1 else 's'} ago"
        day = moment.astimezone(UTC).date()
    else:
        day = moment
    days = (now.astimezone(UTC).date() - day).days
    if days == 0:
        return "today"
    if days == 1:
        return "yesterday"
    if 1 < days <= 28:
        return f"{days} days ago"
    return f"{day.day} {day:%b %Y}"


@register.filter
def short_day(day: date | None) -> str:
    """``Mon 16 Nov``."""
    return NOTHING if day is None else f"{day:%a} {day.day} {day:%b}"


@register.filter
def month_name(day: date | None) -> str:
    """``November 2026``."""
    return NOTHING if day is None else f"{day:%B %Y}"


@register.filter
def span(period: Any) -> str:
    """``16–22 Nov 2026`` for a Period; months and years are said twice only where they differ."""
    first, last = period.start, period.last
    end = f"{last.day} {last:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {end}"
    return f"{first.day} {first:%b %Y} – {end}"


@register.filter
def days_before(day: date, count: int) -> date:
    """The day ``count`` days before; a negative count goes forward."""
    return day - timedelta(days=count)
