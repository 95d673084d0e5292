"""Views kept by name: save, rename, delete; each says in a message how to go back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from costs.people.queries import scope_of
from costs.spend import forms, operations, queries
from costs.spend.models import SavedView
from costs.spend.queries.saved_views import saved_view
from costs.spend.views.explore import today, user_id


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep a state of the explore page by a name."""
    form = _valid(forms.ViewForm(request.POST))
    now = timezone.now()
    known = queries.known_days(scope_of(request.user))
    asked = QueryDict(form.cleaned_data["query"])
    query = forms.explore_state(asked, today=today(now), known=known).saved
    try:
        saved = operations.save_view(
            user_id(request), name=form.cleaned_data["name"], query=query, now=now
        )
    except operations.Refused as refused:
        messages.error(request, str(refused))
        return _explore(query)
    if saved.replaced is None:
        messages.success(request, f"Saved as “{saved.view.name}”.")
    else:
        _offer_undo(request, f"“{saved.view.name}” shows this now.", saved.view, saved.replaced)
    return _explore(query)


@require_POST
def rename(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a view another name."""
    view = _own(request, pk)
    form = _valid(forms.ViewName(request.POST))
    try:
        operations.rename_view(view, name=form.cleaned_data["name"])
    except operations.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Renamed to “{view.name}”.")
    return _explore(view.query)


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a view; the message brings it back."""
    view = _own(request, pk)
    query = view.query
    operations.delete_view(view)
    _offer_undo(request, f"Deleted “{view.name}”.", view, query)
    return _explore(query)


def _offer_undo(request: HttpRequest, said: str, view: SavedView, query: str) -> None:
    undo = {"said": said, "name": view.name, "query": query}
    messages.success(request, render_to_string("spend/_undo.html", undo, request))


def _own(request: HttpRequest, pk: int) -> SavedView:
    view = saved_view(user_id(request), pk)
    if view is None:
        raise Http404("You have no such view; perhaps it was deleted.")
    return view


def _valid[F: forms.ViewName](form: F) -> F:
    if not form.is_valid():
        raise BadRequest(
            " ".join(str(error) for errors in form.errors.values() for error in errors)
        )
    return form


def _explore(query: str) -> HttpResponse:
    return redirect(f"{reverse('spend:explore')}?{query}")
