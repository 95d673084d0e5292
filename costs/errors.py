"""Error pages that say what was wrong and what to do next."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_NOT_FOUND = "There is no such page."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 with the sentence of the BadRequest."""
    return render(request, "400.html", {"message": str(exception)[:300]}, status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: signed in, but not allowed."""
    return render(request, "403.html", {"message": str(exception)[:300]}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 with our own sentence where a view gave one; never with Django's list of URLs."""
    own = exception.args[0] if exception.args else ""
    message = own if isinstance(own, str) and own else _NOT_FOUND
    return render(request, "404.html", {"message": message[:300]}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: nothing about the inside."""
    return render(request, "500.html", status=500)
