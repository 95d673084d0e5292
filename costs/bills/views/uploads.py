"""Bringing bills in through the browser: a form, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from costs.bills.tasks import INGEST
from costs.bills.upload import (
    MOST_FILES,
    ToStaging,
    UploadRefused,
    check,
    is_here,
    remove_leftovers,
)
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.jobs.queries import latest_runs, open_runs, run_of, standing
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.operations import record
from costs.people.roles import OPERATOR

UPLOADS_SHOWN = 10


# Whoever asks for the form's token has read the whole body: the role is asked, and the files get
# their place, before that. The inner view checks the token like any other.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def upload(request: HttpRequest) -> HttpResponse:
    """The form; a POST of it starts a job and leads to its page."""
    if request.method != "POST":
        return _form(request)
    staging = ToStaging(limit=settings.UPLOAD_LIMIT)
    request.upload_handlers = [staging]
    kept = False
    try:
        response = _receive(request)
        kept = response.status_code == 302
        return response
    except UploadRefused as refused:
        return _form(request, str(refused), status=400)
    except TooManyFilesSent:
        return _form(
            request,
            f"These are more than {MOST_FILES} files. Upload them in several turns, or read a"
            " whole folder with manage.py ingest_bill FOLDER.",
            status=400,
        )
    except (MultiPartParserError, UnreadablePostError):
        return _form(request, "The upload broke off. Nothing was kept; try again.", status=400)
    except OSError as error:
        return _form(
            request,
            f"The files could not be stored ({error.strerror or 'unknown'}). Nothing was kept;"
            " tell whoever runs Headroom.",
            status=507,
        )
    finally:
        if not kept:
            staging.discard()


@csrf_protect
def _receive(request: HttpRequest) -> HttpResponse:
    request.FILES  # noqa: B018  # reads the body, unless the check of the token has
    (staging,) = request.upload_handlers
    assert isinstance(staging, ToStaging)  # noqa: S101 - set just before
    if staging.too_large:
        limit = filesizeformat(settings.UPLOAD_LIMIT)
        return _form(
            request,
            f"These files are larger than {limit} together. Upload fewer at once, or have"
            " HEADROOM_UPLOAD_LIMIT raised. Nothing was kept.",
            status=413,
        )
    check(staging.arrived, staging.folder)
    now = timezone.now()
    actor = request.user.get_username()
    run, _ = jobs.request(
        INGEST,
        f"{_said(staging.arrived[0].name, len(staging.arrived))} ({staging.folder.name[:8]})",
        actor=actor,
        now=now,
        upload=staging.folder.name,
        files=[[one.stored, one.name] for one in staging.arrived],
        by=actor,
    )
    remove_leftovers(
        now=now, open_uploads={one.arguments.get("upload", "") for one in open_runs(INGEST)}
    )
    return redirect(reverse("bills:uploaded", args=[run.pk]))


def _said(first: str, count: int) -> str:
    return first[:200] if count == 1 else f"{first[:200]} and {count - 1} more"


def _form(request: HttpRequest, error: str = "", status: int = 200) -> HttpResponse:
    return render_page(
        request,
        "bills/upload.html",
        {
            "error": error,
            "limit": settings.UPLOAD_LIMIT,
            "most_files": MOST_FILES,
            "uploads": latest_runs(INGEST, UPLOADS_SHOWN),
            "now": timezone.now(),
        },
        status=status,
    )


@dataclass(frozen=True)
class FileOutcome:
    """A file of an upload and what became of it."""

    name: str
    bills: tuple[Mapping[str, Any], ...]
    error: str


@require_safe
@needs_role(OPERATOR)
def uploaded(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the reading of an upload is, and what became of each file."""
    run = run_of(INGEST, pk)
    if run is None:
        raise Http404("There is no such upload.")
    now = timezone.now()
    return render_page(
        request,
        "bills/uploaded.html",
        {
            "run": run,
            "files": _outcomes(run),
            "can_try_again": run.state == JobRun.State.FAILED
            and is_here(run.arguments.get("upload", "")),
            "standing": standing(now),
            "now": now,
        },
        partials={"upload"},
    )


@require_POST
@needs_role(OPERATOR)
def upload_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Read an upload anew that failed for no fault of its files; leads to the page of that."""
    run = run_of(INGEST, pk)
    if run is None:
        raise Http404("There is no such upload.")
    if is_here(run.arguments.get("upload", "")):
        now = timezone.now()
        actor = request.user.get_username()
        with transaction.atomic():
            asked = jobs.again(run, actor=actor, now=now)
            if asked is not None:
                record(actor=actor, action="upload.again", subject=run.subject, detail={}, now=now)
                run = asked
    return redirect(reverse("bills:uploaded", args=[run.pk]))


def _outcomes(run: JobRun) -> list[FileOutcome]:
    bills = [
        {**bill, "billed_cost": Decimal(bill["billed_cost"])}
        for bill in (run.result or {}).get("bills", [])
    ]
    outcomes = []
    for _, name in run.arguments.get("files", []):
        # Of an archive, each file in it has bills and errors of its own.
        own = tuple(
            {**bill, "part": bill["file"].removeprefix(name).lstrip("/")}
            for bill in bills
            if f"{bill['file']}/".startswith(f"{name}/")
        )
        error = run.error.removeprefix(name).lstrip(":/ ") if _is_about(run.error, name) else ""
        outcomes.append(FileOutcome(name, own, error))
    return outcomes


def _is_about(error: str, name: str) -> bool:
    return error.startswith((f"{name}: ", f"{name}/"))
