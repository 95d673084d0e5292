"""An exact decimal for the ORM: SQLite keeps Django's DecimalField as a float, so we keep text."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from costs.money import plain

if TYPE_CHECKING:
    _Text = models.CharField[Decimal | str | int, Decimal]
else:
    _Text = models.CharField


class MoneyField(_Text):
    """A :class:`~decimal.Decimal` stored as its digits. SQL must never sum or compare it."""

    description = "Exact decimal, stored as text"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 60)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, *_: object) -> Decimal | None:
        return None if value is None else Decimal(value)

    def to_python(self, value: object) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise ValidationError("“%(value)s” is not a number.", params={"value": value}) from None

    def get_prep_value(self, value: object) -> str | None:
        number = self.to_python(value)
        if number is None:
            return None
        if not number.is_finite():
            raise ValueError(f"{number} is not an amount of money")
        return plain(number)
