"""Keeping views of the explore page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from costs.spend.models import SavedView

MOST_VIEWS = 100
"""Of one person: more is a list that nobody reads (ours)."""


class Refused(ValueError):
    """A view that cannot be kept; the message says why and what to do."""


@dataclass(frozen=True)
class Saved:
    """What saving did: ``replaced`` is the query that the name stood for before."""

    view: SavedView
    replaced: str | None


def save_view(user_id: int, *, name: str, query: str, now: datetime) -> Saved:
    """Keep ``query`` as ``name``; a name that is there gets the new query."""
    with transaction.atomic():
        known = SavedView.objects.filter(user_id=user_id, name=name).first()
        if known is None:
            if SavedView.objects.filter(user_id=user_id).count() >= MOST_VIEWS:
                raise Refused(f"You have {MOST_VIEWS} saved views; delete one first.")
            view = SavedView.objects.create(user_id=user_id, name=name, query=query, created_at=now)
            return Saved(view, None)
        replaced = known.query if known.query != query else None
        known.query = query
        known.save(update_fields=["query"])
        return Saved(known, replaced)


def rename_view(view: SavedView, *, name: str) -> None:
    """Give ``view`` another name. Raises :class:`Refused` when another view has it."""
    try:
        with transaction.atomic():
            view.name = name
            view.save(update_fields=["name"])
    except IntegrityError:
        raise Refused(f"Another of your views is called “{name}” already.") from None


def delete_view(view: SavedView) -> None:
    """Forget ``view``."""
    view.delete()
