"""Error pages that say what was wrong and what to do next."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

log = structlog.get_logger(__name__)


class OutOfReach(OSError):
    """Something outside cannot be used now. The message is a sentence that says what and why."""


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


class OutOfReachPage:
    """Middleware: a view that raises :class:`OutOfReach` answers 503 with its sentence."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing to do before or after."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The page, for these errors only."""
        if not isinstance(exception, OutOfReach):
            return None
        log.warning("out of reach", path=request.path, error=str(exception))
        response = render(request, "503.html", {"message": str(exception)[:300]}, status=503)
        response["Retry-After"] = "30"
        return response
