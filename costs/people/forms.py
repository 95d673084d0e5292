"""What the audit log may be asked for."""

from __future__ import annotations

from typing import Self

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict


class AuditForm(forms.Form):
    """The query string of the audit log: parts of texts, and a page."""

    actor = forms.CharField(max_length=150, required=False, label="Who")
    action = forms.CharField(max_length=60, required=False, label="What")
    subject = forms.CharField(max_length=300, required=False, label="To what")
    page = forms.IntegerField(min_value=1, max_value=9_999_999, required=False)

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """The valid form. Raises :class:`BadRequest` that names what is wrong with ``query``."""
        if unknown := sorted(set(query) - set(cls.base_fields)):
            known = ", ".join(cls.base_fields)
            raise BadRequest(f"This page knows no “{unknown[0][:40]}”: only {known}.")
        form = cls(query)
        if not form.is_valid():
            raise BadRequest(
                " ".join(f"{name}: {error}" for name in form.errors for error in form.errors[name])
            )
        return form

    @property
    def texts(self) -> dict[str, str]:
        """What is looked for, by field."""
        return {name: self.cleaned_data[name] for name in ("actor", "action", "subject")}
