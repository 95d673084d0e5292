"""Column mappings: how the CSV files of a source are read, with a preview of its first rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from costs.bills import mapped_sources
from costs.bills.description import UnreadableBill
from costs.bills.mapping import COLUMN_FIELDS, ColumnMapping
from costs.bills.mapping_forms import MappingForm, SampleForm
from costs.bills.models import SourceMapping
from costs.bills.sampling import Sample, take_sample
from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.gates import needs_role
from costs.people.queries import audit_entries
from costs.people.roles import OPERATOR

EDITS_SHOWN = 10


@require_safe
@needs_role(OPERATOR)
def mappings(request: HttpRequest) -> HttpResponse:
    """Every source whose files are read by a mapping."""
    rows = [(row, _known(row)) for row in SourceMapping.objects.all()]
    return render_page(request, "bills/mappings.html", {"mappings": rows, "now": timezone.now()})


def _known(row: SourceMapping) -> ColumnMapping | None:
    return ColumnMapping.from_json(row.document) if row.document else None


@require_safe
@needs_role(OPERATOR)
def mappings_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file: which column of each source is what."""
    header = ("source", "field", "value", "version", "changed_at", "changed_by")
    rows = (
        (row.source, field, _text(value), row.version, row.changed_at.isoformat(), row.changed_by)
        for row in SourceMapping.objects.all()
        for field, value in (row.document or {}).items()
    )
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="mappings.csv"'},
    )


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " | ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def new_mapping(request: HttpRequest) -> HttpResponse:
    """A form for a source and a file of it; leads to its columns."""
    form = SampleForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = mapped_sources.begin(
                source=form.cleaned_data["source"],
                sample=take_sample(form.cleaned_data["sample"].file),
                actor=request.user.get_username(),
                now=timezone.now(),
            )
            return redirect("bills:mapping", row.pk)
        except UnreadableBill as error:
            form.add_error("sample", f"This file cannot be a sample: {error}.")
        except ValueError as error:
            form.add_error("source", str(error))
    return render_page(
        request, "bills/new_mapping.html", {"form": form}, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs_role(OPERATOR)
def mapping(request: HttpRequest, pk: int) -> HttpResponse:
    """The columns of one source: choose, see what the first rows become, save."""
    row = _row(pk)
    sample = Sample.from_json(row.sample)
    if request.method != "POST":
        shown = mapped_sources.beginning(row)
        initial = {**asdict(shown), "tags": list(shown.tags), "seen": row.version}
        return _page(request, row, sample, MappingForm(sample, initial=initial), shown)
    form = MappingForm(sample, request.POST)
    if not form.is_valid():
        return _page(request, row, sample, form, None, status=422)
    chosen = form.mapping()
    for field, problem in chosen.problems().items():
        form.add_error(field, problem)
    if form.errors:
        return _page(request, row, sample, form, None, status=422)
    if request.POST.get("do") != "save":
        return _page(request, row, sample, form, chosen)
    try:
        saved = mapped_sources.save(
            pk,
            mapping=chosen,
            seen=form.cleaned_data["seen"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except mapped_sources.Overtaken:
        row.refresh_from_db()
        return _page(request, row, sample, form, chosen, status=409, overtaken=True)
    messages.success(
        request,
        f"Files of {saved.source} are read like this from now on (version {saved.version}).",
    )
    return redirect("bills:mapping", pk)


def _page(
    request: HttpRequest,
    row: SourceMapping,
    sample: Sample,
    form: MappingForm,
    shown: ColumnMapping | None,
    *,
    status: int = 200,
    overtaken: bool = False,
) -> HttpResponse:
    preview = None
    if shown is not None and not shown.problems():
        preview = mapped_sources.preview(shown, sample)
    context: dict[str, Any] = {
        "row": row,
        "form": form,
        "sample": sample,
        "columns": [form[name] for name in COLUMN_FIELDS if name not in FIXED],
        "preview": preview,
        "edits": audit_entries(subject=str(row))[:EDITS_SHOWN],
        "now": timezone.now(),
        "seen": row.version if overtaken else form["seen"].value(),
    }
    if overtaken and shown is not None:
        context["pairs"] = _pairs(row, shown)
        context["overtaken"] = True
    return render_page(request, "bills/mapping.html", context, status=status)


FIXED = ("date", "end", "cost", "currency", "service", "account")
"""Fields that the page shows beside what belongs to them."""


def _pairs(row: SourceMapping, mine: ColumnMapping) -> list[tuple[str, str, str]]:
    theirs = _known(row)
    if theirs is None:
        return []
    return [
        (name.replace("_", " "), _text(value), _text(getattr(mine, name)))
        for name, value in asdict(theirs).items()
        if name != "header" and value != getattr(mine, name)
    ]


@require_POST
@needs_role(OPERATOR)
def new_sample(request: HttpRequest, pk: int) -> HttpResponse:
    """Another file of the source, whose header may differ from the first one's."""
    row = _row(pk)
    file = request.FILES.get("sample")
    try:
        if file is None or file.file is None:
            raise UnreadableBill("choose one first")
        mapped_sources.take_new_sample(
            pk,
            sample=take_sample(cast(BinaryIO, file.file)),
            seen=row.version,
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        messages.success(request, "The columns are those of the new file. Look at them, and save.")
    except UnreadableBill as error:
        messages.error(request, f"This file cannot be a sample: {error}.")
    except mapped_sources.Overtaken:
        messages.error(request, "Somebody has changed this mapping meanwhile; try again.")
    return redirect("bills:mapping", pk)


@require_POST
@needs_role(OPERATOR)
def remove_mapping(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a mapping; bills that it has read stay."""
    row = _row(pk)
    try:
        mapped_sources.remove(
            pk,
            seen=int(request.POST.get("seen") or -1),
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except (mapped_sources.Overtaken, ValueError):
        messages.error(request, "Somebody has changed this mapping meanwhile; look at it first.")
        return redirect("bills:mapping", pk)
    messages.success(request, f"The mapping of {row.source} is removed; its bills stay.")
    return redirect("bills:mappings")


def _row(pk: int) -> SourceMapping:
    row = SourceMapping.objects.filter(pk=pk).first()
    if row is None:
        raise Http404("There is no such mapping.")
    return row
