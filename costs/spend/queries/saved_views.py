"""Views that somebody saved."""

from __future__ import annotations

from costs.spend.models import SavedView


def saved_views(user_id: int) -> list[SavedView]:
    """The views of this user, by name; nobody else's."""
    return list(SavedView.objects.filter(user_id=user_id))


def saved_view(user_id: int, pk: int) -> SavedView | None:
    """One of them; None when it is not this user's."""
    return SavedView.objects.filter(user_id=user_id, pk=pk).first()
